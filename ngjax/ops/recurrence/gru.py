"""Gated recurrent units over time (notes 5.4 and 5.5)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ngjax.ops.recurrence.through_time import Cell, State, through_time, weight_product
from ngjax.types import Array


def scan_simplified_gru(
    xW: Array, W_cc: Array, c: Array, mask: Array | None = None, *, hand_written: bool = True
) -> tuple[Array, Array]:
    """GRU without the reset gate (notes 5.4).

        gamma_u = sigmoid(W_u [c<t-1>, x<t>] + b_u)
        c_tilde = tanh(W_c [c<t-1>, x<t>] + b_c)
        c<t> = gamma_u * c_tilde + (1 - gamma_u) * c<t-1>,      a<t> = c<t>

    The notes' print closes the bracket of c_tilde behind b_c, leaves the time superscripts of the
    last line empty and labels the output a<t-1>.

    Args:
        xW: W_cx x<t> + b for every t, columns in the order u, c, [T, B, 2n].
        W_cc: recurrent weights, columns in the same order, [n, 2n].
        c: the memory before the first step, [B, n].
        mask: bool [T, B], false where the state is carried through; None: nowhere.
        hand_written: False lets JAX differentiate the loop (forward mode).

    Returns:
        (c<T> [B, n], a<1..T> [T, B, n]).
    """
    (c,), a = through_time(_SIMPLIFIED, xW, W_cc, (c,), mask, hand_written=hand_written)
    return c, a


def scan_gru(
    xW: Array, W_cc: Array, c: Array, mask: Array | None = None, *, hand_written: bool = True
) -> tuple[Array, Array]:
    """Full GRU, the reset gate before the product (notes 5.5; Cho et al. 2014).

        gamma_u, gamma_r = sigmoid(W [c<t-1>, x<t>] + b)              update, reset
        c_tilde = tanh(W_c [gamma_r * c<t-1>, x<t>] + b_c)
        c<t> = gamma_u * c_tilde + (1 - gamma_u) * c<t-1>,      a<t> = c<t>

    The candidate's product needs gamma_r, so a step is two matrix products, one behind the other.
    The notes' print calls the reset gate gamma_u, too.

    Args:
        xW: W_cx x<t> + b for every t, columns in the order u, r, c, [T, B, 3n].
        W_cc: recurrent weights, columns in the same order, [n, 3n].
        c: the memory before the first step, [B, n].
        mask: bool [T, B], false where the state is carried through; None: nowhere.
        hand_written: False lets JAX differentiate the loop (forward mode).

    Returns:
        (c<T> [B, n], a<1..T> [T, B, n]).
    """
    n = c.shape[-1]
    weights = (W_cc[:, : 2 * n], W_cc[:, 2 * n :])
    (c,), a = through_time(_FULL, xW, weights, (c,), mask, hand_written=hand_written)
    return c, a


def scan_gru_reset_after(
    xW: Array,
    W_cc: Array,
    b_cc: Array,
    c: Array,
    mask: Array | None = None,
    *,
    hand_written: bool = True,
) -> tuple[Array, Array]:
    """Full GRU, the reset gate behind the product: the form of cuDNN and PyTorch.

        c_tilde = tanh(gamma_r * (W_cc c<t-1> + b_cc) + W_cx x<t> + b_c)

    and all else as in `scan_gru`; one matrix product a step. The candidate has a second bias, for
    gamma_r multiplies it.

    Args:
        xW: W_cx x<t> + b for every t, columns in the order u, r, c, [T, B, 3n].
        W_cc: recurrent weights, columns in the same order, [n, 3n].
        b_cc: the bias of the candidate's recurrent product, [n].
        c: the memory before the first step, [B, n].
        mask: bool [T, B], false where the state is carried through; None: nowhere.
        hand_written: False lets JAX differentiate the loop (forward mode).

    Returns:
        (c<T> [B, n], a<1..T> [T, B, n]).
    """
    weights = (W_cc, b_cc)
    (c,), a = through_time(_RESET_AFTER, xW, weights, (c,), mask, hand_written=hand_written)
    return c, a


def _forward_simplified(W_cc: Array, state: State, z: Array) -> tuple[State, tuple[Array, ...]]:
    (c_before,) = state
    z_u, z_c = jnp.split(z + c_before @ W_cc, 2, axis=-1)  # 2 x [B, n]
    gamma_u, c_tilde = jax.nn.sigmoid(z_u), jnp.tanh(z_c)
    return (_update(gamma_u, c_tilde, c_before),), (c_before, gamma_u, c_tilde)


def _backward_simplified(
    W_cc: Array, kept: tuple[Array, ...], d_state: State
) -> tuple[State, Array]:
    dz_u, dz_c, dc_before = _update_gradient(*kept, *d_state)
    dz = jnp.concatenate([dz_u, dz_c], axis=-1)  # [B, 2n]
    return (dc_before + dz @ W_cc.T,), dz


def _weight_gradient_simplified(kept: tuple[Array, ...], dz: Array) -> Array:
    c_before, *_ = kept
    return weight_product(c_before, dz)


def _forward_full(
    weights: tuple[Array, Array], state: State, z: Array
) -> tuple[State, tuple[Array, ...]]:
    W_gates, W_c = weights
    (c_before,) = state
    n = c_before.shape[-1]
    gates = jax.nn.sigmoid(z[:, : 2 * n] + c_before @ W_gates)  # [B, 2n]
    gamma_u, gamma_r = gates[:, :n], gates[:, n:]
    reset = gamma_r * c_before
    c_tilde = jnp.tanh(z[:, 2 * n :] + reset @ W_c)
    kept = (c_before, gamma_u, c_tilde, gamma_r)
    return (_update(gamma_u, c_tilde, c_before),), kept


def _backward_full(
    weights: tuple[Array, Array], kept: tuple[Array, ...], d_state: State
) -> tuple[State, Array]:
    W_gates, W_c = weights
    c_before, gamma_u, c_tilde, gamma_r = kept
    dz_u, dz_c, dc_before = _update_gradient(c_before, gamma_u, c_tilde, *d_state)
    d_reset = dz_c @ W_c.T
    dz_r = d_reset * c_before * gamma_r * (1 - gamma_r)
    dz_gates = jnp.concatenate([dz_u, dz_r], axis=-1)  # [B, 2n]
    dc_before = dc_before + d_reset * gamma_r + dz_gates @ W_gates.T
    return (dc_before,), jnp.concatenate([dz_gates, dz_c], axis=-1)  # [B, 3n]


def _weight_gradient_full(kept: tuple[Array, ...], dz: Array) -> tuple[Array, Array]:
    c_before, _, _, gamma_r = kept
    n = c_before.shape[-1]
    dW_gates = weight_product(c_before, dz[..., : 2 * n])
    return dW_gates, weight_product(gamma_r * c_before, dz[..., 2 * n :])


def _forward_reset_after(
    weights: tuple[Array, Array], state: State, z: Array
) -> tuple[State, tuple[Array, ...]]:
    W_cc, b_cc = weights
    (c_before,) = state
    n = c_before.shape[-1]
    product = c_before @ W_cc  # [B, 3n]
    gates = jax.nn.sigmoid(z[:, : 2 * n] + product[:, : 2 * n])  # [B, 2n]
    gamma_u, gamma_r = gates[:, :n], gates[:, n:]
    memory = product[:, 2 * n :] + b_cc[None, :]
    c_tilde = jnp.tanh(z[:, 2 * n :] + gamma_r * memory)
    kept = (c_before, gamma_u, c_tilde, gamma_r, memory)
    return (_update(gamma_u, c_tilde, c_before),), kept


def _backward_reset_after(
    weights: tuple[Array, Array], kept: tuple[Array, ...], d_state: State
) -> tuple[State, Array]:
    W_cc, _ = weights
    c_before, gamma_u, c_tilde, gamma_r, memory = kept
    dz_u, dz_c, dc_before = _update_gradient(c_before, gamma_u, c_tilde, *d_state)
    dz_r = dz_c * memory * gamma_r * (1 - gamma_r)
    d_product = jnp.concatenate([dz_u, dz_r, dz_c * gamma_r], axis=-1)  # [B, 3n]
    dz = jnp.concatenate([dz_u, dz_r, dz_c], axis=-1)  # [B, 3n]
    return (dc_before + d_product @ W_cc.T,), dz


def _weight_gradient_reset_after(kept: tuple[Array, ...], dz: Array) -> tuple[Array, Array]:
    c_before, _, _, gamma_r, _ = kept
    n = c_before.shape[-1]
    d_memory = dz[..., 2 * n :] * gamma_r
    d_product = jnp.concatenate([dz[..., : 2 * n], d_memory], axis=-1)  # [T, B, 3n]
    return weight_product(c_before, d_product), d_memory.sum((0, 1))


def _update(gamma_u: Array, c_tilde: Array, c_before: Array) -> Array:
    return gamma_u * c_tilde + (1 - gamma_u) * c_before


def _update_gradient(
    c_before: Array, gamma_u: Array, c_tilde: Array, dc: Array
) -> tuple[Array, Array, Array]:
    """What `_update` sends back: dz_u, dz_c and its direct share of dc<t-1>."""
    dz_u = dc * (c_tilde - c_before) * gamma_u * (1 - gamma_u)
    dz_c = dc * gamma_u * (1 - c_tilde * c_tilde)
    return dz_u, dz_c, dc * (1 - gamma_u)


_SIMPLIFIED = Cell(_forward_simplified, _backward_simplified, _weight_gradient_simplified)
_FULL = Cell(_forward_full, _backward_full, _weight_gradient_full)
_RESET_AFTER = Cell(_forward_reset_after, _backward_reset_after, _weight_gradient_reset_after)
