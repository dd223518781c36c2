r"""Convolution as the notes use the word: a filter laid over an image everywhere (notes 4.1-4.2).

    y[i, j, k] = sum_{u, v, c}  x[s i + d u - p, s j + d v - p, c]  w[u, v, c, k]

with stride s, padding p and dilation d (1 in the notes: no gaps between the filter's numbers).

That is cross-correlation: the filter is not flipped. `convolve` is for training;
`convolve_by_loops` and `true_convolution` at the end read as the notes print.

`auto` is the compiler's convolution but on CPU. There XLA lays convolutions out anew everywhere but
in loop bodies, so that the gradient of a plain one inside `lax.scan` is 5 to 50 times slower than
outside; `auto` takes, by shape, a form that is fast in both (`ngjax.ops.convolve_forms`).

Shapes: x [B, H, W, C], kernel [f_H, f_W, C, F], y [B, H', W', F].
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.ops.convolve_forms import FORMS, Window
from ngjax.types import Array, UserError

# Measured on CPU, forward and backward: where the other forms beat canonical and spread.
SMALL_PATCH, FEW_FILTERS = 18, 16  # im2col, up to: numbers in a patch, filters
LARGE_FILTER, BAND, SMALL_MAP = 5, 24, 256  # toeplitz: f_W from, W C up to BAND f_W, W' F up to


def output_size(n: int, f: int, padding: int = 0, stride: int = 1, dilation: int = 1) -> int:
    """floor((n + 2p - f) / s) + 1: the output's side (notes 4.1.3).

    A dilated filter is as wide as one of side d (f - 1) + 1.

    Args:
        n: side of the image.
        f: side of the filter.
        padding: zeros p added at either end.
        stride: step s of the filter.
        dilation: places d from one number of the filter to the next.

    Raises:
        UserError: the filter is larger than the padded image, or a number is out of range.
    """
    if min(n, f, stride, dilation) < 1 or padding < 0:
        raise UserError(
            f"convolution: side {n}, filter {f}, stride {stride} and dilation {dilation} must be "
            f"at least 1 and padding {padding} at least 0"
        )
    f = dilation * (f - 1) + 1
    if f > n + 2 * padding:
        raise UserError(
            f"convolution: filter {f} does not fit an image of side {n} with padding {padding}; "
            "use a smaller filter, a larger image or more padding"
        )
    return (n + 2 * padding - f) // stride + 1


def same_padding(f: int) -> int:
    """The padding p = (f - 1) / 2, which keeps the size at stride 1 (notes 4.1.2).

    Raises:
        UserError: f is even. Then p is no whole number (the notes print "odd"), so that one side
            needs a zero more than the other: `padding="SAME"` does that.
    """
    if f % 2 == 0:
        raise UserError(f'convolution: p = ({f} - 1)/2 is no whole number; use padding="SAME"')
    return (f - 1) // 2


def window(n: int, f: int, stride: int, padding: str | int, dilation: int = 1) -> Window:
    """Zeros at either end and the output's side; "SAME" gives ceil(n / s), the odd zero at the end.

    Raises:
        UserError: the filter does not fit, or `padding` is not "SAME", "VALID" or a number.
    """
    if padding == "VALID":
        padding = 0
    if padding == "SAME":
        size = output_size(n, 1, 0, stride, dilation)
        missing = max((size - 1) * stride + dilation * (f - 1) + 1 - n, 0)
        return Window(missing // 2, missing - missing // 2, size)
    if not isinstance(padding, int):
        raise UserError(f'convolution: padding {padding!r}: use "SAME", "VALID" or a whole number')
    return Window(padding, padding, output_size(n, f, padding, stride, dilation))


def choose_form(
    kernel_shape: tuple[int, ...],
    width: int,
    columns: int,
    backend: str,
    double: bool = False,
    devices: int = 1,
) -> str:
    """The form that is fastest, forward and backward, in and out of loops.

    Args:
        kernel_shape: (f_H, f_W, C, F).
        width: width of the padded image.
        columns: width of the output.
        backend: "cpu", "gpu" or "tpu".
        double: numbers are float64, for which Eigen has no convolution: spread takes 24 times
            as long as canonical (16x16x32, filters 3x3).
        devices: of the run. One CPU device has all cores; several share them, a core each.
    """
    f_H, f_W, C, F = kernel_shape
    if backend != "cpu":
        return "lax"
    if (f_H, f_W) == (1, 1):
        return "matmul"
    if f_H * f_W * C <= SMALL_PATCH and F <= FEW_FILTERS:
        return "im2col"
    if f_W >= LARGE_FILTER and width * C <= BAND * f_W and columns * F <= SMALL_MAP:
        return "toeplitz"
    if double:
        return "canonical"
    return "spread" if devices == 1 else "one_core"


def convolve(
    x: Array,
    kernel: Array,
    *,
    stride: int = 1,
    padding: str | int = "SAME",
    dilation: int = 1,
    form: str = "auto",
) -> Array:
    """The notes' convolution over volumes, y = x * w (notes 4.1-4.2; the module has the sum).

    Args:
        x: images [B, H, W, C].
        kernel: F filters as deep as the images, [f_H, f_W, C, F].
        stride: step of the filter along both sides.
        padding: "SAME" (output side ceil(n / stride)), "VALID" (none), or zeros at either end.
        dilation: places from one number of the filter to the next; 2 leaves every other one out.
        form: "auto", or one of `FORMS`; "lax" also where a jvp is needed.

    Returns:
        [B, H', W', F] with the sides of `output_size`, in the promoted type of x and kernel.

    Raises:
        UserError: shapes, padding or form that do not go together.
    """
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise UserError(
            f"convolution: images {x.shape} must be [B, H, W, C] and filters {kernel.shape} "
            "[f_H, f_W, C, F], equally deep"
        )
    windows = tuple(
        window(n, f, stride, padding, dilation)
        for n, f in zip(x.shape[1:3], kernel.shape[:2], strict=True)
    )
    dtype = jnp.result_type(x, kernel)
    if form == "auto":
        side = windows[1]
        width = side.low + x.shape[2] + side.high
        double = dtype == jnp.float64
        backend, devices = jax.default_backend(), jax.device_count()
        form = choose_form(kernel.shape, width, side.size, backend, double, devices)
    if form not in FORMS:
        raise UserError(f"convolution: form {form!r}: use auto, {', '.join(FORMS)}")
    return FORMS[form](x.astype(dtype), kernel.astype(dtype), stride, windows, dilation)


def pixel_use(
    n: int, f: int, *, stride: int = 1, padding: str | int = "VALID", dilation: int = 1
) -> Array:
    """How often an f x f filter reads each pixel of an n x n image, [n, n] (notes 4.1.2).

    It is the slope of the sum of all outputs under a filter of ones: 1 in the corner and f^2 in the
    middle without padding, whose point is that corners count for more.
    """
    ones = jnp.ones((f, f, 1, 1))
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    return jax.grad(lambda x: convolve(x, ones, **how).sum())(jnp.ones((1, n, n, 1)))[0, :, :, 0]


def convolve_by_loops(
    image: np.ndarray, kernel: np.ndarray, stride: int = 1, padding: int = 0, dilation: int = 1
) -> np.ndarray:
    """The notes' convolution of one image with one filter, place by place (notes 4.1.1-4.2).

    Args:
        image: [H, W], or a volume [H, W, C].
        kernel: [f_H, f_W], or a filter as deep as the volume, [f_H, f_W, C].
        stride: step of the filter.
        padding: zeros at either end of H and W.
        dilation: places from one number of the filter to the next.

    Returns:
        [H', W']. A filter of side f stops at n - f + 1 places, n - f shifts from the first (the
        notes count 4 shifts on their 6x6 example, where there are 3 shifts and 4 places).

    Raises:
        UserError: image and filter are not equally deep, or the filter does not fit.
    """
    if image.shape[2:] != kernel.shape[2:]:
        raise UserError(
            f"convolution: image {image.shape} and filter {kernel.shape} must be equally deep"
        )
    f_H, f_W = kernel.shape[:2]
    n_H, n_W = (
        output_size(n, f, padding, stride, dilation)
        for n, f in zip(image.shape[:2], (f_H, f_W), strict=True)
    )
    border = [(padding, padding)] * 2 + [(0, 0)] * (image.ndim - 2)
    image = np.pad(image, border)
    y = np.zeros((n_H, n_W), np.result_type(image, kernel))
    for i in range(n_H):
        for j in range(n_W):
            top, left = stride * i, stride * j
            seen = image[top:, left:][: dilation * f_H : dilation, : dilation * f_W : dilation]
            y[i, j] = np.sum(seen * kernel)
    return y


def true_convolution(
    image: np.ndarray, kernel: np.ndarray, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """Convolution as mathematics has it: the filter flipped along both axes first (notes 4.1.3).

    It is associative, (A * B) * C = A * (B * C) with full padding f - 1, which cross-correlation is
    not. (The flipped filter that the notes print belongs to another filter and is transposed.)
    """
    return convolve_by_loops(image, kernel[::-1, ::-1], stride, padding)
