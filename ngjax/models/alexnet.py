r"""AlexNet (notes 4.7; Krizhevsky, Sutskever & Hinton 2012, "ImageNet classification").

    227x227x3 -> CONV 11x11 s4 -> 55x55x96 -> POOL 27 -> CONV 5x5 -> 27x27x256 -> POOL 13
      -> CONV 3x3 384 -> CONV 3x3 384 -> CONV 3x3 256 -> POOL 6x6x256 = 9216 -> 4096 -> 4096 -> 1000

    2012            62,378,344 parameters; 60,965,224 with the paper's two groups
    2014            61,100,840; Krizhevsky's "one weird trick" network, which torchvision publishes
    small           for images of 28 to 64 pixels

The paper says 224x224, from which an 11x11 filter at stride 4 does not give 55; the notes' 227 is
right. On two GPUs the second, fourth and fifth convolution saw half the maps each: `groups=2`.
That changed the network, for fewer wires between them. `SPLIT` changes nothing but where weights
lie: a device has half the units of fc6, and of fc7 the weights that leave them. Their sum is the
one thing that goes between the two in a forward pass.
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import Any

import flax.linen as nn

from ngjax.models.layers import Conv, Dense
from ngjax.ops.activations import ACTIVATIONS
from ngjax.ops.dropout import Dropout
from ngjax.ops.initializers import xavier
from ngjax.ops.local_response import local_response_normalise
from ngjax.ops.pool import max_pool
from ngjax.types import Array, UserError


@dataclasses.dataclass(frozen=True)
class Variant:
    """What tells one AlexNet from another."""

    filters: tuple[int, int, int, int, int]
    first: tuple[int, int, str | int]  # side, stride and padding of conv1
    second: int  # side of conv2's filters
    units: int  # of fc6 and fc7


VARIANTS = MappingProxyType(
    {
        "2012": Variant((96, 256, 384, 384, 256), (11, 4, "VALID"), 5, 4096),
        "2014": Variant((64, 192, 384, 256, 256), (11, 4, 2), 5, 4096),
        "small": Variant((32, 64, 96, 96, 64), (5, 1, "SAME"), 5, 128),
    }
)
POOLED = (1, 2, 5)  # convolutions that a 3x3 pool of stride 2 follows
NORMALISED = (1, 2)  # and a local response normalisation before it, where that is asked for
SPLIT = MappingProxyType({"fc6/kernel": 1, "fc6/bias": 0, "fc7/kernel": 0})  # `Task.split`
GROUPED = (2, 4, 5)  # convolutions that saw one GPU's maps alone


class AlexNet(nn.Module):
    """Five convolutions and three full connections, ReLU, dropout.

    Attributes:
        variant: "2012", "2014" or "small".
        classes: outputs K.
        width: factor of all filters and units.
        groups: 2 splits the maps as over the paper's two GPUs.
        activation: of all layers: "relu", or "tanh", which the paper compares with it.
        response_norm: local response normalisation after conv1 and conv2, as in the paper.
        form: how convolutions are computed (`ngjax.ops.convolve`).
        dtype: type of the computation.
    """

    variant: str = "2012"
    classes: int = 1000
    width: float = 1.0
    groups: int = 1
    activation: str = "relu"
    response_norm: bool = False
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool = False, dropout: Dropout | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, 227, 227, 3] (224 in "2014") to (logits [B, K], activations by name).

        Raises:
            UserError: no such variant.
        """
        del train  # nothing in it knows training but dropout
        if self.variant not in VARIANTS:
            raise UserError(f"AlexNet: variant {self.variant!r}: use {', '.join(VARIANTS)}")
        variant, out, g = VARIANTS[self.variant], {}, ACTIVATIONS[self.activation][0]
        side, stride, padding = variant.first
        sides = {1: (side, stride, padding), 2: (variant.second, 1, "SAME")}
        a = x

        def scaled(count: int) -> int:
            return self.groups * max(1, round(self.width * count / self.groups))

        for layer, filters in enumerate(variant.filters, 1):
            side, stride, padding = sides.get(layer, (3, 1, "SAME"))
            conv = Conv(
                scaled(filters),
                side,
                stride=stride,
                padding=padding,
                groups=self.groups if layer in GROUPED else 1,
                form=self.form,
                dtype=self.dtype,
                name=f"conv{layer}",
            )
            a = out[f"conv{layer}"] = g(conv(a))  # [B, 55, 55, 96] ... [B, 13, 13, 256]
            if self.response_norm and layer in NORMALISED:
                a = out[f"norm{layer}"] = local_response_normalise(a)
            if layer in POOLED:
                a = out[f"pool{layer}"] = max_pool(a, 3, 2)  # [B, 27, 27, 96] ... [B, 6, 6, 256]
        a = a.reshape(a.shape[0], -1)  # [B, 9216]
        for layer in (6, 7):
            a = a if dropout is None else dropout(layer, a)
            dense = Dense(scaled(variant.units), dtype=self.dtype, name=f"fc{layer}")
            a = out[f"fc{layer}"] = g(dense(a))  # [B, 4096]
        head = Dense(self.classes, kernel_init=xavier(), dtype=self.dtype, name="fc8")
        out["fc8"] = head(a)  # [B, K]
        return out["fc8"], out
