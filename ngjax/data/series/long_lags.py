"""Tasks of long time lags, drawn on the device: what plain recurrent networks cannot learn.

Hochreiter & Schmidhuber 1997, "Long short-term memory", sections 5.4 and 5.6. No file, no host: an
example is a function of its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ngjax.types import Array, Batch, Source

Draw = Callable[[Array], tuple[Array, Array]]  # key -> (inputs [T, D], target)

SYMBOLS = tuple("abcdXYBE")  # of the temporal order: four distractors, the two that count, the ends
ORDERS = ("XX", "XY", "YX", "YY")
EPOCH = 10_000
ADDING_VARIANCE = 1 / 6  # of the sum of two numbers that are even in [0, 1]: 2 / 12


def adding(key: Array, length: int) -> tuple[Array, Array]:
    """The adding problem: what is the sum of the two marked numbers?

    Numbers are even in [0, 1], as Le, Jaitly & Hinton (2015) have them (1997: in [-1, 1], the mark
    of the first within ten steps); one mark is in the first half, one in the second. Who says 1
    each time is off by `ADDING_VARIANCE` in the mean square.

    Args:
        key: of this example.
        length: T.

    Returns:
        (inputs [T, 2]: number and mark, target []).
    """
    value_key, *mark_keys = jax.random.split(key, 3)
    values = jax.random.uniform(value_key, (length,))
    borders = (0, length // 2, length)
    places = [
        jax.random.randint(mark_key, (), low, high)
        for mark_key, low, high in zip(mark_keys, borders, borders[1:], strict=False)
    ]
    marked = sum(jnp.arange(length) == place for place in places)
    inputs = jnp.stack([values, marked.astype(values.dtype)], axis=1)  # [T, 2]
    return inputs, values[places[0]] + values[places[1]]


def temporal_order(key: Array, length: int) -> tuple[Array, Array]:
    """Temporal order: in which order did X and Y come, long ago and far apart?

    E, then distractors out of a, b, c, d, then B; within them two symbols out of X, Y, the first
    between T/10 and T/5, the second between T/2 and 6T/10 (1997, task 6a, whose T is drawn from 100
    to 110). The target is the number of the pair in `ORDERS`.

    Args:
        key: of this example.
        length: T, 20 or more.

    Returns:
        (inputs [T, 8], one-hot over `SYMBOLS`; target int32 []).
    """
    noise_key, pair_key, *place_keys = jax.random.split(key, 4)
    symbols = jax.random.randint(noise_key, (length,), 0, 4)
    pair = jax.random.randint(pair_key, (2,), 0, 2)
    borders = ((length // 10, length // 5), (length // 2, 6 * length // 10))
    for which, (place_key, border) in enumerate(zip(place_keys, borders, strict=True)):
        place = jax.random.randint(place_key, (), *border)
        symbols = symbols.at[place].set(SYMBOLS.index("X") + pair[which])
    symbols = symbols.at[0].set(SYMBOLS.index("E")).at[-1].set(SYMBOLS.index("B"))
    return jax.nn.one_hot(symbols, len(SYMBOLS)), 2 * pair[0] + pair[1]


def endless(draw: Draw) -> Source:
    """Examples that never come twice, each from fold_in(this step's key, slot).

    `EPOCH` of them are called an epoch.
    """

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        return _drawn(draw, key, drawn["slot"])

    return Source(size=EPOCH, batch=batch)


def fixed(draw: Draw, size: int, seed: int) -> Source:
    """The same examples whenever they are asked for, by a seed of their own: for evaluation."""

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        return _drawn(draw, jax.random.key(seed), drawn["index"])

    return Source(size=size, batch=batch)


def _drawn(draw: Draw, key: Array, places: Array) -> Batch:
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, places)
    inputs, targets = jax.vmap(draw)(keys)  # [B, T, D]
    return {"inputs": inputs, "targets": targets}
