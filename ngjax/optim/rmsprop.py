r"""RMSProp: root mean square propagation (notes 2.4; Tieleman & Hinton 2012, lecture 6.5).

    s_dW := beta s_dW + (1 - beta) dW^2,    W := W - alpha dW / (sqrt(s_dW) + epsilon)

dW^2 is element by element (the notes print W^2).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from ngjax.optim.average import average, corrected, zeros


class RMSPropState(NamedTuple):
    """What RMSProp remembers."""

    count: jax.Array  # int32 []: updates so far, t
    s: Any  # like the parameters, float32 at least: average of dW^2


def squares(updates: optax.Updates, like: Any) -> Any:
    """dW^2, element by element, in the dtypes of `like`."""
    return jax.tree.map(lambda g, s: jnp.square(g.astype(s.dtype)), updates, like)


def scale_by_rmsprop(
    beta: ArrayLike = 0.9, epsilon: ArrayLike = 1e-8, bias_correction: bool = False
) -> optax.GradientTransformation:
    """Gives dW / (sqrt(s) + epsilon), epsilon outside the root as in the notes and in PyTorch.

    It is `optax.scale_by_rms(beta, epsilon, eps_in_sqrt=False, bias_correction=bias_correction)`.

    Args:
        beta: weight of the past, in [0, 1).
        epsilon: keeps the denominator from zero.
        bias_correction: divide s by 1 - beta^t; the notes do without.
    """

    def init_fn(params: optax.Params) -> RMSPropState:
        return RMSPropState(jnp.zeros([], jnp.int32), zeros(params))

    def update_fn(
        updates: optax.Updates, state: RMSPropState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, RMSPropState]:
        del params
        count = optax.safe_increment(state.count)
        s = average(state.s, squares(updates, state.s), beta)
        s_hat = corrected(s, beta, count) if bias_correction else s

        def leaf(g: jax.Array, s_hat: jax.Array) -> jax.Array:
            out = g.astype(s_hat.dtype) / (jnp.sqrt(s_hat) + jnp.asarray(epsilon, s_hat.dtype))
            return out.astype(g.dtype)

        return jax.tree.map(leaf, updates, s_hat), RMSPropState(count, s)

    return optax.GradientTransformation(init_fn, update_fn)
