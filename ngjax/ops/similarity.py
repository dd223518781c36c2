"""Likeness of vectors: cosine, nearest neighbours, analogies (notes 5.8)."""

from __future__ import annotations

import numpy as np

CHUNK = 512  # questions answered at once: scores are [CHUNK, V]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Every row [..., D] at length one; a row of zeros stays."""
    vectors = np.asarray(vectors)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a b / (||a|| ||b||) along the last axis."""
    return (unit(a) * unit(b)).sum(axis=-1)


def nearest(
    vectors: np.ndarray, wanted: np.ndarray, count: int, left_out: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are likest to each wanted vector, by cosine.

    Args:
        vectors: [V, D].
        wanted: [Q, D].
        count: rows found, below V.
        left_out: int [Q, L] rows that are no answer.

    Returns:
        rows int [Q, count], the likest first, and their cosines [Q, count].
    """
    vectors, wanted = unit(vectors), unit(wanted)
    rows = np.empty((len(wanted), count), np.int64)
    likeness = np.empty((len(wanted), count), vectors.dtype)
    for start in range(0, len(wanted), CHUNK):
        here = slice(start, start + CHUNK)
        scores = wanted[here] @ vectors.T  # [Q, V]
        if left_out is not None:
            np.put_along_axis(scores, left_out[here], -np.inf, axis=1)
        best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        found = np.take_along_axis(scores, best, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        rows[here] = np.take_along_axis(best, order, axis=1)
        likeness[here] = np.take_along_axis(found, order, axis=1)
    return rows, likeness


def analogies(vectors: np.ndarray, questions: np.ndarray) -> np.ndarray:
    """a is to b as c is to which row? 3CosAdd (Mikolov, Yih & Zweig 2013).

        argmax_d cos(e_d, e_b - e_a + e_c),   d none of a, b, c,   every e at length one

    Args:
        vectors: [V, D].
        questions: int [Q, 3], a, b, c.

    Returns:
        int [Q].
    """
    e = unit(vectors)
    a, b, c = questions.T
    return nearest(e, e[b] - e[a] + e[c], 1, questions)[0][:, 0]
