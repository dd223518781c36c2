r"""Linear-chain conditional random field: tags that are scored together (Lafferty et al. 2001).

    s(y) = start[y<1>] + sum_t emission<t>[y<t>] + sum_t transition[y<t-1>, y<t>] + end[y<T>]
    -ln P(y) = ln sum_y' e^{s(y')} - s(y)

The sum over all K^T taggings is the forward algorithm, the best one Viterbi's: T steps of K^2.
Padding, a mask of zeros behind the end, changes neither. Shapes: B batch, T time, K tags.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ngjax.types import Array


class Potentials(NamedTuple):
    """What every sentence shares."""

    transition: Array  # [K, K]: from a row's tag to a column's
    start: Array  # [K]
    end: Array  # [K]


def path_score(potentials: Potentials, emission: Array, tags: Array, mask: Array) -> Array:
    """s(y) of given taggings.

    Args:
        potentials: of the chain.
        emission: [B, T, K].
        tags: int [B, T].
        mask: [B, T], ones in front, at least one.

    Returns:
        [B].
    """
    mask = mask.astype(emission.dtype)
    each = jnp.take_along_axis(emission, tags[..., None], axis=2)[..., 0]  # [B, T]
    steps = potentials.transition[tags[:, :-1], tags[:, 1:]]  # [B, T-1]
    last = mask.sum(axis=1).astype(jnp.int32) - 1  # [B]
    ended = potentials.end[jnp.take_along_axis(tags, last[:, None], axis=1)[:, 0]]  # [B]
    inner = (each * mask).sum(axis=1) + (steps * mask[:, 1:]).sum(axis=1)
    return inner + potentials.start[tags[:, 0]] + ended


def log_partition(potentials: Potentials, emission: Array, mask: Array) -> Array:
    """ln of the sum of e^{s(y)} over all taggings y, by the forward algorithm.

        alpha<t>[k] = emission<t>[k] + ln sum_j exp(alpha<t-1>[j] + transition[j, k])

    Args:
        potentials: of the chain.
        emission: [B, T, K].
        mask: [B, T].

    Returns:
        [B].
    """

    def step(alpha: Array, inputs: tuple[Array, Array]) -> tuple[Array, None]:
        e, here = inputs  # [B, K], [B]
        joined = alpha[:, :, None] + potentials.transition[None]  # [B, K, K]
        new = e + jax.nn.logsumexp(joined, axis=1)  # [B, K]
        return jnp.where(here[:, None], new, alpha), None

    first = potentials.start[None] + emission[:, 0]  # [B, K]
    alpha, _ = lax.scan(step, first, _rest(emission, mask))
    return jax.nn.logsumexp(alpha + potentials.end[None], axis=1)


def negative_log_likelihood(
    potentials: Potentials, emission: Array, tags: Array, mask: Array
) -> Array:
    """-ln P(y) of given taggings, [B]; arguments as of `path_score`."""
    return log_partition(potentials, emission, mask) - path_score(potentials, emission, tags, mask)


def viterbi(potentials: Potentials, emission: Array, mask: Array) -> Array:
    """The tagging of the highest score (Viterbi 1967).

    Args:
        potentials: of the chain.
        emission: [B, T, K].
        mask: [B, T].

    Returns:
        int32 [B, T], 0 at padding.
    """
    K = emission.shape[-1]
    stay = jnp.arange(K)[None]

    def ahead(delta: Array, inputs: tuple[Array, Array]) -> tuple[Array, Array]:
        e, here = inputs
        joined = delta[:, :, None] + potentials.transition[None]  # [B, K, K]
        came = jnp.where(here[:, None], joined.argmax(axis=1), stay)  # [B, K]
        new = e + joined.max(axis=1)
        return jnp.where(here[:, None], new, delta), came

    first = potentials.start[None] + emission[:, 0]
    delta, came = lax.scan(ahead, first, _rest(emission, mask))  # [T-1, B, K]
    best = (delta + potentials.end[None]).argmax(axis=1)  # [B]

    def back(tag: Array, came: Array) -> tuple[Array, Array]:
        before = jnp.take_along_axis(came, tag[:, None], axis=1)[:, 0]  # [B]
        return before, tag

    first_tag, rest = lax.scan(back, best, came, reverse=True)  # [T-1, B]
    tags = jnp.concatenate([first_tag[None], rest]).T  # [B, T]
    return jnp.where(mask > 0, tags, 0).astype(jnp.int32)


def _rest(emission: Array, mask: Array) -> tuple[Array, Array]:
    """Steps 2 to T, time leading."""
    return jnp.swapaxes(emission, 0, 1)[1:], (mask.T > 0)[1:]
