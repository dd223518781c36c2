"""Scenes: real digits, laid at random sizes and places on crops of real photographs, by a seed.

Pixels are real and what stands where is drawn, so that the boxes are known exactly. A part has its
own digits and its own stretch of each photograph: nothing of a test scene is in any training scene.
"""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple

import numpy as np

from ngjax.data.dataset import Data, Split, take
from ngjax.data.embedded import photograph, photograph_names
from ngjax.data.load import load
from ngjax.types import UserError

STRETCHES = {"train": (0.0, 0.6), "dev": (0.6, 0.8), "test": (0.8, 1.0)}  # of a photograph's width
ASPECT = 1.35  # a digit is made wider or narrower by at most this factor
INKED = 0.3  # of full ink: from here on a pixel belongs to the digit, and to its box
CONTRAST = 70.0  # of 255: how far the ink is from the mean of what it covers, at least
CROWDED = 0.1  # of a digit's box that another may cover
TRIES = 20  # places tried for a digit before it is left out

Part = Literal["train", "dev", "test"]


class Scenes(NamedTuple):
    """Pictures and what is in them; where a place of `most` is empty, boxes and classes are 0."""

    images: np.ndarray  # uint8 [m, size, size, 3]
    boxes: np.ndarray  # float32 [m, most, 4]: (x_1, y_1, x_2, y_2) in pixels
    classes: np.ndarray  # int32 [m, most]
    mask: np.ndarray  # bool [m, most]


def scenes(
    count: int,
    seed: int,
    size: int,
    part: Part = "train",
    *,
    objects: tuple[int, int] = (1, 1),
    empty: float = 0.0,
    sides: tuple[float, float] = (0.25, 0.6),
    which: Data | None = None,
    classes: int = 0,
) -> Scenes:
    """Compose scenes: a function of its arguments alone, and scene i of i and the others alone.

    Args:
        count: scenes m.
        seed: of sizes, places, colours, crops and which digit.
        size: pixels a side.
        part: whose digits and stretch of the photographs; the three share none.
        objects: digits in a scene, at least and at most, all numbers equally likely. Where no room
            is found for one it is left out.
        empty: share of scenes that hold nothing at all, whatever `objects` says.
        sides: height of a digit, at least and at most, as a share of the scene's side.
        classes: only digits of the first so many classes; 0: of all.
        which: the set of small images, bright on black, that are pasted; none: scikit-learn's
            digits.

    Raises:
        UserError: numbers that no scene can have, or a set whose images are not grey.
    """
    least, most = objects
    if not (0 <= least <= most and count >= 0 and size >= 8 and 0 <= empty <= 1):
        raise UserError(f"scenes: {count} of {size} pixels with {least} to {most} objects: refused")
    if not 0 < sides[0] <= sides[1] <= 1:
        raise UserError(f"scenes: sides {sides} must be shares of the scene, 0 to 1, rising")
    held = load(which or Data(), kinds=("images",))
    if not 0 <= classes <= len(held.classes):
        raise UserError(f"scenes: {classes} classes asked for, {held.name} has {len(held.classes)}")
    if held.train.inputs.shape[-1] != 1:
        raise UserError(f"--data.name={held.name}: scenes are made of grey images on black")
    chosen = getattr(held, part)
    if classes:
        chosen = take(chosen, np.flatnonzero(chosen.targets < classes))
    drawn = (_scene(chosen, seed, i, size, part, objects, empty, sides) for i in range(count))
    places = (max(1, most), count)
    found = Scenes(
        np.zeros((count, size, size, 3), np.uint8),
        np.zeros((*places[::-1], 4), np.float32),
        np.zeros(places[::-1], np.int32),
        np.zeros(places[::-1], bool),
    )
    for i, (image, boxes, classes) in enumerate(drawn):
        n = len(boxes)
        found.images[i], found.mask[i, :n] = image, True
        found.boxes[i, :n], found.classes[i, :n] = np.reshape(boxes, (n, 4)), classes
    return found


def _scene(
    split: Split,
    seed: int,
    i: int,
    size: int,
    part: Part,
    objects: tuple[int, int],
    empty: float,
    sides: tuple[float, float],
) -> tuple[np.ndarray, list[np.ndarray], list[int]]:
    generator = np.random.default_rng([seed, tuple(STRETCHES).index(part), i])
    image = _background(generator, size, part).astype(np.float32)
    number = generator.integers(objects[0], objects[1] + 1)
    number = 0 if generator.random() < empty else number
    boxes: list[np.ndarray] = []
    classes: list[int] = []
    for _ in range(number):
        drawn = int(generator.integers(len(split)))
        ink = _ink(generator, split.inputs[drawn, ..., 0], size, sides)
        box = _place(generator, ink.shape, size, boxes)
        if box is None:
            continue
        _lay(generator, image, ink, box)
        boxes.append(box)
        classes.append(int(split.targets[drawn]))
    return np.rint(image).astype(np.uint8), boxes, classes


@functools.cache
def _stretches(part: Part) -> tuple[np.ndarray, ...]:
    """That part of every photograph that scikit-learn brings, so that every machine has them."""
    low, high = STRETCHES[part]
    names = [name for name in photograph_names() if name in ("china", "flower")]
    whole = [photograph(name) for name in names]
    return tuple(p[:, int(low * p.shape[1]) : int(high * p.shape[1])] for p in whole)


def _background(generator: np.random.Generator, size: int, part: Part) -> np.ndarray:
    """A square of a photograph, of random size and place, mirrored or not, [size, size, 3]."""
    from PIL import Image

    stretches = _stretches(part)
    photo = stretches[generator.integers(len(stretches))]
    largest = min(photo.shape[:2])
    side = int(generator.integers(min(size, largest) // 2, largest + 1))
    top, left = (int(generator.integers(0, n - side + 1)) for n in photo.shape[:2])
    square = Image.fromarray(photo[top : top + side, left : left + side])
    pixels = np.asarray(square.resize((size, size), Image.Resampling.BICUBIC))
    return pixels[:, ::-1] if generator.random() < 0.5 else pixels


def _ink(
    generator: np.random.Generator, digit: np.ndarray, size: int, sides: tuple[float, float]
) -> np.ndarray:
    """How much ink each pixel of a digit has, 0 to 1, cut to its box, [h, w]."""
    from PIL import Image

    height = size * generator.uniform(*sides)
    rows, columns = _inked(digit / 255.0)
    cut = digit[rows, columns]
    stretch = ASPECT ** generator.uniform(-1, 1)
    width = height * stretch * cut.shape[1] / cut.shape[0]
    shape = (max(2, round(min(width, size))), max(2, round(min(height, size))))
    scaled = np.asarray(Image.fromarray(cut).resize(shape, Image.Resampling.BICUBIC)) / 255.0
    rows, columns = _inked(scaled)
    return scaled[rows, columns].astype(np.float32)


def _inked(ink: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns that hold ink; all where none does."""
    spans = []
    for axis in (1, 0):
        there = np.flatnonzero((ink >= INKED).any(axis=axis))
        spans.append(slice(there[0], there[-1] + 1) if len(there) else slice(None))
    return spans[0], spans[1]


def _place(
    generator: np.random.Generator, shape: tuple[int, ...], size: int, taken: list[np.ndarray]
) -> np.ndarray | None:
    """A box of that shape inside the scene, clear of the others; None where none was found."""
    h, w = shape
    for _ in range(TRIES):
        left, top = generator.integers(0, size - w + 1), generator.integers(0, size - h + 1)
        box = np.array([left, top, left + w, top + h])
        if all(_covered(box, other) <= CROWDED for other in taken):
            return box
    return None


def _covered(a: np.ndarray, b: np.ndarray) -> float:
    """The share of the smaller box that both cover."""
    shared = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    return float(shared / min((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod()))


def _lay(
    generator: np.random.Generator, image: np.ndarray, ink: np.ndarray, box: np.ndarray
) -> None:
    """Paint a digit into the scene in a colour that can be told from what is behind it."""
    left, top, right, bottom = box
    behind = image[top:bottom, left:right]
    grey = float(behind.mean())
    colour = generator.uniform(0, 255, 3)
    if abs(colour.mean() - grey) < CONTRAST:
        lighter = grey < 127.5
        colour = generator.uniform(grey + CONTRAST, 255, 3) if lighter else colour
        colour = colour if lighter else generator.uniform(0, grey - CONTRAST, 3)
    alpha = ink[..., None]
    behind[...] = (1 - alpha) * behind + alpha * colour
