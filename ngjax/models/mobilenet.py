r"""MobileNet v1 (Howard et al. 2017; not in the notes: its weights serve notes 4.12).

A full convolution taken apart: a 3x3 filter for every channel ("depthwise"), then 1x1 over the
channels ("pointwise"). With F filters on C channels that is 9 C + C F numbers instead of 9 C F.

    224x224x3 -> CONV 3x3 s2 32 -> 13 x (depthwise 3x3, pointwise 1x1) -> 7x7x1024 -> mean -> 1000

4,231,976 parameters. Parts are named as in the weights that Google published: conv1, conv_dw_1,
conv_pw_1, ... each with its batch normalisation ("_bn", epsilon 0.001) and ReLU6.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from ngjax.models.layers import BatchNorm, Conv, Dense, DepthwiseConv
from ngjax.ops.initializers import xavier
from ngjax.types import Array, UserError

BLOCKS = (  # (filters of the pointwise convolution, stride of the depthwise one)
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)
EPSILON = 1e-3


def relu6(z: Array) -> Array:
    """min(max(0, z), 6)."""
    return jnp.clip(z, 0, 6)


class MobileNet(nn.Module):
    """MobileNet v1, or its first blocks as a feature extractor.

    Attributes:
        classes: outputs K; 0: no head, the outputs are the features [B, C].
        width: factor of all filters (the paper's alpha).
        blocks: how many of the 13.
        frozen: of the first so many blocks nothing learns: no gradient is computed below them.
        momentum: of the moving statistics.
        form: how convolutions are computed (`ngjax.ops.convolve`).
        dtype: type of the computation.
    """

    classes: int = 1000
    width: float = 1.0
    blocks: int = len(BLOCKS)
    frozen: int = 0
    momentum: float = 0.9
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, H, W, 3] in [-1, 1] to (logits [B, K], activations by name).

        Raises:
            UserError: more blocks than there are.
        """
        if not 1 <= self.blocks <= len(BLOCKS):
            raise UserError(f"MobileNet: blocks {self.blocks}: use 1 to {len(BLOCKS)}")
        out: dict[str, Array] = {}

        def normed(name: str, z: Array) -> Array:
            norm = BatchNorm(
                momentum=self.momentum, epsilon=EPSILON, dtype=self.dtype, name=f"{name}_bn"
            )
            out[name] = relu6(norm(z, train=train))
            return out[name]

        def conv(filters: int, side: int, stride: int, name: str) -> Conv:
            return Conv(
                max(1, round(self.width * filters)),
                side,
                stride=stride,
                use_bias=False,
                form=self.form,
                dtype=self.dtype,
                name=name,
            )

        a = normed("conv1", conv(32, 3, 2, "conv1")(x))  # [B, 112, 112, 32]
        for block, (filters, stride) in enumerate(BLOCKS[: self.blocks], 1):
            name = f"conv_dw_{block}"
            a = normed(name, DepthwiseConv(stride=stride, dtype=self.dtype, name=name)(a))
            name = f"conv_pw_{block}"
            a = normed(name, conv(filters, 1, 1, name)(a))  # [B, 112, 112, 64] ... [B, 7, 7, 1024]
            a = lax.stop_gradient(a) if block == self.frozen else a
        a = out["pool"] = a.mean((1, 2))  # [B, 1024]
        if not self.classes:
            return a, out
        out["fc"] = Dense(self.classes, kernel_init=xavier(), dtype=self.dtype, name="fc")(a)
        return out["fc"], out
