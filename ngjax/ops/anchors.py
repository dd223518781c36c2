r"""Anchor boxes: shapes given beforehand, each of which answers for the objects most like it.

    y = [p_c, b_x, b_y, b_h, b_w, c_1 ... c_K]  for every cell of an S x S grid and every anchor

An object goes to the cell that holds its midpoint (not, as the notes' 4.13.5 may be read, to each
that shows a part of it) and there to the anchor whose shape has the highest IoU with its own, both
laid on one centre (notes 4.13.8). b_x and b_y are the midpoint's place in its cell, from 0 to 1;
b_h and b_w are in cells and may exceed 1. Good shapes are found by k-means on the boxes of the
training set, by the distance 1 - IoU (Redmon & Farhadi 2017, YOLO9000).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ngjax.ops.boxes import ratio, to_centre, to_corners
from ngjax.types import Array, UserError


def shape_iou(sizes: Array, anchors: Array) -> Array:
    """IoU of shapes laid on one centre, (w, h) [..., M, 2] and [..., A, 2] to [..., M, A]."""
    a, b = sizes[..., :, None, :], anchors[..., None, :, :]
    shared = jnp.prod(jnp.maximum(jnp.minimum(a, b), 0), axis=-1)
    whole = [jnp.prod(jnp.maximum(side, 0), axis=-1) for side in (a, b)]
    return ratio(shared, whole[0] + whole[1] - shared)


def best_anchor(sizes: Array, anchors: Array) -> Array:
    """Which anchor is most like each shape; of equals the first.

    Args:
        sizes: (w, h), [..., M, 2].
        anchors: (p_w, p_h), in the same unit, [A, 2].

    Returns:
        int32 [..., M].
    """
    return jnp.argmax(shape_iou(sizes, anchors), axis=-1).astype(jnp.int32)


def kmeans(sizes: np.ndarray, count: int, seed: int = 0, steps: int = 300) -> np.ndarray:
    """Shapes that stand for many, by the distance 1 - IoU (Redmon & Farhadi 2017).

    It starts from shapes of the set, each drawn in proportion to its squared distance from those
    drawn before (Arthur & Vassilvitskii 2007), and stops where no shape changes its anchor.

    Args:
        sizes: (w, h) of boxes, in any unit, [m, 2].
        count: anchors A.
        seed: of the start.
        steps: at most so many.

    Returns:
        (p_w, p_h), [A, 2], the smallest area first.

    Raises:
        UserError: a side that is not above 0, or fewer different shapes than anchors.
    """
    sizes = np.asarray(sizes)
    if sizes.ndim != 2 or sizes.shape[1] != 2 or not (np.isfinite(sizes) & (sizes > 0)).all():
        raise UserError("anchors: every box must be wider and higher than 0")
    if not 1 <= count <= len(np.unique(sizes, axis=0)):
        raise UserError(
            f"anchors: {count} asked of {len(np.unique(sizes, axis=0))} different shapes; "
            "ask for fewer, and for 1 at least"
        )
    anchors = np.asarray(_clusters(jnp.asarray(sizes), jax.random.key(seed), count, steps))
    return anchors[np.argsort(anchors.prod(axis=1), kind="stable")]


@jax.jit(static_argnums=(2, 3))
def _clusters(sizes: Array, key: Array, count: int, steps: int) -> Array:
    m = len(sizes)

    def seeded(chosen: Array, place: Array) -> tuple[Array, None]:
        likeness = shape_iou(sizes, sizes[chosen])  # [m, A]
        near = jnp.where(jnp.arange(count)[None] < place, likeness, 0).max(axis=1)
        weight = jnp.where(near < 1, (1 - near) ** 2, 0)  # never a shape that is there already
        drawn = jax.random.choice(jax.random.fold_in(key, place), m, p=weight / weight.sum())
        return chosen.at[place].set(drawn), None

    chosen, _ = lax.scan(seeded, jnp.zeros(count, int), jnp.arange(count))

    def moved(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        anchors, nearest, _, step = state
        now = best_anchor(sizes, anchors)
        member = (now[:, None] == jnp.arange(count)[None]).astype(sizes.dtype)  # [m, A]
        members = member.sum(axis=0)[:, None]  # [A, 1]
        means = member.T @ sizes / jnp.maximum(members, 1)
        anchors = jnp.where(members > 0, means, anchors)  # one that nobody is like stays
        return anchors, now, jnp.any(now != nearest), step + 1

    start = (sizes[chosen], jnp.full(m, -1, jnp.int32), jnp.bool_(True), jnp.int32(0))
    return lax.while_loop(lambda state: state[2] & (state[3] < steps), moved, start)[0]


def assign(boxes: Array, classes: Array, mask: Array, grid: int, anchors: Array, K: int) -> Array:
    """The targets of a picture: what every cell and anchor is to answer (notes 4.13.5, 4.13.8-9).

    Args:
        boxes: corners, where the picture reaches from (0, 0) to (1, 1), [M, 4].
        classes: 0 ... K - 1, [M].
        mask: [M], false where there is no object.
        grid: cells S along either side.
        anchors: (p_w, p_h), in pictures as the boxes, [A, 2]; or one anchor, [2].
        K: classes.

    Returns:
        [S, S, A, 5 + K], by row, column and anchor: (p_c, b_x, b_y, b_h, b_w, c_1 ... c_K), all 0
        where there is no object. A midpoint on the border between cells belongs to the cell right
        of it or below, one on the picture's own right or lower border to the last cell. Of objects
        that fall to the same cell and anchor the first is kept: the others have no place. A box
        without area, or whose midpoint lies outside the picture, is left out.
    """
    anchors = jnp.reshape(anchors, (-1, 2))
    A = len(anchors)
    centre = to_centre(boxes)
    middle, sides = centre[:, :2], centre[:, 2:]
    inside = jnp.all((middle >= 0) & (middle <= 1) & (sides > 0), axis=1)  # [M]
    cell = jnp.clip(jnp.floor(middle * grid), 0, grid - 1)  # [M, 2], column and row
    which = best_anchor(sides, anchors)  # [M]
    offset, extent = middle * grid - cell, sides * grid
    rows = jnp.concatenate(
        [
            jnp.ones_like(offset[:, :1]),
            offset,
            extent[:, ::-1],  # the notes name the height first
            jax.nn.one_hot(classes, K, dtype=boxes.dtype),
        ],
        axis=1,
    )  # [M, 5 + K]
    column, row = cell.astype(jnp.int32).T
    place = (row * grid + column) * A + which
    meant = ((mask > 0) & inside)[None]  # [1, M]
    claimed = meant & (jnp.arange(grid * grid * A)[:, None] == place[None])  # [S S A, M]
    first = jnp.argmax(claimed, axis=1)
    filled = jnp.where(jnp.any(claimed, axis=1, keepdims=True), rows[first], 0)
    return filled.reshape(grid, grid, A, 5 + K)


def cell_boxes(targets: Array) -> Array:
    """The boxes of targets or of answers in the same letters, the inverse of `assign`.

    Args:
        targets: [..., S, S, A, 5 + K], of which b_x, b_y, b_h, b_w are read.

    Returns:
        Corners, where the picture reaches from (0, 0) to (1, 1), [..., S, S, A, 4].
    """
    S = targets.shape[-3]
    down, right = jnp.meshgrid(jnp.arange(S), jnp.arange(S), indexing="ij")
    corner = jnp.stack([right, down], axis=-1)[:, :, None].astype(targets.dtype)  # [S, S, 1, 2]
    b = targets[..., 1:5]
    corner = jnp.broadcast_to(corner, (*b.shape[:-1], 2))
    return to_corners(jnp.concatenate([b[..., :2] + corner, b[..., 3:1:-1]], axis=-1)) / S
