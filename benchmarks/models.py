"""The classifiers that are measured, made here: realistic sizes, random weights, the same every time.

    python -m benchmarks.models DIRECTORY [NAME ...]

Each gets a `NAME.jsonl` of its instances and a `NAME.expected.json` of what it says of them offline, one at a time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from app.bench.expected import Expected, expected_of
from app.demo import pipelines, recipes
from app.demo.datasets import load_rows
from app.demo.recipes import Recipe
from app.demo.training import build_vocabulary, untrained
from benchmarks.texts import WORKLOADS, filled
from benchmarks.word_pieces import PIECES, word_piece_tokenizer
from models.archive import SUFFIX, write_archive
from models.classifier import Classifier
from models.loading import load_classifier

LABELS = 4
SEED = 13
LOGIT_SPREAD = 3.0
"""Standard deviation of a logit over the workload: labels are mostly certain, as those of a trained classifier."""

Make = Callable[[Path], None]


@dataclass(frozen=True)
class Benchmarked:
    """`family` says which servers can run it; `file` is its name in the folder of models."""

    name: str
    family: str
    workload: str
    file: str
    make: Make


@dataclass(frozen=True)
class Made:
    """A classifier on disk with its instances and the answers that must come."""

    name: str
    family: str
    path: Path
    texts: Path
    """JSON lines of `instances`."""
    instances: list[Any]
    expected: Expected


def make(model: Benchmarked, folder: Path) -> Made:
    """Makes what is not in `folder` yet."""
    folder.mkdir(parents=True, exist_ok=True)
    path, instances = folder / model.file, WORKLOADS[model.workload]()
    texts, answers = folder / f"{model.name}.jsonl", folder / f"{model.name}.expected.json"
    if not answers.exists():
        torch.manual_seed(SEED)
        model.make(path)
        classifier = load_classifier(path)
        texts.write_text("".join(f"{json.dumps(instance)}\n" for instance in instances))
        features = [classifier.featurize(instance) for instance in instances]
        answers.write_text(json.dumps(asdict(expected_of(classifier, features))))
    expected = Expected(**json.loads(answers.read_text()))
    return Made(model.name, model.family, path, texts, instances, expected)


def checkpoint(config: Mapping[str, float], path: Path) -> None:
    """A folder that transformers opens."""
    path.mkdir()
    word_piece_tokenizer(path)
    names = dict(enumerate(f"label_{index}" for index in range(LABELS)))
    options = {"vocab_size": PIECES, "num_labels": LABELS, "id2label": names, "initializer_range": 0.05}
    model = BertForSequenceClassification(BertConfig(**{**options, **config})).eval()
    model.save_pretrained(path)
    spread(load_classifier(path), "texts", lambda weight, bias: _set(model.classifier, weight, bias))
    model.save_pretrained(path)


def archive(recipe: Recipe, workload: str, path: Path) -> None:
    """A `model.tar.gz` of an AllenNLP or biome.text library."""
    counted = replace(recipe, config=words_between_spaces()) if recipe.name == "allennlp" else recipe
    vocabulary = build_vocabulary(counted, load_rows(recipe.dataset, "train"), load_rows(recipe.dataset, "validation"))
    classifier = untrained(recipe, vocabulary)
    head = last_linear(classifier.label_set.head)
    spread(classifier, workload, partial(_set, head))
    write_archive(path, recipe.config, classifier.model.state_dict(), vocabulary)


@torch.inference_mode()
def spread(classifier: Classifier, workload: str, set_head: Callable[[torch.Tensor, torch.Tensor], None]) -> None:
    """Gives the last layer weights along which the workload differs most, so that its answers are of every label."""
    inputs: list[torch.Tensor] = []
    last = last_linear(classifier.label_set.head)
    handle = last.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    for instance in WORKLOADS[workload]():
        classifier.label_set.head(classifier.encode(classifier.collate([classifier.featurize(instance)])))
    handle.remove()
    vectors = torch.cat(inputs)  # (instances, dim)
    mean = vectors.mean(dim=0)  # (dim,)
    directions = torch.pca_lowrank(vectors - mean, q=last.out_features, niter=8)[2].T  # (num_labels, dim)
    deviations = (vectors - mean) @ directions.T  # (instances, num_labels)
    weight = LOGIT_SPREAD * directions / deviations.std(dim=0).unsqueeze(1)  # (num_labels, dim)
    set_head(weight, -weight @ mean)


def last_linear(head: nn.Module) -> nn.Linear:
    return [module for module in head.modules() if isinstance(module, nn.Linear)][-1]


def _set(layer: nn.Linear, weight: torch.Tensor, bias: torch.Tensor) -> None:
    layer.weight.data.copy_(weight)
    layer.bias.data.copy_(bias)


def lstm(hidden_size: int) -> dict[str, Any]:
    return {"type": "lstm", "hidden_size": hidden_size, "num_layers": 1, "bidirectional": True}


def words_between_spaces() -> dict[str, Any]:
    """A configuration whose vocabulary is that of an AllenNLP 2 archive with the tokenizer `just_spaces`."""
    config = recipes.config_of({"type": "sequence_classifier"})
    config["dataset_reader"]["tokenizer"] = {"type": "word", "word_splitter": {"type": "just_spaces"}}
    return config


def text_recipe() -> Recipe:
    """biome.text 3: words and characters under an LSTM."""
    head = {
        "type": "biome.text.modules.heads.classification.text_classification.TextClassification",
        "labels": pipelines.INTENTS,
        "pooler": {"type": "boe", "averaged": True},
        "feedforward": {"num_layers": 1, "hidden_dims": [128], "activations": ["relu"], "dropout": [0.1]},
        "dropout": 0.1,
    }
    features = {"word": pipelines.words(128), "char": pipelines.characters(32, 32)}
    config = pipelines.config_of("lstm", features, head, lstm(256))
    return Recipe("lstm", "support_messages", config, recipes.plain_text, epochs=0, learning_rate=0.0)


def record_recipe() -> Recipe:
    """biome.text 3: a GRU over the words of each field, one over the fields."""
    head = {
        "type": "biome.text.modules.heads.classification.record_classification.RecordClassification",
        "labels": sorted({row["label"] for row in load_rows("product_records")}),
        "record_keys": ["title", "brand", "description", "price"],
        "token_pooler": pipelines.gru(128),
        "fields_pooler": pipelines.gru(128),
        "dropout": 0.1,
    }
    features = {"word": pipelines.words(128), "char": pipelines.characters(32, 32)}
    config = pipelines.config_of("record", features, head)
    return Recipe("record", "product_records", config, lambda row: filled(row["record"]), epochs=0, learning_rate=0.0)


def pair_recipe() -> Recipe:
    """biome.text 3: two records, each field compared with each."""
    head = {
        "type": "biome.text.modules.heads.classification.record_pair_classification.RecordPairClassification",
        "labels": pipelines.DUPLICATE,
        "field_encoder": {"type": "gru", "hidden_size": 64, "num_layers": 1, "bidirectional": False},
        "record_encoder": pipelines.gru(64),
        "matcher_forward": {"is_forward": True, "num_perspectives": 10},
        "matcher_backward": {"is_forward": False, "num_perspectives": 10},
        "aggregator": pipelines.gru(64),
        "classifier_feedforward": {"num_layers": 1, "hidden_dims": [64], "activations": ["relu"], "dropout": [0.1]},
        "dropout": 0.1,
    }
    features = {"word": pipelines.words(64), "char": pipelines.characters(32, 64)}
    config = pipelines.config_of("pair", features, head)
    return Recipe("pair", "duplicate_records", config, recipes.pair_of_full_records, epochs=0, learning_rate=0.0)


def allennlp_recipe() -> Recipe:
    """AllenNLP 2: an LSTM over words between spaces, for whose splitting AllenNLP needs no spaCy model."""
    config = {
        "dataset_reader": {
            "type": "text_classification_json",
            "tokenizer": {"type": "just_spaces"},
            "token_indexers": {"tokens": {"type": "single_id", "lowercase_tokens": True}},
        },
        "model": {
            "type": "basic_classifier",
            "text_field_embedder": {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 200}}},
            "seq2vec_encoder": {**lstm(256), "input_size": 200},
        },
        "trainer": {"num_epochs": 1},
        "data_loader": {"batch_size": 32},
    }
    return Recipe("allennlp", "support_messages", config, recipes.text, epochs=0, learning_rate=0.0)


MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
TINY = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512}

MODELS = {
    model.name: model
    for model in (
        Benchmarked("minilm", "checkpoint", "texts", "minilm", partial(checkpoint, MINILM)),
        Benchmarked("tiny", "checkpoint", "texts", "tiny", partial(checkpoint, TINY)),
        Benchmarked("lstm", "biome.text", "texts", f"lstm{SUFFIX}", partial(archive, text_recipe(), "texts")),
        Benchmarked("record", "biome.text", "records", f"record{SUFFIX}", partial(archive, record_recipe(), "records")),
        Benchmarked("pair", "biome.text", "pairs", f"pair{SUFFIX}", partial(archive, pair_recipe(), "pairs")),
        Benchmarked("allennlp", "allennlp", "texts", f"allennlp{SUFFIX}", partial(archive, allennlp_recipe(), "texts")),
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=list(MODELS), help=", ".join(MODELS))
    options = parser.parse_args()
    for name in options.names:
        print(make(MODELS[name], options.folder).path)


if __name__ == "__main__":
    main()
