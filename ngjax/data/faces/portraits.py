"""Photographs of people's faces: a class a person."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts, Split
from ngjax.data.entry import Entry
from ngjax.data.images import image_folder
from ngjax.types import UserError

PEOPLE, EACH = 40, 10  # of the ORL set
# Of all its files, s1/1.pgm to s40/10.pgm, one behind the other.
SHA256 = "3ece859febb5dcb346af09c9a1cecc3b63793b7a3062d123f779eb443747e8e7"


def orl(files: Mapping[str, Path], size: int = 0, sha256: str = SHA256) -> Parts:
    """40 people, 10 grey portraits of 92x112 each: `s1/1.pgm` to `s40/10.pgm`.

    Args:
        files: the folder under "".
        size: pixels a side of a square; 0: as they are.
        sha256: that the files have together.

    Raises:
        UserError: a file is missing, or is not the original.
    """
    root, digest = files[""], hashlib.sha256()
    for person in range(1, PEOPLE + 1):
        for number in range(1, EACH + 1):
            path = root / f"s{person}" / f"{number}.pgm"
            try:
                digest.update(path.read_bytes())
            except OSError as error:
                raise UserError(
                    f"{path}: cannot be read ({error.strerror}); the set has s1/1.pgm to "
                    f"s{PEOPLE}/{EACH}.pgm"
                ) from error
    parts = image_folder.folder(files, size)
    if digest.hexdigest() != sha256 or len(parts.classes) != PEOPLE:
        raise UserError(
            f"{root}: sha256 of its files together is {digest.hexdigest()[:12]}..., expected "
            f"{sha256[:12]}...; delete the folder and get it again"
        )
    grey = parts.train.inputs[..., :1]  # [m, H, W, 1]: the three channels are one
    return Parts(Split(np.ascontiguousarray(grey), parts.train.targets), classes=parts.classes)


def olivetti(files: Mapping[str, Path], size: int = 0) -> Parts:
    """The same people of 64x64 pixels, where scikit-learn has them in its cache: no download.

    Raises:
        UserError: they are not there.
    """
    from sklearn.datasets import fetch_olivetti_faces

    try:
        bunch = fetch_olivetti_faces(download_if_missing=False)
    except OSError as error:
        raise UserError(
            "--data.name=olivetti: not in scikit-learn's cache; call "
            "sklearn.datasets.fetch_olivetti_faces() once, with a network"
        ) from error
    levels = np.rint(bunch.images * 255).astype(np.uint8)[..., None]  # [m, 64, 64, 1]
    names = tuple(f"s{k + 1}" for k in range(int(bunch.target.max()) + 1))
    return Parts(Split(levels, bunch.target.astype(np.int32)), classes=names)


ENTRIES = (
    Entry(
        name="orl_faces",
        title="ORL faces (AT&T)",
        kind="images",
        reader=orl,
        home="the folders s1 to s40 of AT&T Laboratories Cambridge's database of faces",
        licence="none stated; credit to AT&T Laboratories Cambridge",
    ),
    Entry(
        name="olivetti",
        title="Olivetti faces",
        kind="images",
        reader=olivetti,
        home="the cache of scikit-learn, filled by fetch_olivetti_faces()",
        licence="none stated; credit to AT&T Laboratories Cambridge",
        embedded=True,
    ),
)
