"""Encoder and decoder: from a sequence to another one of another length (notes 5.2).

Shapes: B batch, T_x and T_y time of input and output, n units, m = 2n in two directions, else n,
D features of a word vector, V vocabulary.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from ngjax.models.layers import Dense
from ngjax.models.recurrent import GRU, Bidirectional
from ngjax.ops.beam import Found, Step, beam_search, greedy_search
from ngjax.ops.dropout import Dropout
from ngjax.ops.initializers import normal, xavier
from ngjax.types import Array, Params, UserError

PAD = 0  # the number of padding: masks are read from the ids


class Memory(NamedTuple):
    """What the encoder hands to the decoder."""

    a: Array  # [B, T_x, m]: a vector a place of the input
    keys: Array  # [B, T_x, n]: W_alpha a<t'>, once for all steps of the decoder
    mask: Array  # bool [B, T_x]: false at padding
    summary: Array  # [B, m]: the last state, of both directions


class Begun(NamedTuple):
    """Where a search starts."""

    memory: Memory
    s: Array  # [B, n]: s<0>


class EncoderDecoder(nn.Module):
    """P(y | x) = prod_t P(y<t> | y<1>, ..., y<t-1>, x), by two GRUs (notes 5.2; Cho et al. 2014).

        a<t'> = GRU(a<t'-1>, E_x[x<t'>]),                   summary: a<T_x>, of both directions
        s<t> = GRU(s<t-1>, E_y[y<t-1>]),                    s<0> = tanh(W_s summary + b_s)
        c<t> = sum_t' alpha<t, t'> a<t'>,                   alpha<t, .> = softmax(s<t>^T W_alpha a)
        logits<t> = E_y tanh(W_c [s<t>, c<t>] + b_c) + b

    Attention is Luong et al. 2015's "general" score, after Bahdanau et al. 2015: no state hangs on
    c<t>, so in training it is three matrix products for all t at once, outside the loop over time.
    Without attention c<t> is the summary at every t, and the decoder's GRU reads it beside the word
    (Cho et al. 2014): all that is known of the input is in one vector. The softmax shares the
    decoder's word vectors (Press & Wolf 2017).

    Attributes:
        vocabulary: V, of both sides; number 0 is padding.
        attention: "general" or "none".
        width: units n of the encoder (a direction) and of the decoder.
        embedding: D.
        bidirectional: whether the encoder also reads from the end.
    """

    vocabulary: int
    attention: Literal["general", "none"] = "general"
    width: int = 256
    embedding: int = 256
    bidirectional: bool = True

    def setup(self) -> None:
        """Name the parts."""
        if self.attention not in ("general", "none"):
            raise UserError(f"attention: {self.attention!r} is none of general, none")
        V, D, n = self.vocabulary, self.embedding, self.width
        self.E_x = self.param("E_x", normal(D**-0.5), (V, D))
        self.E_y = self.param("E_y", normal(D**-0.5), (V, D))
        self.b_y = self.param("b_y", nn.initializers.zeros, (V,))
        if self.bidirectional:
            self.encoder = Bidirectional(GRU(n, parent=None), GRU(n, parent=None))
        else:
            self.encoder = GRU(n)
        self.decoder = GRU(n)
        self.W_s = Dense(n, kernel_init=xavier())
        self.W_c = Dense(D, kernel_init=xavier())
        if self.attention == "general":
            self.W_alpha = Dense(n, kernel_init=xavier(), use_bias=False)

    def encode(self, x: Array, dropout: Dropout | None = None) -> Memory:
        """Read the input.

        Args:
            x: int [B, T_x], `PAD` behind the end, which changes nothing.
            dropout: on word vectors and on what the encoder emits.
        """
        mask = x != PAD  # [B, T_x]
        e = _dropped(dropout, 0, jnp.take(self.E_x, x.T, axis=0))  # [T_x, B, D]
        carry = self.encoder.initial_carry(x.shape[0], e.dtype)
        carry, a = self.encoder.through_time(carry, e, mask.T)  # [T_x, B, m]
        summary = jnp.concatenate(jax.tree.leaves(carry), axis=-1)  # [B, m]
        a = jnp.swapaxes(_dropped(dropout, 1, a), 0, 1)  # [B, T_x, m]
        keys = self.W_alpha(a) if self.attention == "general" else a[..., :0]
        return Memory(a, keys, mask, summary)

    def start(self, memory: Memory) -> Array:
        """The decoder's state before the first word, s<0> [B, n]."""
        return jnp.tanh(self.W_s(memory.summary))

    def decode(
        self, memory: Memory, s: Array, before: Array, dropout: Dropout | None = None
    ) -> tuple[Array, tuple[Array, Array]]:
        """Score the words behind `before`, some steps at once.

        Args:
            memory: of `encode`.
            s: the state before the first of these steps, [B, n].
            before: int [B, T_y], y<t-1> at t; behind the end anything may stand.
            dropout: on word vectors and before the softmax.

        Returns:
            (s<T_y> [B, n], (logits [B, T_y, V], alpha [B, T_y, T_x])); without attention alpha is
            zero.
        """
        e = _dropped(dropout, 2, jnp.take(self.E_y, before.T, axis=0))  # [T_y, B, D]
        if self.attention == "none":
            summary = jnp.broadcast_to(memory.summary[None], (*e.shape[:2], memory.a.shape[-1]))
            e = jnp.concatenate([e, summary], axis=-1)  # [T_y, B, D + m]
        s, states = self.decoder.through_time(s, e)  # [T_y, B, n]
        c, alpha = self._attend(memory, states)
        h = jnp.tanh(self.W_c(jnp.concatenate([states, c], axis=-1)))  # [T_y, B, D]
        h = jnp.swapaxes(_dropped(dropout, 3, h), 0, 1)  # [B, T_y, D]
        return s, (h @ self.E_y.T + self.b_y[None, None, :], alpha)  # [B, T_y, V]

    def __call__(
        self, x: Array, before: Array, dropout: Dropout | None = None
    ) -> tuple[Array, Array]:
        """Score a known output, every word given those before it (teacher forcing).

        Args:
            x: int [B, T_x].
            before: int [B, T_y], the output shifted by one: what begins it, y<1>, ..., y<T_y - 1>.
            dropout: a rate for word vectors, the encoder's output and what the softmax reads.

        Returns:
            (logits [B, T_y, V], alpha [B, T_y, T_x]).
        """
        memory = self.encode(x, dropout)
        return self.decode(memory, self.start(memory), before, dropout)[1]

    def _attend(self, memory: Memory, states: Array) -> tuple[Array, Array]:
        """(c [T_y, B, m], alpha [B, T_y, T_x]) for states [T_y, B, n]."""
        T_y, B, _ = states.shape
        if self.attention == "none":
            c = jnp.broadcast_to(memory.summary[None], (T_y, B, memory.a.shape[-1]))
            return c, jnp.zeros((B, T_y, memory.a.shape[1]), c.dtype)
        scores = jnp.einsum("tbn,bxn->btx", states, memory.keys)  # [B, T_y, T_x]
        lowest = jnp.finfo(scores.dtype).min  # its exponential is zero: padding is never looked at
        alpha = jax.nn.softmax(jnp.where(memory.mask[:, None], scores, lowest), axis=-1)
        return jnp.einsum("btx,bxm->tbm", alpha, memory.a), alpha


def shifted(y: Array, start: int) -> Array:
    """What the decoder reads where it is to say y [B, T_y]: `start`, y<1>, ..., y<T_y - 1>."""
    return jnp.pad(y[:, :-1], ((0, 0), (1, 0)), constant_values=start)


def begin(model: EncoderDecoder, params: Params, x: Array) -> Begun:
    """Read x [B, T_x]: what a search starts from."""

    def begun(model: EncoderDecoder, x: Array) -> Begun:
        memory = model.encode(x)
        return Begun(memory, model.start(memory))

    return model.apply({"params": params}, x, method=begun)


def greedy(model: EncoderDecoder, params: Params, begun: Begun, longest: int, end: int) -> Array:
    """Translations by `ops.beam.greedy_search`, int32 [B, longest]."""
    step = _step(model, params, begun.memory)
    return greedy_search(step, begun.s, len(begun.s), longest, start=end, end=end)


def beam(
    model: EncoderDecoder,
    params: Params,
    begun: Begun,
    width: int,
    longest: int,
    end: int,
    alpha: float = 1.0,
) -> Found:
    """The `width` best translations by `ops.beam.beam_search`, ids [B, width, longest]."""
    each = jax.tree.map(lambda leaf: jnp.repeat(leaf, width, axis=0), begun.memory)  # [B K, ...]
    step, B = _step(model, params, each), len(begun.s)
    return beam_search(step, begun.s, B, width, longest, start=end, end=end, alpha=alpha)


def alignment(model: EncoderDecoder, params: Params, begun: Begun, ids: Array, end: int) -> Array:
    """Where the decoder looks as it writes ids [B, T_y]: alpha [B, T_y, T_x]."""
    return model.apply({"params": params}, *begun, shifted(ids, end), method=EncoderDecoder.decode)[
        1
    ][1]


def _step(model: EncoderDecoder, params: Params, memory: Memory) -> Step:
    def step(s: Array, ids: Array) -> tuple[Array, Array]:
        s, (logits, _) = model.apply(
            {"params": params}, memory, s, ids[:, None], method=EncoderDecoder.decode
        )
        return s, logits[:, 0]  # [B, V]

    return step


def _dropped(dropout: Dropout | None, place: int, a: Array) -> Array:
    """[T, B, ...] with one mask for all steps of a sequence (Gal & Ghahramani 2016).

    So a mask does not hang on the width that a batch is cut to.
    """
    return a if dropout is None else a * dropout(place, jnp.ones_like(a[0]))[None]
