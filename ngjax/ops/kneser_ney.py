r"""Interpolated Kneser-Ney n-grams: a language model that counts (notes 5.3).

    P_k(w | h) = max(c(h w) - D(c(h w)), 0) / c(h .) + lambda(h) P_{k-1}(w | h'),    P_0 = 1 / V

h' is the history h without its oldest word, lambda(h) what the discounts D took, so that P_k sums
to one. c is how often the n-gram was seen at the highest order; below, in how many different words
it was seen *behind* (Kneser & Ney 1995). Three discounts, for a count of one, two, and more (the
modified form of Chen & Goodman 1999), from the numbers n_r of n-grams seen r times:

    D_r = r - (r + 1) (n_1 / (n_1 + 2 n_2)) n_{r+1} / n_r

All orders are arrays; nothing here runs on a device.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Order(NamedTuple):
    """The n-grams of one order: a history, which is an n-gram of the order below, and a word."""

    keys: np.ndarray  # int64 [G], sorted: V * number of the history + word
    counts: np.ndarray  # float64 [G], c(h w)
    taken: np.ndarray  # float64 [G], D(c(h w))
    history_total: np.ndarray  # float64 [H], c(h .)
    backoff: np.ndarray  # float64 [H], lambda(h)


class KneserNey(NamedTuple):
    """A fitted model."""

    orders: tuple[Order, ...]  # from one word on
    vocabulary: int  # V
    boundary: int | None  # word that ends a sentence


def fit(
    ids: np.ndarray,
    vocabulary: int,
    order: int = 5,
    boundary: int | None = None,
    discounts: tuple[float, float, float] | None = None,
) -> KneserNey:
    """Count.

    Args:
        ids: int [T], the training text.
        vocabulary: V; ids are below it.
        order: words of the longest n-gram.
        boundary: the word that ends a sentence; no history reaches over it, it is the first word
            of the next one's. None: the text is one sentence.
        discounts: D of a count of one, two and more; none: from the counts, order by order.

    Raises:
        ValueError: no text, an order below one, or an id outside of the vocabulary.
    """
    ids = np.asarray(ids, np.int64)
    if not len(ids) or order < 1:
        raise ValueError(f"order {order} over a text of {len(ids)}: give a text and an order >= 1")
    if ids.min() < 0 or ids.max() >= vocabulary:
        raise ValueError(f"ids must be in [0, {vocabulary})")
    reach = _reach(ids, boundary)
    keys, found = _grams(ids, vocabulary, order, reach)
    orders = []
    for k in range(order):
        here = found[k]
        counts = np.bincount(here[here >= 0], minlength=len(keys[k])).astype(np.float64)
        if k + 1 < order:
            counts = _continuations(here, found[k + 1], counts)
        histories = len(keys[k - 1]) if k else 1
        orders.append(_discounted(keys[k], counts, vocabulary, histories, discounts))
    return KneserNey(tuple(orders), vocabulary, boundary)


def probabilities(model: KneserNey, ids: np.ndarray) -> np.ndarray:
    """P(w_t | the words before it), float64 [T], for every word of a text [T]."""
    ids = np.asarray(ids, np.int64)
    reach = _reach(ids, model.boundary)
    P = np.full(len(ids), 1 / model.vocabulary)
    before = np.zeros(len(ids), np.int64)  # number of the history: the empty one
    for k, order in enumerate(model.orders):
        usable = (before >= 0) & (reach >= k)
        h = np.where(usable, before, 0)
        gram = _look_up(order.keys, h * model.vocabulary + ids)
        left = np.where(gram >= 0, order.counts[gram] - order.taken[gram], 0)
        total = order.history_total[h]
        usable &= total > 0
        mixed = np.maximum(left, 0) / np.where(usable, total, 1) + order.backoff[h] * P
        P = np.where(usable, mixed, P)
        known = np.where((gram >= 0) & (reach >= k) & (before >= 0), gram, -1)
        before = np.concatenate([[-1], known[:-1]])  # the n-gram that ends before t
    return P


def perplexity(model: KneserNey, ids: np.ndarray) -> float:
    """exp of the mean of -ln P over all words of a text but the first."""
    return float(np.exp(-np.log(probabilities(model, ids)[1:]).mean()))


def _reach(ids: np.ndarray, boundary: int | None) -> np.ndarray:
    """How many words before t a history may hold, int [T]: back to the last boundary, with it."""
    places = np.arange(len(ids))
    if boundary is None:
        return places
    starts = np.where(ids == boundary, places, 0)
    last = np.maximum.accumulate(starts)  # at or before t
    return places - np.concatenate([[0], last[:-1]])


def _grams(
    ids: np.ndarray, V: int, order: int, reach: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Sorted keys of each order, and the number of the n-gram that ends at t, -1 for none."""
    keys, found = [], []
    before = np.zeros(len(ids), np.int64)
    for k in range(order):
        real = (before >= 0) & (reach >= k)
        unique, number = np.unique(before[real] * V + ids[real], return_inverse=True)
        here = np.full(len(ids), -1, np.int64)
        here[real] = number
        keys.append(unique)
        found.append(here)
        before = np.concatenate([[-1], here[:-1]])
    return keys, found


def _continuations(here: np.ndarray, longer: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """In how many different words each n-gram was seen behind; its count where there is none.

    An n-gram at the start of a sentence has no word before it.
    """
    real = np.flatnonzero(longer >= 0)
    _, first = np.unique(longer[real], return_index=True)  # one place of every longer n-gram
    behind = np.bincount(here[real[first]], minlength=len(counts))
    return np.where(behind > 0, behind, counts)


def _discounted(
    keys: np.ndarray,
    counts: np.ndarray,
    V: int,
    histories: int,
    discounts: tuple[float, float, float] | None,
) -> Order:
    h = keys // V
    D = np.array([0.0, *(discounts or _discounts(counts))])
    taken = np.minimum(D[np.minimum(counts, 3).astype(np.int64)], counts)
    total = np.bincount(h, counts, histories)
    backoff = np.bincount(h, taken, histories) / np.maximum(total, 1)
    return Order(keys, counts, taken, total, backoff)


def _discounts(counts: np.ndarray) -> tuple[float, float, float]:
    n = np.bincount(np.minimum(counts, 5).astype(np.int64), minlength=6)[:5].astype(np.float64)
    if not n[1:].all():  # too small a text to tell
        return 0.5, 0.75, 0.9
    Y = n[1] / (n[1] + 2 * n[2])
    D = [r - (r + 1) * Y * n[r + 1] / n[r] for r in (1, 2, 3)]
    return tuple(float(np.clip(d, 0, r)) for r, d in enumerate(D, 1))


def _look_up(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Places of `wanted` among sorted keys, -1 where they are not."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)
