r"""Distances between encodings, and the unit sphere that they lie on (notes 4.14; FaceNet).

    d(x1, x2) = ||f(x1) - f(x2)||^2,        f := f / ||f||,        d = 2 - 2 f(x1) . f(x2)

(The encoding the notes print as an example, .931, .433, .331, ..., .942, .158, .039, is not on the
sphere: the six numbers that are shown have a squared length of 2.08.)
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from ngjax.types import Array


def unit(f: Array) -> Array:
    """Vectors [..., D] brought to length one; one of zeros stays zeros, with a finite slope."""
    squares = jnp.sum(f * f, axis=-1, keepdims=True)  # [..., 1]
    least = float(jnp.finfo(f.dtype).tiny) ** 0.5  # its power of -3/2, a slope, is still finite
    return f * lax.rsqrt(jnp.maximum(squares, least))


def squared_distances(f: Array, g: Array) -> Array:
    """||f_i - g_j||^2 = ||f_i||^2 - 2 f_i . g_j + ||g_j||^2 of all pairs.

    Args:
        f: [B, D].
        g: [M, D].

    Returns:
        [B, M]; of equal vectors zero up to rounding, which may be a little below zero.
    """
    return jnp.sum(f * f, axis=1)[:, None] - 2 * f @ g.T + jnp.sum(g * g, axis=1)[None, :]  # [B, M]


def absolute_distances(f: Array, g: Array) -> Array:
    """sum_k |f_ik - g_jk| of all pairs: f [B, D], g [M, D] to [B, M]."""
    return jnp.abs(f[:, None, :] - g[None, :, :]).sum(-1)  # [B, M]
