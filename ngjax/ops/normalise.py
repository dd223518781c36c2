"""Normalised inputs (notes 2.3): zero mean and unit variance by the training set's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

CHUNK = 4096  # examples converted to float64 at once


def standardise(
    train: np.ndarray, axis: int | tuple[int, ...] = 0
) -> tuple[np.ndarray, np.ndarray]:
    r"""Mean and standard deviation of the training inputs.

        \mu = 1/m \sum_i x^{(i)},   \sigma^2 = 1/m \sum_i (x^{(i)} - \mu)^2

    Notes 2.3 and 2.6 print sigma^2 without the square. Measured on the host, in float64. A feature
    that never varies gets sigma = 1, so `normalise` maps it to zero instead of dividing by zero.

    Args:
        train: [m, ...] training inputs of any number type.
        axis: averaged over; 0 gives each feature its own numbers, (0, 1, 2) each channel.

    Returns:
        (mu, sigma): float64, of the rank of `train`, with length 1 along `axis`.

    Raises:
        ValueError: no examples, or `axis` leaves the examples out.
    """
    axis = (axis,) if isinstance(axis, int) else tuple(axis)
    if not len(train) or 0 not in axis:
        raise ValueError(f"train, axis: nothing to average in shape {train.shape} over axis {axis}")
    count = np.prod([train.shape[a] for a in axis])

    def total(f: Any) -> np.ndarray:
        sums = [f(x.astype(np.float64)).sum(axis, keepdims=True) for x in chunks()]
        return np.sum(sums, axis=0)

    def chunks() -> Iterator[np.ndarray]:  # one at a time: `train` may lie on disk
        for i in range(0, len(train), CHUNK):
            yield train[i : i + CHUNK]

    mu = total(lambda x: x) / count
    sigma = np.sqrt(total(lambda x: (x - mu) ** 2) / count)
    ends = [(x.min(axis, keepdims=True), x.max(axis, keepdims=True)) for x in chunks()]
    least = np.min([low for low, _ in ends], axis=0)
    varies = np.max([high for _, high in ends], axis=0) > least
    return np.where(varies, mu, least), np.where(varies, sigma, 1.0)


def normalise(x: Any, mu: Any, sigma: Any) -> Any:
    """The rule x := (x - mu) / sigma, also for dev and test with the training set's mu and sigma.

    Divides by sigma: notes 2.6 print sigma^2, which does not give unit variance.

    Args:
        x: [B, ...].
        mu: from `standardise`.
        sigma: likewise.

    Returns:
        [B, ...] in the wider type of x, mu and sigma, NumPy or JAX as `x` is.
    """
    return (x - mu) / sigma
