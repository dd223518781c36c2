"""Notes 4.13.5 and 4.13.9: the targets of YOLO."""

from __future__ import annotations

from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.ops.anchors import assign

TALL_AND_WIDE = jnp.array([[0.1, 0.4], [0.5, 0.25]])  # (w, h): a pedestrian, a car
CAR = (0.25, 0.6, 0.75, 0.86)  # wide; class 2 of pedestrian, car, motorcycle


def _targets(box: tuple[float, ...], anchors: jnp.ndarray, K: int = 3) -> np.ndarray:
    """Of one object of the second class on a grid of 3x3."""
    boxes = jnp.asarray([box], float)
    targets = jax.jit(assign, static_argnums=(3, 5))
    return np.asarray(targets(boxes, jnp.array([1]), jnp.ones(1), 3, anchors, K))


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
        "yolo-target-3x3x8": lambda: _targets(CAR, TALL_AND_WIDE[1:]).size,
        "yolo-cell-assignment": _cell,
        "yolo-bbox-ranges": _ranges,
        "yolo-y-size": lambda: _targets(CAR, TALL_AND_WIDE).size,
        "yolo-empty-cell": lambda: [len(y) for y in _targets(CAR, TALL_AND_WIDE)[0, 0]],
        "yolo-car-cell": _car,
    }
)
