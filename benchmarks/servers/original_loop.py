"""A biome.text 3 archive the original's way: python -m benchmarks.servers.original_loop MODEL INSTANCES ...

One instance after the other: spaCy's tokenizer, AllenNLP's indexers, fields, instances and batches of one, its wrappers
around recurrent layers, its matching, and `forward_on_instance`. biome.text itself does not run on today's Python; what
is its own, the head, is Vitrine's, one record after the other. Prints what limit_loop prints.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MethodType
from typing import Any

os.environ["GOMP_SPINCOUNT"] = "300000"  # libgomp's own, as for the limit

import models.allennlp_compat  # noqa: F401 - before anything of allennlp

# isort: split
import spacy
import torch
from allennlp.data import Instance, TokenIndexer
from allennlp.data.fields import ListField, TextField
from allennlp.data.tokenizers import Token
from allennlp.modules.seq2seq_encoders import PytorchSeq2SeqWrapper
from allennlp.modules.seq2vec_encoders import PytorchSeq2VecWrapper
from torch import Tensor

from app.bench.bare import latency_of
from benchmarks.servers.loop_options import loop_parser
from models import record_pair_classification
from models.allennlp_compat import BiMpmMatching, Params
from models.loading import load_classifier
from models.pipeline_config import pipeline_configuration
from models.pipeline_features import indexer_config
from models.recurrent import AllStates, FinalState
from models.text_field_embedder import CharacterEncoder


class Original:
    """An opened archive. It changes the classes of this process."""

    def __init__(self, path: Path) -> None:
        classifier: Any = load_classifier(path)
        self._model = classifier.model
        self._head = classifier.model.head
        config = pipeline_configuration(classifier.configuration)
        self._indexers = {
            name: TokenIndexer.from_params(Params(indexer_config(name, options, config)))
            for name, options in config.features.items()
        }
        tokenizer = self._head.backbone.featurizer.tokenizer
        words = spacy.blank("en").tokenizer
        tokenizer._remembered = lambda text: [
            Token(token.text, token.idx) for token in words(text) if not token.is_space
        ]
        for module in classifier.model.modules():
            if isinstance(module, FinalState | AllStates):
                wrapper = PytorchSeq2VecWrapper if isinstance(module, FinalState) else PytorchSeq2SeqWrapper
                module.forward = MethodType(wrapper.forward, module)
        CharacterEncoder._looks_up = lambda self, words: False
        record_pair_classification._alike = lambda one, other: False
        record_pair_classification.match_in_parts = match_in_parts

    def predict(self, instances: Sequence[str | Mapping[str, Any]]) -> dict[str, Any]:
        """Of the first of them."""
        instance = instances[0]
        named = {self._head.inputs()[0]: instance} if isinstance(instance, str) else instance
        fields = {name: self._field(texts) for name, texts in self._head.featurize(**named).inputs.items()}
        answer: dict[str, Any] = self._model.forward_on_instance(Instance(fields))
        return answer

    def _field(self, texts: Sequence[list[Token]]) -> TextField | ListField:
        fields = [TextField(tokens, self._indexers) for tokens in texts]
        return ListField(fields) if self._head.lists else fields[0]


def match_in_parts(
    matchers: Sequence[BiMpmMatching], states1: Tensor, mask1: Tensor, states2: Tensor, mask2: Tensor
) -> tuple[Tensor, ...]:
    """Each direction of the states by AllenNLP's own matcher."""
    parts = zip(matchers, *(states.chunk(len(matchers), dim=-1) for states in (states1, states2)), strict=True)
    both = [matcher(one, mask1, other, mask2) for matcher, one, other in parts]
    return tuple(torch.cat([vector for sides in both for vector in sides[side]], dim=2) for side in (0, 1))


def measured(predict: Callable[[Sequence[Any]], Any], instances: Sequence[Any], threads: int, seconds: float) -> Any:
    rows = {}
    for count in sorted({1, threads}):
        torch.set_num_threads(count)
        milliseconds = latency_of(predict, instances, seconds)
        rows[f"one by one, {count} thread{'s' * (count > 1)}"] = {"rate": 1000 / milliseconds, "p50": milliseconds}
    return rows


def main() -> None:
    options = loop_parser(__doc__).parse_args()
    instances = [json.loads(line) for line in options.instances.read_text().splitlines()]
    original = Original(options.model)
    answers = [original.predict([instance]) for instance in instances]
    found = {
        "rows": measured(original.predict, instances, options.threads, options.seconds),
        "answers": [(answer["labels"][0], answer["probabilities"][0]) for answer in answers],
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
