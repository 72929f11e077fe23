"""biome.text 0.3's SequencePairClassifier: two texts or two records, encoded with the same weights."""

from torch import Tensor

from models.allennlp_compat import Model, TextFieldTensors
from models.sequence_classifier_base import SequenceClassifierBase


@Model.register("sequence_pair_classifier")
class SequencePairClassifier(SequenceClassifierBase):
    """Scores the labels of a pair; the output layer sees the two vectors side by side, record1 first."""

    @property
    def n_inputs(self) -> int:
        return 2

    def forward(
        self, record1: TextFieldTensors, record2: TextFieldTensors, label: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Twice (batch, [texts,] tokens) ids and (batch,) label indices -> what `output_layer` gives."""
        return self.output_layer(self.encode(record1, record2), label)
