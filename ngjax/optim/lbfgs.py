r"""L-BFGS: limited-memory quasi-Newton steps with a line search (Liu & Nocedal 1989).

Not in the notes, which go down by first-order rules only; for full-batch problems, where it reaches
the minimum in tens of steps. The line search sets the step, so there is no learning rate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax
from jax.typing import ArrayLike

from ngjax.optim.penalty import Mask, l2_penalty, weights


def lbfgs(
    l2: ArrayLike = 0.0, memory_size: int = 10, mask: Mask = weights
) -> optax.GradientTransformationExtraArgs:
    """`optax.lbfgs` on the loss plus (l2 / 2) ||W||^2.

    Its update reads `value`, `grad` and `value_fn(params)` of the loss alone, over the whole batch
    and all devices, and adds the penalty to all three: the line search walks down what the gradient
    is the gradient of.

    Args:
        l2: lambda / m of the notes.
        memory_size: pairs of steps and gradient changes that are kept.
        mask: which parameters are penalised.
    """
    search = optax.lbfgs(memory_size=memory_size)
    penalty = jax.value_and_grad(lambda params: l2_penalty(params, l2, mask))

    def init_fn(params: optax.Params) -> Any:
        state = search.init(params)  # weakly typed in places: a step on it would compile twice
        return jax.tree.map(lambda x: jax.lax.convert_element_type(x, x.dtype), state)

    def update_fn(
        updates: optax.Updates,
        state: Any,
        params: optax.Params,
        *,
        value: jax.Array,
        grad: optax.Updates,
        value_fn: Callable[[optax.Params], jax.Array],
        **extra: Any,
    ) -> tuple[optax.Updates, Any]:
        del extra
        more, slope = penalty(params)
        return search.update(
            optax.tree.add(updates, slope),
            state,
            params,
            value=value + more,
            grad=optax.tree.add(grad, slope),
            value_fn=lambda p: value_fn(p) + l2_penalty(p, l2, mask),
        )

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)
