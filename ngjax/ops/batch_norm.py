r"""Batch normalisation over a mini-batch, in as few passes over memory as it takes (notes 2.6).

    mu = (1/m) sum z        sigma^2 = (1/m) sum (z - mu)^2
    z_tilde = (z - mu) s + beta        s = gamma / sqrt(sigma^2 + epsilon)

    dbeta = sum dz_tilde    ds = sum dz_tilde (z - mu)    dmu = -s dbeta    dz = s dz_tilde + ...

with what mu and s, which every z has a part in, hand on. The notes leave the gradient out;
`ngjax.ops.backprop_norm` has all of it in their layout. Left to derive it, JAX keeps z - mu and its
product with the slope, which XLA:CPU writes to memory before it adds them up; here every sum reads
z itself, lines of an image as one row, for short rows are slow.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ngjax.types import AXIS, Array


def statistics(z: Array, near: Array, mask: Array | None = None) -> tuple[Array, Array]:
    """Mean and variance of z over all but channels and over all devices, each [C].

    sigma^2 is E[(z - near)^2] - (mu - near)^2: one pass and one psum. Any `near` gives the same
    result; one close to the mean, as the running mean is, keeps the difference from cancelling.

    Args:
        z: [B, ..., C]; the axis `AXIS` must be bound.
        near: [C]; no gradient goes there.
        mask: [B], zero for examples that do not count; None: all do.
    """
    near = lax.stop_gradient(near).astype(z.dtype)
    if mask is None:
        m = jnp.array(math.prod(z.shape[:-1]), z.dtype)
    else:
        m = mask.sum(dtype=z.dtype) * math.prod(z.shape[1:-1])
        z = jnp.where(mask.reshape((-1,) + (1,) * (z.ndim - 1)) != 0, z, _channels(near, z))
    total, squares, m = lax.psum((*_sums(z, near), m), AXIS)
    m = jnp.maximum(m, 1)
    shift = total / m
    return near + shift, jnp.maximum(squares / m - shift**2, 0)


@jax.custom_vjp
def _sums(z: Array, near: Array) -> tuple[Array, Array]:
    """Sums of z - near and of its square, each [C]."""
    d = _lines(z) - _along(near, z)
    places = math.prod(z.shape[:-1])
    return _by_channel(_lines(z), z) - places * near, _by_channel(d * d, z)


def _sums_forward(z: Array, near: Array) -> tuple[tuple[Array, Array], Any]:
    return _sums(z, near), (z, near)


def _sums_backward(kept: Any, slopes: tuple[Array, Array]) -> tuple[Array, None]:
    z, near = kept
    first, second = (_channels(slope, z) for slope in slopes)
    return first + 2 * second * (z - _channels(near, z)), None


_sums.defvjp(_sums_forward, _sums_backward)


@jax.custom_vjp
def scaled(z: Array, mu: Array, s: Array, beta: Array) -> Array:
    """(z - mu) s + beta; without forward-mode differentiation (jvp).

    Args:
        z: [B, ..., C].
        mu: a number a channel, [C], as are the others.
        s: gamma over the root of the variance.
        beta: the mean that a channel is given.
    """
    return (z - _channels(mu, z)) * _channels(s, z) + _channels(beta, z)


def _scaled_forward(z: Array, mu: Array, s: Array, beta: Array) -> tuple[Array, Any]:
    return scaled(z, mu, s, beta), (z, mu, s)


def _scaled_backward(kept: Any, dz_tilde: Array) -> tuple[Array, Array, Array, Array]:
    z, mu, s = kept
    lines = _lines(dz_tilde)
    dbeta = _by_channel(lines, z)
    ds = _by_channel(lines * (_lines(z) - _along(mu, z)), z)
    return _channels(s, z) * dz_tilde, -s * dbeta, ds, dbeta


scaled.defvjp(_scaled_forward, _scaled_backward)


def _channels(values: Array, z: Array) -> Array:
    """A number a channel, beside z."""
    return values.reshape((1,) * (z.ndim - 1) + (-1,))


def _lines(z: Array) -> Array:
    """Lines of images, or of sequences, as rows of a matrix."""
    return z.reshape(-1, math.prod(z.shape[-2:])) if z.ndim > 2 else z


def _along(values: Array, z: Array) -> Array:
    """A number a channel, as often as a row of `_lines` has it: [1, ...]."""
    return jnp.tile(values, (1, z.shape[-2] if z.ndim > 2 else 1))


def _by_channel(rows: Array, z: Array) -> Array:
    return rows.sum(0).reshape(-1, z.shape[-1]).sum(0)  # [C]
