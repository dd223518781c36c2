"""Notes 2 to 2.2: parts of the data, bias and variance, what a penalty does to a linear model."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import strategy
from ngjax.ops import bias_variance
from ngjax.ops.linear_model import lasso, legendre, ridge

PAIRS = ((0.01, 0.11), (0.15, 0.16), (0.15, 0.30), (0.005, 0.01))  # (train, dev) errors
HIGH = 0.05  # a gap above is high
DEGREES, REFITS, SIGMA = (1, 3, 9), 3000, 0.4


def _wave(x: jax.Array) -> jax.Array:
    return jnp.sin(4 * x + 1)


def _noise() -> Any:
    y = bias_variance.noisy(jax.random.key(0), jnp.array([2.0]), 0.5, 200_000)
    return [y.mean(), bias_variance.variance(y)[0]]


def _decomposition() -> bool:
    """Polynomials refitted to fresh draws: both sides, each by its own noise."""
    x, judged = jnp.linspace(-1, 1, 16), jnp.linspace(-1, 1, 51)
    train_key, test_key = jax.random.split(jax.random.key(0))
    seen = bias_variance.noisy(train_key, _wave(x), SIGMA, REFITS)
    y = bias_variance.noisy(test_key, _wave(judged), SIGMA, REFITS)
    w = bias_variance.refitted(legendre(x, max(DEGREES)), seen, jnp.array(DEGREES))
    f_hat = w @ legendre(judged, max(DEGREES)).T  # [D, R, n]
    error = ((y[None] - f_hat) ** 2).mean(axis=(1, 2))
    parts = jax.vmap(lambda draws: bias_variance.decompose(draws, _wave(judged)))(f_hat)
    total = SIGMA**2 + (parts.bias_squared + parts.variance).mean(axis=1)
    return bool((jnp.abs(error - total) < 0.08 * error).all())


def _sparse() -> Any:
    """Weights that are zero, of 20 features of which three matter."""
    generator = np.random.default_rng(0)
    X = jnp.asarray(generator.normal(size=(100, 20)))
    y = X[:, :3] @ jnp.array([3.0, -2.0, 1.5]) + 0.5 * generator.normal(size=100)
    l1, l2 = (np.abs(w) < 1e-8 for w in (lasso(X, y, 40.0), ridge(X, y, 40.0)))
    return {"l1_zeros": bool(l1[3:].sum() > 8 and not l1[:3].any()), "l2_zeros": int(l2.sum())}


def _less_over_fit() -> bool:
    """Degree 12 on 15 points: the error on fresh points with a penalty, and without."""
    x, fresh = jnp.linspace(-1, 1, 15), jnp.linspace(-1, 1, 200)
    seen_key, fresh_key = jax.random.split(jax.random.key(0))
    seen, y = (
        bias_variance.noisy(key, _wave(at), SIGMA, 1)[0]
        for key, at in ((seen_key, x), (fresh_key, fresh))
    )

    def error(lambda_: float) -> float:
        w = ridge(legendre(x, 12), seen, lambda_, free=1)
        return float(((legendre(fresh, 12) @ w - y) ** 2).mean())

    return error(0.1) < error(0.0)


CHECKS = MappingProxyType(
    {
        "error-pairs-diagnosis": lambda: [
            strategy.diagnose(*pair, cut=0.05).words for pair in PAIRS
        ],
        "variance-identity": lambda: bias_variance.variance(np.array([1.0, 2.0, 6.0])),
        "var-y-is-noise": _noise,
        "bias-variance-decomposition": _decomposition,
        "bias-variance-middle-line": lambda: bias_variance.expected_square(
            np.ones(2), np.array([0.0, 2.0])
        ),
        "l1-sparse": _sparse,
        "reg-reduces-overfit": _less_over_fit,
    }
)
