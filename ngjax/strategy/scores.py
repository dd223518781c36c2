"""Precision, recall and F1 (notes 3.2), of two classes or of many.

    p = hits / all that were called k,    r = hits / all that are k,    F1 = 2 / (1/p + 1/r)

Where nothing was called k, or nothing is k, the quotient is 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Scores(NamedTuple):
    """Of every class, each [K]; or of one class, or averaged over classes, each a number."""

    precision: Any
    recall: Any
    f1: Any


def f1(precision: Any, recall: Any) -> Any:
    """The harmonic mean 2 / (1/p + 1/r) = 2 p r / (p + r); 0 where both are.

    Args:
        precision: p, a number or [K].
        recall: r, likewise.
    """
    p, r = np.float64(precision), np.float64(recall)
    return _quotient(2 * p * r, p + r)


def confusion(truth: Any, guess: Any, classes: int) -> np.ndarray:
    """Counts of (true class, called class), int [K, K].

    Args:
        truth: class numbers [m].
        guess: class numbers [m].
        classes: K.
    """
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (np.asarray(truth, int), np.asarray(guess, int)), 1)
    return matrix


def scores(matrix: Any) -> Scores:
    """Precision, recall and F1 of every class, each [K].

    Args:
        matrix: `confusion`'s counts [K, K], a row a true class.
    """
    matrix = np.asarray(matrix)
    hits = np.float64(matrix.diagonal())
    p, r = _quotient(hits, matrix.sum(axis=0)), _quotient(hits, matrix.sum(axis=1))
    return Scores(p, r, f1(p, r))


def macro(each: Scores) -> Scores:
    """The plain mean over classes: a rare class counts as much as a common one.

    The F1 is the mean of the classes' F1, not the F1 of the means.
    """
    return Scores(*(float(np.mean(values)) for values in each))


def _quotient(above: Any, below: Any) -> Any:
    above, below = np.float64(above), np.float64(below)
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)[()]
