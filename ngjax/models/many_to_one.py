r"""Many to one: a class for a whole sequence of vectors (notes 5.2; sentiment in 5.8).

    average    z = W (1/T) sum_t e<t> + b               the order of the words is lost
    recurrent  z = W pool(a<1>, ..., a<T>) + b,  a<t> = cell(a<t-1>, e<t>)

`pool` is the last state, the largest value of each unit over time, or the mean. Padding changes
nothing. Inputs are vectors e [B, T, D] and a mask [B, T]; outputs logits [B, K].
"""

from __future__ import annotations

from typing import Literal

import jax.numpy as jnp
from flax import linen as nn

from ngjax.models.cells import cell_named
from ngjax.models.layers import Dense
from ngjax.models.recurrent import Bidirectional
from ngjax.ops.dropout import Dropout
from ngjax.ops.initializers import xavier
from ngjax.types import Array, UserError

Pooling = Literal["last", "max", "mean"]


class Average(nn.Module):
    """Softmax of the mean word vector: a bag of words (the course's simple sentiment model)."""

    classes: int

    @nn.compact
    def __call__(
        self, e: Array, mask: Array, dropout: Dropout | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """(e [B, T, D], mask [B, T]) -> (logits [B, K], {"pooled": [B, D]})."""
        pooled = pool(e, mask, "mean")  # [B, D]
        a = pooled if dropout is None else dropout(1, pooled)
        return Dense(self.classes, kernel_init=xavier(), name="softmax")(a), {"pooled": pooled}


class Recurrent(nn.Module):
    """A recurrent layer, its states pooled over time, softmax.

    Attributes:
        classes: K.
        cell: "rnn", "gru" or "lstm".
        width: units of a direction, n.
        bidirectional: a second layer reads from the end (notes 5.6).
        pooling: "last": where each direction ends; "max" and "mean": over all times.
    """

    classes: int
    cell: Literal["rnn", "gru", "lstm"] = "gru"
    width: int = 100
    bidirectional: bool = False
    pooling: Pooling = "last"

    @nn.compact
    def __call__(
        self, e: Array, mask: Array, dropout: Dropout | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """(e [B, T, D], mask [B, T]) -> (logits [B, K], {"a": [B, T, n or 2n], "pooled": ...})."""
        cell = cell_named(self.cell)
        if self.bidirectional:
            layer = Bidirectional(cell(self.width), cell(self.width), name="layer")
        else:
            layer = cell(self.width, name="layer")
        carry, a = layer(layer.initial_carry(e.shape[0], e.dtype), e, mask)  # [B, T, n]
        if self.pooling == "last":  # padding carries the state through
            ends = carry if self.bidirectional else (carry,)
            states = [end[1] if self.cell == "lstm" else end for end in ends]  # a of (c, a)
            pooled = jnp.concatenate(states, axis=-1)  # [B, n or 2n]
        else:
            pooled = pool(a, mask, self.pooling)
        last = pooled if dropout is None else dropout(1, pooled)
        z = Dense(self.classes, kernel_init=xavier(), name="softmax")(last)  # [B, K]
        return z, {"a": a, "pooled": pooled}


def pool(a: Array, mask: Array, how: Pooling) -> Array:
    """One vector a sequence, of the steps that are no padding.

    Args:
        a: [B, T, n].
        mask: [B, T], zero at padding; a row of zeros gives zeros.
        how: "max" or "mean".

    Returns:
        [B, n].
    """
    real = mask[..., None] > 0  # [B, T, 1]
    if how == "max":
        largest = jnp.where(real, a, jnp.finfo(a.dtype).min).max(axis=1)
        return jnp.where(real.any(axis=1), largest, 0)
    if how != "mean":
        raise UserError(f"pooling: {how!r} is none of last, max, mean")
    count = jnp.maximum(real.sum(axis=1), 1).astype(a.dtype)  # [B, 1]
    return jnp.where(real, a, 0).sum(axis=1) / count
