"""Backpropagation through time (notes 5.1): one loop and its gradient, for every cell.

A cell says what one step does and how its derivative runs back; the loop is here, once:

    a<t> = cell(a<t-1>, z<t>),        z<t> = W_ax x<t> + b_a  comes ready for all t,

so inside the loop is only what depends on the step before. Going back, the loop only finds dz<t>;
the weight gradient

    dW_aa = sum_t a<t-1>^T dz<t> = [a<0>; ...; a<T-1>]^T [dz<1>; ...; dz<T>]

is then ONE matrix product instead of T small ones that are added up.

Shapes: T time, B batch, n units, G gates. Everything is time-major, [T, B, ...].
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ngjax.types import Array

State = tuple[Array, ...]  # the last one is a [B, n], what the cell emits


class Cell(NamedTuple):
    """One step of a recurrent network and its hand-written derivative.

    Attributes:
        forward: (weights, state, z [B, G*n]) -> (state, kept): `kept` is what backward reads.
        backward: (weights, kept, d_state) -> (d_state of the step before, dz [B, G*n]).
        weight_gradient: (kept, dz), both stacked over time -> gradient shaped as `weights`.
    """

    forward: Callable[[Any, State, Array], tuple[State, Any]]
    backward: Callable[[Any, Any, State], tuple[State, Array]]
    weight_gradient: Callable[[Any, Array], Any]


def through_time(
    cell: Cell,
    xW: Array,
    weights: Any,
    state: State,
    mask: Array | None = None,
    *,
    hand_written: bool = True,
) -> tuple[State, Array]:
    """Run `cell` over time from `state`.

    Args:
        cell: the step and its derivative; static.
        xW: the input's share of every pre-activation, bias included, [T, B, G*n].
        weights: pytree of what multiplies the state.
        state: arrays [B, n] before the first step.
        mask: bool [T, B]; where false the state is carried through unchanged (and emitted again),
            so padding, before or behind, changes neither a result nor a gradient. None: all true.
        hand_written: False lets JAX differentiate the loop: slower, but also in forward mode.

    Returns:
        (state after the last step, a [T, B, n]).
    """
    dtype = jnp.result_type(*jax.tree.leaves((xW, weights, state)))  # a loop's types stand still
    xW, weights, state = jax.tree.map(lambda v: v.astype(dtype), (xW, weights, state))
    loop = _with_gradient if hand_written else _loop
    return loop(cell, xW, weights, state, mask)


def weight_product(a: Array, dz: Array) -> Array:
    """sum_t a<t>^T dz<t> as one product: ([T, B, n], [T, B, m]) -> [n, m]."""
    return a.reshape(-1, a.shape[-1]).T @ dz.reshape(-1, dz.shape[-1])


def _where(mask: Array | None, new: State, old: State) -> State:
    if mask is None:
        return new
    return jax.tree.map(lambda yes, no: jnp.where(mask[:, None], yes, no), new, old)


def _loop(
    cell: Cell, xW: Array, weights: Any, state: State, mask: Array | None
) -> tuple[State, Array]:
    def step(state: State, inputs: tuple[Array, Array | None]) -> tuple[State, Array]:
        z, mask = inputs
        new, _ = cell.forward(weights, state, z)
        new = _where(mask, new, state)
        return new, new[-1]

    return lax.scan(step, state, (xW, mask))


def _forward(
    cell: Cell, xW: Array, weights: Any, state: State, mask: Array | None
) -> tuple[tuple[State, Array], Any]:
    def step(state: State, inputs: tuple[Array, Array | None]) -> tuple[State, Any]:
        z, mask = inputs
        new, kept = cell.forward(weights, state, z)
        new = _where(mask, new, state)
        return new, (new[-1], kept)

    state, (a, kept) = lax.scan(step, state, (xW, mask))
    return (state, a), (weights, kept, mask)


def _backward(cell: Cell, residuals: Any, cotangents: tuple[State, Array]) -> tuple:
    weights, kept, mask = residuals
    d_state, da = cotangents

    def step(d_state: State, inputs: Any) -> tuple[State, Array]:
        da, kept, mask = inputs
        d_state = (*d_state[:-1], d_state[-1] + da)
        nothing = jax.tree.map(jnp.zeros_like, d_state)
        d_before, dz = cell.backward(weights, kept, _where(mask, d_state, nothing))
        if mask is not None:  # what was carried through unchanged comes back unchanged
            passed = _where(mask, nothing, d_state)
            d_before = jax.tree.map(jnp.add, d_before, passed)
        return d_before, dz

    d_state, dz = lax.scan(step, d_state, (da, kept, mask), reverse=True)
    return dz, cell.weight_gradient(kept, dz), d_state, None


_with_gradient = partial(jax.custom_vjp, nondiff_argnums=(0,))(_loop)
_with_gradient.defvjp(_forward, _backward)
