r"""Landmarks: a network answers with the coordinates of 68 points of a face.

    y = [p_face, l_1x, l_1y, l_2x, l_2y ... l_68x, l_68y],  137 numbers

    L = sum_j (y_hat_j - y_j)^2  if y_1 = 1,   (y_hat_1 - y_1)^2  if y_1 = 0

Notes 4.13.2, with 64 points and so 129 numbers. The error of a face is the mean distance between
the points found and the true ones over the distance of the outer corners of the eyes. By default
the faces are drawn by a seed, which needs no data and shows no person; by name there are 69
photographs, whose points a model of dlib placed, not people. In both the face fills the picture, as
behind a face detector. One picture in five is a crop of a photograph of a temple or a flower, and
no face. In training faces are mirrored (left points then change their numbers with right ones)
and shifted, the points with the pixels; arm `plain` does neither. Arm `wrong` mirrors the faces,
but lets the points keep their numbers. The network's last layer speaks in deviations from the mean
face: y_hat = mu + sigma z, with the training faces' mu and sigma (notes 2.3, for the outputs).

    python launch.py --experiment=landmarks
    python launch.py --experiment=landmarks --data.name=face_landmarks --data_dir=DIRECTORY \
        --run.steps=1500 --seeds=3
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, metrics, optim, supervised
from ngjax.data.faces.face_points import EYE_CORNERS, MIRROR, POINTS
from ngjax.data.images.composed import scenes
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.models.locator import Locator
from ngjax.models.table import format_table, layer_table
from ngjax.train.settings import Run
from ngjax.types import Array, Batch, Context, Metrics, Params, Source, Sum, Task

FAILED = 0.1  # of the eyes' distance: a face whose error is larger is counted as missed
SHOWN = 18  # test faces in a figure
NOTES_POINTS = 64


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    augment: Literal["all", "none", "wrong"] = "all"  # of faces and points in training
    shift: float = 0.1  # share of the side that a face is moved by at most, either way
    empty: float = 0.2  # pictures without a face, as a share of all
    data: data.Data = data.Data(name="drawn_faces")
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=5e-4, schedule="cosine")
    run: Run = Run(steps=1500, batch_size=32)

    def __post_init__(self) -> None:
        """Refuse what no picture can be."""
        for name in ("shift", "empty"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: must be in [0, 1), got {getattr(self, name)}")


def held_faces(config: Config) -> data.Dataset:
    """Faces and crops without one: pictures, and y [m, 137]."""
    return _held(config.data, config.empty)


@functools.lru_cache(maxsize=2)
def _held(which: data.Data, empty: float) -> data.Dataset:
    faces = data.load(which, kinds=("landmarks",))
    parts = {}
    for part in ("train", "dev", "test"):
        split = getattr(faces, part)
        m = len(split)
        others = round(m * empty / (1 - empty)) if m else 0
        size = faces.train.inputs.shape[1]
        grounds = scenes(others, which.split_seed, size, part, objects=(0, 0)).images
        y = np.zeros((m + others, 1 + 2 * POINTS), np.float32)
        y[:m, 0], y[:m, 1:] = 1, split.targets.reshape(m, -1)
        parts[part] = data.Split(np.concatenate([split.inputs, grounds]), y)
    return dataclasses.replace(faces, **parts)


def points(y: Array) -> Array:
    """The points of y or of an answer, [..., 137] to [..., 68, 2]."""
    return y[..., 1:].reshape(*y.shape[:-1], POINTS, 2)


def error(found: Array, true: Array) -> Array:
    """Mean distance of the points over that of the outer eye corners, [..., 68, 2] to [...]."""
    off = jnp.sqrt(((found - true) ** 2).sum(-1)).mean(-1)
    left, right = (true[..., corner, :] for corner in EYE_CORNERS)
    return off / jnp.sqrt(jnp.maximum(((left - right) ** 2).sum(-1), 1e-12))


def judge(y_hat: Array, y: Array, mask: Array) -> tuple[Sum, Metrics]:
    """The notes' loss; of the faces, their error, and how many were missed."""
    there = y[:, 0] > 0
    off = error(points(y_hat), points(y))
    faces = mask * there
    return metrics.summed(losses.localization_squared(y_hat, y), mask), {
        "error": metrics.summed(off, faces),
        "missed": metrics.summed(off > FAILED, faces),
        "face_accuracy": metrics.summed((y_hat[:, 0] > 0.5) == there, mask),
    }


def moved(config: Config, key: Array, image: Array, y: Array) -> tuple[Array, Array]:
    """One picture [H, W, 3] and its y, mirrored or not and shifted, the points with the pixels.

    A shift uncovers the picture's border, which is repeated.
    """
    size = image.shape[0]
    room = round(config.shift * size)
    flip_key, shift_key = jax.random.split(key)
    flip = jax.random.bernoulli(flip_key)
    p = points(y)  # [68, 2]
    mirrored = jnp.stack([1 - p[:, 0], p[:, 1]], axis=1)
    p = jnp.where(flip, mirrored if config.augment == "wrong" else mirrored[MIRROR], p)
    image = jnp.where(flip, image[:, ::-1], image)

    corner = jax.random.randint(shift_key, (2,), 0, 2 * room + 1)  # column and row
    wide = jnp.pad(image, ((room, room), (room, room), (0, 0)), mode="edge")
    start = (corner[1], corner[0], jnp.zeros_like(corner[0]))
    p = p + (room - corner)[None] / size
    y = jnp.where(y[0] > 0, jnp.concatenate([y[:1], p.reshape(-1)]), y)
    return jax.lax.dynamic_slice(wide, start, image.shape), y  # [H, W, 3], [137]


def build(config: Config) -> Task:
    """The Task."""
    held = held_faces(config)
    plain = supervised.linen(network(config)[0], held, supervised.training)
    mu, sigma = (jnp.asarray(numbers)[None] for numbers in spread(held))

    def apply(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Array, Any]:
        z, extra = plain.apply(params, extra, batch, context)  # [B, 137]
        return mu.astype(z.dtype) + sigma.astype(z.dtype) * z, extra

    net = supervised.Network(plain.init, apply)
    task = supervised.task(held, net, config.optimizer, judge)
    if config.augment == "none":
        return task

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, drawn["slot"])
        pictures, y = (constants["train"][name][drawn["index"]] for name in ("inputs", "targets"))
        pictures, y = jax.vmap(functools.partial(moved, config))(keys, pictures, y)
        return {"inputs": pictures, "targets": y}

    return dataclasses.replace(task, train=Source(size=len(held.train), batch=batch))


def spread(held: data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of y over the training set, of the points over its faces, each [137]."""
    y = held.train.targets
    flag, faces = y[:, :1], y[y[:, 0] > 0, 1:]
    mu, sigma = (np.concatenate([f(flag, axis=0), f(faces, axis=0)]) for f in (np.mean, np.std))
    return mu, np.maximum(sigma, 1e-3)


def network(config: Config) -> tuple[Locator, tuple[int, ...]]:
    """The network and the shape of a picture."""
    size = held_faces(config).train.inputs.shape[1]
    return Locator(1 + 2 * POINTS, (16, 32, 64, 64), normalise=True), (size, size, 3)


def mean_face(config: Config) -> tuple[np.ndarray, float]:
    """The mean of the training faces, [68, 2], and its error as the answer for every test face."""
    held = held_faces(config)
    train, test = (points(s.targets[s.targets[:, 0] > 0]) for s in (held.train, held.test))
    if not len(test):
        raise NotAsked("there is no test face")
    mean = train.mean(axis=0)
    return mean, float(np.mean(error(np.broadcast_to(mean, test.shape), test)))


def better_than_the_mean_face(results: Results) -> tuple[bool, str]:
    """Notes 4.13.2: the network finds the points: half the error of the mean face, or less."""
    arm = results["augmented"]
    _, always = mean_face(arm.config)
    found = arm["test/error"]
    told = f"error {found:.4f} of the eyes' distance, {always:.4f} with the mean face everywhere"
    return found <= always / 2, f"{told}; {arm['test/missed']:.1%} above {FAILED}"


def augmentation_helps(results: Results) -> tuple[bool, str]:
    """Notes 2.2.1: moving the faces with their points lowers the error on unseen ones."""
    moved_, plain = results["augmented"]["test/error"], results["plain"]["test/error"]
    return moved_ < plain, f"error {moved_:.4f} augmented, {plain:.4f} plain"


def numbers_change_places(results: Results) -> tuple[bool, str]:
    """A mirrored face's left points are its right ones: keeping their numbers costs accuracy."""
    right, wrong = results["augmented"]["test/error"], results["wrong"]["test/error"]
    return right < wrong, f"error {right:.4f} with the numbers exchanged, {wrong:.4f} without"


def numbers_of_y(results: Results) -> tuple[bool, str]:
    """Notes 4.13.2: 64 points and a flag are 129 outputs; here 68 points and a flag, 137."""
    module, picture = network(results.only.config)
    counts = []
    for model in (Locator(1 + 2 * NOTES_POINTS), module):
        (last,) = (row for row in layer_table(model, picture) if row.name == "y")
        counts.append(last.size)
    told = f"{counts[0]} outputs for {NOTES_POINTS} points, {counts[1]} for {POINTS}"
    return counts == [129, 137], told


def figures(results: Results) -> Iterator[Picture]:
    """Points found and true on test faces, the largest errors first; errors by point."""
    from ngjax.report import figures as draw

    offs = {}
    for name, arm in results.items():
        y_hat, batch = arm.predict("test")
        y, images = batch["targets"], batch["inputs"]
        chosen = np.flatnonzero(y[:, 0] > 0)
        found, true = points(y_hat)[chosen], points(y)[chosen]
        off = np.asarray(error(found, true))
        offs[name] = np.sort(off)
        if arm.config.augment != "all":
            continue
        order = np.argsort(-off)
        pick = order[np.linspace(0, len(order) - 1, min(SHOWN, len(order))).astype(int)]
        size = images.shape[1]
        yield Picture(
            f"points-{name}",
            "Test faces from the largest error to the smallest, over the distance of the eyes: "
            f"points found by arm {name}, true ones white.",
            draw.points_grid(
                images[chosen][pick],
                found[pick] * size - 0.5,
                true[pick] * size - 0.5,
                [f"{v:.3f}" for v in off[pick]],
            ),
        )
    share = np.linspace(0, 1, 101)
    yield Picture(
        "errors",
        "The share of test faces (across) whose error is at most so large (up), arm by arm.",
        draw.lines(
            share,
            {name: np.quantile(off, share) for name, off in offs.items()},
            "share of the test faces",
            "error / distance of the eyes",
        ),
    )


def texts(results: Results) -> Iterator[Text]:
    """Errors with the mean face beside, the layers, the data."""
    lines = [f"{'':14}{'error':>8}{'missed':>9}{'face or not':>13}"]
    for name, arm in results.items():
        numbers = [arm[f"test/{metric}"] for metric in ("error", "missed", "face_accuracy")]
        lines += [f"{name:14}{numbers[0]:8.4f}{numbers[1]:9.3f}{numbers[2]:13.3f}"]
    _, always = mean_face(results.only.config)
    lines += [f"{'mean face':14}{always:8.4f}"]
    lines += ["", f"error: over the distance of the outer eye corners; missed: above {FAILED}"]
    yield Text("Errors on the test faces", "\n".join(lines))
    yield Text("Layers", format_table(layer_table(*network(results.only.config))))
    held = held_faces(results.only.config)
    yield Text("Data", f"{held.title}: faces {held.notes}")


EXPERIMENT = Experiment(
    notes="4.13.2",
    config=Config(),
    build=build,
    objective=("dev/error", "min"),
    arms={"augmented": (), "plain": ("augment=none",), "wrong": ("augment=wrong",)},
    smoke=("run.steps=2", "data.limit=60"),
    claims={
        "landmarks-are-found": better_than_the_mean_face,
        "landmarks-augmentation": augmentation_helps,
        "landmarks-mirror": numbers_change_places,
        "landmark-129": numbers_of_y,
    },
    figures=figures,
    texts=texts,
    network=network,
    terms=("landmarks",),
)
