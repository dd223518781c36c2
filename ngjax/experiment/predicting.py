"""--mode=predict: a finished run names the class of images it has never seen."""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ngjax import data
from ngjax.experiment import runner
from ngjax.experiment.plan import Plan, Request, plan
from ngjax.report.atomic import write_bytes
from ngjax.train import devices as dev
from ngjax.train.program import Program
from ngjax.types import UserError

MOST = 5  # classes that are told of an image
TABLE = "predictions.csv"


class Named(NamedTuple):
    """What one arm takes one image for."""

    path: Path
    arm: str
    classes: tuple[tuple[str, float], ...]  # (name, probability), the likeliest first


class Prediction(NamedTuple):
    """Everything a call found, and where it was written."""

    named: tuple[Named, ...]
    table: Path | None  # of a folder; None for a single image


def predict(request: Request, source: str | None) -> Prediction:
    """Name the class of an image, or of every image in a folder, under the first seed's weights.

    A folder's answers are also written to predictions.csv in the run folder. Where no arms are
    asked for, those that the run folder holds answer.

    Raises:
        UserError: no input, nothing there or no image; no such run; a topic that does not classify
            images.
    """
    if not source:
        raise UserError("--input: give an image, or a folder of images, to --mode=predict")
    paths = _paths(Path(source).expanduser())
    made = plan(_held_arms(request))
    for arm, config in made.arms.items():
        _check(made, arm, config)
    pictures = functools.cache(lambda shape: np.stack([_picture(path, shape) for path in paths]))
    named = []
    for arm, config in made.arms.items():
        shape = data.load(config.data).train.inputs.shape[1:]
        named += _named(made, arm, paths, pictures(shape))
    table = made.folder / TABLE if Path(source).expanduser().is_dir() else None
    if table and dev.leads():
        write_bytes(table, _csv(named).encode())
    return Prediction(tuple(named), table)


def show(found: Prediction) -> int:
    """A line an image and arm, and where the table of a folder is."""
    wide = max(len(str(one.path)) for one in found.named)
    arm = max(len(one.arm) for one in found.named)
    for one in found.named:
        told = "  ".join(f"{name} {probability:.3f}" for name, probability in one.classes)
        print(f"{one.path!s:{wide}}  {one.arm:{arm}}  {told}")
    if found.table:
        print(f"\nwritten to {found.table}")
    return 0


def _paths(source: Path) -> tuple[Path, ...]:
    """The image, or the images of the folder in the order of their names."""
    if not source.is_dir():
        if not source.exists():
            raise UserError(f"--input={source}: no such file or folder")
        return (source,)
    inside = sorted(path for path in source.iterdir() if path.is_file())
    images = (p for p in inside if p.suffix.lower() in data.SUFFIXES and p.name[0] != ".")
    paths = tuple(images)
    if not paths:
        raise UserError(f"--input={source}: holds no image; give a folder of pictures")
    return paths


def _picture(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    return data.like(data.read_image(path), shape)


def _held_arms(request: Request) -> Request:
    """The request for the arms that its run folder holds, where it names none."""
    folder = request.folder
    try:
        held = tuple(json.loads((folder / "config.json").read_text(encoding="utf-8"))["arms"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"--workdir={folder}: holds no run; train first, without --mode") from None
    return request if request.arms else dataclasses.replace(request, arms=held)


def _check(made: Plan, arm: str, config: Any) -> None:
    """Refuse what has no images or no classes."""
    which = getattr(config, "data", None)
    images = isinstance(which, data.Data) and data.entry(which.name).kind == "images"
    if not images or arm not in made.programs or not made.programs[arm].task.predict:
        raise UserError(f"--mode=predict: {made.request.name} does not classify images")


def _named(made: Plan, arm: str, paths: Iterable[Path], images: np.ndarray) -> list[Named]:
    config, program, seed = made.arms[arm], made.programs[arm], made.request.seed
    folder = runner.checkpoints(made.folder, arm, seed)
    state = runner.restore(program, seed, folder, made.experiment.objective)
    if state is None:
        raise UserError(f"--workdir={made.folder}: no checkpoint of {arm}, seed {seed}; train it")
    if made.experiment.inputs:
        images = made.experiment.inputs(config, images)
    classes = (
        made.experiment.classes(config)
        if made.experiment.classes
        else data.load(config.data).classes
    )
    asked = data.fetched(data.Split(images, np.zeros(len(images), np.int32)))
    task = dataclasses.replace(program.task, evals={"input": asked})
    program = Program(task, program.run, dev.here(made.devices))
    z, _ = program.predict(program.place(state), "input")
    shares = probabilities(made.request.name, z, len(classes))
    order = np.argsort(-shares, axis=1, kind="stable")[:, :MOST]
    return [
        Named(path, arm, tuple((classes[k], float(share[k])) for k in best))
        for path, share, best in zip(paths, shares, order, strict=True)
    ]


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


def _csv(named: Iterable[Named]) -> str:
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    named = list(named)
    ranks = range(1, 1 + max(len(one.classes) for one in named))
    table.writerow(
        ["file", "arm", *(f"{what}{n}" for n in ranks for what in ("class", "probability"))]
    )
    for one in named:
        told = [word for name, share in one.classes for word in (name, f"{share:.6f}")]
        table.writerow([one.path.name, one.arm, *told])
    return written.getvalue()
