"""Down a slope by one of the notes' rules: what several checks of the ledger do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ngjax import optim
from ngjax.types import Pace


def walk(
    optimizer: optim.Optimizer, slope: Callable[[Any, jax.Array], Any], start: Any, steps: int
) -> Any:
    """The parameters after each update, stacked [steps, ...].

    Args:
        optimizer: the rule, its decay and penalties; an update is an epoch.
        slope: (parameters, updates made) -> the gradient.
        start: parameters before the first update.
        steps: how many updates.
    """
    tx = optim.make(optimizer)(optim.hyper(optimizer), Pace(1, steps))

    def step(carry: tuple[Any, Any], t: jax.Array) -> tuple[tuple[Any, Any], Any]:
        params, state = carry
        updates, state = tx.update(slope(params, t), state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    loop = jax.jit(lambda start: jax.lax.scan(step, (start, tx.init(start)), jnp.arange(steps)))
    return loop(start)[1]
