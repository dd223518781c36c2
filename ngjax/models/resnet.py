r"""Residual networks (notes 4.9; He, Zhang, Ren & Sun 2015, "Deep residual learning").

    a[l+2] = g(z[l+2] + a[l]),      or g(z[l+2] + W_s a[l]) where the shapes differ

For ImageNet (table 1 of the paper): a 7x7 convolution, a pool and four stages of blocks, basic (two
3x3) or bottleneck (1x1, 3x3, 1x1). For CIFAR (section 4.2): a 3x3 convolution and three stages of n
basic blocks with 16, 32 and 64 filters, 6n + 2 layers; its shortcuts have no parameters: every
second place, zeros for the new channels (option A).

    18: 11,689,512   34: 21,797,672   50: 25,557,032   101: 44,549,160   152: 60,192,808
    CIFAR 20: 269,722   32: 464,154   44: 658,586   56: 853,018   110: 1,727,962

`shortcut=False` is the plain network of the same depth. A block whose last gamma is zero is the
identity of a >= 0: `zero_start=True` begins there (Goyal et al. 2017).
(The notes print a[l+1] on both sides of the step and leave W_s out.)
"""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from ngjax.models.layers import BatchNorm, Conv, Dense
from ngjax.ops.activations import relu, relu_of_sum
from ngjax.ops.initializers import xavier
from ngjax.ops.pool import max_pool
from ngjax.types import Array, UserError

STAGES = MappingProxyType(  # depth -> (bottleneck?, blocks of each stage)
    {
        18: (False, (2, 2, 2, 2)),
        34: (False, (3, 4, 6, 3)),
        50: (True, (3, 4, 6, 3)),
        101: (True, (3, 4, 23, 3)),
        152: (True, (3, 8, 36, 3)),
    }
)
EXPANSION = 4  # a bottleneck's output has so many times the filters of its 3x3 convolution
FILTERS, SMALL_FILTERS = (64, 128, 256, 512), (16, 32, 64)


class Block(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1, each normalised, and the shortcut around them.

    Attributes:
        filters: of the 3x3 convolutions.
        stride: of the block.
        bottleneck: which of the two.
        stride_first: a bottleneck's stride is at its first 1x1 (the paper, Keras), not at the 3x3
            (torchvision).
        shortcut: False leaves the sum out.
        projection: where shapes differ, a 1x1 convolution W_s (option B); else option A.
        zero_start: the last gamma starts at zero.
        form: how convolutions are computed.
        dtype: type of the computation.
    """

    filters: int
    stride: int = 1
    bottleneck: bool = False
    stride_first: bool = False
    shortcut: bool = True
    projection: bool = True
    zero_start: bool = False
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(self, a: Array, train: bool) -> Array:
        """Maps a [B, H, W, C] to [B, H / stride, W / stride, filters (times four)]."""
        conv = functools.partial(Conv, use_bias=False, form=self.form, dtype=self.dtype)
        norm = functools.partial(BatchNorm, dtype=self.dtype)
        zeros, ones = nn.initializers.zeros, nn.initializers.ones
        plan = ((3, self.filters, self.stride), (3, self.filters, 1))
        if self.bottleneck:
            first, second = (self.stride, 1) if self.stride_first else (1, self.stride)
            plan = (
                (1, self.filters, first),
                (3, self.filters, second),
                (1, EXPANSION * self.filters, 1),
            )
        z = a
        for layer, (side, filters, stride) in enumerate(plan, 1):
            last = layer == len(plan)
            padding = (side - 1) // 2  # the paper's and torchvision's, also at stride 2
            z = conv(filters, side, stride=stride, padding=padding, name=f"conv{layer}")(z)
            start = zeros if last and self.zero_start else ones
            z = norm(scale_init=start, name=f"bn{layer}")(z, train=train)
            z = z if last else relu(z)
        if not self.shortcut:
            return relu(z)
        if a.shape != z.shape and self.projection:
            a = conv(z.shape[-1], 1, stride=self.stride, padding=0, name="proj")(a)
            a = norm(name="proj_bn")(a, train=train)
        elif a.shape != z.shape:
            a = a[:, :: self.stride, :: self.stride]  # [B, H / stride, W / stride, C]
            more = z.shape[-1] - a.shape[-1]
            a = jnp.pad(a, ((0, 0), (0, 0), (0, 0), (more // 2, more - more // 2)))
        return relu_of_sum(z, a)


class ResNet(nn.Module):
    """Residual network, of ImageNet's form (18 ... 152) or CIFAR's (6n + 2).

    Attributes:
        depth: layers: 18, 34, 50, 101, 152, or 6n + 2 with `small`.
        classes: outputs K.
        small: the CIFAR form, for images of 28 to 64 pixels.
        width: factor of all filters.
        shortcut: False: the plain network.
        stride_first: where a bottleneck's stride is; see `Block`.
        zero_start: the last gamma of every block starts at zero.
        remat: recompute a block's activations in the backward pass, to save memory.
        form: how convolutions are computed (`ngjax.ops.convolve`).
        dtype: type of the computation.
    """

    depth: int = 50
    classes: int = 1000
    small: bool = False
    width: float = 1.0
    shortcut: bool = True
    stride_first: bool = False
    zero_start: bool = False
    remat: bool = False
    form: str = "auto"
    dtype: Any = None

    def stages(self) -> tuple[bool, tuple[tuple[int, int], ...]]:
        """(bottleneck?, (blocks, filters) of each stage).

        Raises:
            UserError: no such depth.
        """
        if self.small:
            if self.depth < 8 or (self.depth - 2) % 6:
                raise UserError(
                    f"ResNet: a small one has 6n + 2 layers, 8, 14, 20; not {self.depth}"
                )
            bottleneck, blocks, filters = False, ((self.depth - 2) // 6,) * 3, SMALL_FILTERS
        elif self.depth in STAGES:
            (bottleneck, blocks), filters = STAGES[self.depth], FILTERS
        else:
            raise UserError(f"ResNet: depth {self.depth}: use {', '.join(map(str, STAGES))}")
        widths = (max(1, round(self.width * f)) for f in filters)
        return bottleneck, tuple(zip(blocks, widths, strict=True))

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, 224, 224, 3] (32 when small) to (logits [B, K], activations by name).

        Raises:
            UserError: no such depth.
        """
        bottleneck, stages = self.stages()
        out: dict[str, Array] = {}
        side, stride = (3, 1) if self.small else (7, 2)
        first = Conv(
            stages[0][1],
            side,
            stride=stride,
            padding=(side - 1) // 2,
            use_bias=False,
            form=self.form,
            dtype=self.dtype,
            name="conv1",
        )
        z = BatchNorm(dtype=self.dtype, name="bn1")(first(x), train=train)
        a = out["conv1"] = relu(z)  # [B, 112, 112, 64]
        if not self.small:
            a = out["pool1"] = max_pool(a, 3, 2, padding=1)  # [B, 56, 56, 64]
        block = nn.remat(Block, static_argnums=(2,)) if self.remat else Block
        for stage, (blocks, filters) in enumerate(stages, 1):
            for number in range(1, blocks + 1):
                name = f"stage{stage}_block{number}"
                a = out[name] = block(
                    filters,
                    stride=2 if stage > 1 and number == 1 else 1,
                    bottleneck=bottleneck,
                    shortcut=self.shortcut,
                    stride_first=self.stride_first,
                    projection=not self.small,
                    zero_start=self.zero_start,
                    form=self.form,
                    dtype=self.dtype,
                    name=name,
                )(a, train)  # [B, 56, 56, 64] ... [B, 7, 7, 2048]
        a = out["pool"] = a.mean((1, 2))  # [B, 2048]
        out["fc"] = Dense(self.classes, kernel_init=xavier(), dtype=self.dtype, name="fc")(a)
        return out["fc"], out
