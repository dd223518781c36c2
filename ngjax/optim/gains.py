r"""A gain for every parameter (Jacobs 1988, delta-bar-delta; the optimizer of t-SNE).

    gain := gain + 0.2  where v and dW point the same way,  0.8 gain  elsewhere,  never below 0.01
    v := inner(gain dW)

A parameter that keeps going one way gets longer steps, one that swings to and fro shorter ones.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


class GainsState(NamedTuple):
    """What the gains remember."""

    gains: Any  # like the parameters
    last: Any  # what the inner transformation made of the last gradient, v
    inner: Any


def scale_by_gains(
    inner: optax.GradientTransformation,
    *,
    increase: float = 0.2,
    decrease: float = 0.8,
    least: float = 0.01,
) -> optax.GradientTransformation:
    """Gains in front of another transformation, mostly momentum, whose output they look at.

    Args:
        inner: what turns scaled gradients into v, pointing uphill as the gradient does.
        increase: is added where v and the gradient agree in sign.
        decrease: multiplies where they do not, as at the first step, where v = 0.
        least: gains stay at or above.
    """

    def init_fn(params: Any) -> GainsState:
        ones = jax.tree.map(jnp.ones_like, params)
        return GainsState(ones, jax.tree.map(jnp.zeros_like, params), inner.init(params))

    def update_fn(updates: Any, state: GainsState, params: Any = None) -> tuple[Any, GainsState]:
        def turn(gain: jax.Array, v: jax.Array, dW: jax.Array) -> jax.Array:
            turned = jnp.where(v * dW > 0, gain + increase, gain * decrease)
            return jnp.maximum(turned, least)

        gains = jax.tree.map(turn, state.gains, state.last, updates)
        scaled = jax.tree.map(jnp.multiply, gains, updates)
        v, memory = inner.update(scaled, state.inner, params)
        return v, GainsState(gains, v, memory)

    return optax.GradientTransformation(init_fn, update_fn)
