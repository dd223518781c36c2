r"""Gradient clipping by the global norm (Pascanu, Mikolov & Bengio 2013).

g := g min(1, c / ||g||)    with the norm over all parameters together
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike


def clip_by_global_norm(clip_norm: ArrayLike) -> optax.GradientTransformation:
    """Shortens a gradient longer than clip_norm > 0 to it, its direction kept.

    It is `optax.clip_by_global_norm`, for a limit that may be traced and of another dtype.
    """

    def clip(updates: optax.Updates, params: optax.Params | None) -> optax.Updates:
        del params
        norm = optax.tree.norm(updates)
        factor = jnp.minimum(1, clip_norm / norm)  # c / 0 is inf: a zero gradient stays
        return jax.tree.map(lambda g: g * factor.astype(g.dtype), updates)

    return optax.stateless(clip)
