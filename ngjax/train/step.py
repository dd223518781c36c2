"""The pure step: one update of a State, and one exact evaluation call.

Both run inside `devices.parallel` and see one device's share of the batch. k devices give what one
gives: gradients and counts are summed over the axis before the one division, and randomness hangs
on (seed, step, slot), never on the device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from ngjax.train.devices import cast, device_sum
from ngjax.train.shared_rule import shared_rule
from ngjax.types import Array, Aux, Batch, Context, Metrics, Pace, Source, State, Sum, Task


def make_batch(
    source: Source | None, constants: Any, drawn: Mapping[str, Array], key: Any
) -> Batch:
    """A batch on the device, with the engine's own "mask", "slot" and "index" where it has none."""
    always = {name: drawn[name] for name in ("mask", "slot", "index")}
    return always if source is None else {**always, **source.batch(constants, drawn, key)}


def batch_loss(
    task: Task, dtype: str, params: Any, extra: Any, batch: Batch, context: Context
) -> tuple[Sum, Aux]:
    """Task.loss in the compute precision; counts and sums stay in float32 or wider."""
    params, inner = _computed_in(dtype, params, batch)
    (total, count), aux = task.loss(params, extra, inner, context)
    wide = jnp.float64 if dtype == "float64" else jnp.float32
    aux = aux._replace(extra=extra if aux.extra is None else aux.extra)
    return (jnp.asarray(total, wide), jnp.asarray(count, wide)), aux


def _computed_in(dtype: str, params: Any, batch: Batch) -> tuple[Any, Batch]:
    """Parameters and batch in bfloat16 where that is asked; counts and answers keep float32."""
    if dtype != "bfloat16":
        return params, batch
    low = {k: v if k in ("mask", "targets") else cast(v, jnp.bfloat16) for k, v in batch.items()}
    return cast(params, jnp.bfloat16), low


def summed_gradient(
    task: Task, dtype: str, params: Any, extra: Any, parts: Any, context: Context
) -> tuple[Any, Sum, Aux]:
    """The gradient of the total over all parts of the batch and all devices, not yet divided.

    Args:
        task: whose loss.
        dtype: the compute precision.
        params: [...].
        extra: threaded through the parts.
        parts: `drawn` leaves and carry as (drawn, carry), each [parts, b, ...].
        context: everything but the carry.

    Returns:
        (gradient, (total, count), aux), each summed over the axis; aux.carry is [parts, b, ...].
    """

    def of_part(extra: Any, part: Any) -> tuple[Any, tuple[Any, Sum, Metrics, Any]]:
        drawn, carry = part
        batch_key, loss_key = jax.random.split(context.key)
        batch = make_batch(task.train, context.constants, drawn, batch_key)
        inner = context._replace(key=loss_key, carry=carry)

        def total_loss(params: Any) -> tuple[Array, tuple[Array, Aux]]:
            (total, count), aux = batch_loss(task, dtype, params, extra, batch, inner)
            return total, (count, aux)

        (total, (count, aux)), gradient = jax.value_and_grad(total_loss, has_aux=True)(params)
        return aux.extra, (gradient, (total, count), dict(aux.metrics), aux.carry)

    if jax.tree.leaves(parts)[0].shape[0] == 1:  # no loop around the common case
        extra, out = of_part(extra, jax.tree.map(lambda leaf: leaf[0], parts))
        gradient, loss, metrics, carry = out
        carry = jax.tree.map(lambda leaf: leaf[None], carry)
    else:
        extra, (gradient, loss, metrics, carry) = lax.scan(of_part, extra, parts)
        gradient, loss, metrics = jax.tree.map(
            lambda leaf: jnp.sum(leaf, axis=0), (gradient, loss, metrics)
        )
    gradient, loss, metrics = device_sum((gradient, loss, metrics))
    return gradient, loss, Aux(extra, metrics, carry)


def train_step(
    task: Task,
    pace: Pace,
    dtype: str,
    ema: float,
    state: State,
    constants: Any,
    drawn: Any,
    shared: int = 1,
) -> tuple[State, Metrics]:
    """One update: W := W - alpha * rule(gradient of the mean loss over the global batch).

    Args:
        task: pure functions; static.
        pace: length of the run; static.
        dtype: compute precision; static.
        ema: beta of the averaged weights, 0 for none; static.
        state: this device's replica (its carry: this device's share, [parts, b, ...]).
        constants: `Task.constants` on the device.
        drawn: "index", "slot", "mask" and fetched leaves, [parts, b, ...].
        shared: devices that share out what the rule keeps, 1 where each keeps all; static.

    Returns:
        The new state, and metrics with "loss", each (total, count) over the global batch.
    """
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
    context = Context(key, state.step, state.hyper, constants, None, train=True)

    def mean_gradient(params: Any) -> tuple[Array, Any, Sum, Aux]:
        gradient, (total, count), aux = summed_gradient(
            task, dtype, params, state.extra, (drawn, state.carry), context
        )
        gradient = jax.tree.map(lambda leaf: leaf / count.astype(leaf.dtype), gradient)
        return total / count, gradient, (total, count), aux

    value, gradient, loss, aux = mean_gradient(state.params)
    tx = optax.with_extra_args_support(task.tx(state.hyper, pace))
    tx = tx if shared == 1 else shared_rule(tx, shared)
    updates, opt_state = tx.update(
        gradient,
        state.opt_state,
        state.params,
        value=value,
        grad=gradient,
        value_fn=_line_search_value(lambda params: mean_gradient(params)[:2]),
    )
    params = optax.apply_updates(state.params, updates)
    new = State(
        step=state.step + 1,
        params=params,
        extra=aux.extra,
        opt_state=opt_state,
        key=state.key,
        hyper=state.hyper,
        ema=_averaged(ema, state.ema, {"params": params, "extra": aux.extra}) if ema else None,
        carry=aux.carry,
    )
    return new, {"loss": loss, **aux.metrics}


def _line_search_value(value_and_gradient: Any) -> Any:
    """params -> global mean loss, whose gradient is global too.

    A line search differentiates this function. On a device's own gradient the devices would take
    different steps, and deadlock in their collectives.
    """

    @jax.custom_vjp
    def value(params: Any) -> Array:
        return value_and_gradient(params)[0]

    def backward(gradient: Any, upstream: Array) -> tuple[Any]:
        return (jax.tree.map(lambda leaf: upstream.astype(leaf.dtype) * leaf, gradient),)

    value.defvjp(value_and_gradient, backward)
    return value


def _averaged(beta: float, average: Any, new: Any) -> Any:
    """v := beta v + (1 - beta) theta (notes 2.4); whole numbers, which have no mean, are kept."""

    def blend(v: Array, theta: Array) -> Array:
        floating = jnp.issubdtype(theta.dtype, jnp.floating)
        return beta * v + (1 - beta) * theta if floating else theta

    return jax.tree.map(blend, average, new)


def judged(state: State, ema: float) -> tuple[Any, Any]:
    """The (params, extra) that evaluation uses: the state's, or its bias-corrected averages.

    v_hat = v / (1 - beta^t) (notes 2.4); before the first update there is nothing to average.
    """
    if not ema:
        return state.params, state.extra
    current = {"params": state.params, "extra": state.extra}

    def corrected(v: Array, theta: Array) -> Array:
        if not jnp.issubdtype(theta.dtype, jnp.floating):
            return theta
        t = jnp.maximum(state.step, 1).astype(v.dtype)
        weight = -jnp.expm1(t * math.log(ema))  # 1 - beta^t loses its digits where beta is near 1
        return jnp.where(state.step > 0, v / weight, theta)

    average = jax.tree.map(corrected, state.ema, current)
    return average["params"], average["extra"]


def evaluate_step(
    task: Task,
    source: Source | None,
    dtype: str,
    ema: float,
    state: State,
    constants: Any,
    drawn: Any,
) -> Metrics:
    """(total, count) of the loss and every metric over one padded batch, summed over devices."""
    params, extra = judged(state, ema)
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
    context = Context(key, state.step, state.hyper, constants, None, train=False)
    batch = make_batch(source, constants, drawn, key)
    loss, aux = batch_loss(task, dtype, params, extra, batch, context)
    return device_sum({"loss": loss, **aux.metrics})


def predict_step(
    task: Task, source: Source, dtype: str, ema: float, state: State, constants: Any, drawn: Any
) -> tuple[Any, Batch]:
    """Task.predict's outputs for one padded batch, with the batch they belong to."""
    params, extra = judged(state, ema)
    key = jax.random.wrap_key_data(state.key)
    context = Context(key, state.step, state.hyper, constants, None, train=False)
    batch = make_batch(source, constants, drawn, key)
    params, inner = _computed_in(dtype, params, batch)
    return task.predict(params, extra, inner, context), batch
