r"""Non-max suppression: of the boxes that say the same thing, the surest one (notes 4.13.7).

    discard every box with p_c <= 0.6
    while any box remains:
        output the box with the largest p_c
        discard every remaining box whose IoU with it is >= 0.5

class by class. It keeps one box for every object and not, as the notes' "the one" may be read, one
of all. The output has a fixed size and says which of its places are taken, so that it can be
compiled and mapped over a batch.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from ngjax.ops.boxes import iou
from ngjax.types import Array


class Kept(NamedTuple):
    """What is left of N boxes."""

    index: Array  # int32 [most]: which of the N, the surest first; 0 where the mask is false
    mask: Array  # bool [most]


def non_max_suppression(
    boxes: Array,
    scores: Array,
    classes: Array,
    *,
    score_threshold: float = 0.6,
    iou_threshold: float = 0.5,
    most: int,
) -> Kept:
    """Keep the surest box of every heap, per class.

    Args:
        boxes: corners, [N, 4].
        scores: p_c, [N]; one that is NaN is discarded.
        classes: int [N]; boxes of different classes never suppress one another.
        score_threshold: what p_c must exceed.
        iou_threshold: from which on two boxes are taken for the same object.
        most: places of the output; where more boxes would be kept, the surest are.

    Returns:
        Which boxes; of equal scores the first comes first.
    """

    def remains(state: tuple[Array, Array, Array, Array]) -> Array:
        count, alive, _, _ = state
        return (count < most) & jnp.any(alive)

    def keep(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        count, alive, index, mask = state
        best = jnp.argmax(jnp.where(alive, scores, -jnp.inf)).astype(jnp.int32)
        same = (iou(boxes, boxes[best][None])[:, 0] >= iou_threshold) & (classes == classes[best])
        alive = alive & ~same & (jnp.arange(len(scores)) != best)  # itself, also of no area
        return count + 1, alive, index.at[count].set(best), mask.at[count].set(True)

    boxes, scores, classes = jnp.asarray(boxes), jnp.asarray(scores), jnp.asarray(classes)
    start = (jnp.int32(0), scores > score_threshold, jnp.zeros(most, jnp.int32))
    _, _, index, mask = lax.while_loop(remains, keep, (*start, jnp.zeros(most, bool)))
    return Kept(index, mask)
