r"""With and without explicit loops, and broadcasting (notes 1.4).

    z = 0;  for i: z += w[i] x[i];  z += b            z = np.dot(w, x) + b
    u = 0;  for i, j: u[i] += A[i, j] v[j]            u = np.dot(A, v)
    for i: u[i] = math.exp(v[i])                      u = np.exp(v)
    percent of the column's total:                    100 A / A.sum(axis=0, keepdims=True)

The loops are here to be read and to be held against; nothing else calls them. (The notes print
"zt = w[i] x[i]" and "zt = b", which keep the last value instead of adding, and np.dot(w, T, X).)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def dot_loop(w: Sequence[float], x: Sequence[float], b: float = 0.0) -> float:
    """z = w . x + b, one product at a time; w and x of length n."""
    z = 0.0
    for i in range(len(w)):
        z += w[i] * x[i]
    z += b
    return z


def matrix_vector_loop(A: Sequence[Sequence[float]], v: Sequence[float]) -> list[float]:
    """u_i = sum_j A_ij v_j by two loops; A [R, C], v [C], u [R]."""
    u = [0.0] * len(A)
    for i in range(len(A)):
        for j in range(len(v)):
            u[i] += A[i][j] * v[j]
    return u


def exp_loop(v: Sequence[float]) -> list[float]:
    """u_i = e^v_i, one at a time."""
    u = [0.0] * len(v)
    for i in range(len(v)):
        u[i] = math.exp(v[i])
    return u


def percent_of_column(A: np.ndarray) -> np.ndarray:
    """100 A / (sums of the columns): the [1, C] row of sums is broadcast over the R rows.

    Args:
        A: [R, C], of columns that do not sum to zero.

    Returns:
        [R, C], whose columns sum to 100.
    """
    total = A.sum(axis=0, keepdims=True)  # [1, C]
    return 100 * A / total  # [R, C] / [1, C]
