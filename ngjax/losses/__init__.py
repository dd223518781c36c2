"""Losses: (prediction, target) -> one value an example, never a mean."""

from ngjax.losses.binary import binary_cross_entropy, binary_cross_entropy_of_probabilities
from ngjax.losses.cross_entropy import (
    cross_entropy,
    cross_entropy_of_probabilities,
    smoothed_cross_entropy,
    soft_cross_entropy,
)
from ngjax.losses.ctc import ctc
from ngjax.losses.localization import localization_logistic, localization_squared
from ngjax.losses.negative_sampling import negative_sampling
from ngjax.losses.squared import squared_loss
from ngjax.losses.style import (
    content_cost,
    gram_matrix,
    style_cost,
    style_distance,
    style_matrix,
    total_variation,
)

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_of_probabilities",
    "content_cost",
    "cross_entropy",
    "cross_entropy_of_probabilities",
    "ctc",
    "gram_matrix",
    "localization_logistic",
    "localization_squared",
    "negative_sampling",
    "smoothed_cross_entropy",
    "soft_cross_entropy",
    "squared_loss",
    "style_cost",
    "style_distance",
    "style_matrix",
    "total_variation",
]
