r"""Bias and variance, as errors and as expectations (notes 2.1; Geman, Bienenstock & Doursat 1992).

    y = f + eps,  E[eps] = 0,  Var[eps] = sigma^2
    E[(y - f_hat)^2] = E[y^2] + E[f_hat^2] - 2 E[y f_hat]
                     = sigma^2 + Var[f_hat] + (f - E[f_hat])^2

Expectations are over training sets and over the noise of a fresh y, at a fixed x. (The second line
of the notes has E[y_hat]^2 where E[f_hat^2] is meant, which loses Var[f_hat].)

Shapes: R draws (training sets), m points of a training set, n points that are judged.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ngjax.ops.linear_model import ridge
from ngjax.types import Array


class Decomposition(NamedTuple):
    """What the expected squared error is made of beside sigma^2."""

    bias_squared: Array  # (f - E[f_hat])^2, [n]
    variance: Array  # Var[f_hat], [n]


def variance(values: Array) -> Array:
    """Var[X] = E[X^2] - E[X]^2 over the first axis: [R, ...] to [...]."""
    return jnp.mean(values**2, axis=0) - jnp.mean(values, axis=0) ** 2


def expected_square(y: Array, f_hat: Array) -> Array:
    """E[y^2] + E[f_hat^2] - 2 E[y f_hat] over the first axis, which is E[(y - f_hat)^2].

    Args:
        y: [R, ...].
        f_hat: [R, ...], the same draws.
    """
    mean = lambda values: jnp.mean(values, axis=0)  # noqa: E731
    return mean(y**2) + mean(f_hat**2) - 2 * mean(y * f_hat)


def decompose(f_hat: Array, f: Array) -> Decomposition:
    """Bias and variance of draws of a model; together the mean of (f_hat - f)^2, exactly.

    The squared bias of R draws is too large by Var[f_hat] / R, on average.

    Args:
        f_hat: [R, n], one fitted model a row.
        f: [n], the truth.
    """
    return Decomposition((f - f_hat.mean(axis=0)) ** 2, variance(f_hat))


def noisy(key: Array, f: Array, sigma: Array | float, draws: int) -> Array:
    """y = f + eps with normal noise of deviation sigma: f [m] to [R, m]."""
    return f[None] + sigma * jax.random.normal(key, (draws, *f.shape), f.dtype)


def refitted(basis: Array, y: Array, degrees: Array) -> Array:
    """The weights of every draw at every complexity, by least squares, in one call.

    Args:
        basis: [m, P], nested: complexity d has the columns 0 ... d.
        y: [R, m].
        degrees: int [D], each below P.

    Returns:
        [D, R, P], zero in the columns that a complexity does not have.
    """

    def fit(degree: Array) -> Array:
        has = jnp.arange(basis.shape[1]) <= degree
        return ridge(basis * has[None], y.T, 0.0).T  # [R, P]

    return jax.vmap(fit)(degrees)
