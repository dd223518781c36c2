"""Losses: (prediction, target) -> one value an example, never a mean."""

from ngjax.losses.binary import binary_cross_entropy, binary_cross_entropy_of_probabilities
from ngjax.losses.cross_entropy import (
    cross_entropy,
    cross_entropy_of_probabilities,
    soft_cross_entropy,
)
from ngjax.losses.squared import squared_loss

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_of_probabilities",
    "cross_entropy",
    "cross_entropy_of_probabilities",
    "soft_cross_entropy",
    "squared_loss",
]
