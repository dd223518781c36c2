"""A finished run names the class of images it has never seen."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ngjax import data
from ngjax.experiment.spec import Answer, Learned
from ngjax.types import UserError

MOST = 5  # classes that are told of an image
TABLE = "classes.csv"


class Named(NamedTuple):
    """What an image was taken for."""

    path: Path
    classes: tuple[tuple[str, float], ...]  # (name, probability), the likeliest first


def name_images(
    learned: Learned,
    source: str,
    *,
    inputs: Callable[[Any, np.ndarray], np.ndarray] | None = None,
    held: Callable[[Any], data.Dataset] | None = None,
) -> Answer:
    """Name the class of an image, or of every image in a folder; a folder's names also as a table.

    Args:
        learned: a network whose outputs are one a class (or one that tells two apart).
        source: path of the image, or of the folder.
        inputs: (config, images as the data set has them) -> what the network reads of them; where
            the topic changes its images before they are batches.
        held: config -> the set whose images and classes these are; by default `config.data`'s.

    Raises:
        UserError: nothing there or no image; a topic that does not classify images.
    """
    paths = image_paths(source)
    which = getattr(learned.config, "data", None)
    if not isinstance(which, data.Data) or data.entry(which.name).kind != "images":
        raise UserError(f"--mode=predict: {learned.name} does not classify images")
    known = held(learned.config) if held else data.load(which)
    images = np.stack([data.like(data.read_image(p), known.train.inputs.shape[1:]) for p in paths])
    images = inputs(learned.config, images) if inputs else images
    z = learned.outputs(data.Split(images, np.zeros(len(images), np.int32)))
    shares = probabilities(learned.name, z, len(known.classes))
    order = np.argsort(-shares, axis=1, kind="stable")[:, :MOST]
    named = [
        Named(path, tuple((known.classes[k], float(share[k])) for k in best))
        for path, share, best in zip(paths, shares, order, strict=True)
    ]
    wide = max(len(str(one.path)) for one in named)
    lines = tuple(f"{one.path!s:{wide}}  {_told(one)}" for one in named)
    return Answer(lines, {TABLE: _csv(named).encode()} if Path(source).is_dir() else {})


def name_in_field(learned: Learned, source: str) -> Answer:
    """`name_images` for a network whose images lie in a field of `config.field` pixels a side."""
    return name_images(
        learned, source, inputs=lambda config, images: data.field(images, config.field)
    )


def image_paths(source: str) -> tuple[Path, ...]:
    """The image that --input names, or those of the folder in the order of their names.

    Raises:
        UserError: nothing there, or a folder without images.
    """
    place = Path(source).expanduser()
    if not place.is_dir():
        if not place.exists():
            raise UserError(f"--input={source}: no such file or folder")
        return (place,)
    inside = sorted(path for path in place.iterdir() if path.is_file())
    paths = tuple(p for p in inside if p.suffix.lower() in data.SUFFIXES and p.name[0] != ".")
    if not paths:
        raise UserError(f"--input={source}: holds no image; give a folder of pictures")
    return paths


def probabilities(name: str, z: Any, classes: int) -> np.ndarray:
    """softmax(z) of K outputs, sigmoid(z) of the second class where one output tells two apart.

    Args:
        name: of the topic, for the error.
        z: what `Task.predict` gave, [m, K] or [m, 1].
        classes: K.

    Returns:
        float64 [m, K].

    Raises:
        UserError: outputs that are not one a class.
    """
    shape = getattr(z, "shape", ())
    if len(shape) == 2 and classes == 2 and shape[1] == 1:
        z = np.concatenate([np.zeros_like(z), z], axis=1)  # softmax(0, z) = sigmoid(z)
    elif len(shape) != 2 or shape[1] != classes or classes < 2:
        raise UserError(f"--mode=predict: {name} does not classify images")
    z = np.float64(z)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _told(one: Named) -> str:
    return "  ".join(f"{name} {probability:.3f}" for name, probability in one.classes)


def _csv(named: Iterable[Named]) -> str:
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    named = list(named)
    ranks = range(1, 1 + max(len(one.classes) for one in named))
    table.writerow(["file", *(f"{what}{n}" for n in ranks for what in ("class", "probability"))])
    for one in named:
        told = [word for name, share in one.classes for word in (name, f"{share:.6f}")]
        table.writerow([one.path.name, *told])
    return written.getvalue()
