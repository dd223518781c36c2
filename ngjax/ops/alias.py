"""Draws from a discrete distribution in constant time (Walker 1977): the alias method.

A place j is drawn evenly; `share[j]` of the time j is the answer, otherwise `other[j]` is.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ngjax.types import Array


class Alias(NamedTuple):
    """The table of a distribution over K outcomes."""

    share: np.ndarray  # float32 [K]
    other: np.ndarray  # int32 [K]


def table(weights: np.ndarray) -> Alias:
    """The table of probabilities in proportion to weights [K].

    Raises:
        ValueError: a negative weight, or none that is positive.
    """
    weights = np.asarray(weights, np.float64)
    if weights.min(initial=0) < 0 or not 0 < weights.sum() < np.inf:
        raise ValueError("weights: must be >= 0, one of them above it")
    share = weights / weights.sum() * len(weights)
    other = np.arange(len(weights), dtype=np.int32)
    small, large = list(np.flatnonzero(share < 1)), list(np.flatnonzero(share >= 1))
    while small and large:  # a large outcome fills the rest of a small one's place
        j, k = small.pop(), large[-1]
        other[j] = k
        share[k] -= 1 - share[j]
        if share[k] < 1:
            small.append(large.pop())
    share[[*small, *large]] = 1  # what is left is one but for rounding
    return Alias(share.astype(np.float32), other)


def draw(alias: Alias, place: Array, chance: Array) -> Array:
    """Outcomes from random numbers: uint32 bits and uniform [0, 1), of one shape -> int32."""
    K = len(alias.share)
    j = (place % np.uint32(K)).astype(jnp.int32)  # uneven by K / 2^32
    return jnp.where(chance < jnp.asarray(alias.share)[j], j, jnp.asarray(alias.other)[j])
