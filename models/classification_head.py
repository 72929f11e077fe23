"""The common part of the classification heads of biome.text 1.0 - 3.3."""

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.allennlp_compat import CategoricalAccuracy, FBetaMeasure, FBetaMultiLabelMeasure
from models.classifier import probabilities
from models.errors import InvalidInstance
from models.gold_labels import set_labels
from models.model_backbone import ModelBackbone
from models.pooled import Pooled
from models.readers import Reading
from models.task_head import TaskHead

LabelWeights = list[float] | dict[str, float]


@dataclass
class LabelledReading(Reading):
    """What a head made of an instance, with the index of its label, or a 0 or 1 for each label."""

    label: int | list[int] | None = None


class ClassificationHead(Pooled, TaskHead):
    """Scores labels: softmax over them, or with `multilabel` one sigmoid for each.

    `label_weights` weighs each label in the training loss, in the order of the labels or by name.

    Raises ValueError where there is no label, or where `label_weights` does not name exactly the labels.
    """

    pools_over_padding = False
    """Set for biome.text 1.0, whose CNNs pool over an instance as padded when alone (models/cnn.py)."""
    least_tokens = 0
    """What a text is padded to at least."""

    def __init__(
        self,
        backbone: ModelBackbone,
        labels: list[str],
        multilabel: bool = False,
        label_weights: LabelWeights | None = None,
    ) -> None:
        super().__init__(backbone)
        if not labels:
            raise ValueError("a classification head needs labels")
        set_labels(backbone.vocab, labels)
        self._multilabel = multilabel
        weights = None if label_weights is None else torch.tensor(self._ordered(label_weights))
        self._loss = nn.BCEWithLogitsLoss(weight=weights) if multilabel else nn.CrossEntropyLoss(weight=weights)
        measure = FBetaMultiLabelMeasure if multilabel else FBetaMeasure
        self._metrics: dict[str, Any] = {} if multilabel else {"accuracy": CategoricalAccuracy()}
        self._metrics["micro"] = measure(average="micro")
        self._metrics["macro"] = measure(average="macro")
        self._metrics["per_label"] = measure(labels=list(range(len(self.labels))))

    def _ordered(self, weights: LabelWeights) -> list[float]:
        ordered = [weights[label] for label in self.labels] if isinstance(weights, dict) else weights
        if len(ordered) != self.num_labels or len(weights) != self.num_labels:
            raise ValueError(f"label_weights has {len(weights)} entries for {self.num_labels} labels")
        return [float(weight) for weight in ordered]

    @property
    def multilabel(self) -> bool:
        return self._multilabel

    @property
    @abstractmethod
    def last_layer(self) -> nn.Linear:
        """(batch, dim) -> logits (batch, num_labels)."""

    @abstractmethod
    def encoders(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """The encoders that read the tokens of a text, and those that read the texts of a list."""

    def add_label(self, reading: LabelledReading, label: str | Sequence[str] | None) -> LabelledReading:
        """Puts the index of a label, or a 0 or 1 for each label, into what was read. None leaves it as it is.

        Raises InvalidInstance for a label that the head does not have.
        """
        indices = {name: index for index, name in enumerate(self.labels)}
        names = [label] if isinstance(label, str) else list(label or ())
        if unknown := [name for name in names if name not in indices]:
            raise InvalidInstance(f"the label {unknown[0]!r} is none of {', '.join(self.labels)}.", "label")
        if label is None:
            return reading
        if isinstance(label, str) == self._multilabel:
            wanted = "a list of labels" if self._multilabel else "one label"
            raise InvalidInstance(f"'label' must be {wanted}.", "label")
        chosen = [indices[name] for name in names]
        reading.label = [int(index in chosen) for index in indices.values()] if self._multilabel else chosen[0]
        return reading

    def output(self, logits: Tensor, label: Tensor | None) -> dict[str, Any]:
        """`logits` and `class_probabilities` (batch, num_labels), with labels also `loss`.

        `label` is (batch,) indices, or (batch, num_labels) zeros and ones for a multi-label head.
        """
        output = {"logits": logits, "class_probabilities": probabilities(logits, self._multilabel)}
        if label is not None:
            output["loss"] = self._loss(logits, label.type_as(logits) if self._multilabel else label.long())
            # A label counts as predicted from 0.5 on; the original compared the logit with that.
            scores = output["class_probabilities"] if self._multilabel else logits
            for metric in self._metrics.values():
                metric(scores, label)
        return output

    def decode(self, output: dict[str, Any]) -> dict[str, Any]:
        """`labels` and `probabilities` of each instance, the most probable first; labels without a row have 0."""
        scores = probabilities(output["logits"], self._multilabel)
        scores = nn.functional.pad(scores, (0, self.num_labels - scores.size(-1)))
        ranked = scores.sort(dim=-1, descending=True, stable=True)
        names = self.labels
        decoded = {
            "labels": [[names[index] for index in row] for row in ranked.indices.tolist()],
            "probabilities": ranked.values.tolist(),
        }
        return {**{key: value for key, value in output.items() if key == "loss"}, **decoded}

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """`accuracy` (not of multi-label heads), `micro/...` and `macro/...`, and `_precision/<label>` and so on."""
        metrics: dict[str, float] = {}
        for name, metric in self._metrics.items():
            values = metric.get_metric(reset)
            if name == "accuracy":
                metrics[name] = values
            elif name == "per_label":
                for measure, by_label in values.items():
                    rows = zip(self.labels, by_label, strict=False)
                    metrics |= {f"_{measure}/{_metric_name(label)}": value for label, value in rows}
            else:
                metrics |= {f"{name}/{measure}": value for measure, value in values.items()}
        return metrics

    def _token_extent(self, mask: Tensor) -> Tensor | None:
        """The length each text is padded to when alone: (batch, [texts,] tokens) -> (batch, [texts])."""
        if not self.pools_over_padding:
            return None
        lengths = mask.sum(dim=-1)
        longest = lengths.amax(dim=-1, keepdim=True) if mask.dim() > 2 else lengths
        return longest.clamp(min=self.least_tokens).expand_as(lengths)

    def _text_extent(self, mask: Tensor) -> Tensor | None:
        """How many texts each list has when alone: (batch, texts) -> (batch,). All lists of a batch have as many."""
        if not self.pools_over_padding:
            return None
        return torch.full((mask.size(0),), mask.size(-1), device=mask.device)


def _metric_name(label: str) -> str:
    """A label in the letters that a metric may have."""
    return re.sub(r"[^-/\w.]", "_", label).lstrip("/")
