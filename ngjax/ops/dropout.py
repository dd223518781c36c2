"""Inverted dropout (notes 2.2.1; Srivastava et al. 2014).

The notes keep each node with probability 0.5 and draw anew for every example and iteration. They
do not print the division by the keep probability, which lets the network be used as it is at test
time. They call dropout a form "without" regularisation: it is an adaptive form *of* L2, and
`adaptive_l2` is that form where it is exact (Wager, Wang & Liang 2013).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ngjax.types import Array


def inverted_dropout(key: Array, slot: Array, a: Array, rate: Array | float) -> Array:
    """Drops units and rescales the rest: a * mask / keep, keep = 1 - rate, so that E[a] stays.

    The mask of an example hangs on the key and on its slot in the global batch, never on the
    device that holds it: one device and eight drop the same units. Each layer needs its own key
    (`jax.random.fold_in(key, layer)`).

    Args:
        key: this step's key, folded with the layer.
        slot: int [B], place of each example in the global batch.
        a: activations [B, ...].
        rate: probability of dropping a unit, may be traced: 0 keeps all, 1 gives zeros.

    Returns:
        [B, ...] in the type of a.
    """
    keep = 1.0 - jnp.asarray(rate)
    mask = jax.vmap(
        lambda place: jax.random.bernoulli(jax.random.fold_in(key, place), keep, a.shape[1:])
    )(slot)  # [B, ...]
    # the floor: at rate 1 mask / keep would be 0 / 0
    return a * (mask / jnp.maximum(keep, jnp.finfo(keep.dtype).tiny)).astype(a.dtype)


class Dropout(NamedTuple):
    """What dropout needs, handed to a network's call; without one, nothing is dropped."""

    key: Array  # this step's, equal on every device
    slot: Array  # [B]: each example's place in the global batch, so the mask knows no device
    rate: Array | float  # share of units set to zero; traced

    def __call__(self, layer: int, a: Array) -> Array:
        """Drop units of a [B, ...], differently for every layer."""
        return inverted_dropout(jax.random.fold_in(self.key, layer), self.slot, a, self.rate)


def adaptive_l2(X: Array, w: Array, rate: Array | float) -> Array:
    r"""The penalty that dropout of the inputs is, in a linear model under the squared error.

        E ||y - (X * mask / keep) w||^2 = ||y - X w||^2 + (1 - keep) / keep sum_j (X^T X)_jj w_j^2

    Each weight has its own lambda, the squared length of its input's column.

    Args:
        X: inputs [m, D].
        w: weights [D].
        rate: 1 - keep.

    Returns:
        The last term, [].
    """
    return rate / (1 - jnp.asarray(rate)) * jnp.sum(jnp.sum(X**2, axis=0) * w**2)
