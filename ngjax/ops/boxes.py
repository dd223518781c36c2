r"""Boxes: two ways to write one, intersection over union, a box beside its cell and anchor.

    corners (x_1, y_1, x_2, y_2)  <->  centre (b_x, b_y, b_w, b_h),  b_x = (x_1 + x_2) / 2

    IoU(a, b) = |a and b| / |a or b|

x runs to the right and y down, from the upper left corner of the picture, in any unit: pixels,
cells, or the notes' own, whose lower right corner is (1, 1). Notes 4.13.1 (which prints b_n for
b_h) and 4.13.6 (where "the pixels in both pixels" are the pixels in both boxes).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ngjax.types import Array

BORDER = 1e-6  # how near to the border of its cell `encode` takes a midpoint to be, at most


def to_centre(boxes: Array) -> Array:
    """(x_1, y_1, x_2, y_2) as (b_x, b_y, b_w, b_h), [..., 4] to [..., 4]."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return jnp.concatenate([(low + high) / 2, high - low], axis=-1)


def to_corners(centre: Array) -> Array:
    """(b_x, b_y, b_w, b_h) as (x_1, y_1, x_2, y_2), [..., 4] to [..., 4]."""
    middle, half = centre[..., :2], centre[..., 2:] / 2
    return jnp.concatenate([middle - half, middle + half], axis=-1)


def area(boxes: Array) -> Array:
    """Width times height, [..., 4] to [...]; 0 where a box has its corners the wrong way round."""
    sides = jnp.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]


def iou(a: Array, b: Array) -> Array:
    """Intersection over union of every box with every other (notes 4.13.6).

    Args:
        a: corners, [..., M, 4].
        b: corners, [..., N, 4].

    Returns:
        [..., M, N], from 0 to 1; 0 where there is no area to share, also between two empty boxes.
        Never NaN; neither is its gradient where the boxes are finite.
    """
    a, b = a[..., :, None, :], b[..., None, :, :]  # [..., M, 1, 4], [..., 1, N, 4]
    low = jnp.maximum(a[..., :2], b[..., :2])
    high = jnp.minimum(a[..., 2:], b[..., 2:])
    shared = area(jnp.concatenate([low, high], axis=-1))  # [..., M, N]
    return ratio(shared, area(a) + area(b) - shared)


def ratio(shared: Array, union: Array) -> Array:
    """shared / union, and 0 (with gradient 0) where the union is empty or not finite."""
    full = (union > 0) & jnp.isfinite(union)
    return jnp.where(full, shared, 0) / jnp.where(full, union, 1)


def encode(boxes: Array, cells: Array, anchors: Array) -> Array:
    r"""What a network is to say of a box, the inverse of `decode`.

        t_x = log((b_x - c_x) / (1 - (b_x - c_x))),   t_w = log(b_w / p_w)

    Args:
        boxes: corners, in cells, [..., 4].
        cells: (c_x, c_y), the upper left corner of the cell that holds the midpoint, [..., 2].
        anchors: (p_w, p_h), in cells, [..., 2].

    Returns:
        (t_x, t_y, t_w, t_h), [..., 4]. A midpoint on the border, whose t would be infinite, is
        taken to lie 1e-6 of a cell inside it; so is a side of length 0.
    """
    centre, cells, anchors = _together(to_centre(boxes), cells, anchors)
    offset = jnp.clip(centre[..., :2] - cells, BORDER, 1 - BORDER)
    sides = jnp.maximum(centre[..., 2:], BORDER)
    t = [jnp.log(offset) - jnp.log1p(-offset), jnp.log(sides) - jnp.log(anchors)]
    return jnp.concatenate(t, axis=-1)


def decode(t: Array, cells: Array, anchors: Array) -> Array:
    r"""The box that a network means (Redmon & Farhadi 2017, YOLO9000).

        b_x = sigmoid(t_x) + c_x,   b_y = sigmoid(t_y) + c_y
        b_w = p_w e^{t_w},          b_h = p_h e^{t_h}

    Args:
        t: (t_x, t_y, t_w, t_h), [..., 4].
        cells: (c_x, c_y), the upper left corner of its cell, [..., 2].
        anchors: (p_w, p_h), in cells, [..., 2].

    Returns:
        Corners, in cells, [..., 4]. The sigmoid keeps the midpoint in the cell that answers for it.
    """
    t, cells, anchors = _together(t, cells, anchors)
    middle = jax.nn.sigmoid(t[..., :2]) + cells
    sides = anchors * jnp.exp(t[..., 2:])
    return to_corners(jnp.concatenate([middle, sides], axis=-1))


def _together(boxes: Array, cells: Array, anchors: Array) -> tuple[Array, Array, Array]:
    """Each repeated along the leading axes that it lacks: [..., 4], [..., 2], [..., 2]."""
    lead = jnp.broadcast_shapes(*(array.shape[:-1] for array in (boxes, cells, anchors)))
    return (
        jnp.broadcast_to(boxes, (*lead, 4)),
        jnp.broadcast_to(cells, (*lead, 2)),
        jnp.broadcast_to(anchors, (*lead, 2)),
    )
