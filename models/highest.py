"""The highest along a dimension.

Its slope is the first's of those that rounding alone tells apart. Two words that are the same are matched equally well,
up to rounding, which is another in each size of batch; torch's `max` gives the slope to either, as it comes.
"""

import torch
from torch import Tensor

ROUNDING = 1e-6
"""What sums in float32 may be off by, as a share of their terms."""


def highest(values: Tensor, dim: int, rounding: float = ROUNDING) -> Tensor:
    """As `amax`, for terms around 1; with slopes where values have them. What is no number stays none."""
    most = values.amax(dim, keepdim=True)
    if not values.requires_grad:
        return most.squeeze(dim)
    as_high = values >= most - rounding * most.abs().clamp(min=1.0)
    found = values.gather(dim, as_high.max(dim, keepdim=True)[1])
    return torch.where(most.isnan(), most, found).squeeze(dim)
