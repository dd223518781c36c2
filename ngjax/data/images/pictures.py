"""One picture by its name or its file: what comes along, or the user's own."""

from __future__ import annotations

import difflib
import importlib.resources
import importlib.util
from pathlib import Path

import numpy as np

from ngjax.data.embedded import PHOTOGRAPHS, photograph, photograph_names
from ngjax.data.images.image import read_image
from ngjax.types import UserError

TEXTURES = ("brick", "grass", "gravel", "ihc")  # inside scikit-image's wheel; the last in colour


def texture_names() -> tuple[str, ...]:
    """The textures that are there: all where scikit-image is installed, else none."""
    if not importlib.util.find_spec("skimage"):
        return ()
    return tuple(name for name in TEXTURES if _texture(name).is_file())


def picture(source: str, *, size: int = 0, flag: str = "input") -> np.ndarray:
    """A picture that comes along ("china", "brick"), or a file's.

    Args:
        source: a name, or a path.
        size: pixels of the longer side at most: larger ones are scaled down, none is enlarged.
        flag: of the command line, which an error names.

    Returns:
        uint8 [H, W, 3].

    Raises:
        UserError: no such name or file, or a file that is no picture.
    """
    there = (*photograph_names(), *texture_names())
    if source in there:
        pixels = photograph(source) if source in PHOTOGRAPHS else _read_texture(source)
    else:
        path = Path(source).expanduser()
        if not path.is_file():
            near = difflib.get_close_matches(source, there, 1)
            told = f"did you mean {near[0]}?" if near else f"use a path, or {', '.join(there)}"
            raise UserError(f"--{flag}={source}: no such file and no picture's name; {told}")
        pixels = read_image(path)
    return _at_most(pixels, size) if size else pixels


def _at_most(pixels: np.ndarray, size: int) -> np.ndarray:
    from PIL import Image

    H, W = pixels.shape[:2]
    zoom = size / max(H, W)
    if zoom >= 1:
        return pixels
    sides = (max(1, round(zoom * W)), max(1, round(zoom * H)))
    return np.asarray(Image.fromarray(pixels).resize(sides, Image.Resampling.LANCZOS))


def _texture(name: str) -> importlib.resources.abc.Traversable:
    return importlib.resources.files("skimage") / "data" / f"{name}.png"


def _read_texture(name: str) -> np.ndarray:
    with importlib.resources.as_file(_texture(name)) as path:
        return read_image(path)
