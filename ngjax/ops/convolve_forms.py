r"""The forms of a convolution: equal to rounding, unequal in speed (`ngjax.ops.convolve` chooses).

    lax        the compiler's convolution; the only one for GPU and TPU
    matmul     1x1 filters: a matrix product over the channels
    im2col     every patch a row, one matrix product; for small patches and few filters
    toeplitz   every row of the image times a banded matrix; for large filters on small maps
    canonical  lax forward, both gradients written as NHWC/HWIO convolutions
    spread     the same, out of reach of the compiler's slower kernels

Every form takes (x [B, H, W, C], kernel [f_H, f_W, C, F], stride, windows, dilation) and gives
[B, H', W', F]. All but canonical and spread allow forward-mode differentiation (jvp).

Why spread: XLA:CPU (jaxlib 0.10.2) hands most convolutions of more than 16 channels to YNNPACK. On
two cores that takes 1.2 to 1.8 times as long as Eigen at stride 1 and, at the gradient of the
filters, whose window is as large as the image, 1.8 to 2.9 times (the layers of ResNet-20). It
leaves alone those with gaps in the image. So columns are set two apart, in image, filter and stride
alike: every product and sum is the same. `python -m benchmarks.probes` says whether it still pays.
"""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ngjax.ops.product import product
from ngjax.types import Array, UserError

LAYOUT = ("NHWC", "HWIO", "NHWC")
FEW_CHANNELS = 16  # with no more of either, XLA:CPU leaves a convolution to Eigen by itself


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
    return product(_pad(x, windows)[:, ::stride, ::stride], kernel[0, 0])  # [B, H', W', F]


def _im2col(x: Array, kernel: Array, stride: int, windows: Windows, dilation: int) -> Array:
    x = _pad(x, windows)
    height, width = (stride * (side.size - 1) + 1 for side in windows)
    corners = [
        x[:, u : u + height : stride, v : v + width : stride]
        for u in range(0, dilation * kernel.shape[0], dilation)
        for v in range(0, dilation * kernel.shape[1], dilation)
    ]
    patches = jnp.concatenate(corners, axis=-1)  # [B, H', W', f_H f_W C]
    return product(patches, kernel.reshape(-1, kernel.shape[-1]))  # [B, H', W', F]


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
    return product(bands, banded).reshape(B, rows, columns, F)


def _slide(
    x: Array,
    kernel: Array,
    stride: int,
    zeros: list[tuple[int, int]],
    image_gaps: int,
    filter_gaps: int,
    apart: bool,
) -> Array:
    """One convolution; `apart` sets its columns two apart where YNNPACK would take it."""
    C, F = x.shape[3], kernel.shape[3]
    taken = min(C, F) >= FEW_CHANNELS and max(C, F) > FEW_CHANNELS  # Eigen is slow at fewer
    columns = 2 if apart and taken and image_gaps == 1 else 1
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, columns * stride),
        [zeros[0], (columns * zeros[1][0], columns * zeros[1][1])],
        lhs_dilation=(image_gaps, columns * image_gaps),
        rhs_dilation=(filter_gaps, columns * filter_gaps),
        dimension_numbers=LAYOUT,
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4, 5))
def _written(
    x: Array, kernel: Array, stride: int, windows: Windows, dilation: int, apart: bool
) -> Array:
    zeros = [(side.low, side.high) for side in windows]
    return _slide(x, kernel, stride, zeros, 1, dilation, apart)  # [B, H', W', F]


def _written_forward(
    x: Array, kernel: Array, stride: int, windows: Windows, dilation: int, apart: bool
) -> tuple[Array, tuple[Array, Array]]:
    return _written(x, kernel, stride, windows, dilation, apart), (x, kernel)


def _written_backward(
    stride: int,
    windows: Windows,
    dilation: int,
    apart: bool,
    saved: tuple[Array, Array],
    dy: Array,
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
    turned = kernel[::-1, ::-1].transpose(0, 1, 3, 2)  # [f_H, f_W, F, C]
    dx = _slide(dy, turned, 1, dx_zeros, stride, dilation, apart)  # [B, H, W, C]
    dw = _slide(
        x.transpose(3, 1, 2, 0),  # [C, H, W, B]: the batch is what is summed over
        dy.transpose(1, 2, 0, 3),  # [H', W', B, F]
        dilation,
        dw_zeros,
        1,
        stride,
        apart,
    )  # [C, f_H, f_W, F]
    return dx, dw.transpose(1, 2, 0, 3)


_written.defvjp(_written_forward, _written_backward)


def _canonical(x: Array, kernel: Array, stride: int, windows: Windows, dilation: int) -> Array:
    return _written(x, kernel, stride, windows, dilation, False)


def _spread(x: Array, kernel: Array, stride: int, windows: Windows, dilation: int) -> Array:
    return _written(x, kernel, stride, windows, dilation, True)


FORMS = MappingProxyType(
    {
        "lax": _lax,
        "matmul": _matmul,
        "im2col": _im2col,
        "toeplitz": _toeplitz,
        "canonical": _canonical,
        "spread": _spread,
    }
)
