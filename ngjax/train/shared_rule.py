"""A rule shared out over devices: each keeps its elements' averages and updates those alone.

N data-parallel devices that keep what Adam keeps hold 2 N times the parameters, all alike. Here
each keeps 1/N of it, makes 1/N of the update and is told the rest (Rajbhandari et al. 2020, "ZeRO",
stage 1). What is computed stays the same: it takes a rule that updates an element by that element's
own past.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from ngjax.types import AXIS, UserError

LOOKS_AROUND = frozenset(  # operations by which one element's update hangs on others'
    {"argmax", "argmin", "cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum", "dot_general"}
    | {"reduce_and", "reduce_max", "reduce_min", "reduce_or", "reduce_prod", "reduce_sum", "sort"}
)


def cut(leaf: Any, parts: int, numpy: Any = np) -> Any:
    """Elements dealt out over devices: [...] -> [N, 1, ..., k], k = ceil(size / N), zeros behind.

    The number of axes stays: a penalty knows a weight from a bias by it.
    """
    each = -(-leaf.size // parts)
    flat = numpy.pad(leaf.reshape(-1), (0, each * parts - leaf.size))
    return flat.reshape(parts, *(1,) * (leaf.ndim - 1), each)


def joined(rows: Any, shape: tuple[int, ...]) -> Any:
    """What `cut` made, whole again: [N, 1, ..., k] -> [...]."""
    return rows.reshape(-1)[: math.prod(shape)].reshape(shape)


def _is_cut(leaf: Any, parts: int) -> bool:
    return math.prod(leaf.shape) >= parts > 1  # of fewer elements than devices all keep all


def shared_rule(
    tx: optax.GradientTransformationExtraArgs, parts: int
) -> optax.GradientTransformationExtraArgs:
    """The rule on this device's elements alone; the updates of all of them come back whole.

    Args:
        tx: elementwise; its state is this device's share (see `shared_state`).
        parts: devices N, over which AXIS is bound in `update`.
    """

    def own(leaf: Any) -> Any:
        cuts = _is_cut(leaf, parts)
        return cut(leaf, parts, jnp)[lax.axis_index(AXIS)] if cuts else leaf

    def every(update: Any, param: Any) -> Any:
        cuts = _is_cut(param, parts)
        return joined(lax.all_gather(update, AXIS), param.shape) if cuts else update

    def update(gradient: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del extra  # what a rule of single elements does not read
        updates, state = tx.update(jax.tree.map(own, gradient), state, jax.tree.map(own, params))
        return jax.tree.map(every, updates, params), state

    return optax.GradientTransformationExtraArgs(tx.init, update)


def shared_state(tx: optax.GradientTransformationExtraArgs, params: Any, parts: int) -> Any:
    """The shapes of what the rule keeps for every element, None for the rest of its state.

    Args:
        tx: the rule.
        params: shapes of the parameters.
        parts: devices N.

    Raises:
        UserError: the rule is no elementwise one.
    """

    def own(leaf: Any) -> jax.ShapeDtypeStruct:
        shape = (*(1,) * (len(leaf.shape) - 1), -(-math.prod(leaf.shape) // parts))
        return jax.ShapeDtypeStruct(shape if _is_cut(leaf, parts) else leaf.shape, leaf.dtype)

    whole, share = jax.eval_shape(tx.init, params), jax.tree.map(own, params)
    state = jax.eval_shape(tx.init, share)

    def update(gradient: Any, state: Any, params: Any) -> Any:
        zero = jnp.zeros(())
        return tx.update(
            gradient, state, params, value=zero, grad=gradient, value_fn=lambda _: zero
        )

    if not LOOKS_AROUND.isdisjoint(_operations(jax.make_jaxpr(update)(share, state, share).jaxpr)):
        raise UserError(
            "--run.shard_optimizer: this rule looks at all parameters at once, as clip_norm and "
            "lbfgs do; leave one of the two out"
        )
    return jax.tree.map(lambda a, b: None if a.shape == b.shape else a, whole, state)


def _operations(jaxpr: Any) -> Iterator[str]:
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in jax.tree.leaves(list(equation.params.values())):
            if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                yield from _operations(getattr(inner, "jaxpr", inner))
