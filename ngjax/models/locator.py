r"""A ConvNet that answers with numbers: where something is, not only what (notes 4.13.1-2).

    image -> CONV 5x5, s = 2 -> CONV 3x3, s = 2 -> ... -> CONV 3x3 -> FC -> y

Strides and no pooling: max pooling forgets where in its window the largest number stood, which is
just what is asked for. The last layer is linear; what its numbers mean is the loss's affair.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn

from ngjax.models.layers import BatchNorm, Conv, Dense
from ngjax.ops.activations import relu
from ngjax.ops.initializers import xavier
from ngjax.types import Array


class Locator(nn.Module):
    """Convolutions, each halving the sides but for the last, one hidden layer and the answer.

    Attributes:
        outputs: numbers of the answer.
        filters: of the convolutions, first to last; the first is 5x5, the others 3x3.
        units: of the hidden layer.
        normalise: batch normalisation behind each convolution (`train` must then be said).
        dtype: type of the computation.
    """

    outputs: int
    filters: tuple[int, ...] = (16, 32, 32)
    units: int = 128
    normalise: bool = False
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, H, W, C] to (answers [B, outputs], activations by name)."""
        a, out = x, {}
        for n, filters in enumerate(self.filters, 1):
            side = 5 if n == 1 else 3
            bias = not self.normalise
            name = f"conv{n}"
            stride = 1 if n == len(self.filters) else 2
            layer = Conv(filters, side, stride=stride, use_bias=bias, dtype=self.dtype, name=name)
            a = layer(a)  # [B, H / 2^n, W / 2^n, filters]
            if self.normalise:
                a = BatchNorm(dtype=self.dtype, name=f"bn{n}")(a, train=train)
            a = out[name] = relu(a)
        a = a.reshape(len(a), -1)
        a = out["fc"] = relu(Dense(self.units, dtype=self.dtype, name="fc")(a))  # [B, units]
        last = Dense(self.outputs, kernel_init=xavier(), dtype=self.dtype, name="y")
        out["y"] = last(a)  # [B, outputs]
        return out["y"], out
