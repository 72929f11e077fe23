"""An answer never depends on its neighbours, whatever the features, encoders and version of a pipeline."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.cnn import ExtentCnnEncoder
from tests.unit.models.biome.pipelines import (
    BOE,
    CHAR,
    CHAR_CNN,
    CNN,
    GRU,
    LSTM,
    PAIR,
    RECORD,
    RELATION,
    TRANSFORMERS,
    WORD,
    classifier,
    instance,
    logits,
    pipeline,
)

TEXT = {"type": "TextClassification"}
DOCUMENT = {"type": "DocumentClassification"}
LAYERS = {"token_pooler": GRU, "sentence_encoder": LSTM, "sentence_pooler": CNN}
OLD_LAYERS = {"tokens_pooler": CNN, "sentences_pooler": CNN}
MORE_WORDS = {"transformers": TRANSFORMERS, "word": WORD}

PIPELINES = {
    "text-cnn-1.0": pipeline({**TEXT, "pooler": CNN}, {"word": WORD, "char": CHAR_CNN}, "1.0"),
    "text-cnn-2.2": pipeline({**TEXT, "pooler": CNN}, {"word": WORD, "char": CHAR_CNN}, "2.2"),
    "text-characters": pipeline({**TEXT, "pooler": GRU}, {"char": CHAR}, "3.0", encoder=GRU),
    "text-pieces": pipeline({**TEXT, "pooler": {"type": "cls_pooler"}}, {"transformers": TRANSFORMERS}),
    "text-folded": pipeline(TEXT, {"transformers": {**TRANSFORMERS, "max_length": 6}}),
    "text-all": pipeline({**TEXT, "pooler": CNN}, {**MORE_WORDS, "char": CHAR_CNN}, encoder=LSTM),
    "document-1.0": pipeline({**DOCUMENT, **OLD_LAYERS}, {"word": WORD, "char": CHAR_CNN}, "1.0"),
    "document-2.2": pipeline({**DOCUMENT, **LAYERS}, {"char": CHAR_CNN}, "2.2", encoder=GRU),
    "document-pieces": pipeline(DOCUMENT, {"transformers": TRANSFORMERS}),
    "document-folded": pipeline({**DOCUMENT, **LAYERS}, {"transformers": {**TRANSFORMERS, "max_length": 6}}),
    "document-mismatched": pipeline({**DOCUMENT, "token_pooler": BOE}, MORE_WORDS),
    "record": pipeline({**RECORD, "fields_encoder": GRU, "fields_pooler": LSTM}),
    "pair": pipeline(PAIR, {"word": WORD, "char": CHAR}),
    "pair-1.0": pipeline({**PAIR, "field_encoder": CNN, "aggregator": CNN}, {"char": CHAR_CNN}, "1.0"),
    "pair-mismatched": pipeline({**PAIR, "field_encoder": BOE, "aggregator": CNN}, MORE_WORDS),
    "pair-one-way": pipeline({**PAIR, "matcher_backward": None, "record_encoder": LSTM}),
    "relation": pipeline({**RELATION, "pooler": CNN}, {"word": WORD, "char": CHAR}, encoder=GRU),
}


@pytest.mark.parametrize("config", PIPELINES.values(), ids=PIPELINES.keys())
def test_alone_or_together(tmp_path: Path, config: dict[str, Any]) -> None:
    pipeline = classifier(tmp_path, config)
    chance = random.Random(4)
    features = [pipeline.featurize(instance(pipeline.kind, chance)) for _ in range(20)]
    alone = torch.cat([logits(pipeline, [one]) for one in features])
    assert alone.isfinite().all()
    assert alone.std(dim=0).min() > 1e-6
    if pipeline.padding_safe:
        assert torch.allclose(logits(pipeline, features), alone, atol=1e-5)


def pool_over_everything(cnn: ExtentCnnEncoder) -> Callable[..., torch.Tensor]:
    """AllenNLP 1.0's CNN, which does not know what is padding."""

    def forward(tokens: torch.Tensor, mask: torch.Tensor, extent: Any = None) -> torch.Tensor:
        channels = (tokens * mask.unsqueeze(-1)).transpose(1, 2)
        pooled = [cnn._activation(convolution(channels)).amax(dim=2) for convolution in cnn._convolutions()]
        return torch.cat(pooled, dim=1)

    return forward


@pytest.mark.parametrize("name", [name for name in PIPELINES if name.endswith("1.0")])
def test_alone_the_cnn_of_1_0_pools_over_all_there_is(tmp_path: Path, name: str) -> None:
    pipeline = classifier(tmp_path, PIPELINES[name])
    assert pipeline.padding_safe is (pipeline.kind == "text")
    chance = random.Random(5)
    instances = [instance(pipeline.kind, chance) for _ in range(10)]
    if pipeline.kind == "document":
        instances += [{"document": texts} for texts in (["", "river stone"], ["oak", "", "lamp tea"], ["oak gate", ""])]
    features = [pipeline.featurize(one) for one in instances]
    found = torch.cat([logits(pipeline, [one]) for one in features])
    for module in pipeline.model.modules():
        if isinstance(module, ExtentCnnEncoder):
            module.forward = pool_over_everything(module)
    assert torch.allclose(torch.cat([logits(pipeline, [one]) for one in features]), found, atol=1e-6)


def test_an_encoder_that_mixes_rows_gets_instances_of_one_shape_only(tmp_path: Path) -> None:
    encoder = {"type": "gated-cnn-encoder", "layers": [[[2, 6]]]}
    pipelines = classifier(tmp_path, pipeline(TEXT, encoder=encoder))
    assert not pipelines.padding_safe
    head = {**PAIR, "record_encoder": {**encoder, "layers": [[[2, 10]]]}}
    with pytest.raises(Exception, match="an encoder over fields must be"):
        classifier(tmp_path, pipeline(head))
