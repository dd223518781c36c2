"""Data augmentation (notes 2.2.1, under the heading "Softmax Function"): flips, crops, colours.

Each random function takes one image and its own key; a source maps it over the batch.
"""

from __future__ import annotations

import functools
import math
from typing import Literal

import jax
import jax.numpy as jnp

from ngjax.data.sources import Augment
from ngjax.types import Array

Kind = Literal["shift", "imagenet"]
AREA, ASPECT = (0.08, 1.0), (3 / 4, 4 / 3)  # of a crop (Szegedy et al. 2014, section 6)
JITTER = 0.4  # most that brightness, contrast and saturation are changed by, either way
LUMA = (0.299, 0.587, 0.114)  # what red, green and blue add to grey (ITU-R BT.601)


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


def resampled(
    image: Array,
    top: Array | float,
    left: Array | float,
    height: Array | float,
    width: Array | float,
) -> Array:
    """A window of an image brought to the image's own size, bilinearly.

    Args:
        image: [H, W, C].
        top: rows above the window, from the image's edge; need not be whole, nor need the others.
        left: columns before it.
        height: rows of it, above 0, top + height <= H.
        width: columns of it.

    Returns:
        [H, W, C], floating.
    """
    image = jnp.asarray(image, float)
    H, W, _ = image.shape
    scale = jnp.stack([H / jnp.asarray(height, float), W / jnp.asarray(width, float)])
    start = jnp.stack([jnp.asarray(top, float), jnp.asarray(left, float)])
    return jax.image.scale_and_translate(
        image, image.shape, (0, 1), scale, -start * scale, method="linear", antialias=False
    )


def random_resized_crop(key: Array, image: Array) -> Array:
    """A window of 8 to 100 % of the area, 3/4 to 4/3 as wide as high, brought to the old size.

    The logarithm of the aspect is uniform. A side that would be longer than the image is cut to it.

    Args:
        key: draws area, aspect and place.
        image: [H, W, C].

    Returns:
        [H, W, C], floating.
    """
    area_key, aspect_key, top_key, left_key = jax.random.split(key, 4)
    H, W, _ = image.shape
    area = H * W * jax.random.uniform(area_key, minval=AREA[0], maxval=AREA[1])
    low, high = map(math.log, ASPECT)
    aspect = jnp.exp(jax.random.uniform(aspect_key, minval=low, maxval=high))
    height = jnp.minimum(jnp.sqrt(area / aspect), H)
    width = jnp.minimum(jnp.sqrt(area * aspect), W)
    top = (H - height) * jax.random.uniform(top_key)
    left = (W - width) * jax.random.uniform(left_key)
    return resampled(image, top, left, height, width)


def grey(image: Array) -> Array:
    """[H, W, C] to [H, W, 1]: red, green and blue as the eye weighs them; one channel as it is."""
    if image.shape[-1] != len(LUMA):
        return image.mean(-1, keepdims=True)
    return (image @ jnp.asarray(LUMA, image.dtype))[..., None]


def brightened(image: Array, factor: Array | float) -> Array:
    """Towards black below 1: factor x, cut to 0 ... 255."""
    return jnp.clip(factor * image, 0, 255)


def contrasted(image: Array, factor: Array | float) -> Array:
    """Towards the mean m of its grey below 1: m + factor (x - m), cut to 0 ... 255."""
    m = grey(image).mean()
    return jnp.clip(m + factor * (image - m), 0, 255)


def saturated(image: Array, factor: Array | float) -> Array:
    """Towards its own grey g below 1: g + factor (x - g), cut to 0 ... 255."""
    g = grey(image)
    return jnp.clip(g + factor * (image - g), 0, 255)


def colour_jitter(key: Array, image: Array, strength: float = JITTER) -> Array:
    """Brightness, contrast and saturation, each by its own factor of 1 - strength to 1 + strength.

    Args:
        key: draws the factors.
        image: [H, W, C], 0 to 255.
        strength: 0 to 1.

    Returns:
        [H, W, C], floating.
    """
    image = jnp.asarray(image, float)
    factors = jax.random.uniform(key, (3,), minval=1 - strength, maxval=1 + strength)
    for change, factor in zip((brightened, contrasted, saturated), factors, strict=True):
        image = change(image, factor)
    return image


def _imagenet(key: Array, image: Array, flip: bool) -> Array:
    crop_key, flip_key, colour_key = jax.random.split(key, 3)
    image = random_resized_crop(crop_key, image)
    image = horizontal_flip(flip_key, image) if flip else image
    return colour_jitter(colour_key, image)


def augmentation(kind: Kind, shift: int, flip: bool = False) -> Augment | None:
    """What the knobs of a topic ask for.

    Args:
        kind: "shift": `shift_and_flip`; "imagenet": `random_resized_crop`, the flip where it is
            asked for, and `colour_jitter`, as networks of ImageNet are trained.
        shift: of "shift".
        flip: exchange left and right in one case of two; never for digits.

    Returns:
        (key, image [H, W, C]) -> image [H, W, C]; None where nothing is asked for.
    """
    if kind == "imagenet":
        return functools.partial(_imagenet, flip=flip)
    return shift_and_flip(shift, flip)
