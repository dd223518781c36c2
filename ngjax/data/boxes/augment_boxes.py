"""Augmentation that moves boxes with their pixels: flips, scale and shift, brightness."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ngjax.data.dataset import Split
from ngjax.data.sources import resident
from ngjax.types import Array, Batch, Source

GREY = 127.0  # where the picture was moved away
LEFT = 0.3  # share of an object's area that must stay in the picture, or it is no longer asked for


@dataclasses.dataclass(frozen=True)
class Moves:
    """How far a training picture may be changed."""

    flips: str = "none"  # none; horizontal; both: upside down as well
    scale: float = 0.2  # a picture is enlarged by at most 1 + scale and shrunk by as much
    shift: float = 0.1  # share of the picture's side that it is moved by at most, either way
    light: float = 0.0  # brightness and contrast change by at most this share

    def __post_init__(self) -> None:
        """Refuse what no picture can bear."""
        if self.flips not in ("none", "horizontal", "both"):
            raise ValueError(f"flips: expected none, horizontal or both, got {self.flips}")
        for name in ("scale", "shift", "light"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: must be in [0, 1), got {getattr(self, name)}")


def line(size: int, factor: Array, offset: Array) -> Array:
    """Bilinear weights: row i of the new picture from the rows of the old, [size, size].

    Place u of the old picture, from 0 to 1, comes to factor u + offset; what lies outside it is 0.
    """
    places = (jnp.arange(size) + 0.5) / size
    source = (places - offset) / factor * size - 0.5  # [size]
    return jnp.maximum(0, 1 - jnp.abs(source[:, None] - jnp.arange(size)[None]))


def moved_boxes(targets: Array, factor: Array, offset: Array) -> Array:
    """The targets [M, 6] of a picture whose place u comes to factor u + offset, each [2] (x, y).

    A negative factor is a flip. A box is cut off at the edge; one of which less than `LEFT` is to
    be seen counts no more.
    """
    boxes, mask = targets[:, :4], targets[:, 5]
    factor, offset = (jnp.reshape(number, (1, 1, 2)) for number in (factor, offset))
    corners = boxes.reshape(-1, 2, 2) * factor + offset  # [M, 2, 2]
    whole = jnp.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)  # [M, 4]
    seen = jnp.clip(whole, 0, 1)

    def area(boxes: Array) -> Array:
        return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])

    stays = mask * (area(seen) > LEFT * area(whole))
    changed = jnp.concatenate([seen, targets[:, 4:5], stays[:, None]], axis=1)
    return jnp.where(stays[:, None] > 0, changed, 0)  # [M, 6]


def move(key: Array, image: Array, targets: Array, moves: Moves) -> tuple[Array, Array]:
    """One picture [H, W, 3] of bytes and its targets [M, 6], changed alike; pixels as floats."""
    flip, size, place, light = jax.random.split(key, 4)
    signs = jnp.where(jax.random.bernoulli(flip, shape=(2,)), -1.0, 1.0)
    allowed = jnp.array([moves.flips != "none", moves.flips == "both"])
    signs = jnp.where(allowed, signs, 1.0)
    span = jnp.log1p(moves.scale)
    factor = signs * jnp.exp(jax.random.uniform(size, (), minval=-span, maxval=span))
    middle = 0.5 + jax.random.uniform(place, (2,), minval=-moves.shift, maxval=moves.shift)
    offset = middle - 0.5 * factor  # where the picture's middle comes to
    H, W = image.shape[:2]
    down, right = line(H, factor[1], offset[1]), line(W, factor[0], offset[0])
    pixels = jnp.einsum("ih,hwc->iwc", down, image.astype(down.dtype) - GREY)
    pixels = jnp.einsum("jw,iwc->ijc", right, pixels)
    gain, shade = 1 + moves.light * jax.random.uniform(light, (2,), minval=-1, maxval=1)
    pixels = jnp.clip(pixels * gain + GREY * shade, 0, 255)
    return pixels, moved_boxes(targets, factor.astype(targets.dtype), offset.astype(targets.dtype))


def boxed(split: Split, *, prefix: str, moves: Moves) -> Source:
    """A `resident` source of pictures with boxes, each changed by its own key."""
    source = resident(split, prefix=prefix)

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        held = source.batch(constants, drawn, key)
        keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, drawn["slot"])
        changed = jax.vmap(lambda k, x, y: move(k, x, y, moves))
        inputs, targets = changed(keys, held["inputs"], held["targets"])
        return {"inputs": inputs, "targets": targets}

    return dataclasses.replace(source, batch=batch)
