"""What an encoding is learned from, and the distance of two encodings under it."""

from __future__ import annotations

import dataclasses
from typing import Literal

import jax.numpy as jnp
import numpy as np

from ngjax.types import Array

Learns = Literal["batch-hard", "semi-hard", "random", "classification", "both", "logistic"]


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What is brought down.

    Attributes:
        learns: triplets chosen "batch-hard", "semi-hard" or at "random"; "classification" by a
            softmax over the training people; "both" it and batch-hard triplets; "logistic": one
            person or two, by a logistic regression on |f(x1) - f(x2)| of all pairs.
        margin: alpha of the triplets.
    """

    learns: Learns = "batch-hard"
    margin: float = 0.2

    @property
    def classifies(self) -> bool:
        """Whether there is a softmax over training people."""
        return self.learns in ("classification", "both")


def each_standardised(images: Array) -> Array:
    """Every image [B, H, W, C] to mean 0 and deviation 1 of its own: the light counts no more.

    An image of one colour becomes zeros.
    """
    mu = images.mean((1, 2, 3), keepdims=True)
    off = images - mu
    return off / jnp.sqrt(jnp.mean(off * off, (1, 2, 3), keepdims=True) + 1.0)  # of 255 levels


def distances(f: np.ndarray, lesson: Lesson | None = None) -> np.ndarray:
    """d(x1, x2) of all pairs of encodings f [m, D] as the lesson has it, float64 [m, m].

    ||f1 - f2||^2; where a logistic regression was learned, sum_k w_k |f1_k - f2_k|, of encodings
    that `Task.predict` has multiplied by w already.
    """
    f = np.float64(f)
    if lesson and lesson.learns == "logistic":
        return np.stack([np.abs(f - own).sum(1) for own in f])  # row by row: no [m, m, D]
    d = (f * f).sum(1)[:, None] - 2 * f @ f.T + (f * f).sum(1)
    return np.maximum(d, 0)  # [m, m]


def pixel_distances(pixels: np.ndarray) -> np.ndarray:
    """||x1 - x2||^2 of images uint8 [m, H, W, C] as they are, levels from 0 to 1 (notes 4.14)."""
    return distances(np.float64(pixels).reshape(len(pixels), -1) / 255)
