"""A user's own picture with boxes drawn on it, in its own size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ngjax.report.figures.canvas import PALETTE

Box = tuple[float, float, float, float, str, int]  # left, top, right, bottom, its text, its class


def drawn(pixels: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """The picture with a frame and a text for each box, a colour a class.

    Args:
        pixels: uint8 [H, W, 3].
        boxes: corners in pixels, what is written above, and the number of the class.

    Returns:
        uint8 [H, W, 3].
    """
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    thick = max(1, round(max(image.size) / 320))
    font = ImageFont.load_default(size=max(10, round(max(image.size) / 45)))
    for left, top, right, bottom, text, number in boxes:
        colour = PALETTE[number % len(PALETTE)]
        pen.rectangle((left, top, right, bottom), outline=colour, width=thick)
        if text:
            _, _, width, height = pen.textbbox((0, 0), text, font=font)
            y = top - height if top >= height else top
            pen.rectangle((left, y, left + width + 2, y + height), fill=colour)
            pen.text((left + 1, y), text, fill="white", font=font)
    return np.asarray(image)
