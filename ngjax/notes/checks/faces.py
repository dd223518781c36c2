"""Notes 4.14: faces by their encodings, and the triplet loss."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.losses.triplet import hinge, triplet_loss
from ngjax.metric_learning import each_standardised, pixel_distances
from ngjax.models.facenet import FaceNet
from ngjax.ops.distance import squared_distances

ALPHA = 0.2
D_AP, D_AN = np.array([0.5, 0.1]), np.array([0.2, 0.9])  # of two triplets
PRINTED = (0.931, 0.433, 0.331, 0.942, 0.158, 0.039)


def _encodings(d_ap: np.ndarray, d_an: np.ndarray) -> tuple[Any, Any, Any]:
    """Triplets in the plane with those squared distances, each [m, 2]."""
    zeros = np.zeros_like(d_ap)
    anchor = np.stack([zeros, zeros], 1)
    return anchor, np.stack([np.sqrt(d_ap), zeros], 1), np.stack([zeros, np.sqrt(d_an)], 1)


def _cost() -> Any:
    return triplet_loss(*map(jnp.asarray, _encodings(D_AP, D_AN)), ALPHA).sum()


def _step_three() -> Any:
    """Before the maximum with zero, which leaves a positive number as it is."""
    return triplet_loss(*map(jnp.asarray, _encodings(D_AP[:1], D_AN[:1])), ALPHA).sum()


def _needed() -> float:
    """The least d_an at which a triplet of d_ap = .1 costs nothing."""
    d_an = np.linspace(0, 1, 1001)
    cost = np.asarray(hinge(jnp.full(len(d_an), 0.1), jnp.asarray(d_an), ALPHA))
    return float(d_an[np.flatnonzero(cost < 1e-12)[0]])


def _constant() -> list[float]:
    """Three triplets of one and the same encoding, without and with a margin."""
    f = jnp.zeros((3, 2))
    return [float(triplet_loss(f, f, f, alpha).sum()) for alpha in (0.0, ALPHA)]


def _pixels() -> dict[str, bool]:
    """Two faces of noise, one photographed again in brighter light."""
    generator = np.random.default_rng(0)
    one, two = generator.integers(40, 140, (2, 8, 8, 1))
    photographs = np.stack([one, one + 100, two]).astype(np.uint8)
    pixels = pixel_distances(photographs)
    x = each_standardised(jnp.asarray(photographs, jnp.float64)).reshape(3, -1)
    encoded = np.asarray(squared_distances(x, x))
    return {
        "pixel_wrong": bool(pixels[0, 1] > pixels[0, 2]),
        "enc_right": bool(encoded[0, 1] < encoded[0, 2]),
    }


def _length() -> Any:
    """Of an encoding by a network in float64."""
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 1))
    net = FaceNet(8, width=0.1)
    variables = jax.tree.map(np.float64, net.init(jax.random.key(0), x))
    return jnp.linalg.norm(net.apply(variables, x)[0])


CHECKS = MappingProxyType(
    {
        "pixel-distance-poor": _pixels,
        "facenet-source": _length,
        "triplet-constraint": _needed,
        "triplet-cost": _cost,
        "triplet-step3": _step_three,
        "triplet-step4-max": _cost,
        "triplet-collapse": _constant,
        "face-encoding-example": lambda: squared_distances(
            jnp.asarray([PRINTED]), jnp.zeros((1, len(PRINTED)))
        )[0, 0],
    }
)
