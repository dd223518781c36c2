r"""Adam: adaptive moment estimation (notes 2.4, algorithm 2.4.2; Kingma & Ba 2015).

    v := beta1 v + (1 - beta1) dW,       v_hat = v / (1 - beta1^t)
    s := beta2 s + (1 - beta2) dW^2,     s_hat = s / (1 - beta2^t)
    W := W - alpha v_hat / (sqrt(s_hat) + epsilon)

Momentum over RMSProp. (The notes print v in the recursion of s, 1 - beta1 for 1 - beta2, db without
its square, and db's moment with epsilon inside the root as W's denominator.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from ngjax.optim.average import average, corrected, zeros
from ngjax.optim.rmsprop import squares


class AdamState(NamedTuple):
    """What Adam remembers."""

    count: jax.Array  # int32 []: updates so far, t
    v: Any  # like the parameters, float32 at least: average of dW
    s: Any  # like the parameters, float32 at least: average of dW^2


def scale_by_adam(
    beta1: ArrayLike = 0.9,
    beta2: ArrayLike = 0.999,
    epsilon: ArrayLike = 1e-8,
    bias_correction: bool = True,
) -> optax.GradientTransformation:
    """v_hat / (sqrt(s_hat) + epsilon), as in the paper, in optax and in PyTorch.

    Args:
        beta1: weight of the past gradients, in [0, 1).
        beta2: weight of the past squares, in [0, 1).
        epsilon: keeps the denominator from zero.
        bias_correction: False takes v and s as they are, to see what the correction is for.
    """

    def init_fn(params: optax.Params) -> AdamState:
        return AdamState(jnp.zeros([], jnp.int32), zeros(params), zeros(params))

    def update_fn(
        updates: optax.Updates, state: AdamState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, AdamState]:
        del params
        count = optax.safe_increment(state.count)
        v = average(state.v, updates, beta1)
        s = average(state.s, squares(updates, state.s), beta2)
        v_hat = corrected(v, beta1, count) if bias_correction else v
        s_hat = corrected(s, beta2, count) if bias_correction else s

        def leaf(g: jax.Array, v_hat: jax.Array, s_hat: jax.Array) -> jax.Array:
            out = v_hat / (jnp.sqrt(s_hat) + jnp.asarray(epsilon, s_hat.dtype))
            return out.astype(g.dtype)

        return jax.tree.map(leaf, updates, v_hat, s_hat), AdamState(count, v, s)

    return optax.GradientTransformation(init_fn, update_fn)
