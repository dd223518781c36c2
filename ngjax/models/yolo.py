r"""YOLO: one network sees the whole picture once and answers for every cell of a grid.

    t = [t_p, t_x, t_y, t_w, t_h, z_1 ... z_K]   for each of S x S cells and A anchors

    p_c = sigmoid(t_p),  b by `ngjax.ops.boxes.decode`,  c = softmax(z)

Notes 4.13.5 to 4.13.9; Redmon, Divvala, Girshick & Farhadi 2015, with the anchors and coordinates
of Redmon & Farhadi 2017. The cost of a picture asks of an empty cell nothing but p_c ("?" in the
notes stands for what is masked):

    L = sum_{places} w [-log p(p_c)]
        + sum_{objects} [ coordinates ((sigmoid t_x - b_x)^2 + ... + (t_h - ...)^2) - log c_class ]

with w = 1 where there is an object, w = empty where there is none, and w = 0 where there is none
but the answer lies on an object all the same (IoU > IGNORED).

Shapes: B pictures, S grid, A anchors, K classes, M objects of a picture at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ngjax.models.layers import BatchNorm, Conv
from ngjax.models.mobilenet import MobileNet
from ngjax.ops import average_precision
from ngjax.ops.anchors import assign, cell_boxes
from ngjax.ops.boxes import decode, encode, iou
from ngjax.ops.nms import non_max_suppression
from ngjax.types import Array

SMALL = {  # stride -> (filters, stride) of each 3x3 convolution
    8: ((16, 2), (32, 2), (64, 1), (64, 2), (96, 1)),
    16: ((16, 2), (32, 2), (64, 2), (64, 2), (96, 1)),
}
DEPTHS = {8: 5, 16: 11}  # blocks of MobileNet whose last map has that stride
IGNORED = 0.5  # IoU from which an answer of an empty place is not called wrong
LARGEST = 4.0  # t_w and t_h at most: 55 times the anchor
SLOPE = 0.1  # of the leaky ReLU where z < 0
RARE = -4.6  # t_p at the start: p_c = 0.01, most places are empty


class Yolo(nn.Module):
    """Backbone and head.

    Attributes:
        classes: K.
        anchors: A.
        backbone: "small", 3x3 convolutions each with batch normalisation and leaky ReLU, or
            "mobilenet", its first blocks; their batch statistics stay as they were learned.
        stride: pixels a cell is wide, 8 or 16.
        frozen: blocks of MobileNet, from the first, that do not learn.
        filters: of the head's 3x3 convolution.
        dtype: type of the computation.
    """

    classes: int
    anchors: int
    backbone: str = "small"
    stride: int = 16
    frozen: int = 0
    filters: int = 128
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, H, W, 3] of bytes to (t [B, S, S, A, 5 + K], activations by name)."""
        out: dict[str, Array] = {}

        def block(a: Array, filters: int, stride: int, name: str) -> Array:
            z = Conv(filters, 3, stride, use_bias=False, dtype=self.dtype, name=name)(a)
            z = BatchNorm(dtype=self.dtype, name=f"{name}_bn")(z, train=train)
            out[name] = jnp.where(z > 0, z, SLOPE * z)
            return out[name]

        a = x / 127.5 - 1  # [B, H, W, 3]
        if self.backbone == "small":
            for number, (filters, stride) in enumerate(SMALL[self.stride], 1):
                a = block(a, filters, stride, f"conv{number}")  # [B, S, S, C] in the end
        else:
            depth = DEPTHS[self.stride]
            net = MobileNet(0, blocks=depth, frozen=self.frozen, dtype=self.dtype, name="backbone")
            a = net(a)[1][f"conv_pw_{depth}"]  # [B, S, S, C]
        a = block(a, self.filters, 1, "head")
        each = 5 + self.classes
        start = np.zeros((self.anchors, each), np.float32)
        start[:, 0] = RARE
        z = Conv(
            self.anchors * each,
            1,
            bias_init=lambda key, shape: jnp.asarray(start.reshape(shape)),
            kernel_init=nn.initializers.normal(0.01),
            dtype=self.dtype,
            name="answers",
        )(a)
        out["answers"] = z.reshape(*z.shape[:3], self.anchors, each)  # [B, S, S, A, 5 + K]
        return out["answers"], out


class Loss(NamedTuple):
    """The parts of a picture's cost, each [B]."""

    confidence: Array
    coordinates: Array
    classes: Array


def cells(S: int, dtype: Any = jnp.float32) -> Array:
    """(c_x, c_y) of every cell, [S, S, 1, 2]."""
    down, right = jnp.meshgrid(jnp.arange(S), jnp.arange(S), indexing="ij")
    return jnp.stack([right, down], axis=-1)[:, :, None].astype(dtype)


def boxes_of(t: Array, anchors: Array) -> Array:
    """The boxes that answers mean, corners as shares of the picture, [..., S, S, A, 4].

    Args:
        t: [..., S, S, A, 5 + K].
        anchors: (p_w, p_h) as shares of the picture, [A, 2].
    """
    S = t.shape[-3]
    place = jnp.concatenate([t[..., 1:3], jnp.minimum(t[..., 3:5], LARGEST)], axis=-1)
    return decode(place, cells(S, t.dtype), anchors.astype(t.dtype) * S) / S


def cost(
    t: Array,
    boxes: Array,
    classes: Array,
    mask: Array,
    anchors: Array,
    *,
    empty: float,
    coordinates: float,
) -> Loss:
    """The masked loss of the module's formula, for one picture.

    Args:
        t: answers [S, S, A, 5 + K].
        boxes: corners as shares of the picture, [M, 4].
        classes: int [M].
        mask: [M], 0 where there is no object, below 0 where one is neither asked for nor wrong.
        anchors: (p_w, p_h) as shares of the picture, [A, 2].
        empty: weight of a place without an object.
        coordinates: weight of the squared differences of a box.
    """
    S, K = t.shape[0], t.shape[-1] - 5
    anchors = anchors.astype(t.dtype)
    y = assign(boxes.astype(t.dtype), classes, mask, S, anchors, K)  # [S, S, A, 5 + K]
    there = y[..., 0]
    said = lax.stop_gradient(boxes_of(t, anchors)).reshape(-1, 4)
    near = jnp.where(mask[None] != 0, iou(said, boxes.astype(t.dtype)), 0).max(axis=1)  # [S S A]
    weight = jnp.where(there > 0, 1, empty * (near.reshape(there.shape) <= IGNORED))
    confidence = weight * (jax.nn.softplus(t[..., 0]) - there * t[..., 0])
    wanted = encode(cell_boxes(y) * S, cells(S, t.dtype), anchors * S)  # [S, S, A, 4]
    wanted = jnp.where(there[..., None] > 0, wanted, 0)
    off = jax.nn.sigmoid(t[..., 1:3]) - jax.nn.sigmoid(wanted[..., :2])
    stretch = t[..., 3:5] - wanted[..., 2:]
    squares = jnp.square(off).sum(-1) + jnp.square(stretch).sum(-1)
    naming = -(y[..., 5:] * jax.nn.log_softmax(t[..., 5:])).sum(-1)
    return Loss(confidence.sum(), coordinates * (there * squares).sum(), naming.sum())


class Found(NamedTuple):
    """What a picture is said to hold, the surest first."""

    boxes: Array  # corners as shares of the picture, [most, 4]
    scores: Array  # p_c times the probability of the class, [most]; 0 where there is none
    classes: Array  # int32 [most]
    mask: Array  # bool [most]


def find(t: Array, anchors: Array, *, threshold: float, overlap: float, most: int) -> Found:
    """Decode one picture's answers and suppress what is said twice (notes 4.13.7 and 4.13.9).

    Args:
        t: [S, S, A, 5 + K].
        anchors: (p_w, p_h) as shares of the picture, [A, 2].
        threshold: what a score must exceed.
        overlap: IoU from which two boxes of a class are one object.
        most: places of the output.
    """
    boxes = jnp.clip(boxes_of(t, anchors).reshape(-1, 4), 0, 1)  # [N, 4]
    naming = jax.nn.softmax(t[..., 5:]).reshape(len(boxes), -1)
    scores = jax.nn.sigmoid(t[..., 0]).reshape(-1) * naming.max(axis=1)
    classes = naming.argmax(axis=1).astype(jnp.int32)
    kept = non_max_suppression(
        boxes, scores, classes, score_threshold=threshold, iou_threshold=overlap, most=most
    )
    there = kept.mask
    return Found(
        jnp.where(there[:, None], boxes[kept.index], 0),
        jnp.where(there, scores[kept.index], 0),
        jnp.where(there, classes[kept.index], 0),
        there,
    )


def answers(outputs: Mapping[str, np.ndarray]) -> list[average_precision.Found]:
    """The fields of `Found` for many pictures, [m, most, ...], as one answer a picture."""
    fields = (outputs[name] for name in ("boxes", "scores", "classes", "mask"))
    return [
        average_precision.Found(boxes[there], scores[there], classes[there])
        for boxes, scores, classes, there in zip(*fields, strict=True)
    ]
