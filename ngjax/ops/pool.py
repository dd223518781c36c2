r"""Pooling: one number a window, every channel by itself, nothing learnt (notes 4.3).

    max      y[i, j, c] = max_{u, v < f}  x[s i + u, s j + v, c]
    average  y[i, j, c] = mean_{u, v < f} x[s i + u, s j + v, c]

Output sides are floor((n - f) / s) + 1: rows that fill no window are dropped. (The notes print
[[9, 6], [6, 3]] for their 4x4 example; its upper right window {2, 1, 1, 1} has maximum 2.)

The gradient of a maximum goes to the first largest number of the window in reading order, as in
PyTorch and XLA; behind a ReLU ties of zeros are common, so the rule matters. XLA:CPU computes that
gradient 6 to 28 times slower than need be, so on CPU the common windows have it written out.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax

from ngjax.ops.convolve import output_size
from ngjax.ops.convolve import window as slide
from ngjax.types import Array, UserError

FORMS = ("auto", "lax", "dense")
SMALL_WINDOW = 3  # side up to which the dense gradient pays: it passes over dy f^2 times


def max_pool(
    x: Array,
    window: int = 2,
    stride: int | None = None,
    *,
    padding: str | int = "VALID",
    form: str = "auto",
) -> Array:
    """The largest number of every window (notes 4.3).

    Args:
        x: floats [B, H, W, C].
        window: side f of the window.
        stride: step s; the window's side when not given.
        padding: "VALID", "SAME" or a number, of minus infinities at either end.
        form: "lax", the compiler's gradient (and jvp); "dense", ours; "auto", by backend and size.

    Returns:
        [B, H', W', C].

    Raises:
        UserError: the window does not fit the image, or there is no such form.
    """
    stride = stride or window
    if form not in FORMS:
        raise UserError(f"pooling: form {form!r}: use {', '.join(FORMS)}")
    sides = [slide(n, window, stride, padding) for n in x.shape[1:3]]
    if any(side.low or side.high for side in sides):
        rows, columns = ((side.low, side.high, 0) for side in sides)
        lowest = jnp.array(-jnp.inf, x.dtype)
        x = lax.pad(x, lowest, ((0, 0, 0), rows, columns, (0, 0, 0)))
    if form == "auto":
        fast = jax.default_backend() == "cpu" and window <= SMALL_WINDOW
        form = "dense" if fast else "lax"
    if form == "lax":
        return _max(x, window, stride)
    return _max_tiled(x, window) if stride == window else _max_overlapping(x, window, stride)


def average_pool(x: Array, window: int = 2, stride: int | None = None) -> Array:
    """The mean of every window (not printed in the notes; LeCun et al. 1998, LeNet-5).

    Args:
        x: floats [B, H, W, C].
        window: side f of the window.
        stride: step s; the window's side when not given.

    Returns:
        [B, H', W', C].

    Raises:
        UserError: the window does not fit the image.
    """
    stride = stride or window
    for n in x.shape[1:3]:
        output_size(n, window, 0, stride)  # raises where the window does not fit
    return lax.reduce_window(x, 0.0, lax.add, *_windows(window, stride)) / window**2


def _windows(window: int, stride: int) -> tuple[tuple[int, ...], tuple[int, ...], str]:
    return (1, window, window, 1), (1, stride, stride, 1), "VALID"


def _max(x: Array, window: int, stride: int) -> Array:
    return lax.reduce_window(x, -jnp.inf, lax.max, *_windows(window, stride))


def _places(x: Array, window: int, stride: int) -> list[Array]:
    """The images seen by each place of the window in reading order, each [B, H', W', C]."""
    rows, columns = (stride * ((n - window) // stride) + 1 for n in x.shape[1:3])
    return [
        x[:, u : u + rows : stride, v : v + columns : stride]
        for u in range(window)
        for v in range(window)
    ]


def _max_overlapping(x: Array, window: int, stride: int) -> Array:
    # A strict comparison lets the first maximum win, where lax.max would split the gradient
    # of a tie; b != b lets a NaN through, as lax.max does.
    return functools.reduce(
        lambda a, b: jnp.where((b > a) | (b != b), b, a), _places(x, window, stride)
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _max_tiled(x: Array, window: int) -> Array:
    return _max(x, window, window)


def _max_tiled_forward(x: Array, window: int) -> tuple[Array, tuple[Array, Array]]:
    y = _max(x, window, window)
    return y, (x, y)


def _max_tiled_backward(window: int, saved: tuple[Array, Array], dy: Array) -> tuple[Array]:
    x, y = saved
    taken = jnp.zeros(y.shape, bool)
    shares = []  # of dy, one for each place in the window
    for here in _places(x, window, window):
        hit = (here == y) & ~taken
        taken |= hit
        shares.append(jnp.where(hit, dy, 0))
    lines = [
        jnp.stack(shares[u : u + window], axis=3)  # [B, H', W', f, C]
        for u in range(0, window**2, window)
    ]
    tiles = jnp.stack(lines, axis=2)  # [B, H', f, W', f, C]
    B, rows, _, columns, _, C = tiles.shape
    dx = tiles.reshape(B, rows * window, columns * window, C)
    return (jnp.pad(dx, [(0, n - m) for n, m in zip(x.shape, dx.shape, strict=True)]),)


_max_tiled.defvjp(_max_tiled_forward, _max_tiled_backward)
