r"""A classifier that slides: dense layers are convolutions, so it runs on a picture of any size.

    14x14x3 -> CONV 5x5, 16 -> 10x10x16 -> POOL -> 5x5x16 -> FC 400 -> FC 400 -> softmax 4
    16x16x3 ->                 12x12x16 ->         6x6x16 ->   2x2x400  -> 2x2x400 -> 2x2x4

Notes 4.13.4; Sermanet et al. 2014 (OverFeat). A dense layer on a map of n x n x C is a convolution
with filters of n x n x C, and the next one a convolution of 1x1: the same numbers, laid out anew.
Each place of the result is the answer to one window, the pool's stride, 2, apart.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ngjax.models.layers import Conv, Dense
from ngjax.ops.activations import relu
from ngjax.ops.convolve import output_size
from ngjax.ops.initializers import xavier
from ngjax.ops.pool import max_pool
from ngjax.types import Array, Params, UserError

FILTER, POOL = 5, 2  # sides; windows are POOL apart
DENSE = ("fc1", "fc2", "softmax")


class Sliding(nn.Module):
    """The notes' classifier of windows.

    Attributes:
        classes: K.
        window: side of a window; window - 4 must be even.
        filters: of the convolution.
        units: of either dense layer.
        slides: false: dense layers, for pictures of the window's size; true: the same as
            convolutions, for larger ones.
        dtype: type of the computation.
    """

    classes: int = 4
    window: int = 14
    filters: int = 16
    units: int = 400
    slides: bool = False
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, dict[str, Array]]:
        """Maps pictures [B, H, W, C] to (z [B, K], or [B, H', W', K] if it slides; activations).

        Raises:
            UserError: a picture smaller than the window, or not of its size where it cannot slide.
        """
        n = map_side(self.window)
        if min(x.shape[1:3]) < self.window or not (self.slides or x.shape[1] == self.window):
            raise UserError(f"sliding windows: {x.shape[1:3]} for windows of {self.window}")
        out = {}
        out["conv1"] = relu(Conv(self.filters, FILTER, padding="VALID", name="conv1")(x))
        a = out["pool1"] = max_pool(out["conv1"], POOL)  # [B, h, w, F]
        a = a if self.slides else a.reshape(len(a), -1)  # [B, n n F]
        for number, (name, units) in enumerate(
            zip(DENSE, (self.units, self.units, self.classes), strict=True)
        ):
            start = {"kernel_init": xavier()} if name == "softmax" else {}
            side = n if number == 0 else 1
            layer = (
                Conv(units, side, padding="VALID", name=name, dtype=self.dtype, **start)
                if self.slides
                else Dense(units, name=name, dtype=self.dtype, **start)
            )
            z = layer(a)
            a = out[name] = z if name == "softmax" else relu(z)
        return a, out


def map_side(window: int) -> int:
    """Side of the map that the first dense layer reads.

    Raises:
        UserError: a window whose map the pool does not divide.
    """
    side = output_size(window, FILTER)
    if side % POOL:
        raise UserError(f"sliding windows: a window of {window}: use an even side")
    return side // POOL


def as_convolutions(params: Params, window: int) -> Params:
    """Weights of the dense layers laid out as filters: n x n for the first, then 1 x 1."""
    n = map_side(window)
    changed = dict(params)
    for name in DENSE:
        kernel = params[name]["kernel"]
        side = n if name == DENSE[0] else 1
        shape = (side, side, kernel.shape[0] // side**2, kernel.shape[1])
        changed[name] = {**params[name], "kernel": kernel.reshape(shape)}
    return changed


def windows(n: int, window: int, stride: int) -> int:
    """Windows in a picture of n x n at one scale, floor((n - w) / s + 1)^2 (notes 4.13.3)."""
    return output_size(n, window, stride=stride) ** 2


def crops(image: Array, window: int, stride: int = POOL) -> Array:
    """Every window of a picture [H, W, C], row by row: [H', W', window, window, C]."""
    H, W = image.shape[:2]
    rows, columns = (stride * jnp.arange(output_size(n, window, stride=stride)) for n in (H, W))

    def cut(top: Array, left: Array) -> Array:
        zero = jnp.zeros_like(top)
        return jax.lax.dynamic_slice(image, (top, left, zero), (window, window, image.shape[2]))

    return jax.vmap(lambda top: jax.vmap(lambda left: cut(top, left))(columns))(rows)


def multiplications(module: Sliding, height: int, width: int, channels: int = 3) -> int:
    """Of one forward pass over a picture."""
    n = map_side(module.window)
    h, w = (output_size(side, FILTER) for side in (height, width))
    first = h * w * FILTER**2 * channels * module.filters
    rows, columns = (output_size(side // POOL, n) for side in (h, w))
    each = n**2 * module.filters * module.units + module.units**2 + module.units * module.classes
    return first + rows * columns * each
