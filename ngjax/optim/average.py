r"""Exponentially weighted averages, with and without bias correction (notes 2.4).

    v_t = beta v_{t-1} + (1 - beta) theta_t,    v_0 = 0
    v_hat_t = v_t / (1 - beta^t)

A weight is (1 - beta) beta^k for the value k steps back: the average looks back over about
1 / (1 - beta) values (0.9^10 and 0.98^50 are both near 1/e). v starts at zero, so it is too small
by the factor 1 - beta^t while t is small; v_hat mends that. The corrected value is never fed back:
v itself stays as it is. (The notes print v_3 from v_3, 0.98^10 for 0.98^50, the bias for *large* t,
and a recursion of v_hat that diverges when it is fed its own values.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike


class AverageState(NamedTuple):
    """What an average remembers."""

    count: jax.Array  # int32 []: values averaged so far, t
    v: Any  # like the values averaged, float32 at least: uncorrected, v_t


def zeros(theta: Any) -> Any:
    """v_0: zeros of theta's shapes, in float32 at least (bfloat16 would lose 1 - beta)."""
    return jax.tree.map(lambda x: jnp.zeros(x.shape, _wide(x)), theta)


def average(v: Any, theta: Any, beta: ArrayLike) -> Any:
    """v_t = beta v_{t-1} + (1 - beta) theta_t on pytrees."""

    def leaf(v: jax.Array, theta: jax.Array) -> jax.Array:
        b = jnp.asarray(beta, v.dtype)
        return b * v + (1 - b) * theta.astype(v.dtype)

    return jax.tree.map(leaf, v, theta)


def corrected(v: Any, beta: ArrayLike, count: jax.Array) -> Any:
    """v_hat_t = v_t / (1 - beta^t) on pytrees; count is t >= 1.

    1 - beta^t is written -expm1(t log beta): for beta near one and small t the plain difference
    would lose three of float32's seven digits.
    """

    def leaf(v: jax.Array) -> jax.Array:
        log_beta = jnp.log(jnp.asarray(beta, v.dtype))
        return v / -jnp.expm1(count.astype(v.dtype) * log_beta)

    return jax.tree.map(leaf, v)


def exponentially_weighted_average(
    beta: ArrayLike, bias_correction: bool = False
) -> optax.GradientTransformation:
    """Replaces each update by the average of the updates so far.

    Args:
        beta: weight of the past, in [0, 1).
        bias_correction: hand out v_hat in place of v.

    Returns:
        A transformation whose updates keep their dtype. It is `optax.ema(beta, bias_correction)`.
    """

    def init_fn(params: optax.Params) -> AverageState:
        return AverageState(jnp.zeros([], jnp.int32), zeros(params))

    def update_fn(
        updates: optax.Updates, state: AverageState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, AverageState]:
        del params
        count = optax.safe_increment(state.count)
        v = average(state.v, updates, beta)
        out = corrected(v, beta, count) if bias_correction else v
        return jax.tree.map(lambda x, g: x.astype(g.dtype), out, updates), AverageState(count, v)

    return optax.GradientTransformation(init_fn, update_fn)


def ewa(series: Any, beta: ArrayLike, bias_correction: bool = False) -> Any:
    """The average of a series after each of its values.

    Args:
        series: pytree of arrays [T, ...]; integers are averaged as floats.
        beta: weight of the past, in [0, 1).
        bias_correction: divide v_t by 1 - beta^t.

    Returns:
        v_1 ... v_T, [T, ...].
    """
    series = jax.tree.map(lambda x: jnp.asarray(x).astype(_wide(x)), series)
    tx = exponentially_weighted_average(beta, bias_correction)

    def step(state: AverageState, theta: Any) -> tuple[AverageState, Any]:
        v, state = tx.update(theta, state)
        return state, v

    start = tx.init(jax.tree.map(lambda x: x[0], series))
    return jax.lax.scan(step, start, series)[1]  # [T, ...]


def _wide(x: ArrayLike) -> jnp.dtype:
    dtype = jnp.result_type(x)
    narrow = not jnp.issubdtype(dtype, jnp.floating) or jnp.finfo(dtype).bits < 32
    return jnp.dtype(jnp.float32) if narrow else dtype
