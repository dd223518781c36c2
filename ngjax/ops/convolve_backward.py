r"""Backward through convolution and pooling, by hand and place by place.

    z[i, j, k] = sum_{u, v, c} x_pad[s i + d u, s j + d v, c] w[u, v, c, k] + b[k]

    dx_pad[s i + d u, s j + d v, c] += sum_k dz[i, j, k] w[u, v, c, k]   then dx is the inner part
    dw[u, v, c, k]                  += x_pad[s i + d u, s j + d v, c] dz[i, j, k]
    db[k]                           += dz[i, j, k]

    max       dx[first largest place of the window]  += dy[i, j]
    average   dx[every place of the window]          += dy[i, j] / f^2

with stride s and dilation d.

The notes have the forward sums alone (4.1 to 4.3); these are their derivatives, for reading and for
tests. Training differentiates `ngjax.ops.convolve` and `ngjax.ops.pool`, which are equal and fast.
NumPy alone; images are [B, H, W, C], as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ngjax.ops.convolve import output_size
from ngjax.types import UserError

Corner = tuple[int, int, slice, slice]  # i, j, and the rows and columns that the window covers


def _places(
    given: np.ndarray,
    shape: tuple[int, ...],
    sides: tuple[int, int],
    stride: int,
    padding: int = 0,
    dilation: int = 1,
) -> Iterator[Corner]:
    """Every stop of a window over padded images, where `given` [B, H', W', ...] fits them."""
    (H, W), (f_H, f_W) = shape[1:3], sides
    n_H = output_size(H, f_H, padding, stride, dilation)
    n_W = output_size(W, f_W, padding, stride, dilation)
    if given.shape[:3] != (shape[0], n_H, n_W):
        raise UserError(
            f"backward: the gradient {given.shape} must begin with {(shape[0], n_H, n_W)}"
        )
    for i in range(n_H):
        for j in range(n_W):
            top, left = stride * i, stride * j
            rows = slice(top, top + dilation * f_H, dilation)
            columns = slice(left, left + dilation * f_W, dilation)
            yield i, j, rows, columns


def convolve_backward(
    dz: np.ndarray,
    x: np.ndarray,
    kernel: np.ndarray,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of a convolution layer z = x * w + b.

    Args:
        dz: slope of the cost with respect to z, [B, H', W', F].
        x: images [B, H, W, C].
        kernel: w, [f_H, f_W, C, F].
        stride: step of the filter.
        padding: zeros at either end of H and W.
        dilation: places from one number of the filter to the next.

    Returns:
        (dx [B, H, W, C], dw [f_H, f_W, C, F], db [F]).

    Raises:
        UserError: dz is not of the output's shape, or the filter does not fit.
    """
    H, W = x.shape[1:3]
    x_pad = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    dx_pad = np.zeros(x_pad.shape, np.result_type(dz, kernel))
    dw = np.zeros(kernel.shape, np.result_type(dz, x))
    db = np.zeros(kernel.shape[3], dz.dtype)
    for i, j, rows, columns in _places(dz, x.shape, kernel.shape[:2], stride, padding, dilation):
        here = dz[:, i, j]  # [B, F]
        dx_pad[:, rows, columns] += np.einsum("bk,uvck->buvc", here, kernel)
        dw += np.einsum("buvc,bk->uvck", x_pad[:, rows, columns], here)
        db += here.sum(axis=0)
    return dx_pad[:, padding : padding + H, padding : padding + W], dw, db


def max_pool_backward(dy: np.ndarray, x: np.ndarray, window: int, stride: int) -> np.ndarray:
    """The gradient of max pooling: to the first largest number of each window, in reading order.

    Args:
        dy: slope of the cost with respect to the pooled images, [B, H', W', C].
        x: images [B, H, W, C].
        window: side f of the window.
        stride: step of the window.

    Returns:
        dx [B, H, W, C].

    Raises:
        UserError: dy is not of the output's shape, or the window does not fit.
    """
    dx = np.zeros(x.shape, dy.dtype)
    example, channel = np.indices((x.shape[0], x.shape[3]))  # each [B, C]
    for i, j, rows, columns in _places(dy, x.shape, (window, window), stride):
        seen = x[:, rows, columns].reshape(x.shape[0], -1, x.shape[3])  # [B, f f, C]
        u, v = np.divmod(seen.argmax(axis=1), window)  # [B, C]: argmax takes the first of equals
        dx[example, rows.start + u, columns.start + v, channel] += dy[:, i, j]
    return dx


def average_pool_backward(dy: np.ndarray, x: np.ndarray, window: int, stride: int) -> np.ndarray:
    """The gradient of average pooling: an equal share to every number of the window.

    Args:
        dy: slope of the cost with respect to the pooled images, [B, H', W', C].
        x: images [B, H, W, C]; their shape alone is read.
        window: side f of the window.
        stride: step of the window.

    Returns:
        dx [B, H, W, C].

    Raises:
        UserError: dy is not of the output's shape, or the window does not fit.
    """
    dx = np.zeros(x.shape, dy.dtype)
    for i, j, rows, columns in _places(dy, x.shape, (window, window), stride):
        dx[:, rows, columns] += dy[:, i, j][:, None, None] / window**2
    return dx
