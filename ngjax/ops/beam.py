"""Greedy and beam search for the most probable sequence, inside one compiled loop.

Shapes: B batch, K width of the beam, T longest sequence, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ngjax.types import Array

Step = Callable[[Any, Array], tuple[Any, Array]]  # (carry, ids [B K]) -> (carry, logits [B K, V])


class Found(NamedTuple):
    """What a search found, the best first."""

    ids: Array  # int32 [B, K, T]; `end` behind the end
    log_p: Array  # float [B, K]: log P(y | x)
    score: Array  # float [B, K]: log P / length^alpha


class _Beam(NamedTuple):
    t: Array  # []
    carry: Any  # leaves [B K, ...]
    ids: Array  # [B, K, T]
    log_p: Array  # [B, K]; -inf: an empty place
    length: Array  # [B, K]; words, the end included
    ended: Array  # bool [B, K]


def beam_search(
    step: Step,
    carry: Any,
    batch_size: int,
    width: int,
    longest: int,
    *,
    start: int,
    end: int,
    alpha: float = 1.0,
) -> Found:
    """Keep the K best beginnings at every step (Sutskever et al. 2014; Wu et al. 2016).

        score(y) = log P(y) / |y|^alpha,     log P(y) = sum_t log P(y<t> | y<1>, ..., y<t-1>)

    A product of probabilities falls with every word, so that without a division the shortest
    sequence wins. Ended sequences stay in the beam and compete by score with those that go on; the
    search is over when all K have ended. Width 1 is `greedy_search`.

    Args:
        step: one step of the decoder; static.
        carry: its state before the first step, leaves [B, ...]; every sequence of a beam gets its
            own. What all steps read alike (an encoder's output) may stand in it, too.
        batch_size: B.
        width: K; static.
        longest: T, the step after which a sequence is cut; static.
        start: the word given at the first step.
        end: the word that ends a sequence.
        alpha: exponent of the length: 0 none, 1 the mean over words.

    Returns:
        Found; where fewer than K sequences exist, the last have score -inf.
    """
    B, K = batch_size, width

    def score(log_p: Array, length: Array) -> Array:
        return log_p / jnp.maximum(length, 1).astype(log_p.dtype) ** alpha

    def more(beam: _Beam) -> Array:
        return (beam.t < longest) & ~jnp.all(beam.ended | (beam.log_p == -jnp.inf))

    def extend(beam: _Beam) -> _Beam:
        last = jnp.where(beam.t == 0, start, beam.ids[:, :, jnp.maximum(beam.t - 1, 0)])  # [B, K]
        carry, logits = step(beam.carry, last.reshape(-1))
        log_p, word = _likeliest(logits.reshape(B, K, -1), K)  # [B, K, k]
        k = word.shape[-1]
        alone = jnp.arange(k)[None, None, :] == 0  # an ended one is handed on once, as it is
        log_p = jnp.where(beam.ended[:, :, None], jnp.where(alone, 0.0, -jnp.inf), log_p)
        word = jnp.where(beam.ended[:, :, None], end, word)
        log_p = beam.log_p[:, :, None] + log_p  # [B, K, k]
        length = jnp.where(beam.ended, beam.length, beam.length + 1)  # [B, K]
        ranks = score(log_p, length[:, :, None]).reshape(B, -1)  # [B, K k]
        _, place = lax.top_k(ranks, K)  # [B, K]; of equals the first
        parent = place // k  # [B, K]
        word = jnp.take_along_axis(word.reshape(B, -1), place, axis=1)
        rows = (jnp.arange(B)[:, None] * K + parent).reshape(-1)  # [B K]
        ids = jnp.take_along_axis(beam.ids, parent[:, :, None], axis=1)
        return _Beam(
            beam.t + 1,
            jax.tree.map(lambda leaf: leaf[rows], carry),
            ids.at[:, :, beam.t].set(word),
            jnp.take_along_axis(log_p.reshape(B, -1), place, axis=1),
            jnp.take_along_axis(length, parent, axis=1),
            word == end,
        )

    first = jnp.arange(K)[None, :] == 0
    carry = jax.tree.map(lambda leaf: jnp.repeat(leaf, K, axis=0), carry)  # [B K, ...]
    dtype = jax.eval_shape(step, carry, jnp.zeros(B * K, jnp.int32))[1].dtype
    dtype = jnp.promote_types(dtype, jnp.float32)
    beam = lax.while_loop(
        more,
        extend,
        _Beam(
            jnp.zeros((), jnp.int32),
            carry,
            jnp.full((B, K, longest), end, jnp.int32),
            jnp.broadcast_to(jnp.where(first, 0, -jnp.inf).astype(dtype), (B, K)),
            jnp.zeros((B, K), jnp.int32),
            jnp.zeros((B, K), bool),
        ),
    )
    return Found(beam.ids, beam.log_p, score(beam.log_p, beam.length))


def greedy_search(
    step: Step, carry: Any, batch_size: int, longest: int, *, start: int, end: int
) -> Array:
    """The likeliest word at every step, given those before.

    Args:
        step: as in `beam_search`, of B sequences.
        carry: its state before the first step, leaves [B, ...].
        batch_size: B.
        longest: T; static.
        start: the word given at the first step.
        end: the word that ends a sequence.

    Returns:
        int32 [B, T]; `end` behind the end.
    """

    def more(state: tuple[Any, ...]) -> Array:
        t, _, _, _, ended = state
        return (t < longest) & ~jnp.all(ended)

    def extend(state: tuple[Any, ...]) -> tuple[Any, ...]:
        t, carry, last, ids, ended = state
        carry, logits = step(carry, last)
        word = jnp.where(ended, end, jnp.argmax(logits, axis=-1).astype(jnp.int32))  # [B]
        return t + 1, carry, word, ids.at[:, t].set(word), ended | (word == end)

    ids = jnp.full((batch_size, longest), end, jnp.int32)
    last = jnp.full(batch_size, start, jnp.int32)
    begun = (jnp.zeros((), jnp.int32), carry, last, ids, jnp.zeros(batch_size, bool))
    return lax.while_loop(more, extend, begun)[3]


def _likeliest(logits: Array, count: int) -> tuple[Array, Array]:
    """(log softmax, number) of the `count` likeliest words, [..., min(count, V)] each."""
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    top, word = lax.top_k(logits, min(count, logits.shape[-1]))
    return top - jax.nn.logsumexp(logits, axis=-1, keepdims=True), word.astype(jnp.int32)
