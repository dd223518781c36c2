r"""Cross-entropy of a softmax (notes 2.7).

    L = -sum_j y_j log y_hat_j,    y_hat = softmax(z)

(The notes' example y = [0, 1, 0, 0], y_hat = [.3, .2, .1, .4] gives -log 0.2 = 1.609; the minus
sign is lost in print.)
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from ngjax.losses.shapes import check_same, wide


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """-log softmax(z)_y from scores, in float32 at least; large scores do not overflow.

    Args:
        logits: scores z, [B, K] or [B, T, V].
        labels: whole numbers in [0, K), [B] or [B, T].

    Returns:
        One value a label, [B] or [B, T].

    Raises:
        ValueError: labels are not of the logits' shape without its last axis.
    """
    check_same(logits.shape[:-1], labels.shape)
    return optax.losses.softmax_cross_entropy_with_integer_labels(wide(logits), labels)


def smoothed_cross_entropy(
    logits: jax.Array, labels: jax.Array, smoothing: jax.Array | float
) -> jax.Array:
    """Cross-entropy with labels y := (1 - smoothing) y + smoothing / K (Szegedy et al. 2016).

    Args:
        logits: scores z, [..., K].
        labels: whole numbers in [0, K), [...].
        smoothing: the share that all K classes get alike; may be traced.

    Returns:
        One value a label, [...].

    Raises:
        ValueError: labels are not of the logits' shape without its last axis.
    """
    check_same(logits.shape[:-1], labels.shape)
    logits = wide(logits)
    total = jax.nn.logsumexp(logits, axis=-1)  # [...]
    right = jnp.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]  # [...]
    return total - (1 - smoothing) * right - smoothing * logits.mean(axis=-1)


def soft_cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-sum_j y_j log softmax(z)_j: targets are probabilities (one-hot, smoothed, of a teacher).

    Args:
        logits: scores z, [..., K].
        targets: y, [..., K].

    Returns:
        One value an example, [...].

    Raises:
        ValueError: the shapes differ.
    """
    check_same(logits.shape, targets.shape)
    logits = wide(logits)
    return optax.losses.softmax_cross_entropy(logits, targets.astype(logits.dtype))


def cross_entropy_of_probabilities(y_hat: jax.Array, y: jax.Array) -> jax.Array:
    """-sum_j y_j log y_hat_j from probabilities, as the notes write it; 0 log 0 is 0.

    For reading and for outputs that are probabilities already; training goes through the scores.

    Args:
        y_hat: probabilities, [..., K].
        y: targets, [..., K].

    Returns:
        One value an example, [...].

    Raises:
        ValueError: the shapes differ.
    """
    check_same(y_hat.shape, y.shape)
    y_hat = wide(y_hat)
    return -jax.scipy.special.xlogy(y.astype(y_hat.dtype), y_hat).sum(-1)  # [...]
