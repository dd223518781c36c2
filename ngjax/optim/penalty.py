r"""L2 and L1 penalties as added gradients, and decoupled weight decay (notes 2.2).

The notes penalise the cost over m examples,

    J = (1/m) sum_i L^(i) + (lambda / 2m) sum_l ||W^[l]||_F^2,     dW = backprop + (lambda / m) W

Backprop's dW is a mean over examples already, so the one number that acts is lambda / m, and it is
what these functions take: `l2` = lambda / m is the penalty (l2 / 2) ||W||^2 beside the *mean* loss
and adds l2 W to the gradient, whatever the batch (in the notes' mini-batches of 1000, m is 1000).
With plain descent that is the notes' weight decay, W := (1 - alpha l2) W - alpha backprop; with a
rule that rescales the gradient (RMSProp, Adam) only `add_weight_decay`, which stands behind the
rule, is (Loshchilov & Hutter 2019).
(The notes print dW = backprop + lambda / m, without W.)

Biases are not penalised: by default a penalty sees the parameters of two axes and more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

Mask = Callable[[optax.Params], Any]  # parameters -> pytree of bool: penalised or not


def weights(params: optax.Params) -> Any:
    """The default mask: True for W (two axes and more), False for b, gamma and beta."""
    return jax.tree.map(lambda p: p.ndim >= 2, params)


def everything(params: optax.Params) -> Any:
    """The mask that penalises biases too, the notes' optional (lambda / 2m) b^2."""
    return jax.tree.map(lambda p: True, params)


def add_l2(l2: ArrayLike, mask: Mask = weights) -> optax.GradientTransformation:
    """Adds to the gradient: dW + l2 W, with l2 = lambda / m."""
    return _added(lambda p: jnp.asarray(l2, p.dtype) * p, mask)


def add_l1(l1: ArrayLike, mask: Mask = weights) -> optax.GradientTransformation:
    """Adds l1 sign(W), the gradient of l1 ||W||_1, zero at zero; l1 = lambda / 2m in the notes."""
    return _added(lambda p: jnp.asarray(l1, p.dtype) * jnp.sign(p), mask)


def add_weight_decay(weight_decay: ArrayLike, mask: Mask = weights) -> optax.GradientTransformation:
    """Decoupled decay: add_l2 that stands behind the rule, W := W - alpha (update + decay W)."""
    return add_l2(weight_decay, mask)


def l2_penalty(params: optax.Params, l2: ArrayLike, mask: Mask = weights) -> jax.Array:
    """(l2 / 2) sum ||W||_F^2: what `add_l2` is the gradient of; add it to a mean loss to plot J."""
    return _summed(lambda p: jnp.asarray(l2, p.dtype) / 2 * jnp.sum(p**2), params, mask)


def l1_penalty(params: optax.Params, l1: ArrayLike, mask: Mask = weights) -> jax.Array:
    """l1 sum ||W||_1: what `add_l1` is the gradient of, but at zero."""
    return _summed(lambda p: jnp.asarray(l1, p.dtype) * jnp.sum(jnp.abs(p)), params, mask)


def frobenius_norm(params: optax.Params, mask: Mask = weights) -> jax.Array:
    """The length of all weights together: ||W||_F = sqrt(sum_i sum_j W_ij^2), over every layer."""
    return jnp.sqrt(2 * l2_penalty(params, 1.0, mask))


def _summed(term: Callable[[jax.Array], jax.Array], params: optax.Params, mask: Mask) -> jax.Array:
    def leaf(p: jax.Array, penalised: bool) -> jax.Array:
        return term(p) if penalised else jnp.zeros([], p.dtype)

    return sum(jax.tree.leaves(jax.tree.map(leaf, params, mask(params))))


def _added(term: Callable[[jax.Array], jax.Array], mask: Mask) -> optax.GradientTransformation:
    def add(updates: optax.Updates, params: optax.Params | None) -> optax.Updates:
        if params is None:
            raise ValueError("a penalty reads the parameters: call update(updates, state, params)")
        return jax.tree.map(lambda g, p: g + term(p).astype(g.dtype), updates, params)

    return optax.masked(optax.stateless(add), mask)
