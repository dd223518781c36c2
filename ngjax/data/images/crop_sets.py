"""Small pictures that show an object or none: what a sliding window learns from (notes 4.13.3)."""

from __future__ import annotations

import importlib.resources
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts, Split
from ngjax.data.entry import Entry
from ngjax.types import UserError

WINDOW = 14  # pixels a side of a crop of digits: the notes' 14x14
CROPS = {"train": 1500, "dev": 300, "test": 400}  # half of them a digit
HEIGHTS = (0.7, 0.95)  # of a digit, as shares of its crop
NEAR = 0.5  # of the window's side: so far from the middle of any digit is a window that shows none
SCENE = 48  # side of the scenes that windows beside digits are cut from


def digit_crops(files: Mapping[str, Path], size: int = 0) -> Parts:
    """A digit that fills its crop of a photograph, or a crop that holds none or a part of one."""
    splits = {}
    for number, (part, count) in enumerate(CROPS.items()):
        side, half = size or WINDOW, count // 2
        crops = np.concatenate([_digits(half, part, side), _beside(half, part, side, number)])
        splits[part] = Split(crops, np.repeat(np.array([1, 0], np.int32), half))
    return Parts(**splits, classes=("nothing", "digit"))


def face_crops(files: Mapping[str, Path], size: int = 0) -> Parts:
    """100 faces and 100 patches that show none, grey, 25x25, inside scikit-image."""
    if not importlib.util.find_spec("skimage"):
        raise UserError("face_crops: lie inside scikit-image; pip install scikit-image")
    place = importlib.resources.files("skimage").joinpath("data", "lfw_subset.npy")
    with importlib.resources.as_file(place) as path:
        try:
            crops = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: not readable ({error}); install scikit-image anew") from None
    if crops.shape != (200, 25, 25):
        raise UserError(f"{path}: holds {crops.shape}, not 200 crops of 25x25")
    pixels = np.rint(255 * np.clip(crops, 0, 1)).astype(np.uint8)[..., None]  # [200, 25, 25, 1]
    return Parts(Split(pixels, np.repeat(np.array([1, 0], np.int32), 100)), classes=("not", "face"))


def _digits(count: int, part: str, side: int) -> np.ndarray:
    """Crops with a digit in their middle, [m, side, side, 3]."""
    from ngjax.data.images.composed import scenes  # which loads the digits by the catalogue

    wide = 3 * side
    share = tuple(side * height / wide for height in HEIGHTS)
    made = scenes(count, 1, wide, part, objects=(1, 1), sides=share)
    return np.stack(
        [
            window(image, (box[0][:2] + box[0][2:]) / 2, side)
            for image, box in zip(made.images, made.boxes, strict=True)
        ]
    )


def _beside(count: int, part: str, side: int, number: int) -> np.ndarray:
    """Windows whose middle is far from that of every digit, [m, side, side, 3]."""
    from ngjax.data.images.composed import scenes

    scene = max(SCENE, 3 * side)
    share = tuple(side * height / scene for height in HEIGHTS)
    made = scenes(count, 2, scene, part, objects=(0, 3), sides=share)
    generator, crops = np.random.default_rng([3, number]), []
    for image, boxes, mask in zip(made.images, made.boxes, made.mask, strict=True):
        middles = (boxes[mask, :2] + boxes[mask, 2:]) / 2
        for _ in range(50):
            place = generator.uniform(side / 2, scene - side / 2, 2)
            if not len(middles) or np.abs(middles - place).max(axis=1).min() > NEAR * side:
                break
        crops.append(window(image, place, side))
    return np.stack(crops)


def window(image: np.ndarray, middle: np.ndarray, side: int) -> np.ndarray:
    """The square of that side around (x, y), moved into the picture where it would leave it."""
    left, top = (
        int(np.clip(round(float(at) - side / 2), 0, n - side))
        for at, n in zip(middle, image.shape[1::-1], strict=True)
    )
    return image[top : top + side, left : left + side]


ENTRIES = (
    Entry(
        name="digit_crops",
        title="A digit on a photograph, or none",
        kind="images",
        reader=digit_crops,
        home="composed of the digits and photographs inside scikit-learn",
        licence="CC BY 4.0 (digits), CC BY 2.0 (photographs)",
        embedded=True,
    ),
    Entry(
        name="face_crops",
        title="Faces and what is none, of Labeled Faces in the Wild",
        kind="images",
        reader=face_crops,
        home="inside scikit-image",
        licence="none stated",
        embedded=True,
    ),
)
