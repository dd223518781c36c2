"""The HDF5 layout of the course: train_set_x, train_set_y, list_classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts, Split
from ngjax.types import UserError


def read(path: Path, part: str) -> tuple[Split, tuple[str, ...]]:
    """One file: `{part}_set_x` uint8 [m, H, W, C], `{part}_set_y` [m], `list_classes` [K].

    Raises:
        UserError: not HDF5, a missing array, or shapes and labels that do not fit together.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            missing = [
                name
                for name in (f"{part}_set_x", f"{part}_set_y", "list_classes")
                if not isinstance(file.get(name), h5py.Dataset)
            ]
            if missing:
                raise UserError(f"{path}: holds no array {missing[0]!r}; is it the file of {part}?")
            x, y = file[f"{part}_set_x"][()], file[f"{part}_set_y"][()]
            classes = tuple(name.decode() for name in file["list_classes"][()])
    except (OSError, RuntimeError, UnicodeDecodeError, AttributeError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{path}: expected an HDF5 file of the course ({reason}); delete it and get it again"
        ) from error
    if x.ndim != 4 or x.dtype != np.uint8 or y.shape != x.shape[:1] or y.dtype.kind not in "iu":
        raise UserError(
            f"{path}: expected uint8 images [m, H, W, C] and m labels, "
            f"found {x.dtype} {x.shape} and {y.dtype} {y.shape}"
        )
    if len(y) and not (y.min() >= 0 and y.max() < len(classes)):
        raise UserError(f"{path}: a label is out of range, expected 0 to {len(classes) - 1}")
    return Split(x, y.astype(np.int32)), classes


def parts(files: Mapping[str, Path], size: int = 0) -> Parts:
    """The two files of the cat / non-cat set."""
    train, classes = read(files["train_catvnoncat.h5"], "train")
    test, other = read(files["test_catvnoncat.h5"], "test")
    if classes != other:
        raise UserError(f"{files['test_catvnoncat.h5']}: classes {other}, but train has {classes}")
    return Parts(train, test=test, classes=classes)
