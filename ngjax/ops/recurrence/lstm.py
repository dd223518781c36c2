"""Long short-term memory over time (notes 5.5)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ngjax.ops.recurrence.through_time import Cell, State, through_time, weight_product
from ngjax.types import Array


def scan_lstm(
    xW: Array,
    W_aa: Array,
    state: tuple[Array, Array],
    mask: Array | None = None,
    *,
    hand_written: bool = True,
) -> tuple[tuple[Array, Array], Array]:
    """LSTM layer (notes 5.5; Hochreiter & Schmidhuber 1997, forget gate: Gers et al. 2000).

        gamma_u, gamma_f, gamma_o = sigmoid(W [a<t-1>, x<t>] + b)     update, forget, output
        c_tilde = tanh(W_c [a<t-1>, x<t>] + b_c)
        c<t> = gamma_u * c_tilde + gamma_f * c<t-1>
        a<t> = gamma_o * tanh(c<t>)

    The notes' print stops at c<t> and never uses gamma_o: the last line is missing there.

    Args:
        xW: W_ax x<t> + b for every t, columns in the order u, f, o, c, [T, B, 4n].
        W_aa: recurrent weights, columns in the same order, [n, 4n].
        state: (c, a) before the first step, [B, n] each.
        mask: bool [T, B], false where the state is carried through; None: nowhere.
        hand_written: False lets JAX differentiate the loop (forward mode).

    Returns:
        ((c<T>, a<T>), a<1..T> [T, B, n]).
    """
    return through_time(_CELL, xW, W_aa, tuple(state), mask, hand_written=hand_written)


def _forward(W_aa: Array, state: State, z: Array) -> tuple[State, tuple[Array, ...]]:
    c_before, a_before = state
    z_u, z_f, z_o, z_c = jnp.split(z + a_before @ W_aa, 4, axis=-1)  # 4 x [B, n]
    gamma_u, gamma_f, gamma_o = jax.nn.sigmoid(z_u), jax.nn.sigmoid(z_f), jax.nn.sigmoid(z_o)
    c_tilde = jnp.tanh(z_c)
    c = gamma_u * c_tilde + gamma_f * c_before
    tanh_c = jnp.tanh(c)
    kept = (c_before, a_before, gamma_u, gamma_f, gamma_o, c_tilde, tanh_c)
    return (c, gamma_o * tanh_c), kept


def _backward(W_aa: Array, kept: tuple[Array, ...], d_state: State) -> tuple[State, Array]:
    c_before, _, gamma_u, gamma_f, gamma_o, c_tilde, tanh_c = kept
    dc, da = d_state
    dc = dc + da * gamma_o * (1 - tanh_c * tanh_c)
    dz_u = dc * c_tilde * gamma_u * (1 - gamma_u)
    dz_f = dc * c_before * gamma_f * (1 - gamma_f)
    dz_o = da * tanh_c * gamma_o * (1 - gamma_o)
    dz_c = dc * gamma_u * (1 - c_tilde * c_tilde)
    dz = jnp.concatenate([dz_u, dz_f, dz_o, dz_c], axis=-1)  # [B, 4n]
    return (dc * gamma_f, dz @ W_aa.T), dz


def _weight_gradient(kept: tuple[Array, ...], dz: Array) -> Array:
    _, a_before, *_ = kept
    return weight_product(a_before, dz)


_CELL = Cell(_forward, _backward, _weight_gradient)
