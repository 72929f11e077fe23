"""The convolutional encoder of Kim (2014) and Zhang and Wallace (2015), answering as if each row were alone.

AllenNLP changed what it pools over. From 1.4 on, a window counts only where it lies within the text. In 0.9, every
window of the padded batch counts, so that an answer depends on its neighbours; a batch of one sees the windows
within its own padded length. `extent` is that length; without one, it is the number of unmasked positions.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.allennlp_compat import BagOfEmbeddingsEncoder, CnnEncoder, Seq2VecEncoder, TimeDistributed
from models.bag_of_embeddings import bag
from models.highest import highest
from models.line import affine, line_of
from models.scripted import scripted


def _padded(tokens: Tensor, mask: Tensor, longest: int) -> Tensor:
    """(batch, length, dim), zero where masked, as long as the longest window at least."""
    tokens = tokens * mask.unsqueeze(-1)
    missing = longest - tokens.size(1)
    return nn.functional.pad(tokens, [0, 0, 0, missing]) if missing > 0 else tokens


def _highest(activations: Tensor, width: int, extent: Tensor) -> Tensor:
    """(batch, windows, filters), (batch,) -> (batch, filters)."""
    window_end = torch.arange(activations.size(1), device=extent.device) + width
    outside = window_end.unsqueeze(0) > extent.unsqueeze(1)  # (batch, windows)
    pooled = highest(activations.masked_fill(outside.unsqueeze(2), -torch.inf), 1)
    return pooled.masked_fill(outside.all(dim=1, keepdim=True), 0.0)


def _convolve(weight: Tensor, bias: Tensor, vectors: Tensor) -> Tensor:
    """(batch, length, dim) -> (batch, windows, filters), as one matrix product.

    torch's convolution compiles a kernel for each shape that it meets, and every batch of texts has another one.
    """
    width = weight.size(2)
    windows = vectors.size(1) - width + 1
    # (batch, windows, width * dim)
    side_by_side = torch.cat([vectors[:, first : first + windows] for first in range(width)], dim=-1)
    # (filters, dim, width) -> (filters, width * dim)
    return nn.functional.linear(side_by_side, weight.transpose(1, 2).flatten(1), bias)


SCRIPTED: dict[type, str] = {nn.ReLU: "relu", nn.Tanh: "tanh"}
"""The activations that `_pool_all` knows."""


@scripted
def _pool_all(
    tokens: Tensor, mask: Tensor, extent: Tensor, convolutions: list[tuple[Tensor, Tensor]], activation: str
) -> Tensor:
    """All of `forward` before the projection; weights (filters, dim, width) and biases (filters,)."""
    longest = max([weight.size(2) for weight, _ in convolutions])
    padded = _padded(tokens, mask, longest)
    pooled: list[Tensor] = []
    for weight, bias in convolutions:
        windows = _convolve(weight, bias, padded)
        pooled.append(_highest(windows.relu() if activation == "relu" else windows.tanh(), weight.size(2), extent))
    return torch.cat(pooled, dim=1)


@Seq2VecEncoder.register("cnn", exist_ok=True)
class ExtentCnnEncoder(CnnEncoder):
    """AllenNLP's CnnEncoder, same parameters and weights, with the windows to pool over made explicit."""

    def forward(self, tokens: Tensor, mask: Tensor, extent: Tensor | None = None) -> Tensor:
        """(batch, length, embedding_dim), (batch, length), (batch,) -> (batch, output_dim).

        Row i pools over the windows that end within its first `extent[i]` positions; zeros where there is none.
        """
        extent = mask.sum(dim=1) if extent is None else extent
        activation = SCRIPTED.get(type(self._activation))
        # (batch, filters * sizes)
        if activation and not tokens.requires_grad and line_of(tokens) is None:
            pooled = _pool_all(
                tokens, mask, extent, [(one.weight, one.bias) for one in self._convolutions()], activation
            )
        else:
            pooled = torch.cat([self._pool(one, tokens, mask, extent) for one in self._convolutions()], dim=1)
        return self.projection_layer(pooled) if self.projection_layer else pooled

    def _convolutions(self) -> Sequence[Any]:
        return [getattr(self, f"conv_layer_{index}") for index in range(len(self._ngram_filter_sizes))]

    def _pool(self, convolution: Any, tokens: Tensor, mask: Tensor, extent: Tensor) -> Tensor:
        def windows(tokens: Tensor, mask: Tensor) -> Tensor:
            padded = _padded(tokens, mask, max(self._ngram_filter_sizes))
            return _convolve(convolution.weight, convolution.bias, padded)

        # (batch, windows, filters)
        activations = self._activation(affine(windows, tokens, mask))
        return _highest(activations, convolution.weight.size(2), extent)


def run_seq2vec(encoder: Any, inputs: Tensor, mask: Tensor, extent: Tensor | None) -> Tensor:
    """Calls a Seq2Vec encoder, with `extent` where it takes one; TimeDistributed is unrolled the same way.

    Shapes: inputs (batch, [texts,] length, dim), mask (batch, [texts,] length), extent (batch, [texts]).
    """
    module = encoder._module if isinstance(encoder, TimeDistributed) else encoder
    if isinstance(module, BagOfEmbeddingsEncoder):
        return bag(inputs, mask, module._averaged)
    if extent is None or not isinstance(module, ExtentCnnEncoder):
        return encoder(inputs, mask=mask)
    if not isinstance(encoder, TimeDistributed):
        return encoder(inputs, mask=mask, extent=extent)
    texts = inputs.shape[:2]
    # (batch * texts, length, dim) -> (batch * texts, output_dim)
    encoded = module(inputs.flatten(0, 1), mask=mask.flatten(0, 1), extent=extent.flatten(0, 1))
    # (batch, texts, output_dim)
    return encoded.unflatten(0, texts)


def required_length(encoder: Any) -> int:
    """The shortest input that the encoder takes alone: a CNN needs one whole window, an RNN one position."""
    module = encoder._module if isinstance(encoder, TimeDistributed) else encoder
    if isinstance(module, CnnEncoder):
        return max(module._ngram_filter_sizes)
    return 0 if isinstance(module, BagOfEmbeddingsEncoder) else 1
