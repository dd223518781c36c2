"""One network for each shape of input and output that the notes name (5.2).

    one to one    x -> y                         a plain network: `ngjax.models.mlp.MLP`
    one to many   x -> y<1> ... y<T_y>           `Drawer`
    many to one   x<1> ... x<T_x> -> y           `Reader`
    many to many  T_x = T_y                      `ngjax.models.tagger.Labeller`
                  T_x, T_y each its own          `Transcriber`: an encoder, then a decoder

And the network that the notes advise against: `Concatenated`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from ngjax.models.layers import Dense
from ngjax.models.recurrent import GRU, Bidirectional, Carry
from ngjax.models.tagger import Labeller
from ngjax.ops.initializers import Initializer, he, normal, xavier, zeros
from ngjax.types import Array


class Drawer(nn.Module):
    """One to many: a class draws a picture, one column after another, each read back.

        a<t> = GRU(a<t-1>, [E[class], y<t-1>]),   y<t> = sigmoid(W_y a<t> + b_y),   y<0> = 0

    Attributes:
        classes: K.
        height: numbers of a column, H.
        width: units n.
        embedding: features of a class.
    """

    classes: int
    height: int
    width: int = 64
    embedding: int = 16

    def initial_carry(self, batch_size: int, dtype: Any = jnp.float32) -> Carry:
        """Zeros, a<0> [B, n]."""
        return jnp.zeros((batch_size, self.width), dtype)

    @nn.compact
    def __call__(self, carry: Carry, which: Array, before: Array) -> tuple[Carry, Array]:
        """Columns from those before them.

        Args:
            carry: the state before the first of these columns.
            which: int [B], the class.
            before: y<t-1> for every t, [B, T, H]: zeros in front of the first column.

        Returns:
            (carry, scores z [B, T, H]; y = sigmoid(z)).
        """
        E = self.param("E", normal(self.embedding**-0.5), (self.classes, self.embedding))
        e = jnp.broadcast_to(E[which][:, None], (*before.shape[:2], self.embedding))
        x = jnp.concatenate([e, before.astype(E.dtype)], axis=-1)  # [B, T, D + H]
        carry, a = GRU(self.width, name="recurrent")(carry, x)
        return carry, Dense(self.height, kernel_init=xavier(), name="column")(a)


@partial(jax.jit, static_argnames=("model", "length"))
def drawn(model: Drawer, params: Any, which: Array, length: int) -> Array:
    """What `Drawer` draws of classes int [B] when it reads its own columns, [B, T, H]."""
    B = which.shape[0]

    def step(state: tuple[Carry, Array], _: None) -> tuple[Any, Array]:
        carry, before = state
        carry, z = model.apply({"params": params}, carry, which, before[:, None])
        y = jax.nn.sigmoid(z[:, 0])  # [B, H]
        return (carry, y), y

    first = (model.initial_carry(B), jnp.zeros((B, model.height)))
    _, y = lax.scan(step, first, None, length)
    return jnp.swapaxes(y, 0, 1)  # [B, T, H]


class Reader(nn.Module):
    """Many to one: y_hat = softmax(W_y a<T_x> + b_y); padding leaves a<T_x> as it is."""

    classes: int
    width: int = 64

    @nn.compact
    def __call__(self, x: Array, mask: Array) -> Array:
        """(x [B, T, D], mask [B, T]) -> logits [B, K]."""
        layer = GRU(self.width, name="recurrent")
        a, _ = layer(layer.initial_carry(x.shape[0], x.dtype), x, mask)  # [B, n]
        return Dense(self.classes, kernel_init=xavier(), name="softmax")(a)


class Transcriber(nn.Module):
    """Many to many of unequal lengths: all of x is read, then y is written (Sutskever et al. 2014).

        c = tanh(W [->a<T_x>, <-a<1>] + b)                                   the encoder
        s<0> = c,  s<t> = GRU(s<t-1>, E[y<t-1>]),  y_hat<t> = softmax(W_y s<t> + b_y)

    Attributes:
        tokens: V, of the output.
        width: units n of either part.
    """

    tokens: int
    width: int = 128

    def setup(self) -> None:
        """The parts."""
        half = self.width // 2
        one = partial(GRU, parent=None)
        self.encoder = Bidirectional(one(half), one(self.width - half))
        self.bridge = Dense(self.width, kernel_init=xavier())
        self.E = self.param("E", normal(self.width**-0.5), (self.tokens, self.width))
        self.decoder = GRU(self.width)
        self.softmax = Dense(self.tokens, kernel_init=xavier())

    def encode(self, x: Array, mask: Array) -> Carry:
        """(x [B, T, D], mask [B, T]) -> the state that writing begins with, [B, n]."""
        begin = self.encoder.initial_carry(x.shape[0], x.dtype)
        ends, _ = self.encoder(begin, x, mask)
        return jnp.tanh(self.bridge(jnp.concatenate(ends, axis=-1)))  # [B, n]

    def decode(self, carry: Carry, before: Array) -> tuple[Carry, Array]:
        """(state [B, n], tokens y<t-1> int [B, T]) -> (state, logits [B, T, V])."""
        carry, s = self.decoder(carry, jnp.take(self.E, before, axis=0))
        return carry, self.softmax(s)

    def __call__(self, x: Array, mask: Array, before: Array) -> Array:
        """The logits [B, T_y, V] of tokens that follow `before` int [B, T_y]."""
        return self.decode(self.encode(x, mask), before)[1]


@partial(jax.jit, static_argnames=("model", "length"))
def transcribed(model: Transcriber, params: Any, x: Array, mask: Array, length: int) -> Array:
    """The likeliest token at every step, each read back, int32 [B, length]; the first reads 0."""
    carry = model.apply({"params": params}, x, mask, method="encode")

    def step(state: tuple[Carry, Array], _: None) -> tuple[Any, Array]:
        carry, before = state
        carry, z = model.apply({"params": params}, carry, before[:, None], method="decode")
        token = z[:, 0].argmax(axis=-1).astype(jnp.int32)  # [B]
        return (carry, token), token

    _, tokens = lax.scan(step, (carry, jnp.zeros(x.shape[0], jnp.int32)), None, length)
    return tokens.T  # [B, length]


class Concatenated(nn.Module):
    """A plain network on all words of a sentence at once, one-hot and side by side (notes 5).

        z = sum_t W<t> o<t> + b,   y_hat<t> = softmax(V<t> relu(z) + c<t>),   t = 1 ... T

    Each place has weights of its own, so that T is fixed and nothing learnt at one place is known
    at another: T V n + n + n T K + T K parameters. W<t> o<t> is looked up, not multiplied.

    Attributes:
        vocabulary: V.
        labels: K.
        frame: T.
        width: units n.
    """

    vocabulary: int
    labels: int
    frame: int
    width: int = 64

    @nn.compact
    def __call__(self, ids: Array, mask: Array) -> Array:
        """Words int [B, T] and where there are some [B, T] to logits [B, T, K]."""
        shape = (self.frame, self.vocabulary, self.width)
        W = self.param("W", _spread(self.frame), shape)
        b = self.param("b", zeros(), (self.width,))
        rows = W[jnp.arange(self.frame)[None], ids]  # [B, T, n]
        a = jax.nn.relu((rows * mask[..., None].astype(W.dtype)).sum(axis=1) + b[None])  # [B, n]
        z = Dense(self.frame * self.labels, kernel_init=he(), name="labels")(a)
        return z.reshape(-1, self.frame, self.labels)  # [B, T, K]


class WordLabeller(nn.Module):
    """Every word's vector, then a `Labeller`: V D parameters that all places share."""

    vocabulary: int
    labels: int
    width: int = 64
    embedding: int = 32

    @nn.compact
    def __call__(self, ids: Array, mask: Array) -> Array:
        """Words int [B, T] and where there are some [B, T] to logits [B, T, K]."""
        E = self.param("E", normal(self.embedding**-0.5), (self.vocabulary, self.embedding))
        labeller = Labeller(self.labels, cell="gru", width=self.width, name="labeller")
        return labeller(jnp.take(E, ids, axis=0), mask)[0]


def _spread(frame: int) -> Initializer:
    """He et al.'s start where one number of each place's V is one: fan-in T."""

    def init(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        return jax.random.normal(key, shape, dtype) * jnp.sqrt(2 / frame).astype(dtype)

    return init
