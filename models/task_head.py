"""biome.text's TaskHead: what a pipeline does with its tokens."""

from abc import abstractmethod
from typing import Any, ClassVar

from torch import nn

from models.allennlp_compat import FromParams
from models.classifier import InputSchema
from models.gold_labels import extend_labels, get_labels
from models.model_backbone import ModelBackbone
from models.readers import Reading


class TaskHead(nn.Module, FromParams):
    """Reads named inputs, and turns the tensors that they become into an output with logits.

    A head is found by the name of its class once that has called `register`.
    """

    kind: ClassVar[str]
    """What an instance is, in the words of models.classifier."""
    lists: ClassVar[bool]
    """Whether each input is a list of texts, which the model sees as one more tensor dimension."""
    registered: ClassVar[dict[str, "type[TaskHead]"]] = {}

    def __init__(self, backbone: ModelBackbone) -> None:
        super().__init__()
        self.backbone = backbone

    @classmethod
    def register(cls, overrides: bool = False) -> None:
        """Makes the class known to archives. Raises ValueError for a name that is taken, unless it `overrides`."""
        if cls.__name__ in TaskHead.registered and not overrides:
            raise ValueError(f"a head named {cls.__name__} is already registered")
        TaskHead.registered[cls.__name__] = cls

    @classmethod
    def by_name(cls, name: str) -> "type[TaskHead]":
        """Raises ValueError, listing what is registered, for a name that is not."""
        if name not in TaskHead.registered:
            known = ", ".join(sorted(TaskHead.registered))
            raise ValueError(f"the head {name or '(none)'} is not implemented; these are: {known}")
        return TaskHead.registered[name]

    @property
    def labels(self) -> list[str]:
        """In index order."""
        return get_labels(self.backbone.vocab)

    @property
    def num_labels(self) -> int:
        return len(self.labels)

    def extend_labels(self, labels: list[str]) -> None:
        """As in the original: appends the new names to the labels. The output layer stays as it is."""
        extend_labels(self.backbone.vocab, labels)

    def on_vocab_update(self) -> None:
        """Called when the vocabulary has grown, for heads whose layers depend on it."""

    @abstractmethod
    def inputs(self) -> list[str]:
        """The names of what `featurize` takes."""

    @abstractmethod
    def schema(self) -> InputSchema:
        """What an instance looks like."""

    @abstractmethod
    def featurize(self, *args: Any, **kwargs: Any) -> Reading:
        """Raises InvalidInstance for what the original refused."""

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Gives `logits`, and with labels also `loss`."""

    @abstractmethod
    def decode(self, output: dict[str, Any]) -> dict[str, Any]:
        """The output in words."""

    @abstractmethod
    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """Over all that was run with labels since the last reset."""
