"""A Task trained in one call, without the engine: what a figure or a claim walks through.

Every update sees the whole training set; nothing is logged, evaluated or saved. It is a pure
function of its arrays, so it may be jitted, and mapped over starts or over hyper-parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from ngjax.types import Array, Context, Pace, Params, Task


def descend(
    task: Task, params: Params, hyper: Mapping[str, Any], steps: int
) -> tuple[Params, dict[str, Array]]:
    """`steps` updates of the Task's own chain over its whole training set, as in evaluation.

    Args:
        task: one whose network keeps no `extra` and whose `constants` hold "train".
        params: before the first update, in the type that all is computed in.
        hyper: the scalars that the chain reads, `task.hyper` or others; may be traced.
        steps: how many updates.

    Returns:
        The parameters after the last update, and {"loss", metric: ...} before each, [steps].
    """
    batch = {name: jnp.asarray(values) for name, values in task.constants["train"].items()}
    m = len(batch["targets"])
    batch |= {"mask": jnp.ones(m), "slot": jnp.arange(m), "index": jnp.arange(m)}
    tx = optax.with_extra_args_support(task.tx(hyper, Pace(1, steps)))
    context = Context(key=None, step=0, hyper=hyper, constants=task.constants)

    def cost(params: Params) -> tuple[Array, dict[str, Array]]:
        (total, count), aux = task.loss(params, {}, batch, context)
        told = {name: sum_ / n for name, (sum_, n) in aux.metrics.items()}
        return total / count, told | {"loss": total / count}

    def step(carry: tuple[Params, Any], _: None) -> tuple[tuple[Params, Any], dict[str, Array]]:
        params, state = carry
        slope, told = jax.grad(cost, has_aux=True)(params)
        updates, state = tx.update(slope, state, params)
        return (optax.apply_updates(params, updates), state), told

    (params, _), told = lax.scan(step, (params, tx.init(params)), None, steps)
    return params, told
