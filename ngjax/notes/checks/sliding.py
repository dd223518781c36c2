"""Notes 4.13.3 to 4.13.5 and 4.13.9: windows that slide, and the targets of YOLO."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.models.sliding import Sliding, as_convolutions, crops, windows
from ngjax.ops.anchors import assign

TALL_AND_WIDE = jnp.array([[0.1, 0.4], [0.5, 0.25]])  # (w, h): a pedestrian, a car
CAR = (0.25, 0.6, 0.75, 0.86)  # wide; class 2 of pedestrian, car, motorcycle


def _targets(box: tuple[float, ...], anchors: jnp.ndarray, K: int = 3) -> np.ndarray:
    """Of one object of the second class on a grid of 3x3."""
    boxes = jnp.asarray([box], float)
    targets = jax.jit(assign, static_argnums=(3, 5))
    return np.asarray(targets(boxes, jnp.array([1]), jnp.ones(1), 3, anchors, K))


def _slid() -> dict[str, Any]:
    """The 14x14 network slid over 16x16 pixels, beside its four crops."""
    dense, slides = Sliding(3), Sliding(3, slides=True)
    image = jnp.asarray(np.random.default_rng(0).normal(size=(16, 16, 3)))
    params = jax.jit(dense.init)(jax.random.key(0), image[None, :14, :14])["params"]
    params = jax.tree.map(lambda leaf: leaf.astype(image.dtype), params)
    at_once = slides.apply({"params": as_convolutions(params, 14)}, image[None])[0][0]
    each = [dense.apply({"params": params}, crop)[0] for crop in crops(image, 14)]
    return {
        "shape": list(at_once.shape),
        "equal": bool(jnp.allclose(at_once, jnp.stack(each), rtol=0, atol=1e-12)),
    }


def _cell() -> list[int]:
    """Row and column of the one cell that answers for a box over three cells."""
    y = _targets((0.1, 0.4, 0.9, 0.6), TALL_AND_WIDE[1:])
    return [int(place) for place in np.argwhere(y[..., 0, 0])[0]] if y[..., 0].sum() == 1 else []


def _ranges() -> list[float]:
    """Cell, place in it and width in cells, of a box around 0.6 that is half the picture wide."""
    y = _targets((0.35, 0.5, 0.85, 0.6), TALL_AND_WIDE[1:])
    _, column = np.argwhere(y[..., 0, 0])[0]
    return [int(column), *y[..., 0, [1, 4]].max(axis=(0, 1)).tolist()]


def _car() -> np.ndarray:
    """What the second anchor of the car's cell says of its class."""
    y = _targets(CAR, TALL_AND_WIDE)
    return y[2, 1, 1, 5:]


CHECKS = MappingProxyType(
    {
        "sliding-window-costly": lambda: [windows(100, 20, stride) for stride in (20, 4, 1)],
        "conv-sliding-equals-crops": _slid,
        "yolo-target-3x3x8": lambda: _targets(CAR, TALL_AND_WIDE[1:]).size,
        "yolo-cell-assignment": _cell,
        "yolo-bbox-ranges": _ranges,
        "yolo-y-size": lambda: _targets(CAR, TALL_AND_WIDE).size,
        "yolo-empty-cell": lambda: [len(y) for y in _targets(CAR, TALL_AND_WIDE)[0, 0]],
        "yolo-car-cell": _car,
    }
)
