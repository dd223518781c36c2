"""Data augmentation (notes 2.2.1, under the heading "Softmax Function"): flips and random crops.

Each function takes one image and its own key; a source maps it over the batch.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from ngjax.data.sources import Augment
from ngjax.types import Array


def horizontal_flip(key: Array, image: Array) -> Array:
    """Left and right exchanged, in one case of two: [H, W, C] to [H, W, C]."""
    return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)


def random_crop(key: Array, image: Array, padding: int) -> Array:
    """A window of the image's own size, anywhere in the image padded with zeros on all four sides.

    Args:
        key: draws the place, uniform over (2 padding + 1)^2.
        image: [H, W, C].
        padding: pixels, 0 or more.

    Returns:
        [H, W, C].
    """
    padded = jnp.pad(image, ((padding, padding), (padding, padding), (0, 0)))  # [H+2p, W+2p, C]
    top, left = jax.random.randint(key, (2,), 0, 2 * padding + 1)
    return jax.lax.dynamic_slice(padded, (top, left, jnp.zeros_like(top)), image.shape)


def _crop_and_flip(key: Array, image: Array, padding: int) -> Array:
    crop_key, flip_key = jax.random.split(key)
    return horizontal_flip(flip_key, random_crop(crop_key, image, padding))


def crop_and_flip(padding: int) -> Augment:
    """`random_crop`, then `horizontal_flip`: the augmentation of CIFAR (He et al. 2015: padding 4).

    Returns:
        (key, image [H, W, C]) -> image [H, W, C].
    """
    return functools.partial(_crop_and_flip, padding=padding)


def shift_and_flip(shift: int, flip: bool = False) -> Augment | None:
    """What the knobs of a topic ask for: `random_crop` by `shift` pixels, then `horizontal_flip`.

    Args:
        shift: pixels that an image is moved by at most, either way; 0: none.
        flip: exchange left and right in one case of two; never for digits.

    Returns:
        (key, image [H, W, C]) -> image [H, W, C]; None where nothing is asked for.
    """
    if flip:
        return crop_and_flip(shift) if shift else horizontal_flip
    return functools.partial(random_crop, padding=shift) if shift else None
