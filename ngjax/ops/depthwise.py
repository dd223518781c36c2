r"""Depthwise convolution: every channel has a filter of its own (Howard et al. 2017).

    y[i, j, c] = sum_{u, v}  x[s i + u - p, s j + v - p, c]  w[u, v, c]

f_H f_W C numbers and f_H f_W multiplications for each number of y, where a full convolution has C
times as many (notes 4.2 sums over the channels; here they stay apart).

On CPU the compiler's gradient of it is ten times slower than need be, in a loop a hundred times; so
there the image is shifted to each place of the filter, multiplied and summed.

Shapes: x [B, H, W, C], kernel [f_H, f_W, C], y [B, H', W', C].
"""

from __future__ import annotations

from types import MappingProxyType

import jax
import jax.numpy as jnp
from jax import lax

from ngjax.ops.convolve import window
from ngjax.ops.convolve_forms import LAYOUT, Windows
from ngjax.types import Array, UserError


def _lax(x: Array, kernel: Array, stride: int, windows: Windows) -> Array:
    return lax.conv_general_dilated(
        x,
        kernel[:, :, None, :],
        (stride, stride),
        [(side.low, side.high) for side in windows],
        dimension_numbers=LAYOUT,
        feature_group_count=x.shape[-1],
    )  # [B, H', W', C]


def _shifts(x: Array, kernel: Array, stride: int, windows: Windows) -> Array:
    x = jnp.pad(x, ((0, 0), *((side.low, side.high) for side in windows), (0, 0)))
    height, width = (stride * (side.size - 1) + 1 for side in windows)
    y = None
    for u in range(kernel.shape[0]):
        for v in range(kernel.shape[1]):
            seen = x[:, u : u + height : stride, v : v + width : stride]  # [B, H', W', C]
            term = seen * kernel[u, v].reshape(1, 1, 1, -1)
            y = term if y is None else y + term
    return y


FORMS = MappingProxyType({"lax": _lax, "shifts": _shifts})


def depthwise_convolve(
    x: Array, kernel: Array, *, stride: int = 1, padding: str | int = "SAME", form: str = "auto"
) -> Array:
    """Each channel of x with its own filter; the module has the sum.

    Args:
        x: images [B, H, W, C].
        kernel: [f_H, f_W, C].
        stride: step of the filter along both sides.
        padding: "SAME" (output side ceil(n / stride)), "VALID" (none), or zeros at either end.
        form: "lax", the compiler's; "shifts", ours; "auto", by backend.

    Returns:
        [B, H', W', C] in the promoted type of x and kernel.

    Raises:
        UserError: shapes, padding or form that do not go together.
    """
    if x.ndim != 4 or kernel.ndim != 3 or x.shape[3] != kernel.shape[2]:
        raise UserError(
            f"depthwise convolution: images {x.shape} must be [B, H, W, C] and filters "
            f"{kernel.shape} [f_H, f_W, C], equally deep"
        )
    if form == "auto":
        form = "shifts" if jax.default_backend() == "cpu" else "lax"
    if form not in FORMS:
        raise UserError(f"depthwise convolution: form {form!r}: use auto, {', '.join(FORMS)}")
    windows = tuple(
        window(n, f, stride, padding) for n, f in zip(x.shape[1:3], kernel.shape[:2], strict=True)
    )
    dtype = jnp.result_type(x, kernel)
    return FORMS[form](x.astype(dtype), kernel.astype(dtype), stride, windows)
