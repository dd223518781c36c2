r"""Inception (notes 4.11; Szegedy et al. 2014, "Going deeper with convolutions").

Instead of one filter size, all of them side by side, their maps stacked channel by channel:

    28x28x192 -> [1x1: 64 | 1x1: 96, 3x3: 128 | 1x1: 16, 5x5: 32 | pool, 1x1: 32] -> 28x28x256

The 1x1 "bottleneck" before the large filters is what makes it cheap: 5x5 over 192 maps to 32 costs
28 28 32 5 5 192 = 120,422,400 multiplications, through 16 maps 2,408,448 + 10,035,200 = 12,443,648.

GoogLeNet (table 1 of the paper) is a stem, nine such modules and two auxiliary heads that feed the
loss from the middle in training: 6,998,552 parameters, 13,378,280 with the heads.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from ngjax.models.layers import BatchNorm, Conv, Dense
from ngjax.ops.activations import relu
from ngjax.ops.dropout import Dropout
from ngjax.ops.initializers import xavier
from ngjax.ops.pool import average_pool, max_pool
from ngjax.types import Array, UserError


class Widths(NamedTuple):
    """Filters of a module's branches."""

    one: int  # 1x1
    three_reduce: int  # 1x1 before the 3x3
    three: int
    five_reduce: int  # 1x1 before the 5x5
    five: int
    pooled: int  # 1x1 behind the pool


MODULES = {  # table 1 of the paper
    "3a": Widths(64, 96, 128, 16, 32, 32),
    "3b": Widths(128, 128, 192, 32, 96, 64),
    "4a": Widths(192, 96, 208, 16, 48, 64),
    "4b": Widths(160, 112, 224, 24, 64, 64),
    "4c": Widths(128, 128, 256, 24, 64, 64),
    "4d": Widths(112, 144, 288, 32, 64, 64),
    "4e": Widths(256, 160, 320, 32, 128, 128),
    "5a": Widths(256, 160, 320, 32, 128, 128),
    "5b": Widths(384, 192, 384, 48, 128, 128),
}
HEADS = {"4a": "aux1", "4d": "aux2"}  # behind which module an auxiliary head stands
HEAD_FILTERS, HEAD_UNITS = 128, 1024
TORCHVISION_EPSILON = 1e-3


class Unit(nn.Module):
    """A convolution and its ReLU; with `batch_norm`, normalised and without bias."""

    filters: int
    kernel: int
    stride: int = 1
    batch_norm: bool = False
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(self, a: Array, train: bool) -> Array:
        """Maps a [B, H, W, C] to [B, H', W', filters], "same" padding."""
        conv = Conv(
            self.filters,
            self.kernel,
            stride=self.stride,
            padding=(self.kernel - 1) // 2,
            use_bias=not self.batch_norm,
            form=self.form,
            dtype=self.dtype,
            name="conv",
        )
        z = conv(a)
        if self.batch_norm:
            z = BatchNorm(epsilon=TORCHVISION_EPSILON, dtype=self.dtype, name="bn")(z, train=train)
        return relu(z)


class Inception(nn.Module):
    """One module: four branches, stacked along the channels.

    Attributes:
        widths: filters of the branches.
        five: side of the "5x5" branch's filter: 5 as in the paper; torchvision's is 3.
        batch_norm: normalise behind every convolution.
        form: how convolutions are computed.
        dtype: type of the computation.
    """

    widths: Widths
    five: int = 5
    batch_norm: bool = False
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(self, a: Array, train: bool = False) -> Array:
        """Maps a [B, H, W, C] to [B, H, W, one + three + five + pooled]."""
        unit = functools.partial(Unit, batch_norm=self.batch_norm, form=self.form, dtype=self.dtype)
        w = self.widths
        branches = (
            unit(w.one, 1, name="one")(a, train),
            unit(w.three, 3, name="three")(
                unit(w.three_reduce, 1, name="three_reduce")(a, train), train
            ),
            unit(w.five, self.five, name="five")(
                unit(w.five_reduce, 1, name="five_reduce")(a, train), train
            ),
            unit(w.pooled, 1, name="pooled")(max_pool(a, 3, 1, padding=1), train),
        )
        return jnp.concatenate(branches, axis=-1)  # [B, H, W, one + three + five + pooled]


class GoogLeNet(nn.Module):
    """Inception v1, of ImageNet's form or small.

    Attributes:
        variant: "2014", the paper's; "torchvision", with batch norm and 3x3 for 5x5, whose weights
            are published; "small", for images of 28 to 64 pixels: a 3x3 stem and modules 3a to 4a.
        classes: outputs K.
        width: factor of all filters but the heads'.
        auxiliary: build the auxiliary heads; their logits are the activations "aux1" and "aux2".
        remat: recompute a module's activations in the backward pass, to save memory.
        form: how convolutions are computed (`ngjax.ops.convolve`).
        dtype: type of the computation.
    """

    variant: str = "2014"
    classes: int = 1000
    width: float = 1.0
    auxiliary: bool = False
    remat: bool = False
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool = False, dropout: Dropout | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, 224, 224, 3] (32 when small) to (logits [B, K], activations by name).

        Raises:
            UserError: no such variant.
        """
        if self.variant not in ("2014", "torchvision", "small"):
            raise UserError(f"GoogLeNet: variant {self.variant!r}: use 2014, torchvision or small")
        small, out = self.variant == "small", {}
        normed = self.variant != "2014"
        unit = functools.partial(Unit, batch_norm=normed, form=self.form, dtype=self.dtype)
        pool = functools.partial(max_pool, window=3, stride=2, padding="SAME")
        if small:
            a = out["conv1"] = unit(self._scaled(64), 3, name="conv1")(x, train)  # [B, 32, 32, 64]
            a = out["pool1"] = pool(a)  # [B, 16, 16, 64]
        else:
            a = out["conv1"] = unit(self._scaled(64), 7, 2, name="conv1")(x, train)
            a = out["pool1"] = pool(a)  # [B, 56, 56, 64]
            a = unit(self._scaled(64), 1, name="conv2_reduce")(a, train)
            a = out["conv2"] = unit(self._scaled(192), 3, name="conv2")(a, train)
            a = out["pool2"] = pool(a)  # [B, 28, 28, 192]
        inception = nn.remat(Inception, static_argnums=(2,)) if self.remat else Inception
        names = ("3a", "3b", "4a") if small else tuple(MODULES)
        for name, following in zip(names, (*names[1:], ""), strict=True):
            module = inception(
                Widths(*map(self._scaled, MODULES[name])),
                five=3 if self.variant == "torchvision" else 5,
                batch_norm=normed,
                form=self.form,
                dtype=self.dtype,
                name=f"inception_{name}",
            )
            a = out[f"inception_{name}"] = module(a, train)
            if self.auxiliary and name in HEADS and not small:
                out[HEADS[name]] = self._head(HEADS[name], a, train, dropout)
            if following and following[0] != name[0]:
                a = out[f"pool{name[0]}"] = pool(a)  # [B, 14, 14, 480], [B, 7, 7, 832]
        a = out["pool"] = a.mean((1, 2))  # [B, 1024]
        a = a if dropout is None else dropout(0, a)
        out["fc"] = Dense(self.classes, kernel_init=xavier(), dtype=self.dtype, name="fc")(a)
        return out["fc"], out

    def _scaled(self, filters: int) -> int:
        return max(1, round(self.width * filters))

    def _head(self, name: str, a: Array, train: bool, dropout: Dropout | None) -> Array:
        """An auxiliary classifier on a [B, 14, 14, C]: pool to 4x4, 1x1, two full connections."""
        normed = self.variant != "2014"
        unit = functools.partial(Unit, batch_norm=normed, form=self.form, dtype=self.dtype)
        a = average_pool(a, 5, 3)  # [B, 4, 4, C]
        a = unit(HEAD_FILTERS, 1, name=f"{name}_conv")(a, train)
        a = a.reshape(a.shape[0], -1)  # [B, 2048]
        a = relu(Dense(HEAD_UNITS, dtype=self.dtype, name=f"{name}_fc1")(a))
        a = a if dropout is None else dropout(int(name[-1]), a)
        head = Dense(self.classes, kernel_init=xavier(), dtype=self.dtype, name=f"{name}_fc2")
        return head(a)  # [B, K]
