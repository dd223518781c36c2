"""Language model and sampling from it (notes 5.3)."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from ngjax.models.cells import cell_named
from ngjax.models.layers import Dense
from ngjax.models.recurrent import Carry, Dropout, Stacked
from ngjax.ops.initializers import normal, xavier
from ngjax.types import Array, UserError


class LanguageModel(nn.Module):
    """P(y) = prod_t P(y<t> | y<1>, ..., y<t-1>) by a deep recurrent network (notes 5.3).

        e<t> = E[id<t>],   a<t> = stack(e<t>),   logits<t> = W_y a<t> + b_y

    The softmax belongs to the loss. The logits at t score the word at t + 1.

    Attributes:
        vocabulary: number of words or characters, V.
        cell: "rnn", "gru" or "lstm".
        width: units of a layer, n.
        depth: layers.
        embedding: features of a word vector; a row of E is looked up, never multiplied by one-hot.
        hand_written: False lets JAX differentiate the recurrence.
    """

    vocabulary: int
    cell: Literal["rnn", "gru", "lstm"] = "lstm"
    width: int = 256
    depth: int = 2
    embedding: int = 64
    hand_written: bool = True

    def initial_carry(self, batch_size: int, dtype: Any = jnp.float32) -> Carry:
        """The state before the first word; needs no parameters."""
        return Stacked(self._layers(), parent=None).initial_carry(batch_size, dtype)

    @nn.compact
    def __call__(
        self,
        carry: Carry,
        ids: Array,
        mask: Array | None = None,
        dropout: Dropout | None = None,
    ) -> tuple[Carry, tuple[Array, dict[str, Array]]]:
        """Score the next word at every place.

        Args:
            carry: from `initial_carry`, or from the call before (truncated backpropagation).
            ids: int [B, T]; an id of V or more turns the logits from there on to NaN.
            mask: [B, T], zero or false at padding.
            dropout: on word vectors, between layers and before the softmax; None: none.

        Returns:
            (carry, (logits [B, T, V], {"embedding": [B, T, D], "a": [B, T, n]})).
        """
        V, D = self.vocabulary, self.embedding
        E = self.param("E", normal(D**-0.5), (V, D))  # word vectors of length one, about
        mask = None if mask is None else jnp.swapaxes(mask, 0, 1).astype(bool)  # [T, B]
        e = jnp.take(E, jnp.swapaxes(ids, 0, 1), axis=0)  # [T, B, D]
        dropped = e if dropout is None else dropout(0, e)
        stack = Stacked(self._layers(), name="stack")
        carry, a = stack.through_time(carry, dropped, mask, dropout)  # [T, B, n]
        activations = {"embedding": jnp.swapaxes(e, 0, 1), "a": jnp.swapaxes(a, 0, 1)}
        if dropout is not None:
            a = dropout(self.depth, a)
        softmax = Dense(V, kernel_init=xavier(), name="softmax")
        logits = softmax(jnp.swapaxes(a, 0, 1))  # [B, T, V]
        return carry, (logits, activations)

    def _layers(self) -> tuple[nn.Module, ...]:
        if self.depth < 1:
            raise UserError(f"depth: {self.depth} layers; give at least one")
        layer = partial(
            cell_named(self.cell), self.width, hand_written=self.hand_written, parent=None
        )
        return tuple(layer() for _ in range(self.depth))


@partial(jax.jit, static_argnames=("model", "length", "end"))
def sample(
    model: LanguageModel,
    params: Any,
    key: Array,
    prompt: Array,
    length: int,
    temperature: Array | float = 1.0,
    end: int | None = None,
) -> Array:
    """Draw words one after another, each the next input (notes 5.3): one scan on the device.

    A draw from softmax(logits / temperature) is argmax(logits + temperature * g), g standard
    Gumbel, so that temperature 0 is exactly the most probable word.

    Args:
        model: the language model; static.
        params: its parameters.
        key: the draw of sequence i at step t hangs on (key, i, t) alone, not on the batch size.
        prompt: int [B, P], P >= 1, read before the first draw; to begin from nothing, an EOS.
        length: how many words to draw; static.
        temperature: below one sharper than the model, above one flatter; traced.
        end: id of EOS; after it a sequence is EOS only. None: no sequence ends. Static.

    Returns:
        int32 [B, length], without the prompt.

    Raises:
        UserError: the prompt is empty.
    """
    B, P = prompt.shape
    if P == 0:
        raise UserError("prompt: empty; give at least one word, EOS to begin from nothing")
    slots = jnp.arange(B)

    def draw(t: Array, logits: Array) -> Array:
        keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, t), slots)
        g = jax.vmap(lambda k: jax.random.gumbel(k, logits.shape[1:], logits.dtype))(keys)
        return jnp.argmax(logits + temperature * g, axis=-1).astype(jnp.int32)  # [B]

    def step(state: tuple[Carry, Array, Array], t: Array) -> tuple[Any, Array]:
        carry, logits, ended = state
        ids = draw(t, logits)
        if end is not None:
            ids = jnp.where(ended, end, ids)
            ended = ids == end
        carry, (logits, _) = model.apply({"params": params}, carry, ids[:, None])
        return (carry, logits[:, -1], ended), ids

    carry = model.initial_carry(B)
    carry, (logits, _) = model.apply({"params": params}, carry, prompt)
    _, ids = lax.scan(step, (carry, logits[:, -1], jnp.zeros(B, bool)), jnp.arange(length))
    return ids.T  # [B, length]
