"""Images that stay on disk: an array to whoever asks for rows, their names in memory."""

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

THREADS = min(8, os.cpu_count() or 1)
PIXELS = 64 * 64  # that keep one thread busy
PIECE = 16  # images a thread decodes in one go: one image is not worth the hand-over


def other_size(called: str, found: tuple[int, ...], first: tuple[int, ...]) -> str:
    """What is said where two images [H, W, C] of a folder differ in size."""
    return (
        f"{called}: {found[0]} x {found[1]} pixels, the first is {first[0]} x {first[1]}; "
        "set --data.size to bring all to one size"
    )


class Streamed:
    """uint8 [m, H, W, C], decoded when rows are asked for.

    Indexed by whatever indexes an array's first axis; the rows come as a NumPy array, and as a
    whole to NumPy itself, which then holds them. `take` and `changed` decode nothing but the one
    image that tells the shape.
    """

    ndim = 4

    def __init__(
        self,
        root: Path,
        names: np.ndarray,
        size: int = 0,
        changes: tuple[Callable[[Any], Any], ...] = (),
        first: bytes = b"",
    ) -> None:
        """A list of images.

        Args:
            root: the folder they lie under.
            names: bytes [m], each a path below `root` as the file system spells it: one array,
                where a million Path objects would be a data set of their own.
            size: pixels a side; 0: as they are, which must then be one size.
            changes: of a stack of decoded images [B, H, W, C], in this order.
            first: the image whose size all have; by default the first of `names`.
        """
        self.root, self.names, self.size, self.changes = root, names, size, changes
        self.first = first or bytes(names[0])

    def __len__(self) -> int:
        return len(self.names)

    @functools.cached_property
    def _pixels(self) -> tuple[int, ...]:
        return read_image(self._path(self.first), size=self.size).shape  # [H, W, 3] of every file

    @functools.cached_property
    def _one(self) -> np.ndarray:
        return self._changed(read_image(self._path(self.first), size=self.size)[None])

    @functools.cached_property
    def _threads(self) -> int:
        """How many decode: Pillow works outside the interpreter's lock, but opens a file inside.

        For the lock of small images several threads would only queue, at up to twice the cost.
        """
        height, width, _ = read_image(self._path(self.first)).shape
        return max(1, min(THREADS, height * width // PIXELS))

    @property
    def shape(self) -> tuple[int, ...]:
        """[m, H, W, C]."""
        return (len(self), *self._one.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """Of the rows."""
        return self._one.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        """The rows, decoded in as many threads as it takes.

        Raises:
            UserError: an unreadable image, or one of another size; names the file.
        """
        names = self.names[index]
        if isinstance(names, bytes):
            return self._changed(self._read(names)[None])[0]
        images = np.empty((len(names), *self._pixels), np.uint8)

        def fill(start: int) -> None:
            for i in range(start, min(start + PIECE, len(names))):
                images[i] = self._read(names[i])

        pieces = range(0, len(names), PIECE)
        if self._threads == 1:
            for start in pieces:
                fill(start)
            return self._changed(images)
        with concurrent.futures.ThreadPoolExecutor(self._threads, "ngjax-decode") as pool:
            for _ in pool.map(fill, pieces):
                pass
        return self._changed(images)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows."""
        del copy  # they are new
        return np.asarray(self[:], dtype)

    def take(self, index: np.ndarray) -> Streamed:
        """Those of `index`, still on disk."""
        return Streamed(self.root, self.names[index], self.size, self.changes, self.first)

    def changed(self, change: Callable[[Any], Any]) -> Streamed:
        """The same with `change` made of every stack of rows, after what was asked for before."""
        return Streamed(self.root, self.names, self.size, (*self.changes, change), self.first)

    def _path(self, name: bytes) -> Path:
        return self.root / os.fsdecode(name)

    def _read(self, name: bytes) -> np.ndarray:
        path = self._path(name)
        pixels = read_image(path, size=self.size)
        if pixels.shape != self._pixels:
            raise UserError(other_size(str(path), pixels.shape, self._pixels))
        return pixels

    def _changed(self, images: np.ndarray) -> np.ndarray:
        for change in self.changes:
            images = change(images)
        return images
