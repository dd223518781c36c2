"""The state before the first update."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from ngjax.train.devices import cast
from ngjax.types import Pace, State, Task


def rule(task: Task, hyper: Any, pace: Pace) -> optax.GradientTransformationExtraArgs:
    """The Task's chain, whatever its links wish to be told."""
    return optax.with_extra_args_support(task.tx(hyper, pace))


def initial_state(
    task: Task, pace: Pace, storage: Any, averaged: bool, key_data: jax.Array, hyper: Any
) -> State:
    """Parameters drawn, the rule's averages at zero, no carry.

    Args:
        task: static.
        pace: length of the run; static.
        storage: floating type of parameters; static.
        averaged: whether averages of the weights are kept; static.
        key_data: of the run's key.
        hyper: the Task's scalars.
    """
    params, extra = task.init(jax.random.wrap_key_data(key_data))
    params, extra = cast(params, storage), cast(extra, storage)
    return State(
        step=jnp.zeros((), jnp.int32),
        params=params,
        extra=extra,
        opt_state=rule(task, hyper, pace).init(params),
        key=key_data,
        hyper=hyper,
        ema=jax.tree.map(_zero, {"params": params, "extra": extra}) if averaged else None,
    )


def _zero(leaf: Any) -> Any:
    """What a mean of such numbers begins at; whole numbers, which have no mean, stay."""
    return jnp.zeros_like(leaf) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
