"""Notes 5.8: maps of embeddings."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.ops import tsne
from ngjax.ops.gradient_check import gradient_check

CLOSE = 1e-6  # of a gradient check


def _objective() -> Any:
    with jax.enable_x64(True):
        x, y = (np.random.default_rng(n).normal(size=(12, n)) for n in (5, 2))
        P = tsne.affinities(tsne.squared_distances(jnp.asarray(x)), 4.0)
        slope = tsne.cross_entropy_gradient(jnp.asarray(y), P)
        found = gradient_check(lambda y: tsne.cross_entropy(y, P), jnp.asarray(y), slope)
        own = tsne.squared_distances(jnp.asarray(y))
        kernel = jnp.where(jnp.eye(len(y), dtype=bool), 0, 1 / (1 + own))
        Q = kernel / kernel.sum()
        itself = tsne.cross_entropy(jnp.asarray(y), Q) + tsne.negative_entropy(Q)
        return {"grad": found.ratio < CLOSE, "kl_self": float(itself)}


CHECKS: MappingProxyType[str, Callable[[], Any]] = MappingProxyType({"tsne-objective": _objective})
