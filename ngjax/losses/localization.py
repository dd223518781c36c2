r"""The loss of classification with localisation (notes 4.13.1): p_c, a box and the class.

    y = [p_c, b_x, b_y, b_h, b_w, c_1 ... c_K]

    L = (y_hat_1 - y_1)^2 + ... + (y_hat_j - y_j)^2    if y_1 = 1, an object is there
    L = (y_hat_1 - y_1)^2                              if y_1 = 0

Where there is none, box and class are "?": whatever is answered costs nothing. (The notes print the
condition y_1 = 1 over both cases.) The course names the other form: the logistic loss for p_c, the
cross-entropy of a softmax for the classes, the squared error for the box. A box in shares of the
picture has small errors, next to which those of the classes are large; Redmon et al. (2016, YOLO)
therefore weigh the box by lambda_coord = 5.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ngjax.losses.binary import binary_cross_entropy
from ngjax.losses.cross_entropy import soft_cross_entropy
from ngjax.losses.shapes import check_same, wide


def localization_squared(y_hat: jax.Array, y: jax.Array, box_weight: float = 1.0) -> jax.Array:
    """The notes' loss, in float32 at least.

    Args:
        y_hat: answer, [..., 5 + K].
        y: target, of the same shape; where y_1 is 0 the rest may be anything finite.
        box_weight: of the four terms of the box; 1 in the notes.

    Returns:
        [...].

    Raises:
        ValueError: the shapes differ.
    """
    check_same(y_hat.shape, y.shape)
    y_hat = wide(y_hat)
    off = (y_hat - y.astype(y_hat.dtype)) ** 2
    there = box_weight * off[..., 1:5].sum(-1) + off[..., 5:].sum(-1)
    return off[..., 0] + jnp.where(y[..., 0] > 0, there, 0)


def localization_logistic(z: jax.Array, y: jax.Array, box_weight: float = 1.0) -> jax.Array:
    """p_c = sigmoid(z_1) and c = softmax(z_6 ...) by their cross-entropies, the box as it was.

    Args:
        z: scores and box, [..., 5 + K].
        y: target, of the same shape; where y_1 is 0 the rest may be anything finite.
        box_weight: of the four terms of the box; 1 in the notes.

    Returns:
        [...].

    Raises:
        ValueError: the shapes differ.
    """
    check_same(z.shape, y.shape)
    z = wide(z)
    y = y.astype(z.dtype)
    here = binary_cross_entropy(z[..., 0], y[..., 0])
    box = box_weight * ((z[..., 1:5] - y[..., 1:5]) ** 2).sum(-1)
    return here + jnp.where(y[..., 0] > 0, box + soft_cross_entropy(z[..., 5:], y[..., 5:]), 0)
