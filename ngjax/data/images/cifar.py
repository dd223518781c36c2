"""The binary version of CIFAR-10: records of a label byte and 3072 colour bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data import archive
from ngjax.data.dataset import Parts, Split
from ngjax.types import UserError

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
FOLDER = "cifar-10-batches-bin"
ARCHIVE = "cifar-10-binary.tar.gz"
TRAIN = tuple(f"{FOLDER}/data_batch_{i}.bin" for i in range(1, 6))
TEST = (f"{FOLDER}/test_batch.bin",)
RECORD = 1 + 3 * 32 * 32  # bytes
PICKLE = b"\x80"  # the first byte of a pickle of protocol 2 and later; no label is that large
REFUSED = (
    "is the Python version, a pickle, which can run any code when read; take the binary version "
    f"({ARCHIVE}) instead"
)


def decode(content: bytes, name: str) -> Split:
    """One batch file: per record the label, then the red, green and blue planes.

    Raises:
        UserError: a pickle, a broken record, or a label above 9.
    """
    if content.startswith(PICKLE):
        raise UserError(f"{name}: {REFUSED}")
    if not content or len(content) % RECORD:
        raise UserError(
            f"{name}: {len(content)} bytes, expected whole records of {RECORD}; "
            "delete it and get it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int32)
    if labels.max() >= len(CLASSES):
        raise UserError(f"{name}: label {labels.max()}, expected 0 to 9; not a CIFAR-10 batch")
    planes = records[:, 1:].reshape(-1, 3, 32, 32)  # [m, C, H, W]
    return Split(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels)  # [m, H, W, C]


def parts(files: Mapping[str, Path], size: int = 0) -> Parts:
    """The whole set, from the archive as it is or from its unpacked batches.

    Raises:
        UserError: a batch is missing or malformed.
    """
    if ARCHIVE in files:
        where = str(files[ARCHIVE])
        contents = dict(archive.members(files[ARCHIVE]))
    else:
        where = str(files[TRAIN[0]].parent)
        contents = {name: path.read_bytes() for name, path in files.items()}

    def part(names: tuple[str, ...]) -> Split:
        for name in names:
            if name not in contents:
                raise UserError(f"{where}: {name} is missing; delete it and get it again")
        batches = [decode(contents[name], f"{where}: {name}") for name in names]
        return Split(
            np.concatenate([batch.inputs for batch in batches]),
            np.concatenate([batch.targets for batch in batches]),
        )

    return Parts(part(TRAIN), test=part(TEST), classes=CLASSES)
