"""Pictures with boxes: what the readers of annotations have in common.

Targets of a set of the kind "boxes" are one array, float32 [m, M, 6]: of each picture M rows
(x1, y1, x2, y2, class, flag), the corners as shares of the picture, (0, 0) upper left and (1, 1)
lower right (notes 4.13.1). The flag is 1 for an object, -1 for one that is neither to be found nor
wrong to find (VOC's "difficult", COCO's "crowd"), and 0 where the row holds none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ngjax.data.dataset import Parts, Split
from ngjax.data.images.image import read_image, stretch
from ngjax.ops.average_precision import Truth
from ngjax.types import UserError

SIDE = 256  # pixels a side where nothing is asked
WORD = "boxes"  # the kind of these sets
SLACK = 1e-6  # pixels that a box may leave the picture by: rounding, no mistake


class Object(NamedTuple):
    """One annotated thing: its class and the corners of its box, in pixels from the upper left."""

    name: str
    box: tuple[float, float, float, float]  # x1, y1, x2, y2; x2 and y2 lie behind the last pixel
    ignored: bool = False  # neither to be found nor wrong to find


class Record(NamedTuple):
    """One picture as its annotation tells of it."""

    where: str  # the file that an error names
    image: Path
    size: tuple[int, int] | None  # width and height that the annotation states
    objects: tuple[Object, ...]


class Objects(NamedTuple):
    """Targets taken apart, for one picture or many."""

    boxes: Any  # [..., M, 4], corners as shares of the picture
    classes: Any  # int32 [..., M]
    mask: Any  # [..., M], the flag


class Broken(Exception):
    """One line: which file, and what is wrong with it."""


def unpack(targets: Any) -> Objects:
    """[..., M, 6], NumPy or JAX, as boxes, classes and mask."""
    return Objects(targets[..., :4], targets[..., 4].astype(np.int32), targets[..., 5])


def truths(targets: np.ndarray) -> list[Truth]:
    """Targets [m, M, 6] as average precision reads them, one a picture."""
    return [
        Truth(boxes[flag != 0], classes[flag != 0], flag[flag != 0] < 0)
        for boxes, classes, flag in zip(*unpack(targets), strict=True)
    ]


def pack(objects: Sequence[tuple[Any, Any, Any]], most: int = 0) -> np.ndarray:
    """(boxes [n, 4], classes [n], flags [n]) of every picture as one array.

    Args:
        objects: one triple a picture.
        most: rows M; 0: as many as the fullest picture has, at least one.

    Returns:
        float32 [m, M, 6].
    """
    M = most or max([1, *(len(classes) for _, classes, _ in objects)])
    targets = np.zeros((len(objects), M, 6), np.float32)
    for row, (boxes, classes, flags) in zip(targets, objects, strict=True):
        n = len(classes)
        row[:n, :4], row[:n, 4], row[:n, 5] = np.reshape(boxes, (n, 4)), classes, flags
    return targets


def collect(
    records: Mapping[str, Iterable[Record]],
    classes: Sequence[str],
    size: int,
    *,
    skip_broken: bool = False,
    mend_boxes: bool = False,
) -> Parts:
    """Read the pictures and check the boxes.

    Every picture is stretched to a square, its boxes with it.

    Args:
        records: "train", "dev", "test" -> pictures.
        classes: names, in the order of their numbers.
        size: pixels a side; 0: `SIDE`.
        skip_broken: go on without what is broken and tell of it; a box that leaves its picture is
            cut off at the edge.
        mend_boxes: likewise, of boxes alone.

    Raises:
        UserError: something is broken and is not to be passed over; nothing to train on is left.
    """
    side, lines, found = size or SIDE, [], {}
    numbers = {name: k for k, name in enumerate(classes)}
    for part, listed in records.items():
        images, objects = [], []
        for record in listed:
            try:
                pixels, kept, told = _read(record, numbers, mend_boxes or skip_broken)
            except (Broken, UserError) as error:
                if not skip_broken:
                    raise UserError(f"{error}{_hint(error)}") from None
                lines.append(f"{error}: the picture is left out")
                continue
            lines += told
            images.append(stretch(pixels, side, side))
            objects.append(kept)
        found[part] = images, objects
    if not found["train"][0]:
        raise UserError("no picture to train on is left" + (f"; {lines[0]}" if lines else ""))
    most = max([1, *(len(c) for _, objects in found.values() for _, c, _ in objects)])
    splits = {
        part: Split(np.reshape(images, (-1, side, side, 3)).astype(np.uint8), pack(objects, most))
        for part, (images, objects) in found.items()
    }
    return Parts(**splits, classes=tuple(classes), left_out=tuple(lines))


def _hint(error: Exception) -> str:
    if isinstance(error, Broken):
        return "; mend it, or go on without it: --data.skip_broken"
    return ""


def _read(
    record: Record, numbers: Mapping[str, int], mend: bool
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray], list[str]]:
    pixels = read_image(record.image)  # [H, W, 3]
    H, W = pixels.shape[:2]
    if record.size and record.size != (W, H):
        stated = "x".join(map(str, record.size))
        raise Broken(f"{record.where}: says {stated} pixels, {record.image.name} has {W}x{H}")
    boxes, classes, flags, told = [], [], [], []
    for thing in record.objects:
        try:
            box = checked(thing, numbers, W, H)
        except Broken as error:
            wrong = f"{record.where}: {error}"
            if not mend:
                raise Broken(wrong) from None
            box = clipped(thing.box, W, H) if thing.name in numbers else None
            told.append(f"{wrong}: {'left out' if box is None else 'cut off at the edge'}")
        if box is not None:
            boxes.append(np.divide(box, (W, H, W, H)))
            classes.append(numbers[thing.name])
            flags.append(-1 if thing.ignored else 1)
    return pixels, (np.array(boxes), np.array(classes, int), np.array(flags, int)), told


def checked(thing: Object, numbers: Mapping[str, int], W: int, H: int) -> tuple[float, ...]:
    """The box of an object of a picture of W x H pixels.

    Raises:
        Broken: a class that is not known, a box without area, one that leaves the picture.
    """
    x1, y1, x2, y2 = thing.box
    told = f"({', '.join(f'{value:g}' for value in thing.box)})"
    if thing.name not in numbers:
        raise Broken(f"class {thing.name!r} is not known, there are {', '.join(numbers)}")
    if not all(map(math.isfinite, thing.box)):
        raise Broken(f"box {told} of {thing.name} holds no numbers")
    if x2 <= x1 or y2 <= y1:
        raise Broken(f"box {told} of {thing.name} has no area")
    if min(x1, y1) < -SLACK or x2 > W + SLACK or y2 > H + SLACK:
        raise Broken(f"box {told} of {thing.name} leaves the picture of {W}x{H}")
    return x1, y1, x2, y2


def clipped(box: Sequence[float], W: int, H: int) -> tuple[float, ...] | None:
    """What of a box lies in the picture; None where that has no area."""
    if not all(map(math.isfinite, box)):
        return None
    x1, x2 = (min(max(x, 0.0), float(W)) for x in box[::2])
    y1, y2 = (min(max(y, 0.0), float(H)) for y in box[1::2])
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def examples(split: Split, classes: Sequence[str]) -> Iterable[tuple[np.ndarray, list[Object]]]:
    """(picture, its objects in pixels), one by one: what the writers write."""
    for pixels, row in zip(split.inputs, split.targets, strict=True):
        H, W = pixels.shape[:2]
        boxes, numbers, mask = unpack(row)
        corners = np.float64(boxes) * (W, H, W, H)
        yield (
            pixels,
            [
                Object(classes[k], tuple(map(float, box)), bool(flag < 0))
                for box, k, flag in zip(corners, numbers, mask, strict=True)
                if flag
            ],
        )
