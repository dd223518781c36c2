"""Pictures: read one safely as RGB, bring one or many to a size."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ngjax.types import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".webp"})
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # none that starts a program
MAX_PIXELS = 50_000_000  # more is taken for a decompression bomb


def read_image(source: Path | BinaryIO, *, name: str = "", size: int = 0) -> np.ndarray:
    """A picture as RGB: upright as its EXIF says, grey levels repeated, transparent on white.

    Args:
        source: a path or an open binary stream.
        name: what an error calls it; by default the path.
        size: pixels a side (see `square`); 0: as it is.

    Returns:
        uint8 [H, W, 3].

    Raises:
        UserError: not a picture, truncated, or too large to be meant.
    """
    from PIL import Image, ImageOps

    name = name or str(source)
    try:
        with Image.open(source, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UserError(
                    f"{name}: {image.width} x {image.height} pixels are too many; scale it down"
                )
            ImageOps.exif_transpose(image, in_place=True)
            upright = _rgb(image)
            return np.asarray(square(upright, size) if size else upright)
    except UserError:
        raise
    except Exception as error:  # a decoder given foreign bytes may raise anything
        raise UserError(
            f"{name}: not a readable image ({type(error).__name__}); replace or remove it"
        ) from error


def _rgb(image: Image) -> Image:
    from PIL import Image

    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        return paper.convert("RGB")
    return image.convert("RGB")


def square(image: Image, size: int) -> Image:
    """The central square, scaled to `size` pixels a side (bicubic, antialiased)."""
    from PIL import Image

    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BICUBIC, box=box)


def stretch(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture [H, W, 3] brought to [height, width, 3], whatever its proportions."""
    from PIL import Image

    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def png(pixels: np.ndarray) -> bytes:
    """A picture [H, W, 3] or [H, W] of bytes as a PNG file."""
    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """`square` for a whole array: uint8 [m, H, W, C], C one or three, to [m, size, size, C]."""
    from PIL import Image

    if images.shape[1:3] == (size, size):
        return images
    grey = images.shape[-1] == 1
    scaled = np.empty((len(images), size, size, images.shape[-1]), np.uint8)
    for i, pixels in enumerate(images):
        picture = np.asarray(square(Image.fromarray(pixels[..., 0] if grey else pixels), size))
        scaled[i] = picture[..., None] if grey else picture
    return scaled


def field(images: np.ndarray, side: int) -> np.ndarray:
    """Images in the middle of a field of side x side, as LeCun et al. (1998) have their digits.

    Small ones are first enlarged by the largest whole factor that fits: in a field of 32, 8x8
    digits fill it and 28x28 ones get a border of two pixels. A side that is longer stays as it is.

    Args:
        images: uint8 [m, H, W, C].
        side: of the field, 1 or more.

    Returns:
        uint8 [m, side, side, C].
    """
    zoom = max(1, side // max(images.shape[1:3]))
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    over = [max(0, side - own) for own in images.shape[1:3]]
    return np.pad(images, ((0, 0), *((o // 2, o - o // 2) for o in over), (0, 0)))


def like(pixels: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """A picture as those of a set are: its middle, scaled as `square` does, grey where C is one.

    Args:
        pixels: uint8 [H', W', 3].
        shape: [H, W, C] of the set's pictures, C one or three.

    Returns:
        uint8 [H, W, C].
    """
    from PIL import Image

    H, W, C = shape
    image = Image.fromarray(pixels)
    zoom = min(image.width / W, image.height / H)
    left, top = (image.width - zoom * W) / 2, (image.height - zoom * H) / 2
    box = (left, top, left + zoom * W, top + zoom * H)
    scaled = image.resize((W, H), Image.Resampling.BICUBIC, box=box)
    return np.asarray(scaled.convert("L"))[..., None] if C == 1 else np.asarray(scaled)
