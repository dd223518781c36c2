"""One recurrent layer that answers: many-to-one and many-to-many of equal length (notes 5.1)."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from ngjax.models.cells import KERNELS, Cell, cell_named
from ngjax.models.layers import Dense
from ngjax.models.recurrent import Carry, Layer
from ngjax.ops.initializers import xavier
from ngjax.types import Array


def recurrent_layer(cell: Cell, width: int, keep: float = 1.0, **more: Any) -> Layer:
    """A layer of notes 5.1, 5.4 or 5.5 by its name.

    Args:
        cell: which.
        width: its units.
        keep: sigmoid(keep) of the memory stays at a step, to begin with: the bias of the LSTM's
            forget gate, minus that of a GRU's update gate. The plain RNN has none.
        more: fields of every layer.

    Raises:
        UserError: no such cell.
    """
    made = cell_named(cell)
    if cell == "lstm":
        more["forget_bias"] = keep
    elif cell != "rnn":
        more["update_bias"] = -keep
    return made(width, **more)


def widest(cell: Cell, features: int, parameters: int) -> int:
    """The most units n whose layer has G n (n + D + 1) parameters at most, and one at least.

    So that cells are compared at like parameter counts (Chung et al. 2014).

    Args:
        cell: its G is 1, 2, 3 or 4 (notes 5.1, 5.4, 5.5).
        features: D.
        parameters: how many the layer may have.
    """
    G, n = KERNELS[cell], 1
    while G * (n + 1) * (n + features + 2) <= parameters:
        n += 1
    return n


class RecurrentNetwork(nn.Module):
    """z<t> = W_ya a<t> + b_y behind one recurrent layer; the sigmoid or softmax is the loss's.

    Attributes:
        outputs: numbers of an answer, K.
        cell: which recurrence.
        width: its units, n.
        every: answer at every step, else behind the last one alone.
        keep: as in `recurrent_layer`.
    """

    outputs: int
    cell: Cell = "lstm"
    width: int = 64
    every: bool = False
    keep: float = 1.0

    def initial_carry(self, batch_size: int, dtype: Any = jnp.float32) -> Carry:
        """The state before the first step; needs no parameters."""
        layer = recurrent_layer(self.cell, self.width, self.keep, parent=None)
        return layer.initial_carry(batch_size, dtype)

    @nn.compact
    def __call__(
        self,
        carry: Carry,
        x: Array,
        mask: Array | None = None,
        kept: Array | None = None,
    ) -> tuple[Carry, tuple[Array, dict[str, Array]]]:
        """Read sequences.

        Args:
            carry: from `initial_carry`, or from the call before.
            x: [B, T, D].
            mask: [B, T], zero or false at padding, through which the last state is carried.
            kept: [B, n], what the output's inputs are multiplied by, alike at every step: inverted
                dropout whose mask stands still along time (Gal & Ghahramani 2016). None: all kept.

        Returns:
            (carry, (z [B, T, K] or [B, K], {"a": [B, T, n]})).
        """
        carry, a = recurrent_layer(self.cell, self.width, self.keep, name="cell")(carry, x, mask)
        read = a if self.every else a[:, -1]  # [B, n]
        if kept is not None:
            read = read * (kept[:, None] if self.every else kept)
        z = Dense(self.outputs, kernel_init=xavier(), name="output")(read)
        return carry, (z, {"a": a})


@partial(jax.jit, static_argnames=("model", "length"))
def sample_sets(
    model: RecurrentNetwork, params: Any, key: Array, prompt: Array, length: int
) -> Array:
    """Draw sets of things one after another, each the next input: music from nothing (notes 5.1).

        y_k<t> ~ Bernoulli(sigmoid(z_k<t>)),    x<t+1> = y<t>

    Args:
        model: answers at every step with one score a thing; static.
        params: its parameters.
        key: the draw of sequence i at step t hangs on (key, i, t) alone.
        prompt: [B, P, K], read before the first draw, P >= 1; one step of zeros: nothing.
        length: how many sets to draw; static.

    Returns:
        bool [B, length, K], without the prompt.
    """
    B = len(prompt)

    def step(state: tuple[Carry, Array], t: Array) -> tuple[Any, Array]:
        carry, z = state
        keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, t), jnp.arange(B))
        even = jax.vmap(lambda k: jax.random.uniform(k, z.shape[1:], z.dtype))(keys)
        y = even < jax.nn.sigmoid(z)  # [B, K]
        carry, (z, _) = model.apply({"params": params}, carry, y[:, None].astype(z.dtype))
        return (carry, z[:, -1]), y

    carry, (z, _) = model.apply({"params": params}, model.initial_carry(B), prompt)
    _, drawn = lax.scan(step, (carry, z[:, -1]), jnp.arange(length))
    return drawn.swapaxes(0, 1)  # [B, length, K]
