r"""The forms of a convolution: equal to rounding, unequal in speed (`ngjax.ops.convolve` chooses).

    lax        the compiler's convolution; the only one for GPU and TPU
    matmul     1x1 filters: a matrix product over the channels
    im2col     every patch a row, one matrix product; for small patches and few filters
    toeplitz   every row of the image times a banded matrix; for large filters on small maps
    canonical  lax forward, both gradients written as NHWC/HWIO convolutions

Every form takes (x [B, H, W, C], kernel [f_H, f_W, C, F], stride, windows, dilation) and gives
[B, H', W', F]. All but canonical allow forward-mode differentiation (jvp).
"""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ngjax.types import Array, UserError

LAYOUT = ("NHWC", "HWIO", "NHWC")


class Window(NamedTuple):
    """How a filter slides along one side of an image."""

    low: int  # zeros before
    high: int  # zeros after
    size: int  # places at which the filter stops: the output's side


Windows = tuple[Window, Window]  # along H, along W


def _lax(x: Array, kernel: Array, stride: int, windows: Windows, dilation: int) -> Array:
    zeros = [(side.low, side.high) for side in windows]
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        zeros,
        rhs_dilation=(dilation, dilation),
        dimension_numbers=LAYOUT,
    )  # [B, H', W', F]


def _pad(x: Array, windows: Windows) -> Array:
    return jnp.pad(x, ((0, 0), *((side.low, side.high) for side in windows), (0, 0)))


def _matmul(x: Array, kernel: Array, stride: int, windows: Windows, dilation: int) -> Array:
    del dilation  # one number has no gaps
    if kernel.shape[:2] != (1, 1):
        raise UserError(f"convolution: form matmul needs a 1x1 filter, got {kernel.shape[:2]}")
    return _pad(x, windows)[:, ::stride, ::stride] @ kernel[0, 0]  # [B, H', W', F]


def _im2col(x: Array, kernel: Array, stride: int, windows: Windows, dilation: int) -> Array:
    x = _pad(x, windows)
    height, width = (stride * (side.size - 1) + 1 for side in windows)
    corners = [
        x[:, u : u + height : stride, v : v + width : stride]
        for u in range(0, dilation * kernel.shape[0], dilation)
        for v in range(0, dilation * kernel.shape[1], dilation)
    ]
    patches = jnp.concatenate(corners, axis=-1)  # [B, H', W', f_H f_W C]
    return patches @ kernel.reshape(-1, kernel.shape[-1])  # [B, H', W', F]


def _toeplitz(x: Array, kernel: Array, stride: int, windows: Windows, dilation: int) -> Array:
    f_H, f_W, C, F = kernel.shape
    x = _pad(x, windows)
    B, _, W, _ = x.shape
    rows, columns = (side.size for side in windows)
    x = x.reshape(B, -1, W * C)  # [B, H, W C]
    reach = stride * (rows - 1) + 1
    bands = [x[:, u : u + reach : stride] for u in range(0, dilation * f_H, dilation)]
    bands = jnp.concatenate(bands, axis=-1)  # [B, H', f_H W C]
    # place[v, w, j] = 1 where tap v of the filter at output column j meets input column w
    taps, inputs, outputs = np.ogrid[:f_W, :W, :columns]
    place = jnp.asarray(inputs == outputs * stride + taps * dilation, kernel.dtype)
    banded = jnp.einsum("uvcf,vwj->uwcjf", kernel, place, precision="highest")
    banded = banded.reshape(f_H * W * C, columns * F)
    return (bands @ banded).reshape(B, rows, columns, F)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _canonical(x: Array, kernel: Array, stride: int, windows: Windows, dilation: int) -> Array:
    return _lax(x, kernel, stride, windows, dilation)


def _canonical_forward(
    x: Array, kernel: Array, stride: int, windows: Windows, dilation: int
) -> tuple[Array, tuple[Array, Array]]:
    return _lax(x, kernel, stride, windows, dilation), (x, kernel)


def _canonical_backward(
    stride: int, windows: Windows, dilation: int, saved: tuple[Array, Array], dy: Array
) -> tuple[Array, Array]:
    # Zeros are asked for in the window (negative: cropped), never by a pad: that is 2 to 3 times
    # slower. `reach` is how far dy extends once its rows are `stride` apart.
    x, kernel = saved
    dx_zeros, dw_zeros = [], []
    for side, n, f in zip(windows, x.shape[1:3], kernel.shape[:2], strict=True):
        reach = stride * (side.size - 1) + 1
        last = dilation * (f - 1)  # from the filter's first number to its last
        dx_zeros.append((last - side.low, n + side.low - reach))
        dw_zeros.append((side.low, reach + last - n - side.low))
    dx = lax.conv_general_dilated(
        dy,
        kernel[::-1, ::-1].transpose(0, 1, 3, 2),  # [f_H, f_W, F, C]
        (1, 1),
        dx_zeros,
        lhs_dilation=(stride, stride),
        rhs_dilation=(dilation, dilation),
        dimension_numbers=LAYOUT,
    )  # [B, H, W, C]
    dw = lax.conv_general_dilated(
        x.transpose(3, 1, 2, 0),  # [C, H, W, B]: the batch is what is summed over
        dy.transpose(1, 2, 0, 3),  # [H', W', B, F]
        (dilation, dilation),
        dw_zeros,
        rhs_dilation=(stride, stride),
        dimension_numbers=LAYOUT,
    )  # [C, f_H, f_W, F]
    return dx, dw.transpose(1, 2, 0, 3)


_canonical.defvjp(_canonical_forward, _canonical_backward)

FORMS = MappingProxyType(
    {
        "lax": _lax,
        "matmul": _matmul,
        "im2col": _im2col,
        "toeplitz": _toeplitz,
        "canonical": _canonical,
    }
)
