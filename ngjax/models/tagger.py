"""A label for every step of a sequence (notes 5.6), and words as a tagger reads them."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from ngjax.models.cells import cell_named
from ngjax.models.layers import Dense
from ngjax.models.recurrent import Bidirectional, Layer
from ngjax.ops.crf import Potentials
from ngjax.ops.dropout import Dropout, inverted_dropout
from ngjax.ops.initializers import he, normal, xavier, zeros
from ngjax.ops.neighbours import with_neighbours
from ngjax.types import Array, UserError

Sight = Literal["window", "time_delay", "forward", "backward", "bidirectional"]


class Reversed(Layer):
    """A layer that reads from the end: the backward half of `Bidirectional` alone."""

    layer: Layer

    def initial_carry(self, batch_size: int, dtype: Any = jnp.float32) -> Any:
        """That of the layer."""
        return self.layer.initial_carry(batch_size, dtype)

    def through_time(self, carry: Any, x: Array, mask: Array | None = None) -> tuple[Any, Array]:
        """As every layer's."""
        flipped = None if mask is None else mask[::-1]
        carry, a = self.layer.through_time(carry, x[::-1], flipped)
        return carry, a[::-1]


class Labeller(nn.Module):
    """y_hat<t> = g(W_y a<t> + b_y), where a<t> is made of what the network sees from t.

    The networks that the notes compare (5.6):

        window         a hidden layer over x<t-r> ... x<t+r>: an MLP, moved along the sequence
        time_delay     such layers over three steps, one on another (Waibel et al. 1989)
        forward        a recurrent layer: x<1> ... x<t+d>, d the delay; backward: x<t> ... x<T>
        bidirectional  [->a<t>, <-a<t>]: all of x (Schuster & Paliwal 1997)

    Attributes:
        labels: K.
        sight: one of these.
        cell: "rnn", "gru" or "lstm", of the recurrent ones.
        width: units of a<t>, n; of a bidirectional layer half of them each way.
        reach: r, steps that a window spans on either side.
        depth: layers of the time-delay network; it spans `depth` steps on either side.
        delay: d, steps that a forward layer reads on before it answers.
        crf: keep what `potentials` reads among the parameters.
    """

    labels: int
    sight: Sight = "bidirectional"
    cell: Literal["rnn", "gru", "lstm"] = "lstm"
    width: int = 200
    reach: int = 2
    depth: int = 2
    delay: int = 0
    crf: bool = False

    @nn.compact
    def __call__(
        self, x: Array, mask: Array, dropout: Dropout | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """Label every step.

        Args:
            x: [B, T, D].
            mask: [B, T], zero or false at padding.
            dropout: of units of a, the same ones at every step of a sequence; None: none.

        Returns:
            (logits [B, T, K], {"a": [B, T, n]}).
        """
        there = mask[..., None].astype(x.dtype)
        if self.sight == "window":
            a = self._over(x * there, self.reach, "window")
        elif self.sight == "time_delay":
            a = x
            for layer in range(self.depth):
                a = self._over(a * there, 1, f"delay{layer + 1}")
        else:
            layer, d = self._recurrent(), self.delay if self.sight == "forward" else 0
            late = jnp.pad(mask, ((0, 0), (d, 0)), constant_values=1)  # [B, d + T]
            x = jnp.pad(x * there, ((0, 0), (0, d), (0, 0)))  # [B, T + d, D]
            _, a = layer(layer.initial_carry(x.shape[0], x.dtype), x, late)
            a = a[:, d:]  # [B, T, n]
        if self.crf:
            self._potentials()
        seen = a if dropout is None else along_time(dropout, 1, a)
        logits = Dense(self.labels, kernel_init=xavier(), name="softmax")(seen)  # [B, T, K]
        return logits, {"a": a}

    def _over(self, x: Array, reach: int, name: str) -> Array:
        layer = Dense(self.width, kernel_init=he(), name=name)
        return jax.nn.relu(layer(with_neighbours(x, reach, reach)))  # [B, T, n]

    def _recurrent(self) -> Layer:
        make = partial(cell_named(self.cell), parent=None)
        if self.sight == "forward":
            return cell_named(self.cell)(self.width, name="recurrent")
        if self.sight == "backward":
            return Reversed(make(self.width), name="recurrent")
        if self.sight != "bidirectional":
            raise UserError(f"sight: {self.sight!r} is none that a labeller has")
        half = self.width // 2
        return Bidirectional(make(half), make(self.width - half), name="recurrent")

    def _potentials(self) -> None:
        K = self.labels
        for name, shape in (("transition", (K, K)), ("start", (K,)), ("end", (K,))):
            self.param(name, zeros(), shape)


class Words(nn.Module):
    """x<t> = [E[word<t>], max over places of relu(W [letters round a place] + b)].

    The second half is a convolution over a word's letters (Ma & Hovy 2016): what tells of words
    that the dictionary lacks, by capitals, prefixes and endings.

    Attributes:
        dictionary: words, V.
        alphabet: numbers of letters, 0 for none.
        embedding: features of a word.
        letter: features of a letter.
        filters: features of a spelling; 0: letters are not read.
    """

    dictionary: int
    alphabet: int
    embedding: int = 100
    letter: int = 25
    filters: int = 50

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Inputs int [B, T, 1 + L], a word's number and its letters', to x [B, T, D]."""
        E = self.param("E", normal(0.1), (self.dictionary, self.embedding))
        x = jnp.take(E, inputs[..., 0], axis=0)  # [B, T, embedding]
        if not self.filters:
            return x
        letters = inputs[..., 1:]  # [B, T, L]
        table = self.param("letters", normal(self.letter**-0.5), (self.alphabet, self.letter))
        there = (letters > 0)[..., None].astype(table.dtype)
        spelled = jnp.take(table, letters, axis=0) * there  # [B, T, L, letter]
        spans = with_neighbours(spelled, 1, 1)  # [B, T, L, 3 letter]
        features = jax.nn.relu(Dense(self.filters, kernel_init=he(), name="spelling")(spans))
        return jnp.concatenate([x, (features * there).max(axis=2)], axis=-1)  # [B, T, D]


class Tagger(nn.Module):
    """A tag for every word of a sentence: `Words`, then a `Labeller`."""

    words: Words
    labeller: Labeller

    def __call__(
        self, inputs: Array, dropout: Dropout | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """Tag sentences.

        Args:
            inputs: int [B, T, 1 + L]; a word without letters is padding.
            dropout: of features of x and units of a, the same ones for all words of a sentence.

        Returns:
            (logits [B, T, K], {"x": [B, T, D], "a": [B, T, n]}).
        """
        x = self.words(inputs)  # [B, T, D]
        seen = x if dropout is None else along_time(dropout, 0, x)
        logits, found = self.labeller(seen, inputs[..., 1] > 0, dropout)
        return logits, {"x": x, **found}


def along_time(dropout: Dropout, layer: int, a: Array) -> Array:
    """Drop units of a [B, T, n], the same ones at every step (Gal & Ghahramani 2016).

    The draw knows no T, so padding and the width of a bucket change nothing.
    """
    key = jax.random.fold_in(dropout.key, layer)
    ones = jnp.ones((a.shape[0], a.shape[2]), a.dtype)
    return a * inverted_dropout(key, dropout.slot, ones, dropout.rate)[:, None]  # [B, T, n]


def potentials(labeller: Any) -> Potentials:
    """Of a conditional random field, from the parameters of a `Labeller` that keeps them."""
    return Potentials(*(labeller[name] for name in Potentials._fields))
