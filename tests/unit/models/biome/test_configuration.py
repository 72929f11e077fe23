"""A pipeline's configuration: which version wrote it, what null means, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.biome_versions import V1_0, V2_0, V2_2, V3_0, V3_1, BiomeVersion, version_of
from models.errors import BrokenArchive, MissingFiles, UnsupportedArchive
from models.loading import load_classifier
from models.pipeline_config import pipeline_configuration
from tests.unit.models.biome.pipelines import (
    CHAR_CNN,
    CNN,
    HUB,
    PAIR,
    RECORD,
    RELATION,
    TOKENIZERS,
    TRANSFORMERS,
    WORD,
    archive,
    classifier,
    pipeline,
)

TEXT = {"type": "TextClassification"}


@pytest.mark.parametrize(
    ("tokenizer", "head", "version"),
    [
        (TOKENIZERS["1.0"], TEXT, V1_0),
        (TOKENIZERS["1.0"], {"tokens_pooler": CNN}, V1_0),
        ({"lang": "en", "use_transformers": False}, {"sentences_encoder": CNN}, V2_0),
        (TOKENIZERS["2.2"], {"token_pooler": CNN}, V2_2),
        (TOKENIZERS["2.2"], TEXT, V2_2),
        (TOKENIZERS["3.0"], TEXT, V3_0),
        (TOKENIZERS["3.3"], TEXT, V3_1),
    ],
)
def test_options_tell_the_version(tokenizer: dict[str, Any], head: dict[str, Any], version: BiomeVersion) -> None:
    assert version_of(tokenizer, head) == version


def test_what_cannot_be_told_is_read_as_the_latest_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert version_of({}, {}) == V3_1
    assert "version of biome.text" in caplog.text


def test_the_string_none_is_null_except_for_a_label() -> None:
    config = pipeline({**TEXT, "labels": ["None", "Some"], "pooler": "None", "feedforward": None}, version="2.2")
    config["features"]["transformers"] = "None"
    config["encoder"] = "None"
    read = pipeline_configuration(config)
    assert read.head == {"labels": ["None", "Some"]}
    assert read.encoder is None
    assert list(read.features) == ["word"]


def test_class_paths_count_by_their_last_part(tmp_path: Path) -> None:
    path = "allennlp.modules.seq2seq_encoders.pytorch_seq2seq_wrapper.LstmSeq2SeqEncoder"
    pooler = "allennlp.modules.seq2vec_encoders.cnn_encoder.CnnEncoder"
    config = pipeline({**TEXT, "pooler": {**CNN, "type": pooler}}, encoder={"type": path, "hidden_size": 4})
    head = classifier(tmp_path, config).model.head
    assert type(head.backbone.encoder).__name__ == "LstmSeq2Seq"
    assert type(head.pooler).__name__ == "ExtentCnnEncoder"


def test_a_path_to_anything_else_is_no_class(tmp_path: Path) -> None:
    path = archive(tmp_path, pipeline(TEXT))
    assert load_classifier(path).kind == "text"
    with pytest.raises(Exception, match=r"'system' is not a registered Seq2VecEncoder"):
        archive(tmp_path, pipeline({**TEXT, "pooler": {"type": "allennlp.os.system", "command": "true"}}))


def test_older_names_of_layers_and_weights(tmp_path: Path) -> None:
    layers = {"tokens_pooler": {"type": "gru", "hidden_size": 4}, "fields_encoder": {"type": "gru", "hidden_size": 3}}
    config = pipeline({**RECORD, **layers}, version="1.0")
    head = classifier(tmp_path, config).model.head
    assert head.token_pooler.get_output_dim() == 4
    assert head.sentence_encoder.get_output_dim() == 3


def test_features_of_their_own_options_win(tmp_path: Path) -> None:
    word = {**WORD, "embedder": {"padding_index": 0, "embedding_dim": 99}, "indexer": {"lowercase_tokens": False}}
    loaded = classifier(tmp_path, pipeline(TEXT, {"word": word}))
    embedder = loaded.model.head.backbone.embedder.token_embedder_word
    assert embedder.padding_index == 0
    assert embedder.output_dim == 6
    columns = [loaded.featurize(text).inputs["text"][0].columns["word"] for text in ("RIVER", "river")]
    assert columns[0] == columns[1]


@pytest.mark.parametrize(("version", "characters"), [("1.0", 0), ("2.2", 3), ("3.3", 3)])
def test_short_words_are_padded_from_2_2_on(tmp_path: Path, version: str, characters: int) -> None:
    loaded = classifier(tmp_path, pipeline(TEXT, {"char": CHAR_CNN}, version))
    assert loaded.model.head.backbone.featurizer.indexer.indexers["char"].min_characters == characters


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (pipeline({"type": "TokenClassification"}), "TokenClassification is not implemented"),
        (pipeline({**TEXT, "labels": []}), "needs labels"),
        (pipeline({**TEXT, "poler": CNN}), "poler"),
        (pipeline({**TEXT, "label_weights": [1.0]}), "label_weights has 1 entries for 3 labels"),
        (pipeline(TEXT, lang="de", spacy_model=None, truncate_input=None), "'de' is not implemented"),
        (pipeline(TEXT, text_cleaning={"rules": ["shout"]}), "the text cleaning rule 'shout'"),
        (pipeline(TEXT, max_nr_of_sentences="3"), "max_nr_of_sentences must be a whole number"),
        (pipeline(TEXT, novelty=1), "novelty"),
        (
            pipeline(TEXT, {"word": WORD, "transformers": TRANSFORMERS}, use_transformers=True),
            "transformers feature alone",
        ),
        (pipeline(RELATION, {"transformers": TRANSFORMERS}, use_transformers=True), "reads whole words"),
        (pipeline({**RELATION, "entity_encoding": "BMES"}), "'BMES' is not implemented"),
        (pipeline({**PAIR, "matcher_forward": {}}), "is_forward"),
    ],
)
def test_refused_with_a_reason(tmp_path: Path, config: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnsupportedArchive, match=reason):
        load_classifier(archive(tmp_path, pipeline(TEXT), said=config), hub=HUB)


def test_a_transformer_that_is_not_there(tmp_path: Path) -> None:
    path = archive(tmp_path, pipeline(TEXT, {"transformers": TRANSFORMERS}))
    with pytest.raises(MissingFiles, match="tiny_bert_dev"):
        load_classifier(path, hub=tmp_path)


def test_weights_of_another_head(tmp_path: Path) -> None:
    path = archive(tmp_path, pipeline(TEXT), said=pipeline({**TEXT, "pooler": CNN}))
    with pytest.raises(BrokenArchive, match=r"_head\.pooler\.conv_layer_0\.bias is missing"):
        load_classifier(path)
