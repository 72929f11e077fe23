"""Trains a demo model: an Adam loop over what serving itself featurizes and collates."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from app.demo.corpora.rows import SPLITS, Split, generator
from app.demo.datasets import load_rows
from app.demo.libraries import library_of
from app.demo.recipes import Recipe, Row
from models.archive import SUFFIX, write_archive
from models.archive_classifier import ArchiveClassifier
from models.classifier import Features
from models.vocabulary import NON_PADDED

SEED = 13
EVALUATION_BATCH = 128
MAX_GRADIENT_NORM = 5.0
LENGTH_JITTER = 4.0
"""Tokens by which lengths are blurred when batches are made, so that they differ from epoch to epoch."""

Vocabulary = dict[str, list[str]]


@dataclass(frozen=True)
class Example:
    features: Features
    label: int


@dataclass(frozen=True)
class Result:
    """How one demo model did. `accuracy` is the share of right answers on validation rows, never trained on."""

    name: str
    train_size: int
    validation_size: int
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class Trained:
    recipe: Recipe
    vocabulary: Vocabulary
    classifier: ArchiveClassifier
    result: Result

    def write(self, folder: Path) -> Path:
        path = folder / f"{self.recipe.name}{SUFFIX}"
        write_archive(path, self.recipe.config, self.classifier.model.state_dict(), self.vocabulary)
        return path


def train(recipe: Recipe, *, seed: int = SEED, on_progress: Callable[[float], None] = lambda _: None) -> Trained:
    """One model. `on_progress` is told how many epochs were done since the last call."""
    started = time.perf_counter()
    rows = {split: _labelled(recipe, split) for split in SPLITS}
    vocabulary = build_vocabulary(recipe, rows["train"], rows["validation"])
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        classifier = untrained(recipe, vocabulary)
        if recipe.mute_unknown_words:
            mute_unknown_words(classifier)
        examples = {split: examples_of(recipe, classifier, of_split) for split, of_split in rows.items()}
        fit(recipe, classifier, examples["train"], generator(seed), on_progress)
        accuracy = accuracy_of(classifier, examples["validation"])
    sizes = len(examples["train"]), len(examples["validation"])
    return Trained(recipe, vocabulary, classifier, Result(recipe.name, *sizes, accuracy, time.perf_counter() - started))


@contextmanager
def one_thread() -> Iterator[None]:
    """Tensors this small gain nothing from more threads, and small convolutions lose a factor of ten to them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _labelled(recipe: Recipe, split: Split) -> list[Row]:
    return [row for row in load_rows(recipe.dataset, split) if recipe.label in row]


def build_vocabulary(recipe: Recipe, train_rows: Sequence[Row], validation_rows: Sequence[Row]) -> Vocabulary:
    """Vocabulary file -> lines, most frequent first: words and characters of training, labels of both splits."""
    library = library_of(recipe.config)
    reader = library.reader(recipe.config)
    tokens: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for row in train_rows:
        for texts in reader.read(recipe.instance(row)).inputs.values():
            for text in texts:
                assert isinstance(text, list), "the recipes split texts into words, not into word pieces"
                tokens.update(token.text.lower() for token in text)
                characters.update(char for token in text for char in token.text)
    labels = Counter(row[recipe.label] for row in (*train_rows, *validation_rows))
    kept = [token for token, count in tokens.most_common() if count >= recipe.min_count]
    return {
        library.words: ["@@UNKNOWN@@", *kept],
        library.characters: ["@@UNKNOWN@@", *(char for char, _ in characters.most_common())],
        library.labels: [label for label, _ in labels.most_common()],
        NON_PADDED.removesuffix(".txt"): ["*tags", "*labels"],
    }


def untrained(recipe: Recipe, vocabulary: Vocabulary) -> ArchiveClassifier:
    """The classifier that the recipe's archive would load as, with random weights."""
    files = {f"{name}.txt": "\n".join(lines) for name, lines in vocabulary.items()}
    return library_of(recipe.config).untrained(recipe.name, recipe.config, files)


def mute_unknown_words(classifier: ArchiveClassifier) -> None:
    """Where every word of training is known, training leaves this row as it is."""
    state = classifier.model.state_dict()
    [words] = [tensor for name, tensor in state.items() if name.endswith(WORD_EMBEDDING)]
    words[UNKNOWN] = 0.0


WORD_EMBEDDING = "token_embedder_tokens.weight"
UNKNOWN = 1
"""The index of the unknown word; 0 is padding."""


def examples_of(recipe: Recipe, classifier: ArchiveClassifier, rows: Sequence[Row]) -> list[Example]:
    labels = classifier.label_set.labels
    return [Example(classifier.featurize(recipe.instance(row)), labels.index(row[recipe.label])) for row in rows]


def fit(
    recipe: Recipe,
    classifier: ArchiveClassifier,
    examples: Sequence[Example],
    rng: random.Random,
    on_progress: Callable[[float], None],
) -> None:
    """Adam, with a learning rate that falls to a tenth in a straight line."""
    model = classifier.model.requires_grad_(True).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    batches_per_epoch = -(-len(examples) // recipe.batch_size)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=recipe.epochs * batches_per_epoch)
    for _ in range(recipe.epochs):
        for batch in bucketed(examples, recipe.batch_size, rng):
            optimizer.zero_grad()
            torch.autograd.backward(_loss(classifier, batch))
            nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
            optimizer.step()
            decay.step()
            on_progress(1 / batches_per_epoch)
    model.eval().requires_grad_(False)


def _loss(classifier: ArchiveClassifier, batch: Sequence[Example]) -> Tensor:
    tensors = classifier.collate([example.features for example in batch]).tensors
    labels = torch.tensor([example.label for example in batch])
    loss: Tensor = classifier.model(**tensors, label=labels)["loss"]
    return loss


def bucketed(examples: Sequence[Example], size: int, rng: random.Random) -> list[list[Example]]:
    """Batches of examples of about the same length, in random order."""
    order = sorted(examples, key=lambda example: _length(example) + rng.uniform(0, LENGTH_JITTER))
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    rng.shuffle(batches)
    return batches


def _length(example: Example) -> int:
    return sum(texts * tokens for texts, tokens in example.features.shape)


@torch.inference_mode()
def accuracy_of(classifier: ArchiveClassifier, examples: Sequence[Example]) -> float:
    """The share of right answers, computed as serving does: encode, then head."""
    right = 0
    for start in range(0, len(examples), EVALUATION_BATCH):
        batch = examples[start : start + EVALUATION_BATCH]
        vectors = classifier.encode(classifier.collate([example.features for example in batch]))
        answers = classifier.label_set.head(vectors).argmax(dim=-1)
        right += sum(answer == example.label for answer, example in zip(answers.tolist(), batch, strict=True))
    return right / len(examples)
