"""Notes 4.13: boxes, what is asked of a detector, which of its boxes are kept."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
import numpy as np

from ngjax.losses import localization_squared
from ngjax.models.locator import Locator
from ngjax.models.table import layer_table
from ngjax.ops.anchors import assign, best_anchor
from ngjax.ops.boxes import iou, to_corners
from ngjax.ops.nms import non_max_suppression

ANCHORS = jnp.array([[0.3, 0.9], [0.9, 0.3]])  # (w, h): tall as a person, wide as a car
PERSON, CAR = (0.35, 0.1, 0.65, 0.9), (0.2, 0.4, 0.8, 0.6)  # both midpoints at (1/2, 1/2)
SHIFTED = 0.2  # a square of side 2 moved by it: IoU 3.6 / 4.4


def _targets(boxes: Any, classes: Any, grid: int = 3, anchors: Any = ANCHORS) -> jnp.ndarray:
    boxes = jnp.asarray(boxes, float)
    return assign(boxes, jnp.asarray(classes), jnp.ones(len(boxes)), grid, anchors, 3)


def _corners() -> jnp.ndarray:
    b_x, b_y, b_h, b_w = 0.5, 0.7, 0.3, 0.4
    return to_corners(jnp.array([b_x, b_y, b_w, b_h]))


def _masked_loss() -> list[float]:
    y = jnp.array([[0.0] * 8, [1, 0.5, 0.7, 0.3, 0.4, 0, 1, 0]])
    y_hat = jnp.stack([jnp.array([0.2] + [0.9] * 7), y[1] + 0.1])
    return localization_squared(y_hat, y).tolist()


def _outputs(count: int) -> int:
    return layer_table(Locator(count), (32, 32, 3))[-1].size


def _overlaps() -> list[float]:
    boxes = jnp.array([[1.0, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6]])
    return iou(boxes[1:2], boxes)[0].tolist()


def _by_pixels() -> float:
    """Pixels in both boxes over pixels in one or the other, each pixel a box of its own."""
    side = jnp.arange(3.0)
    x, y = (axis.reshape(-1) for axis in jnp.meshgrid(side, side))
    pixels = jnp.stack([x, y, x + 1, y + 1], axis=1)
    one, other = (0.0, 0, 2, 2), (1.0, 1, 3, 3)
    first, second = (iou(pixels, jnp.array([box]))[:, 0] > 0 for box in (one, other))
    return float((first & second).sum() / (first | second).sum())


def _kept(moves: Any, scores: Any) -> list[int]:
    boxes = np.array([[0.0, 0, 2, 2]]) + np.array(moves)[:, None] * [1, 0, 1, 0]
    kept = non_max_suppression(boxes, np.array(scores), np.zeros(len(boxes), int), most=len(boxes))
    return kept.index[kept.mask].tolist()


CHECKS = MappingProxyType(
    {
        "bbox-convention": _corners,
        "localization-loss": _masked_loss,
        "localization-classes": lambda: _outputs(5 + 3),
        "landmark-129": lambda: _outputs(1 + 2 * 64),
        "iou-definition": _overlaps,
        "iou-wording": _by_pixels,
        "nms-algorithm": lambda: _kept((0, SHIFTED, 9, 5, -SHIFTED), (0.9, 0.8, 0.7, 0.5, 0.65)),
        "nms-result-wording": lambda: len(_kept((0, SHIFTED, 9), (0.9, 0.8, 0.7))),
        "anchor-two-16": lambda: _targets([CAR], [1])[0, 0].size,
        "anchor-assignment": lambda: best_anchor(jnp.array([[0.3, 0.8], [0.8, 0.3]]), ANCHORS),
    }
)
