"""Metrics as (total, count): summed over steps, devices and hosts, divided once on the host.

A mean of means is wrong wherever counts differ (the padded tail of an evaluation, text of unequal
length); a sum of sums never is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jax import lax

from ngjax.types import Array, Sum


def summed(values: Array, mask: Array) -> Sum:
    """One value an example, and which of them count, as (total, count).

    Args:
        values: [B, ...].
        mask: [B, ...], of the same shape: 1 counts, 0 is padding (whose value may be anything).
    """
    values = values.astype(jnp.promote_types(values.dtype, jnp.float32))
    mask = mask.astype(values.dtype)
    return jnp.sum(jnp.where(mask > 0, values, 0) * mask), jnp.sum(mask)


def accuracy(logits: Array, targets: Array, mask: Array) -> Sum:
    """The share of examples whose largest logit, the first of equals, stands at the target.

    Asked of every logit, below the target's or not: XLA's argmax on a CPU takes seven times as
    long, and of ten thousand words a tenth of a training step. Logits that are NaN are never right.

    Args:
        logits: [..., K].
        targets: int [...].
        mask: [...].
    """
    targets = jnp.asarray(targets, jnp.int32)[..., None]
    own = jnp.take_along_axis(logits, jnp.maximum(targets, 0), axis=-1)  # [..., 1]
    before = lax.broadcasted_iota(targets.dtype, logits.shape, logits.ndim - 1) < targets
    first = jnp.all(jnp.where(before, logits < own, logits <= own), axis=-1)
    return summed(first & (targets[..., 0] >= 0), mask)


def binary_accuracy(logits: Array, targets: Array, mask: Array) -> Sum:
    """The share of examples on the right side of yhat = 1/2, which is z = 0 (notes 1.3.2).

    Args:
        logits: z, [...].
        targets: 0 or 1, [...].
        mask: [...].
    """
    return summed((logits > 0) == (targets > 0), mask)


def add(left: Mapping[str, Sum], right: Mapping[str, Sum]) -> dict[str, Sum]:
    """The sums of two stretches of steps as the sums of both; an empty left is the unit."""
    if not left:
        return dict(right)
    return {name: (left[name][0] + t, left[name][1] + c) for name, (t, c) in right.items()}


def divide(sums: Mapping[str, Sum], prefix: str = "") -> dict[str, float]:
    """The one division, on the host: name -> total / count, NaN where nothing was counted."""
    return {
        prefix + name: float(total) / float(count) if float(count) else float(np.nan)
        for name, (total, count) in sums.items()
    }


def interval(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share found in `count` trials, 95 % by default (Wilson 1927)."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    reach /= 1 + z**2 / count
    return middle - reach, middle + reach
