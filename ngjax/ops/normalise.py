"""Normalised inputs (notes 2.3): zero mean and unit variance by the training set's numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

CHUNK = 4096  # examples converted to float64 at once
BYTES = 1 << 24  # of byte images summed at once


class Moments(NamedTuple):
    """How many numbers there are, their sum and the sum of their squares, each exact.

    Attributes:
        count: an int.
        first: Python's whole numbers in an object array, with length 1 along what was summed.
        second: likewise.
    """

    count: int
    first: np.ndarray
    second: np.ndarray

    def over(self, axis: tuple[int, ...]) -> Moments:
        """Of more axes together."""
        count = self.count * math.prod(self.first.shape[a] for a in axis)
        return Moments(count, *(sums.sum(axis, keepdims=True) for sums in self[1:]))

    def mean_and_deviation(self) -> tuple[np.ndarray, np.ndarray]:
        """(mu, sigma) as `standardise` has them; sigma^2 = (m sum x^2 - (sum x)^2) / m^2."""
        m = self.count
        mu = (self.first / m).astype(np.float64)
        variance = ((m * self.second - self.first**2) / m**2).astype(np.float64)
        return mu, np.where(variance > 0, np.sqrt(variance), 1.0)


def moments(images: np.ndarray, axis: tuple[int, ...] = (0,)) -> Moments:
    """One pass over bytes, a few megabytes of them at a time: they may lie on disk.

    Whole numbers lose nothing, so that the result is the same in whatever pieces it was summed.

    Args:
        images: uint8 [m, ...], or what gives such rows when it is indexed.
        axis: summed over, 0 among them.

    Raises:
        ValueError: no bytes, whose squares would not be whole numbers.
    """
    if images.dtype != np.uint8:
        raise ValueError(f"images: {images.dtype}, expected uint8")
    kept = tuple(1 if a in axis else length for a, length in enumerate(images.shape))
    first, second = np.zeros(kept, np.int64), np.zeros(kept, np.int64)  # 2^47 bytes until full
    rows = max(1, BYTES // math.prod(images.shape[1:]))
    for i in range(0, len(images), rows):
        x = images[i : i + rows]
        first += x.sum(axis, np.int64, keepdims=True)
        second += np.square(x, dtype=np.uint16).sum(axis, np.int64, keepdims=True)
    count = math.prod(images.shape[a] for a in axis)
    return Moments(count, first.astype(object), second.astype(object))


def standardise(
    train: np.ndarray, axis: int | tuple[int, ...] = 0
) -> tuple[np.ndarray, np.ndarray]:
    r"""Mean and standard deviation of the training inputs.

        \mu = 1/m \sum_i x^{(i)},   \sigma^2 = 1/m \sum_i (x^{(i)} - \mu)^2

    Notes 2.3 and 2.6 print sigma^2 without the square. Measured on the host, in float64; of bytes
    in whole numbers, in one pass. A feature that never varies gets sigma = 1, so `normalise` maps
    it to zero instead of dividing by zero.

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
    if train.dtype == np.uint8:
        return moments(train, axis).mean_and_deviation()
    count = np.prod([train.shape[a] for a in axis])

    def total(f: Any) -> np.ndarray:
        sums = [f(x.astype(np.float64)).sum(axis, keepdims=True) for x in chunks()]
        return np.sum(sums, axis=0)

    def chunks() -> Iterator[np.ndarray]:
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
