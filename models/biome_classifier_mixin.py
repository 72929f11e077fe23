"""What biome.text 0.3 adds to an AllenNLP model: metrics per label, and an answer in words."""

from typing import Any

import numpy
from torch import Tensor

from models.allennlp_compat import CategoricalAccuracy, F1Measure, Model, Vocabulary

LABELS = "labels"


class BiomeClassifierMixin(Model):
    """`decode` and `get_metrics` of biome.text 0.3's `BiomeClassifierMixin`.

    A class that inherits from this one puts `class_probabilities` into its output and calls every metric of
    `_biome_classifier_metrics` with (logits, label) when it is given labels.
    """

    def __init__(self, vocab: Vocabulary, accuracy: CategoricalAccuracy | None = None, **kwargs: Any) -> None:
        super().__init__(vocab, **kwargs)
        labels = vocab.get_index_to_token_vocabulary(LABELS)
        self._biome_classifier_metrics: dict[str, Any] = {
            "accuracy": accuracy or CategoricalAccuracy(),
            **{label: F1Measure(index) for index, label in labels.items()},
        }

    def label_for_index(self, index: int) -> str:
        label: str = self.vocab.get_token_from_index(index, namespace=LABELS)
        return label

    def decode(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """Logits, a {label: probability} in index order, and the best label with its probability, per instance.

        `class_probabilities` of `output_dict` is (batch, num_classes).
        """
        probabilities = output_dict["class_probabilities"]
        if isinstance(probabilities, Tensor):
            probabilities = probabilities.detach().cpu().numpy()
        best = numpy.argmax(probabilities, axis=1)
        decoded = {
            "logits": output_dict.get("logits"),
            "classes": [{self.label_for_index(i): p for i, p in enumerate(row)} for row in probabilities],
            "max_class": [self.label_for_index(index) for index in best],
            "max_class_prob": [row[index] for row, index in zip(probabilities, best, strict=True)],
        }
        if "loss" in output_dict:
            decoded["loss"] = output_dict["loss"]
        return decoded

    make_output_human_readable = decode
    """The name that AllenNLP 2 calls `decode` by."""

    def update_metrics(self, logits: Tensor, label: Tensor) -> None:
        """(batch, num_classes), (batch,)."""
        for metric in self._biome_classifier_metrics.values():
            metric(logits, label)

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """`accuracy`, `<label>/f1|precision|recall` and their averages over the label set."""
        metrics: dict[str, float] = {}
        totals = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
        for name, metric in self._biome_classifier_metrics.items():
            if name == "accuracy":
                metrics[name] = metric.get_metric(reset)
                continue
            for measure, value in metric.get_metric(reset).items():
                metrics[f"{name}/{measure}"] = value
                totals[measure] += value
        num_labels = self.vocab.get_vocab_size(LABELS)
        return metrics | {f"average/{measure}": total / num_labels for measure, total in totals.items()}
