"""Negative sampling (Mikolov et al. 2013): a word that is there against words that are not."""

from __future__ import annotations

import jax

from ngjax.types import Array


def negative_sampling(z: Array, z_noise: Array) -> Array:
    """-ln sigmoid(z) - sum_k ln sigmoid(-z_k): logistic regression on k + 1 words.

    Args:
        z: [...] scores of the words that are there.
        z_noise: [..., k] scores of words drawn from the noise.

    Returns:
        [...].
    """
    return jax.nn.softplus(-z) + jax.nn.softplus(z_noise).sum(axis=-1)
