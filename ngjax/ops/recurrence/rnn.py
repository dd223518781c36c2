"""The plain recurrent network over time (notes 5.1)."""

from __future__ import annotations

import jax.numpy as jnp

from ngjax.ops.recurrence.through_time import Cell, State, through_time, weight_product
from ngjax.types import Array


def scan_rnn(
    xW: Array, W_aa: Array, a: Array, mask: Array | None = None, *, hand_written: bool = True
) -> tuple[Array, Array]:
    """Plain recurrent layer with tanh (notes 5.1; Elman 1990).

        a<t> = tanh(W_aa a<t-1> + W_ax x<t> + b_a)

    Args:
        xW: W_ax x<t> + b_a for every t, [T, B, n].
        W_aa: recurrent weights, one column a unit, [n, n].
        a: the state before the first step, [B, n]; the notes begin with a<0> = 0.
        mask: bool [T, B], false where the state is carried through; None: nowhere.
        hand_written: False lets JAX differentiate the loop (forward mode).

    Returns:
        (a<T> [B, n], a<1..T> [T, B, n]).
    """
    (a,), a_all = through_time(_CELL, xW, W_aa, (a,), mask, hand_written=hand_written)
    return a, a_all


def _forward(W_aa: Array, state: State, z: Array) -> tuple[State, tuple[Array, Array]]:
    (a_before,) = state
    a = jnp.tanh(z + a_before @ W_aa)
    return (a,), (a_before, a)


def _backward(W_aa: Array, kept: tuple[Array, Array], d_state: State) -> tuple[State, Array]:
    _, a = kept
    (da,) = d_state
    dz = da * (1 - a * a)
    return (dz @ W_aa.T,), dz


def _weight_gradient(kept: tuple[Array, Array], dz: Array) -> Array:
    a_before, _ = kept
    return weight_product(a_before, dz)


_CELL = Cell(_forward, _backward, _weight_gradient)
