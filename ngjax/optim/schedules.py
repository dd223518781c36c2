r"""Learning rate decay (notes 2.4): factors of the learning rate alpha_0.

    inverse time          1 / (1 + decay_rate epoch)
    exponential           decay_rate^epoch, 0.95^epoch in the notes
    inverse square root   k / sqrt(epoch) or k / sqrt(t)
    staircase             decay_rate^floor((epoch - 1) / every)
    manual                a factor from an epoch on

Each is a function of an epoch that counts from one, as in the notes: alpha_0 = 0.2 and a decay rate
of one give 0.1, 0.0667, 0.05 in the epochs 1, 2, 3. `counted` makes it a function of the updates
made, as optax wants it. (The notes print 0.67 and 0.5, forget alpha_0 in the first formula, put it
under the root in the third, and call the smooth k / sqrt(t) a staircase, which is another one.)

The field's linear warm-up and cosine are functions of the updates made. All parameters but the
lengths may be traced.
"""

from __future__ import annotations

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike


def inverse_time(decay_rate: ArrayLike = 1.0) -> optax.Schedule:
    """1 / (1 + decay_rate epoch)."""
    return lambda epoch: 1 / (1 + decay_rate * _real(epoch))


def exponential(decay_rate: ArrayLike = 0.95) -> optax.Schedule:
    """decay_rate^epoch."""
    return lambda epoch: jnp.power(decay_rate, _real(epoch))


def inverse_square_root(k: ArrayLike = 1.0) -> optax.Schedule:
    """Gives k / sqrt(epoch), or k / sqrt(t) where updates are counted."""
    return lambda epoch: k / jnp.sqrt(_real(epoch))


def staircase(decay_rate: ArrayLike = 0.5, every: int = 1) -> optax.Schedule:
    """decay_rate^floor((epoch - 1) / every): one for the first `every` epochs, then a step down."""
    return lambda epoch: jnp.power(decay_rate, _real((epoch - 1) // every))


def manual(points: tuple[tuple[int, float], ...]) -> optax.Schedule:
    """One until the first point; from epoch e_i on the factor f_i of (e_i, f_i), e_i increasing."""
    starts = [start for start, _ in points]
    factors = [optax.constant_schedule(factor) for _, factor in points]
    return optax.join_schedules([optax.constant_schedule(1.0), *factors], starts)


def counted(schedule: optax.Schedule, steps_per_epoch: int = 1) -> optax.Schedule:
    """A schedule of epochs, from one, as one of updates made; by default an update is an epoch."""
    return lambda step: schedule(1 + step // steps_per_epoch)


def cosine(total_steps: int, warmup_steps: int = 0) -> optax.Schedule:
    """(1 + cos(pi t / T)) / 2 over the T updates after the warm-up (Loshchilov & Hutter 2017)."""
    decay = optax.cosine_decay_schedule(1.0, max(1, total_steps - warmup_steps))
    return lambda step: decay(jnp.maximum(step - warmup_steps, 0))


def warmup(schedule: optax.Schedule, warmup_steps: int) -> optax.Schedule:
    """The schedule times min(1, (step + 1) / warmup_steps), a linear rise (Goyal et al. 2017).

    The first update is made with 1 / warmup_steps, not with zero.
    """
    if warmup_steps <= 1:
        return schedule
    rise = optax.linear_schedule(1 / warmup_steps, 1.0, warmup_steps - 1)
    return lambda step: rise(step) * schedule(step)


def _real(count: ArrayLike) -> ArrayLike:
    return jnp.asarray(count, float)
