"""Methods of explaining, by name.

A method is a number of probes (where along the embeddings to look, and with which weight) and what becomes of the
gradients there. Probes are independent of each other: they can be evaluated in any batches and summed, which is how a
long explanation is cut into slices.

    integrated_gradients  Sundararajan et al., 2017, by Gauss-Legendre quadrature (captum's default)
    saliency              Simonyan et al., 2014: |gradient|
    input_x_gradient      Shrikumar et al., 2016: gradient times embedding
    smoothgrad            Smilkov et al., 2017: |gradient| around the embedding, averaged
    occlusion             Zeiler and Fergus, 2014: the score that is lost with a token
    allennlp              AllenNLP 0.9's integrated gradients (and biome.text 0.3's)
    allennlp_simple       AllenNLP 0.9's simple gradient
    biome                 biome.text 1.0 - 3.3's integrated gradients; of record pairs, from one record to the other

What is explained is the score of the target label; AllenNLP's methods explain its loss and biome.text's its logit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy

Objective = Literal["score", "logit", "loss"]
Norm = Literal["none", "l1", "l2"]


class Probe(NamedTuple):
    """Where to look: `alpha` of the way from the baseline to the embeddings, with noise of `sample` where it is given,
    or with the token at `place` (input, text, token) taken out. What is found counts `weight` times."""

    alpha: float = 1.0
    weight: float = 1.0
    sample: int | None = None
    place: tuple[int, ...] | None = None


def columns_of(probes: Sequence[Probe]) -> tuple[tuple[Any, ...], ...]:
    """The probes, turned: what takes a tenth of the time to pickle."""
    return tuple(zip(*probes, strict=True))


@lru_cache(maxsize=256)
def probes_of(columns: tuple[tuple[Any, ...], ...]) -> tuple[Probe, ...]:
    return tuple(map(Probe._make, zip(*columns, strict=True)))


@dataclass(frozen=True)
class Method:
    """`factor` is what the gradient is multiplied by; `normalized` what the answer is divided by, as the original
    does: over each input, or over all of them."""

    name: str
    probes: Callable[[int], Sequence[Probe]] = lambda steps: (Probe(),)
    objective: Objective = "score"
    factor: Literal["path", "embedding", "sign"] = "path"
    baseline: str | None = None
    """The only baseline that it is defined for; None where the caller may choose."""
    steps: int | None = None
    """The default of `n_steps`; None where there is nothing to choose."""
    fixed_steps: int | None = None
    absolute: bool = False
    normalized: Norm = "none"
    per_input: bool = False
    one_at_a_time: bool = False
    """Whether each input goes along its path while the others stay where they are."""
    complete: bool = False
    """Whether the attributions add up to the score's difference from the baseline's."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _method, (self.name,)

    @property
    def curved(self) -> bool:
        """Whether its probes lie on a line that all inputs go along, close together (models/curve.py)."""
        return self.factor == "path" and self.steps is not None and not self.one_at_a_time


NOTHING = Probe(weight=0.0)
"""Looks at the embeddings as they are, and adds nothing; the other at the baseline."""
AT_BLANK = Probe(alpha=0.0, weight=0.0)


@lru_cache(maxsize=256)
def gauss_legendre(steps: int) -> tuple[Probe, ...]:
    """The nodes and weights of the quadrature over [0, 1]."""
    nodes, weights = numpy.polynomial.legendre.leggauss(steps)
    return tuple(Probe((1 + node) / 2, weight / 2) for node, weight in zip(nodes, weights, strict=True))


def left_riemann(steps: int) -> tuple[Probe, ...]:
    return tuple(Probe(step / steps, 1 / steps) for step in range(steps))


def noisy(steps: int) -> tuple[Probe, ...]:
    return tuple(Probe(weight=1 / steps, sample=sample) for sample in range(steps))


METHODS = {
    method.name: method
    for method in (
        Method("integrated_gradients", gauss_legendre, steps=50, complete=True),
        Method("saliency", factor="sign", baseline="zero"),
        Method("input_x_gradient", factor="embedding", baseline="zero"),
        Method("smoothgrad", noisy, factor="sign", baseline="zero", steps=25),
        Method("occlusion"),
        Method(
            "allennlp", left_riemann, "loss", baseline="zero", fixed_steps=10, absolute=True, normalized="l1",
            per_input=True,
        ),
        Method(
            "allennlp_simple", objective="loss", baseline="zero", absolute=True, normalized="l1", per_input=True
        ),
        Method("biome", gauss_legendre, "logit", baseline="zero", steps=50, normalized="l2"),
        Method(
            "biome_pair",
            gauss_legendre,
            "logit",
            baseline="other",
            steps=50,
            normalized="l2",
            per_input=True,
            one_at_a_time=True,
        ),
    )
}  # fmt: skip


def _method(name: str) -> Method:
    return METHODS[name]
