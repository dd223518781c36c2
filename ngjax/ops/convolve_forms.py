r"""The forms of a convolution: equal to rounding, unequal in speed (`ngjax.ops.convolve` chooses).

    lax        the compiler's convolution; the only one for GPU and TPU
    matmul     1x1 filters: a matrix product over the channels
    im2col     every patch a row, one matrix product; for small patches and few filters
    toeplitz   a few columns of every row times a banded matrix; for large filters on small maps
    canonical  lax forward, both gradients written as NHWC/HWIO convolutions
    spread     the same for a device of many cores, where threads are to share a convolution
    one_core   the same for a device of one

Every form takes (x [B, H, W, C], kernel [f_H, f_W, C, F], stride, windows, dilation) and gives
[B, H', W', F]. The last three do not allow forward-mode differentiation (jvp).

XLA:CPU (jaxlib 0.10.2) has two convolutions: Eigen's, with threads, and YNNPACK's, which one thread
computes. YNNPACK gets those of more than 16 channels, and is twice as quick at few channels, and on
one core also at many; on two, Eigen is 1.5 to 2 times as quick (layers of ResNet-20 and VGG). Each
can be had where the other would be taken, with equal products and sums:

    columns apart     Eigen: YNNPACK leaves alone what has gaps in the image, so columns are set two
                      apart, in image, filter and stride alike
    columns abreast   YNNPACK: neighbouring columns of the result are one column of more filters

`python -m benchmarks.probes` says whether they still pay.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ngjax.ops.outline import outlined
from ngjax.ops.product import product
from ngjax.types import Array, UserError

LAYOUT = ("NHWC", "HWIO", "NHWC")
FEW_CHANNELS = 16  # with no more of either, XLA:CPU leaves a convolution to Eigen by itself
BAND_OUTPUTS = 32  # a banded matrix is narrow where a few columns of y have so many numbers
VERY_FEW = 4  # channels with which YNNPACK's one thread is quicker than two of Eigen's
# Filters that are to be had by columns abreast: fewer where every column more has many products.
FILTERS, FILTERS_OF_MANY, MANY_CHANNELS = 64, 32, 8


class Window(NamedTuple):
    """How a filter slides along one side of an image."""

    low: int  # zeros before
    high: int  # zeros after
    size: int  # places at which the filter stops: the output's side


Windows = tuple[Window, Window]  # along H, along W
Zeros = tuple[tuple[int, int], ...]  # before and after, along H and along W


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
    B = len(x)
    rows, columns = (side.size for side in windows)
    g = _group(columns, BAND_OUTPUTS // F)
    span = stride * (g - 1) + dilation * (f_W - 1) + 1  # columns of the image that g of y see
    reach = stride * (rows - 1) + 1
    bands = [
        x[:, u : u + reach : stride, left : left + span].reshape(B, rows, span * C)
        for left in range(0, stride * columns, stride * g)
        for u in range(0, dilation * f_H, dilation)
    ]
    bands = jnp.concatenate(bands, axis=-1).reshape(B, rows, columns // g, f_H * span * C)
    # place[v, w, j] = 1 where tap v of the filter at output column j meets input column w
    taps, inputs, outputs = np.ogrid[:f_W, :span, :g]
    place = jnp.asarray(inputs == outputs * stride + taps * dilation, kernel.dtype)
    banded = jnp.einsum("uvcf,vwj->uwcjf", kernel, place, precision="highest")
    banded = banded.reshape(f_H * span * C, g * F)
    return product(bands, banded).reshape(B, rows, columns, F)


def _group(columns: int, most: int) -> int:
    """So many neighbouring columns that they part all of them, at most `most` (one at least)."""
    return max(n for n in range(1, max(1, most) + 1) if columns % n == 0)


class Way(NamedTuple):
    """How a convolution and its gradients are put to the compiler."""

    apart: bool = False  # columns two apart, forward and at the gradient of the image
    filters: float = math.inf  # two apart at the gradient of more filters than this
    abreast: int = 0  # columns abreast with up to so many channels


CANONICAL = Way()
SPREAD = Way(apart=True, filters=0, abreast=VERY_FEW)
ONE_CORE = Way(filters=FEW_CHANNELS, abreast=FEW_CHANNELS)


def _slide(
    x: Array, kernel: Array, stride: int, zeros: Zeros, image_gaps: int, dilation: int, way: Way
) -> Array:
    """One convolution, forward or to the gradient of the image."""
    if image_gaps == dilation == 1 and x.shape[3] <= way.abreast:
        return _abreast(x, kernel, stride, zeros)
    return _plain(x, kernel, (stride, stride), zeros, image_gaps, dilation, way.apart)


def _abreast(x: Array, kernel: Array, stride: int, zeros: Zeros) -> Array:
    """Neighbouring columns of the result as one column of more filters, each shifted in zeros."""
    f_W, C, F = kernel.shape[1:]
    columns = (zeros[1][0] + x.shape[2] + zeros[1][1] - f_W) // stride + 1
    g = _group(columns, (FILTERS_OF_MANY if C >= MANY_CHANNELS else FILTERS) // F)
    shifts = [(stride * i, stride * (g - 1 - i)) for i in range(g)]
    wide = [jnp.pad(kernel, ((0, 0), shift, (0, 0), (0, 0))) for shift in shifts]
    y = _plain(x, jnp.concatenate(wide, axis=-1), (stride, g * stride), zeros, 1, 1, False)
    return y.reshape(*y.shape[:2], columns, F)  # from [B, H', W' / g, g F]


def _plain(
    x: Array,
    kernel: Array,
    strides: tuple[int, int],
    zeros: Zeros,
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
        (strides[0], columns * strides[1]),
        [zeros[0], (columns * zeros[1][0], columns * zeros[1][1])],
        lhs_dilation=(image_gaps, columns * image_gaps),
        rhs_dilation=(filter_gaps, columns * filter_gaps),
        dimension_numbers=LAYOUT,
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4, 5))
def _written(
    x: Array, kernel: Array, stride: int, windows: Windows, dilation: int, way: Way
) -> Array:
    zeros = tuple((side.low, side.high) for side in windows)
    return _slide(x, kernel, stride, zeros, 1, dilation, way)  # [B, H', W', F]


def _written_forward(
    x: Array, kernel: Array, stride: int, windows: Windows, dilation: int, way: Way
) -> tuple[Array, tuple[Array, Array]]:
    return _written(x, kernel, stride, windows, dilation, way), (x, kernel)


def _written_backward(
    stride: int,
    windows: Windows,
    dilation: int,
    way: Way,
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
    dx = _slide(dy, turned, 1, tuple(dx_zeros), stride, dilation, way)  # [B, H, W, C]
    many = kernel.shape[3] > way.filters
    return dx, filters_backward(x, dy, dilation, tuple(dw_zeros), stride, many)


@functools.partial(outlined, static=(2, 3, 4, 5))
def filters_backward(
    x: Array, dy: Array, dilation: int, zeros: Zeros, stride: int, apart: bool
) -> Array:
    """The filters' gradient. XLA would compute x and dy anew, number by number, in turning them."""
    x = x.transpose(3, 1, 2, 0)  # [C, H, W, B]: the batch is what is summed over
    dy = dy.transpose(1, 2, 0, 3)  # [H', W', B, F]
    dw = _plain(x, dy, (dilation, dilation), zeros, 1, stride, apart)  # [C, f_H, f_W, F]
    return dw.transpose(1, 2, 0, 3)  # [f_H, f_W, C, F]


_written.defvjp(_written_forward, _written_backward)


def _form(way: Way) -> Callable[..., Array]:
    def form(x: Array, kernel: Array, stride: int, windows: Windows, dilation: int) -> Array:
        return _written(x, kernel, stride, windows, dilation, way)

    return form


FORMS = MappingProxyType(
    {
        "lax": _lax,
        "matmul": _matmul,
        "im2col": _im2col,
        "toeplitz": _toeplitz,
        "canonical": _form(CANONICAL),
        "spread": _form(SPREAD),
        "one_core": _form(ONE_CORE),
    }
)
