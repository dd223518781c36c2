"""Frames of sound in, an answer at every few frames out: a deep recurrent network with CTC."""

from __future__ import annotations

from functools import partial
from typing import Literal

import jax.numpy as jnp
from flax import linen as nn

from ngjax.models.cells import cell_named
from ngjax.models.layers import Dense
from ngjax.models.recurrent import Bidirectional, Dropout, Layer, Stacked
from ngjax.ops.initializers import xavier
from ngjax.types import Array, UserError


class Transcriber(nn.Module):
    """Scores of every symbol at every step of a clip (notes 5, 5.6, 5.7; Graves et al. 2013).

        x'<t> = [x<s t>, ..., x<s t + s - 1>],   a = stack(x'),   logits<t> = W_y a<t> + b_y

    `stack` frames side by side are one step, so that the recurrence is s times shorter. In both
    directions what is said of a step hangs on what follows it, too.

    Attributes:
        symbols: V, the blank among them (see `ngjax.ops.ctc`).
        cell: "rnn", "gru" (reset gate behind the product) or "lstm".
        width: units of a layer, n; in both directions half of them in each.
        depth: layers.
        bidirectional: whether each layer also runs from the end.
        stack: frames a step, s.
    """

    symbols: int
    cell: Literal["rnn", "gru", "lstm"] = "gru"
    width: int = 192
    depth: int = 2
    bidirectional: bool = True
    stack: int = 4

    def steps(self, frames: Array | int) -> Array | int:
        """Steps of a clip of so many frames: ceil(F / s)."""
        return -(-frames // self.stack)

    @nn.compact
    def __call__(
        self, x: Array, length: Array | None = None, dropout: Dropout | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """Score the symbols.

        Args:
            x: [B, F, M], zeros behind the end of a clip.
            length: int [B], frames of each clip; None: all.
            dropout: between layers and before the softmax; None: none.

        Returns:
            (logits [B, T, V] with T = ceil(F / s), {"a": [B, T, n]}).
        """
        B, F, M = x.shape
        T = self.steps(F)
        x = jnp.pad(x, ((0, 0), (0, T * self.stack - F), (0, 0)))
        x = jnp.swapaxes(x.reshape(B, T, self.stack * M), 0, 1)  # [T, B, s M]
        mask = None
        if length is not None:
            mask = jnp.arange(T)[:, None] < self.steps(length)[None, :]  # [T, B]
        stack = Stacked(self._layers(), name="stack")
        carry = Stacked(self._layers(), parent=None).initial_carry(B, x.dtype)
        _, a = stack.through_time(carry, x, mask, dropout)  # [T, B, n]
        out = a if dropout is None else dropout(self.depth, a)
        softmax = Dense(self.symbols, kernel_init=xavier(), name="softmax")
        return softmax(jnp.swapaxes(out, 0, 1)), {"a": jnp.swapaxes(a, 0, 1)}  # [B, T, V]

    def _layers(self) -> tuple[Layer, ...]:
        how = {"reset": "after"} if self.cell == "gru" else {}
        cell = partial(cell_named(self.cell), parent=None, **how)
        if not self.bidirectional:
            return tuple(cell(self.width) for _ in range(self.depth))
        if self.width % 2:
            raise UserError(f"width: {self.width} units do not fall into two directions")
        both, layer = partial(Bidirectional, parent=None), partial(cell, self.width // 2)
        return tuple(both(layer(), layer()) for _ in range(self.depth))
