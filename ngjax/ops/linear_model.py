r"""Linear regression under a penalty: ridge in closed form, lasso by proximal descent (notes 2.2).

    ridge   J = (1/2m) ||X w - y||^2 + (lambda / 2m) ||w||_2^2     (X^T X + lambda I) w = X^T y
    lasso   J = (1/2m) ||X w - y||^2 + (lambda / 2m) ||w||_1       w := S(w - alpha dw, alpha t)

with dw = X^T (X w - y) / m, t = lambda / 2m, and S(w, t) = sign(w) max(|w| - t, 0). The L1 of the
notes lacks the index of w; its corner at zero is what makes weights exactly zero.

Shapes: m examples, P columns of X, K targets solved at once.

Sources: Hoerl & Kennard 1970 (ridge); Tibshirani 1996 (lasso); Daubechies, Defrise & De Mol 2004
(iterative soft thresholding, ISTA).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ngjax.types import Array


def legendre(x: Array, degree: int) -> Array:
    """Legendre polynomials P_0 ... P_degree at x: a well-conditioned basis of the powers of x.

        (n + 1) P_{n+1} = (2n + 1) x P_n - n P_{n-1}

    Args:
        x: [m], in [-1, 1] for the conditioning to be good.
        degree: 0 or more.

    Returns:
        [m, degree + 1], the first column ones.
    """
    columns = [jnp.ones_like(x), x]
    for n in range(1, degree):
        columns.append(((2 * n + 1) * x * columns[n] - n * columns[n - 1]) / (n + 1))
    return jnp.stack(columns[: degree + 1], axis=1)


def ridge(X: Array, Y: Array, lambda_: Array | float, free: int = 0) -> Array:
    """The weights that minimise the squared error plus lambda ||w||^2.

    They are the least squares of X stacked on sqrt(lambda) I, which is exact also at lambda = 0,
    where X^T X may have no inverse: then the shortest of all best w.

    Args:
        X: [m, P].
        Y: [m] or [m, K].
        lambda_: of the notes, 0 or more; may be traced.
        free: so many leading columns are not penalised: the bias's column of ones.

    Returns:
        [P] or [P, K].
    """
    columns = X.shape[1]
    penalised = (jnp.arange(columns) >= free).astype(X.dtype)
    below = jnp.diag(jnp.sqrt(jnp.asarray(lambda_, X.dtype)) * penalised)  # [P, P]
    zeros = jnp.zeros((columns, *Y.shape[1:]), Y.dtype)
    return jnp.linalg.lstsq(jnp.concatenate([X, below]), jnp.concatenate([Y, zeros]))[0]


def soft_threshold(w: Array, t: Array | float) -> Array:
    """S(w, t) = sign(w) max(|w| - t, 0), elementwise: the proximal step of t |w|."""
    return jnp.sign(w) * jnp.maximum(jnp.abs(w) - t, 0)


def lasso(X: Array, y: Array, lambda_: Array | float, steps: int = 2000) -> Array:
    """The weights that minimise the squared error plus lambda ||w||_1, by ISTA from zero.

    Args:
        X: [m, P].
        y: [m].
        lambda_: of the notes, so that the penalty is (lambda / 2m) ||w||_1; may be traced.
        steps: of rate 1 / L, L the largest eigenvalue of X^T X / m.

    Returns:
        [P].
    """
    m = X.shape[0]
    rate = m / jnp.linalg.norm(X, ord=2) ** 2

    def step(w: Array, _: None) -> tuple[Array, None]:
        dw = X.T @ (X @ w - y) / m
        return soft_threshold(w - rate * dw, rate * lambda_ / (2 * m)), None

    return jax.lax.scan(step, jnp.zeros(X.shape[1], X.dtype), None, steps)[0]
