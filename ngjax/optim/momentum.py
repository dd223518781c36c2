r"""Gradient descent with momentum (notes 2.4, algorithm 2.4.1; Polyak 1964).

v_dW := beta v_dW + (1 - beta) dW,    W := W - alpha v_dW
"""

from __future__ import annotations

import optax
from jax.typing import ArrayLike

from ngjax.optim.average import exponentially_weighted_average


def scale_by_momentum(
    beta: ArrayLike = 0.9, bias_correction: bool = False
) -> optax.GradientTransformation:
    """The exponentially weighted average of the gradients in place of the gradient.

    The field's other convention leaves 1 - beta out: `optax.trace(beta)` and PyTorch's SGD give
    v / (1 - beta), so the same path needs a learning rate 1 - beta times ours there. PyTorch's
    dampening=beta is ours but for the first step, where it takes v_1 = dW.

    Args:
        beta: weight of the past, in [0, 1).
        bias_correction: divide v by 1 - beta^t; the notes do without.
    """
    return exponentially_weighted_average(beta, bias_correction)
