"""biome.text 0.3's SequenceClassifier: one text, a record of several fields, or a text cut into sentences."""

from torch import Tensor

from models.allennlp_compat import Model, TextFieldTensors
from models.sequence_classifier_base import SequenceClassifierBase


@Model.register("sequence_classifier")
class SequenceClassifier(SequenceClassifierBase):
    """Scores the labels of one input, `tokens`."""

    def forward(self, tokens: TextFieldTensors, label: Tensor | None = None) -> dict[str, Tensor]:
        """(batch, [texts,] tokens) ids and (batch,) label indices -> what `output_layer` gives."""
        return self.output_layer(self.forward_tokens(tokens), label)
