"""The IDX format of MNIST and Fashion-MNIST: a big-endian header, then bytes, gzipped or plain."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts, Split
from ngjax.types import UserError

GZIP = b"\x1f\x8b"
UINT8 = 0x08  # the type byte of the magic number


def read(path: Path, ndim: int) -> np.ndarray:
    """One IDX file of unsigned bytes.

    Header: the magic number 00 00 08 ndim, then ndim sizes of four bytes, then the values.

    Args:
        path: the file.
        ndim: how many sizes it must have: 3 for images (magic 2051), 1 for labels (magic 2049).

    Returns:
        uint8 array of the shape in the header.

    Raises:
        UserError: not gzip, wrong magic number, truncated, or bytes left over.
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == GZIP
        with gzip.open(path) if packed else path.open("rb") as stream:
            header = stream.read(4 + 4 * ndim)
            if len(header) < 4 + 4 * ndim:
                raise UserError(f"{path}: too short for an IDX header; delete it and get it again")
            magic, *shape = struct.unpack(f">{1 + ndim}I", header)
            expected = UINT8 << 8 | ndim
            if magic != expected:
                raise UserError(f"{path}: magic number {magic}, expected {expected}; wrong file?")
            count = math.prod(shape)
            values = stream.read(count + 1)  # one more: shows what is left over, checks the CRC
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}); delete it and get it again") from error
    if len(values) != count:
        found = "more" if len(values) > count else f"only {len(values)}"
        raise UserError(
            f"{path}: {count} bytes expected after the header of shape {tuple(shape)}, {found} "
            "found; delete it and get it again"
        )
    return np.frombuffer(values, np.uint8).reshape(shape)


def pair(images: Path, labels: Path, classes: int) -> Split:
    """Images [m, H, W, 1] and their labels [m].

    Raises:
        UserError: one of the files is malformed, the counts differ, or a label is out of range.
    """
    x = read(images, 3)[..., None]  # [m, H, W, 1]
    y = read(labels, 1).astype(np.int32)
    if len(x) != len(y):
        raise UserError(f"{labels}: {len(y)} labels for the {len(x)} images of {images.name}")
    if len(y) and y.max() >= classes:
        raise UserError(f"{labels}: label {y.max()}, expected 0 to {classes - 1}")
    return Split(x, y)


def parts(files: Mapping[str, Path], size: int = 0, *, classes: tuple[str, ...]) -> Parts:
    """The four files of MNIST and its kin."""
    train, test = (
        pair(
            files[f"{part}-images-idx3-ubyte.gz"],
            files[f"{part}-labels-idx1-ubyte.gz"],
            len(classes),
        )
        for part in ("train", "t10k")
    )
    return Parts(train, test=test, classes=classes)
