"""Moving pictures drawn on the device: a real image that wanders over a field that has no edge."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ngjax.types import Array

WAYS = (  # name, rows and columns that a step goes
    ("right", (0, 1)),
    ("right and down", (1, 1)),
    ("down", (1, 0)),
    ("left and down", (1, -1)),
    ("left", (0, -1)),
    ("left and up", (-1, -1)),
    ("up", (-1, 0)),
    ("right and up", (-1, 1)),
)


def moving(key: Array, image: Array, frames: int, side: int, fastest: int) -> tuple[Array, Array]:
    """A short film of one image: where it starts, which way and how fast it goes are drawn.

    What leaves the field at one edge comes in at the other, so that every place is as likely in
    every frame, whichever way it goes: one frame tells nothing of the way.

    Args:
        key: of this film.
        image: [H, W, C].
        frames: T.
        side: of the field, in pixels, not smaller than the image.
        fastest: pixels a frame, 1 to so many, drawn.

    Returns:
        (film [T, side, side, C], number of the way in `WAYS`, int32 []).
    """
    place_key, way_key, speed_key = jax.random.split(key, 3)
    start = jax.random.randint(place_key, (2,), 0, side)
    way = jax.random.randint(way_key, (), 0, len(WAYS))
    speed = jax.random.randint(speed_key, (), 1, fastest + 1)
    H, W, _ = image.shape
    field = jnp.pad(image, ((0, side - H), (0, side - W), (0, 0)))  # [side, side, C]
    velocity = speed * jnp.array([velocity for _, velocity in WAYS])[way]
    places = start[None] + jnp.arange(frames)[:, None] * velocity[None]  # [T, 2]
    return jax.vmap(lambda place: jnp.roll(field, place, axis=(0, 1)))(places), way
