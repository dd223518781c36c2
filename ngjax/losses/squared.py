r"""The squared loss (notes 1.3.3).

    L = 1/2 (y_hat - y)^2

Convex in y_hat, but not in w and b once y_hat = sigmoid(w x + b), which is why logistic regression
does without it. (The notes call it convex there.)
"""

from __future__ import annotations

import jax

from ngjax.losses.shapes import check_same, wide


def squared_loss(y_hat: jax.Array, y: jax.Array) -> jax.Array:
    """1/2 (y_hat - y)^2, elementwise, in float32 at least.

    Args:
        y_hat: prediction, [B] (or any shape: sum over the axes that make up one example).
        y: target, the shape of y_hat.

    Returns:
        One value an element; `optax.losses.l2_loss`.

    Raises:
        ValueError: the shapes differ.
    """
    check_same(y_hat.shape, y.shape)
    y_hat = wide(y_hat)
    return (y_hat - y.astype(y_hat.dtype)) ** 2 / 2
