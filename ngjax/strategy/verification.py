r"""Is this the claimed person, and who is this? (notes 4.14), judged from distances, on the host.

    verification, 1:1     "the same" where d(x1, x2) < tau
    recognition, 1:K      the nearest of the K in the database, "nobody" where d >= tau

Same and different pairs count alike, however many there are of each, as if as many of either had
been drawn: accuracy is (true-accept rate + true-reject rate) / 2. tau is chosen on other people
than those it is judged on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Roc(NamedTuple):
    """What each threshold accepts, from the strictest, which accepts nothing, to everything."""

    threshold: np.ndarray  # [T]: "the same" at or below it
    true_accept: np.ndarray  # [T], share of the same pairs
    false_accept: np.ndarray  # [T], share of the different pairs


def pairs(people: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of m photographs.

    Args:
        people: who is on each, [m].

    Returns:
        (i, j, same): i < j and whether it is one person, each [m (m - 1) / 2].
    """
    people = np.asarray(people)
    i, j = np.triu_indices(len(people), 1)
    return i, j, people[i] == people[j]


def roc(distances: Any, same: Any) -> Roc:
    """The receiver operating characteristic; equal distances fall together.

    Args:
        distances: of pairs [n].
        same: bool [n]; both kinds are there.

    Raises:
        ValueError: only one kind of pair.
    """
    distances, same = np.float64(distances), np.asarray(same, bool)
    if same.all() or not same.any():
        raise ValueError("verification needs pairs of one person and pairs of two")
    order = np.argsort(distances, kind="stable")
    distances, same = distances[order], same[order]
    last = np.flatnonzero(np.append(np.diff(distances) > 0, True))  # of each distinct distance
    accepted = np.cumsum(same)[last], np.cumsum(~same)[last]
    return Roc(
        np.append(-np.inf, distances[last]),
        np.append(0.0, accepted[0] / same.sum()),
        np.append(0.0, accepted[1] / (~same).sum()),
    )


def equal_error(curve: Roc) -> float:
    """The rate at which as many are wrongly rejected as wrongly accepted, on the line between."""
    off = curve.false_accept - (1 - curve.true_accept)  # rises from -1 to 1
    after = int(np.argmax(off >= 0))
    before = after - 1
    way = -off[before] / (off[after] - off[before])
    rates = curve.false_accept[[before, after]]
    return float(rates[0] + way * (rates[1] - rates[0]))


def choose_threshold(curve: Roc) -> float:
    """tau of the highest accuracy, halfway to the next distance; the middle of several."""
    accuracy = (curve.true_accept + 1 - curve.false_accept) / 2
    best = np.flatnonzero(accuracy >= accuracy.max() - 1e-12)
    at = int(best[len(best) // 2])
    if at + 1 == len(curve.threshold):
        return float(curve.threshold[at])
    low = curve.threshold[at] if at else curve.threshold[1] - 1.0
    return float((low + curve.threshold[at + 1]) / 2)


def accuracy_at(distances: Any, same: Any, tau: float) -> float:
    """(share of the same pairs accepted + share of the different rejected) / 2."""
    accepted, same = np.asarray(distances) <= tau, np.asarray(same, bool)
    return float((accepted[same].mean() + 1 - accepted[~same].mean()) / 2)


def true_accept_at(curve: Roc, false_accept: float = 0.01) -> float:
    """The highest true-accept rate among thresholds that falsely accept no more than that."""
    return float(curve.true_accept[curve.false_accept <= false_accept].max())


class Asked(NamedTuple):
    """Photographs held against a database of one photograph a person, every photograph's turn.

    Each is asked for twice: with its person in the database, and with that person taken out.
    """

    nearest: np.ndarray  # [n], distance to the nearest in the database
    right: np.ndarray  # bool [n]: it is the right person
    stranger: np.ndarray  # [n], distance to the nearest once the person is taken out


def ask(distances: Any, people: Any) -> Asked:
    """Every k-th photograph of each person makes a database once; the others are asked.

    Args:
        distances: of all photographs [m, m].
        people: who is on each [m]; two persons at least.
    """
    distances, people = np.asarray(distances), np.asarray(people)
    names = np.unique(people)
    own = [np.flatnonzero(people == name) for name in names]
    found: list[tuple[np.ndarray, ...]] = []
    for k in range(min(map(len, own))):
        database = np.array([these[k] for these in own])  # [K]
        probes = np.setdiff1d(np.arange(len(people)), database)
        d = distances[np.ix_(probes, database)]  # [n, K]
        mine = people[probes][:, None] == names[None, :]
        others = np.where(mine, np.inf, d).min(1)
        found.append((d.min(1), mine[np.arange(len(probes)), d.argmin(1)], others))
    return Asked(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def open_set_errors(asked: Asked, tau: float) -> tuple[float, float]:
    """(known, strangers): the enrolled who are not named rightly, others who are named at all."""
    named = asked.right & (asked.nearest <= tau)
    return float(1 - named.mean()), float((asked.stranger <= tau).mean())


def choose_open_set_threshold(asked: Asked) -> float:
    """tau of the smallest sum of both errors; the middle of equally good ones."""
    candidates = np.unique(np.concatenate([asked.nearest, asked.stranger]))
    candidates = np.append(candidates[:1] - 1, (candidates[:-1] + candidates[1:]) / 2)
    known = np.sort(asked.nearest[asked.right])
    strangers = np.sort(asked.stranger)
    named = np.searchsorted(known, candidates, "right") / len(asked.right)
    accepted = np.searchsorted(strangers, candidates, "right") / len(strangers)
    worth = named - accepted
    best = np.flatnonzero(worth >= worth.max() - 1e-12)
    return float(candidates[best[len(best) // 2]])


def no_error(accuracy: float, K: int) -> float:
    """The chance that K comparisons, each right with `accuracy`, are all right: accuracy^K.

    (The course: 99 % is good for 1:1; among K = 100 it leaves .99^100 = 37 %.)
    """
    return accuracy**K
