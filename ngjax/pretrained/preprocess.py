"""Images as published networks were shown them: resized, cut, scaled."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from PIL import Image


class Preprocess(NamedTuple):
    """x := (pixels / scale - mean) / deviation, channel by channel."""

    scale: float
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    flip: bool = False  # channels blue, green, red


PREPROCESS = MappingProxyType(
    {
        "torch": Preprocess(255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        "caffe": Preprocess(1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0), flip=True),
        "mobilenet": Preprocess(127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    }
)


def preprocess(
    image: np.ndarray, how: Preprocess, *, resize: int = 256, crop: int = 224
) -> np.ndarray:
    """The shorter side to `resize`, the middle cut out, channels scaled, as torchvision does.

    Args:
        image: uint8 [H, W, 3].
        how: one of `PREPROCESS`.
        resize: pixels of the shorter side; antialiased bilinear; 0: as it is.
        crop: pixels a side that are cut from the middle; 0: all.

    Returns:
        float32 [crop, crop, 3].
    """
    if resize:
        H, W = image.shape[:2]
        short = min(H, W)
        size = (int(resize * W / short), int(resize * H / short))  # (width, height), cut off
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    if crop:
        H, W = image.shape[:2]
        top, left = round((H - crop) / 2), round((W - crop) / 2)
        image = image[top : top + crop, left : left + crop]
    x = image.astype(np.float32)[..., :: -1 if how.flip else 1] / how.scale
    mean, deviation = (np.asarray(v, np.float32).reshape(1, 1, 3) for v in how[1:3])
    return (x - mean) / deviation
