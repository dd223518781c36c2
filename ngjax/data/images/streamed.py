"""Images that stay on disk: an array to whoever asks for rows, a list of paths in memory."""

from __future__ import annotations

import concurrent.futures
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ngjax.data.images.image import read_image
from ngjax.types import UserError

THREADS = min(8, os.cpu_count() or 1)  # Pillow decodes outside the interpreter's lock
PIECE = 64  # images a thread decodes in one go: one small image is not worth the hand-over


class Streamed:
    """uint8 [m, H, W, C], decoded when rows are asked for.

    Indexed by whatever indexes an array's first axis; the rows come as a NumPy array. `take` and
    `changed` decode nothing but the one image that tells the shape.
    """

    ndim = 4

    def __init__(
        self,
        paths: np.ndarray,
        size: int = 0,
        changes: tuple[Callable[[Any], Any], ...] = (),
        first: Path | None = None,
    ) -> None:
        """A list of images.

        Args:
            paths: object [m], one Path an image.
            size: pixels a side; 0: as they are, which must then be one size.
            changes: of a stack of decoded images [B, H, W, C], in this order.
            first: the image whose size all have; by default the first of `paths`.
        """
        self.paths, self.size, self.changes = paths, size, changes
        self.first = first or paths[0]

    def __len__(self) -> int:
        return len(self.paths)

    @functools.cached_property
    def _pixels(self) -> tuple[int, ...]:
        return read_image(self.first, size=self.size).shape  # [H, W, 3] of every file

    @functools.cached_property
    def _one(self) -> np.ndarray:
        return self._changed(read_image(self.first, size=self.size)[None])

    @property
    def shape(self) -> tuple[int, ...]:
        """[m, H, W, C]."""
        return (len(self), *self._one.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """Of the rows."""
        return self._one.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        """The rows, decoded by `THREADS` threads.

        Raises:
            UserError: an unreadable image, or one of another size; names the file.
        """
        paths = self.paths[index]
        if isinstance(paths, Path):
            return self._changed(self._read(paths)[None])[0]
        images = np.empty((len(paths), *self._pixels), np.uint8)

        def fill(start: int) -> None:
            for i in range(start, min(start + PIECE, len(paths))):
                images[i] = self._read(paths[i])

        with concurrent.futures.ThreadPoolExecutor(THREADS, "ngjax-decode") as pool:
            for _ in pool.map(fill, range(0, len(paths), PIECE)):
                pass
        return self._changed(images)

    def take(self, index: np.ndarray) -> Streamed:
        """Those of `index`, still on disk."""
        return Streamed(self.paths[index], self.size, self.changes, self.first)

    def changed(self, change: Callable[[Any], Any]) -> Streamed:
        """The same with `change` made of every stack of rows, after what was asked for before."""
        return Streamed(self.paths, self.size, (*self.changes, change), self.first)

    def _read(self, path: Path) -> np.ndarray:
        pixels = read_image(path, size=self.size)
        if pixels.shape != self._pixels:
            raise UserError(
                f"{path}: {pixels.shape[0]} x {pixels.shape[1]} pixels, the first is "
                f"{self._pixels[0]} x {self._pixels[1]}; set --data.size to bring all to one size"
            )
        return pixels

    def _changed(self, images: np.ndarray) -> np.ndarray:
        for change in self.changes:
            images = change(images)
        return images
