"""What every loss asks of its two arguments."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def check_same(prediction: tuple[int, ...], target: tuple[int, ...]) -> None:
    """Refuses to broadcast: [B, 1] against [B] would be B x B losses.

    Raises:
        ValueError: the shapes differ.
    """
    if prediction != target:
        raise ValueError(f"the prediction's shape is {prediction} and the target's {target}")


def wide(x: jax.Array) -> jax.Array:
    """The same in float32 at least: a loss in bfloat16 has two digits."""
    return x if jnp.finfo(x.dtype).bits >= 32 else x.astype(jnp.float32)
