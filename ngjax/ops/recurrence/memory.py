"""What a recurrent layer keeps: its gates, and how far back its gradient reaches (notes 5.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ngjax.types import Array


def gates(xW: Array, W_aa: Array, a: Array) -> Array:
    """The gates of a layer over a sequence, once its states are known: one product for all t.

        gamma<t> = sigmoid(W_a a<t-1> + W_x x<t> + b)

    Args:
        xW: W_x x<t> + b for every t, the candidate's columns last, [T, B, G*n].
        W_aa: recurrent weights, columns in the same order, [n, G*n].
        a: what the layer emitted, a<1..T> [T, B, n]; it began with a<0> = 0.

    Returns:
        [T, B, G - 1, n]: u for the simplified GRU; u, r for the GRU; u, f, o for the LSTM.
    """
    T, B, n = a.shape
    before = jnp.concatenate([jnp.zeros_like(a[:1]), a[:-1]])  # [T, B, n]
    z = xW[..., :-n] + before @ W_aa[:, :-n]
    return jax.nn.sigmoid(z).reshape(T, B, -1, n)


def state_gradients(
    step: Callable[[Any, Array], Any], loss: Callable[[Any], Array], state: Any, x: Array
) -> Any:
    """d loss(state<T>) / d state<t> for every t: what backpropagation through time carries back.

    Every state gets a nudge of zero, and the gradient is taken by the nudges.

    Args:
        step: (state, x<t> [B, D]) -> the next state.
        loss: state<T> -> [], a sum over the examples, so that each has its own gradient.
        state: the state before the first step, a pytree of [B, n].
        x: [T, B, D].

    Returns:
        pytree of [T, B, n]; the last one is the gradient by the last state itself.
    """

    def after(nudges: Any) -> Array:
        def nudged(state: Any, inputs: tuple[Array, Any]) -> tuple[Any, None]:
            x, nudge = inputs
            return jax.tree.map(jnp.add, step(state, x), nudge), None

        return loss(lax.scan(nudged, state, (x, nudges))[0])

    zero = jax.tree.map(lambda part: jnp.zeros((len(x), *part.shape), part.dtype), state)
    return jax.grad(after)(zero)


def gradient_by_lag(
    step: Callable[[Any, Array], Any], loss: Callable[[Any], Array], state: Any, x: Array
) -> Array:
    """How long d loss<T> / d state<T - lag> is, the mean over examples, for every lag from 0.

    The Euclidean norm over all parts of the state: of an LSTM, memory c and output a.

    Args:
        step: as in `state_gradients`.
        loss: likewise.
        state: likewise.
        x: [T, B, D].

    Returns:
        [T], lag 0 first.
    """
    parts = jax.tree.leaves(state_gradients(step, loss, state, x))
    squares = sum(jnp.sum(part**2, axis=-1) for part in parts)  # [T, B]
    return jnp.sqrt(squares).mean(axis=1)[::-1]
