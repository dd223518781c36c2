"""Augmentation of faces: turned, nearer, moved, lit otherwise, in a mirror."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from ngjax.types import Array


@dataclasses.dataclass(frozen=True)
class Warp:
    """How another photograph of the same may differ; each is drawn evenly within its limits.

    Raises:
        ValueError: a limit that is negative, or a zoom that would leave nothing.
    """

    turn: float = 10.0  # degrees, either way
    zoom: float = 0.1  # share that the size changes by, either way
    shift: float = 0.06  # share of the longer side that it moves by, either way
    contrast: float = 0.2  # share that the contrast changes by, either way
    flip: bool = False  # exchange left and right in one case of two; never for digits

    def __post_init__(self) -> None:
        for name in ("turn", "zoom", "shift", "contrast"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: must be 0 or more, not {getattr(self, name)}")
        if self.zoom >= 1:
            raise ValueError(f"zoom: must be below 1, not {self.zoom}")

    def __call__(self, key: Array, image: Array) -> Array:
        """Another view of the image [H, W, C], float32, in a level range about that of the image.

        Bilinear; outside, the border's pixels go on.
        """
        H, W, _ = image.shape
        turns, zooms, shifts, lights, side = jax.random.split(key, 5)
        angle = jnp.deg2rad(self.turn) * jax.random.uniform(turns, (), minval=-1)
        scale = 1 + self.zoom * jax.random.uniform(zooms, (), minval=-1)
        down, right = max(H, W) * self.shift * jax.random.uniform(shifts, (2,), minval=-1)
        slope = 1 + self.contrast * jax.random.uniform(lights, (), minval=-1)
        mirror = jnp.where(self.flip & jax.random.bernoulli(side), -1.0, 1.0)
        middle = (H - 1) / 2, (W - 1) / 2
        y, x = jnp.meshgrid(jnp.arange(H) - middle[0], jnp.arange(W) - middle[1], indexing="ij")
        x = x * mirror
        rows = (jnp.cos(angle) * y + jnp.sin(angle) * x) / scale + middle[0] + down  # [H, W]
        columns = (jnp.cos(angle) * x - jnp.sin(angle) * y) / scale + middle[1] + right  # [H, W]

        def moved(channel: Array) -> Array:
            places = [rows, columns]
            return jax.scipy.ndimage.map_coordinates(channel, places, order=1, mode="nearest")

        found = jax.vmap(moved, in_axes=2, out_axes=2)(image.astype(jnp.float32))  # [H, W, C]
        return 128 + slope * (found - 128)
