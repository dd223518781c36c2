"""Folders of pictures, a folder a class; loose on the disk or inside a .tar.gz."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from ngjax.data import archive
from ngjax.data.dataset import Parts, Split
from ngjax.data.images.image import SUFFIXES, read_image
from ngjax.data.images.streamed import Streamed, other_size
from ngjax.types import UserError

Names = Mapping[str, Mapping[str, list[str]]]  # part -> class -> names of its pictures, in order
Source = Callable[[str, str, str], tuple[Path | BinaryIO, str]]  # part, class, name -> it, called
PARTS = {"train": "train", "dev": "dev", "val": "dev", "valid": "dev", "test": "test"}
SPLITS = ("train", "dev", "test")


def folder(files: Mapping[str, Path], size: int = 0, *, stream: bool = False) -> Parts:
    """`root/<class>/<picture>`, or `root/{train,dev,test}/<class>/<picture>`.

    Classes and pictures are taken in the order of their names. Hidden files, and files that do not
    end like a picture, are passed over.

    Args:
        files: the root under the name "".
        size: pixels a side; 0: as they are, which must then be one size.
        stream: leave the pictures on disk (`Streamed`); a broken one is then found when its turn
            comes.

    Raises:
        UserError: no class folder or one alone, a class without pictures, an unreadable picture,
            several sizes.
    """
    root = files[""]
    inside = _folders(root)
    parted = "train" in inside and set(inside) <= set(PARTS)
    own = {PARTS[name]: name for name in inside} if parted else {"train": ""}
    names = {part: _listed(root / name) for part, name in own.items()}
    classes = _classes(str(root), names)
    if stream:
        return _on_disk(root, own, names, classes, size)

    def source(part: str, label: str, name: str) -> tuple[Path, str]:
        path = root / own[part] / label / name
        return path, str(path)

    return _in_memory(names, classes, source, size)


def archives(files: Mapping[str, Path], size: int = 0) -> Parts:
    """Archives whose members are called `{train,dev,test}/<class>/<picture>`.

    Raises:
        UserError: a malformed archive, and all that `folder` refuses.
    """
    held: dict[str, dict[str, dict[str, bytes]]] = {}
    for path in files.values():
        for name, content in archive.members(path):
            *_, part, label, picture = ("", "", *PurePosixPath(name).parts)
            if part in PARTS and _is_picture(picture):
                held.setdefault(PARTS[part], {}).setdefault(label, {})[picture] = content
    where = ", ".join(str(path) for path in files.values())
    names = {
        part: {label: sorted(pictures) for label, pictures in tree.items()}
        for part, tree in held.items()
    }

    def source(part: str, label: str, name: str) -> tuple[BinaryIO, str]:
        return io.BytesIO(held[part][label][name]), f"{where}: {label}/{name}"

    return _in_memory(names, _classes(where, names), source, size)


def _folders(path: Path) -> list[str]:
    try:
        with os.scandir(path) as children:
            return sorted(c.name for c in children if c.is_dir() and not c.name.startswith("."))
    except OSError as error:
        raise UserError(f"{path}: cannot be listed ({error.strerror}); give a folder") from error


def _listed(root: Path) -> dict[str, list[str]]:
    found = {}
    for label in _folders(root):
        with os.scandir(root / label) as files:  # which knows files from folders by itself
            found[label] = sorted(f.name for f in files if _is_picture(f.name) and f.is_file())
    return found


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(tuple(SUFFIXES))


def _classes(where: str, names: Names) -> tuple[str, ...]:
    classes = tuple(sorted(names.get("train", {})))
    if not classes:
        raise UserError(f"{where}: holds no class folders; expected <class>/<picture>")
    for part, tree in names.items():
        odd = sorted(set(tree) ^ set(classes))
        if odd:
            raise UserError(f"{where}: {odd[0]!r} is a class of only one of train and {part}")
        empty = [label for label in classes if not tree[label]]
        if empty:
            raise UserError(f"{where}: the class {empty[0]!r} holds no picture; fill or remove it")
    if len(classes) == 1:
        raise UserError(f"{where}: {classes[0]!r} is its only class folder; give two or more")
    return classes


def _answers(tree: Mapping[str, list[str]], classes: tuple[str, ...]) -> np.ndarray:
    counts = [len(tree[label]) for label in classes]
    return np.repeat(np.arange(len(classes), dtype=np.int32), counts)  # [m]


def _on_disk(
    root: Path, own: Mapping[str, str], names: Names, classes: tuple[str, ...], size: int
) -> Parts:
    splits: dict[str, Split] = {}
    first = None
    for part in [part for part in SPLITS if part in names]:
        above = f"{own[part]}/" if own[part] else ""
        listed = [f"{above}{label}/{name}" for label in classes for name in names[part][label]]
        under = np.array([os.fsencode(path) for path in listed])  # bytes [m]
        first = first or bytes(under[0])  # whose size the other parts must have too
        images = Streamed(root, under, size, first=first)
        splits[part] = Split(images, _answers(names[part], classes))
    return Parts(**splits, classes=classes)


def _in_memory(names: Names, classes: tuple[str, ...], source: Source, size: int) -> Parts:
    splits: dict[str, Split] = {}
    shape: tuple[int, ...] = ()
    for part in [part for part in SPLITS if part in names]:
        listed = [(label, name) for label in classes for name in names[part][label]]
        images = None
        for i, (label, name) in enumerate(listed):
            found, called = source(part, label, name)
            pixels = read_image(found, name=called, size=size)  # [H, W, 3]
            shape = shape or pixels.shape
            if pixels.shape != shape:
                raise UserError(other_size(called, pixels.shape, shape))
            if images is None:
                images = np.empty((len(listed), *shape), np.uint8)
            images[i] = pixels
        splits[part] = Split(images, _answers(names[part], classes))
    return Parts(**splits, classes=classes)
