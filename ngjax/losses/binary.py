r"""The logistic loss (notes 1.3.3 and 1.4.1).

    L = -[y log y_hat + (1 - y) log(1 - y_hat)],    y_hat = sigmoid(z)

It is minus the log likelihood of y, log p(y | x) = -L, and convex in w and b. (The notes print the
sum without its brackets, where the minus covers the first term only, and once log p = L.)
"""

from __future__ import annotations

import jax
import optax

from ngjax.losses.shapes import check_same, wide


def binary_cross_entropy(logits: jax.Array, y: jax.Array) -> jax.Array:
    """L from the scores z, elementwise, in float32 at least: exact also where sigmoid(z) is 0 or 1.

    Args:
        logits: scores z, [B] (or any shape: one question an element).
        y: 0, 1 or a probability, the shape of z.

    Returns:
        One value an element.

    Raises:
        ValueError: the shapes differ.
    """
    check_same(logits.shape, y.shape)
    return optax.losses.sigmoid_binary_cross_entropy(wide(logits), y)


def binary_cross_entropy_of_probabilities(y_hat: jax.Array, y: jax.Array) -> jax.Array:
    """L from the probability y_hat, elementwise, as the notes write it; 0 log 0 is 0.

    For reading and for outputs that are probabilities already; training goes through the scores.

    Args:
        y_hat: P(y = 1 | x), [B] or any shape.
        y: 0, 1 or a probability, the shape of y_hat.

    Returns:
        One value an element.

    Raises:
        ValueError: the shapes differ.
    """
    check_same(y_hat.shape, y.shape)
    y_hat = wide(y_hat)
    y = y.astype(y_hat.dtype)
    return -jax.scipy.special.xlogy(y, y_hat) - jax.scipy.special.xlog1py(1 - y, -y_hat)
