r"""LeNet-5 (notes 4.4 and 4.6; LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning").

    32x32 -> CONV 5x5 -> 28x28 -> POOL 14x14 -> CONV 5x5 -> 10x10 -> POOL 5x5 -> 120 -> 84 -> 10

Two variants, each with the names of its own figure:

    1998    32x32x1, 6 and 16 maps, average pooling, tanh       61,706 parameters
    notes   32x32x3, 8 and 16 maps, max pooling, ReLU           62,958 parameters

The paper has 60,000 parameters. Its C3 maps read 3 to 6 of the S2 maps each (1,516; here every map
reads all six, 2,416), its pooling has a trainable slope and bias (12 and 32; here none), its tanh
is scaled, 1.7159 tanh(2z/3), and its output is a distance to fixed codes (here a linear layer). The
notes name ReLU for 1998, which the paper does not have, and their table miscounts the parameters:
it forgets input channels and biases (208, 416, 48001, 10081, 841).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import flax.linen as nn

from ngjax.models.layers import Conv, Dense
from ngjax.ops.activations import relu, tanh
from ngjax.ops.initializers import Initializer, he, xavier
from ngjax.ops.pool import average_pool, max_pool
from ngjax.types import Array, UserError

SIDE = 32  # the one size whose maps shrink to 5x5


@dataclasses.dataclass(frozen=True)
class Variant:
    """What tells one LeNet-5 from another."""

    names: tuple[str, ...]  # of the seven parts, input to output
    filters: tuple[int, int]
    pool: Callable[[Array], Array]
    activation: Callable[[Array], Array]
    kernel_init: Initializer  # of the layers that the activation follows


VARIANTS = MappingProxyType(
    {
        "1998": Variant(
            ("c1", "s2", "c3", "s4", "c5", "f6", "output"), (6, 16), average_pool, tanh, xavier()
        ),
        "notes": Variant(
            ("conv1", "pool1", "conv2", "pool2", "fc3", "fc4", "softmax"),
            (8, 16),
            max_pool,
            relu,
            he(),
        ),
    }
)


class LeNet5(nn.Module):
    """LeNet-5: two convolutions, each pooled, and three full connections.

    Attributes:
        variant: "1998" or "notes".
        classes: outputs K.
        form: how convolutions are computed (`ngjax.ops.convolve`).
        dtype: type of the computation.
    """

    variant: str = "1998"
    classes: int = 10
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, 32, 32, C] to (logits [B, K], activations by the names of the figure).

        Raises:
            UserError: no such variant, or images of another side.
        """
        if self.variant not in VARIANTS:
            raise UserError(f"LeNet-5: variant {self.variant!r}: use {' or '.join(VARIANTS)}")
        if x.ndim != 4 or x.shape[1:3] != (SIDE, SIDE):
            raise UserError(f"LeNet-5: images must be [B, 32, 32, C], got {x.shape}; pad or resize")
        variant = VARIANTS[self.variant]
        c1, s2, c3, s4, c5, f6, output = variant.names
        g, out = variant.activation, {}
        start = {"kernel_init": variant.kernel_init, "dtype": self.dtype}
        first, second = variant.filters

        def conv(filters: int, name: str) -> Conv:
            return Conv(filters, 5, padding="VALID", form=self.form, name=name, **start)

        out[c1] = g(conv(first, c1)(x))  # [B, 28, 28, 6 or 8]
        out[s2] = variant.pool(out[c1])  # [B, 14, 14, 6 or 8]
        out[c3] = g(conv(second, c3)(out[s2]))  # [B, 10, 10, 16]
        out[s4] = variant.pool(out[c3])  # [B, 5, 5, 16]
        flat = out[s4].reshape(x.shape[0], -1)  # [B, 400]
        out[c5] = g(Dense(120, name=c5, **start)(flat))  # [B, 120]
        out[f6] = g(Dense(84, name=f6, **start)(out[c5]))  # [B, 84]
        last = Dense(self.classes, kernel_init=xavier(), dtype=self.dtype, name=output)
        out[output] = last(out[f6])  # [B, K]
        return out[output], out
