"""Layers that are configured before the size of their input is known (biome.text's ComponentConfiguration).

`ComponentConfiguration(type="gru", hidden_size=8).input_dim(20).compile()` builds the layer. Types are the registered
names; full class paths, as archives have them, count by their last part.
"""

import inspect
from typing import Any, ClassVar, Self

from models.allennlp_compat import (
    Embedding,
    FeedForward,
    FromParams,
    Params,
    Registrable,
    Seq2SeqEncoder,
    Seq2VecEncoder,
)
from models.bimpm_matching import BiMpmMatching

INPUT_DIMENSIONS = ("input_size", "hidden_dim", "embedding_dim", "input_dim")
"""What constructors call the size of their input; the first that a constructor has is it."""


class ComponentConfiguration(FromParams):
    """The configuration of one layer of the family `component`."""

    component: ClassVar[Any]

    def __init__(self, **config: Any) -> None:
        self._config = config

    @classmethod
    def from_params(cls, params: Params, *_: Any, **__: Any) -> Self:
        return cls(**params.as_dict(quiet=True))

    @property
    def config(self) -> dict[str, Any]:
        """As it was given, with the input size once that is known."""
        return dict(self._config)

    def input_dim(self, input_dim: int) -> Self:
        """The same with the size of its input."""
        parameters = inspect.signature(self._layer_class().__init__).parameters
        named = [name for name in INPUT_DIMENSIONS if name in parameters]
        return type(self)(**{**self._config, **dict.fromkeys(named[:1], input_dim)})

    def compile(self) -> Any:
        """Raises ConfigurationError for options that the layer does not have."""
        options = {key: value for key, value in self._config.items() if key != "type" and value is not None}
        return self._layer_class().from_params(Params(options))

    def _layer_class(self) -> Any:
        kind = self._config.get("type")
        if kind is None or self.component not in Registrable._registry:
            return self.component
        return self.component.by_name(registered_name(self.component, kind))


def registered_name(component: Any, kind: str) -> str:
    """The name that `kind`, a registered name or the path of a registered class, is registered by."""
    last = kind.rpartition(".")[2]
    for name, (registered, _) in Registrable._registry[component].items():
        # Some are registered here in place of the original, which they inherit from.
        original = registered.__bases__[-1] if registered.__module__.startswith("models.") else registered
        if last == original.__name__:
            return name
    return last


class Seq2SeqEncoderConfiguration(ComponentConfiguration):
    component = Seq2SeqEncoder


class Seq2VecEncoderConfiguration(ComponentConfiguration):
    component = Seq2VecEncoder


class FeedForwardConfiguration(ComponentConfiguration):
    component = FeedForward


class BiMpmMatchingConfiguration(ComponentConfiguration):
    component = BiMpmMatching


class EmbeddingConfiguration(ComponentConfiguration):
    component = Embedding
