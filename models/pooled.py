"""The seam in an encoder between what reads the tokens and the layers that only see what was read."""

from typing import Any

from torch import Tensor


class Pooled:
    """A model that encodes by reading its inputs into one vector, and finishing that.

    Explanations look for many points of a path between the two (models/curve.py). Whatever has a kink, a rectifier
    say, had better come behind the seam.
    """

    def pool(self, *inputs: Any) -> Tensor:
        """The tensors of each input -> (batch, pooled dim). What an instance has not, while others of the batch have
        it, comes last and counts for nothing."""
        raise NotImplementedError

    def finish(self, pooled: Tensor) -> Tensor:
        """(batch, pooled dim) -> (batch, dim)."""
        return pooled

    def encode(self, *inputs: Any) -> Tensor:
        """What the last layer sees: the tensors of each input -> (batch, dim)."""
        return self.finish(self.pool(*inputs))
