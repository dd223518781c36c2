"""Pictures of bytes as files, pixel by pixel: what a topic made, not what is drawn of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

FRAME, LAST = 120, 2000  # milliseconds that a frame is shown, and the last one


def png(pixels: Any) -> bytes:
    """A PNG of uint8 [H, W, 3]."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def gif(frames: Sequence[Any]) -> bytes:
    """A GIF that runs for ever and rests on its last frame.

    Args:
        frames: uint8 [H, W, 3] each, of one size.
    """
    first, *others = (Image.fromarray(frame) for frame in frames)
    times = [FRAME] * len(others) + [LAST]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=times, loop=0)
    return file.getvalue()
