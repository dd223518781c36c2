"""Folders of pictures, a folder a class; loose on the disk or inside a .tar.gz."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from ngjax.data import archive
from ngjax.data.dataset import Parts, Split
from ngjax.data.images.image import SUFFIXES, read_image
from ngjax.data.images.streamed import Streamed
from ngjax.types import UserError

Tree = Mapping[str, Mapping[str, Path | bytes]]  # class -> file name -> where it is
PARTS = {"train": "train", "dev": "dev", "val": "dev", "valid": "dev", "test": "test"}


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
        UserError: no class folder, a class without pictures, an unreadable picture, several sizes.
    """
    root = files[""]
    inside = _folders(root)
    if "train" in inside and set(inside) <= set(PARTS):
        trees = {PARTS[name]: _tree(path) for name, path in inside.items()}
        return _parts(str(root), trees, size, stream)
    return _parts(str(root), {"train": _tree(root)}, size, stream)


def archives(files: Mapping[str, Path], size: int = 0) -> Parts:
    """Archives whose members are called `{train,dev,test}/<class>/<picture>`.

    Raises:
        UserError: a malformed archive, and all that `folder` refuses.
    """
    trees: dict[str, dict[str, dict[str, bytes]]] = {}
    for path in files.values():
        for name, content in archive.members(path):
            *_, part, label, picture = ("", "", *PurePosixPath(name).parts)
            if part in PARTS and _is_picture(picture):
                trees.setdefault(PARTS[part], {}).setdefault(label, {})[picture] = content
    return _parts(", ".join(str(path) for path in files.values()), trees, size)


def _folders(path: Path) -> dict[str, Path]:
    try:
        children = sorted(path.iterdir())
    except OSError as error:
        raise UserError(f"{path}: cannot be listed ({error.strerror}); give a folder") from error
    return {c.name: c for c in children if c.is_dir() and not c.name.startswith(".")}


def _tree(root: Path) -> Tree:
    return {
        name: {p.name: p for p in path.iterdir() if p.is_file() and _is_picture(p.name)}
        for name, path in _folders(root).items()
    }


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in SUFFIXES


def _parts(where: str, trees: Mapping[str, Tree], size: int, stream: bool = False) -> Parts:
    classes = tuple(sorted(trees.get("train", {})))
    if not classes:
        raise UserError(f"{where}: holds no class folders; expected <class>/<picture>")
    for name, tree in trees.items():
        odd = sorted(set(tree) ^ set(classes))
        if odd:
            raise UserError(f"{where}: {odd[0]!r} is a class of only one of train and {name}")
        empty = [label for label in classes if not tree[label]]
        if empty:
            raise UserError(f"{where}: the class {empty[0]!r} holds no picture; fill or remove it")
    splits: dict[str, Split] = {}
    shape: tuple[int, ...] = (size, size, 3) if size else ()
    for name in [part for part in ("train", "dev", "test") if part in trees]:
        if stream:
            splits[name] = _on_disk(trees[name], classes, size)
            first = splits["train"].inputs.first  # whose size the other parts must have too
            splits[name].inputs.first = first
            continue
        splits[name] = _split(where, trees[name], classes, size, shape)
        shape = splits[name].inputs.shape[1:]
    return Parts(**splits, classes=classes)


def _on_disk(tree: Tree, classes: tuple[str, ...], size: int) -> Split:
    paths = [tree[label][name] for label in classes for name in sorted(tree[label])]
    listed = np.empty(len(paths), object)  # NumPy would make no array of paths by itself
    listed[:] = paths
    counts = [len(tree[label]) for label in classes]
    return Split(Streamed(listed, size), np.repeat(np.arange(len(classes), dtype=np.int32), counts))


def _split(
    where: str, tree: Tree, classes: tuple[str, ...], size: int, shape: tuple[int, ...]
) -> Split:
    listed = [(k, name) for k, label in enumerate(classes) for name in sorted(tree[label])]
    images = None
    for i, (k, name) in enumerate(listed):
        source = tree[classes[k]][name]
        called = str(source) if isinstance(source, Path) else f"{where}: {classes[k]}/{name}"
        stream = source if isinstance(source, Path) else io.BytesIO(source)
        pixels = read_image(stream, name=called, size=size)  # [H, W, 3]
        if images is None:
            images = np.empty((len(listed), *(shape or pixels.shape)), np.uint8)
        if pixels.shape != images.shape[1:]:
            raise UserError(
                f"{called}: {pixels.shape[0]} x {pixels.shape[1]} pixels, the first is "
                f"{images.shape[1]} x {images.shape[2]}; set --data.size to bring all to one size"
            )
        images[i] = pixels
    return Split(images, np.array([k for k, _ in listed], np.int32))
