"""A step of a sequence with the steps round it: what a convolution over time multiplies."""

from __future__ import annotations

import jax.numpy as jnp

from ngjax.types import Array


def with_neighbours(x: Array, before: int, after: int) -> Array:
    """[x<t-before>; ...; x<t>; ...; x<t+after>] at every t, zeros past either end.

    A matrix product with the result is a convolution over time whose filter spans
    before + 1 + after steps (Waibel et al. 1989: a time-delay layer).

    Args:
        x: [..., T, D], zero at padding.
        before: steps back.
        after: steps ahead.

    Returns:
        [..., T, (before + 1 + after) D].
    """
    T = x.shape[-2]
    ends = [(0, 0)] * (x.ndim - 2) + [(before, after), (0, 0)]
    wide = jnp.pad(x, ends)  # [..., before + T + after, D]
    return jnp.concatenate(
        [wide[..., step : step + T, :] for step in range(before + 1 + after)], axis=-1
    )
