r"""Classification with localisation: is an object there, in which box, of which class.

    y = [p_c, b_x, b_y, b_h, b_w, c_1, c_2, c_3]

    L = (y_hat_1 - y_1)^2 + ... + (y_hat_8 - y_8)^2  if y_1 = 1,   (y_hat_1 - y_1)^2  if y_1 = 0

Notes 4.13.1 (which print the condition y_1 = 1 twice, and b_n for b_h). (0, 0) is the upper left
corner of the picture and (1, 1) the lower right one. The pictures are real handwritten digits (by
default 0, 1 and 2, so that y has the notes' 8 numbers), laid by a seed at random sizes and places
on crops of two real photographs: no digit and no part of a photograph is in two of the sets. One
in four shows nothing. Arm `squared` has the notes' loss, `logistic` the one the course names for
use: logistic for p_c, softmax for the classes, squared for the box. In both the errors of the box,
in shares of the picture, are small beside those of the classes: arm `weighted` is `logistic` with
the box weighed by 5 (Redmon et al. 2016, YOLO). Arm `unmasked` is `squared`, but asks for a box and
a class of 0 where nothing is, in place of not asking.

    python launch.py --experiment=localization
    python launch.py --experiment=localization --classes=10 --scenes=40000
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Literal

import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, metrics, optim, supervised
from ngjax.data.images.composed import Scenes, scenes
from ngjax.experiment import Experiment, Picture, Results, Text
from ngjax.models.locator import Locator
from ngjax.models.table import format_table, layer_table
from ngjax.ops.boxes import iou, to_centre, to_corners
from ngjax.train.settings import Run
from ngjax.types import Array, Metrics, Sum, Task

IOU = 0.5  # from here on a box counts as right (notes 4.13.6)
SHOWN = 24  # test scenes in a figure
MOST_JUDGED = 1000  # scenes of dev and of test
FILTERS, UNITS = (16, 32, 64), 256


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    form: Literal["squared", "logistic"] = "squared"  # of p_c and the classes
    box_weight: float = 1.0  # lambda_coord: of the box's four terms
    masked: bool = True  # ask for box and class only where an object is
    classes: int = 3  # the first so many classes of the data set; y has 5 + classes numbers
    scenes: int = 16000  # of the training set; dev and test have a quarter each, 1,000 at most
    size: int = 32  # pixels a side of a scene
    least: float = 0.4  # height of a digit at least, as a share of the scene's
    most: float = 0.8  # likewise at most
    empty: float = 0.25  # share of scenes without an object
    scene_seed: int = 0  # draws sizes, places and colours
    data: data.Data = data.Data(name="digits")  # small grey images, which are laid on photographs
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=1e-3, schedule="cosine")
    run: Run = Run(epochs=12, batch_size=64)

    def __post_init__(self) -> None:
        """Refuse what no scene can be."""
        for name, least in (("classes", 2), ("scenes", 4), ("size", 16)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: must be {least} or more, got {getattr(self, name)}")
        if not 0 <= self.empty < 1:
            raise ValueError(f"empty: must be in [0, 1), got {self.empty}")
        if not 0 < self.least <= self.most <= 1:
            raise ValueError(f"least, most: must rise from 0 to 1, got {self.least}, {self.most}")


def targets(held: Scenes, size: int, classes: int) -> np.ndarray:
    """y of scenes with one object at most, float32 [m, 5 + K]; all 0 where there is none."""
    centre = np.asarray(to_centre(jnp.asarray(held.boxes[:, 0] / size)))  # [m, 4]
    b_x, b_y, b_w, b_h = centre.T
    c = np.eye(classes)[held.classes[:, 0]]  # [m, K]
    y = np.column_stack([np.ones(len(c)), b_x, b_y, b_h, b_w, c])
    return np.where(held.mask, y, 0).astype(np.float32)


def corners(y: Array) -> Array:
    """The box of y or of an answer, [..., 5 + K] to (x_1, y_1, x_2, y_2) [..., 4]."""
    return to_corners(jnp.stack([y[..., i] for i in (1, 2, 4, 3)], axis=-1))


def held_scenes(config: Config) -> data.Dataset:
    """The three sets."""
    names = ("scene_seed", "scenes", "size", "empty", "classes", "data")
    sides = (config.least, config.most)
    return _held(*(getattr(config, name) for name in names), sides)


@functools.lru_cache(maxsize=2)
def _held(
    seed: int,
    count: int,
    size: int,
    empty: float,
    classes: int,
    which: data.Data,
    sides: tuple[float, float],
) -> data.Dataset:
    parts = {}
    fewer = min(count // 4, MOST_JUDGED)
    for part, m in (("train", count), ("dev", fewer), ("test", fewer)):
        how = {"empty": empty, "sides": sides, "which": which, "classes": classes}
        drawn = scenes(m, seed, size, part, **how)
        parts[part] = data.Split(drawn.images, targets(drawn, size, classes))
    own = data.load(which)
    return dataclasses.replace(
        own,
        **parts,
        name="scenes",
        title="Digits on photographs",
        classes=own.classes[:classes],
        notes=f"{count} training scenes, {fewer} dev and test; digits and photographs apart",
    )


def judge(config: Config, z: Array, y: Array, mask: Array) -> tuple[Sum, Metrics]:
    """The loss of the arm, and what is right of it.

    `located` counts a scene where all is right: p_c on its side of 1/2 and, where an object is, its
    class and a box of IoU 1/2 or more.
    """
    logistic = config.form == "logistic"
    loss = losses.localization_logistic if logistic else losses.localization_squared
    cost = loss(z, y, config.box_weight) if config.masked else ((z - y) ** 2).sum(-1)
    there = y[:, 0] > 0
    said = z[:, 0] > (0.0 if logistic else 0.5)
    overlap = iou(corners(z)[:, None], corners(y)[:, None])[:, 0, 0]  # [B]
    named = jnp.argmax(z[:, 5:], axis=1) == jnp.argmax(y[:, 5:], axis=1)
    right = jnp.where(there, said & named & (overlap >= IOU), ~said)
    objects = mask * there
    return metrics.summed(cost, mask), {
        "located": metrics.summed(right, mask),
        "iou": metrics.summed(overlap, objects),
        "class_accuracy": metrics.summed(named, objects),
        "object_accuracy": metrics.summed(said == there, mask),
    }


def build(config: Config) -> Task:
    """The Task."""
    held = held_scenes(config)
    model = network(config)[0]
    judged = functools.partial(judge, config)
    net = supervised.linen(model, held)
    return supervised.task(held, net, config.optimizer, judged)


def network(config: Config) -> tuple[Locator, tuple[int, ...]]:
    """The network and the shape of a scene."""
    return Locator(5 + config.classes, FILTERS, UNITS), (config.size, config.size, 3)


def finds_the_object(results: Results) -> tuple[bool, str]:
    """Notes 4.13.1: one network says whether, where and what; half of all scenes wholly right."""
    arm = results["weighted"]
    told = ", ".join(
        f"{name} {arm[f'test/{name}']:.3f}"
        for name in ("located", "iou", "class_accuracy", "object_accuracy")
    )
    return arm["test/located"] >= 0.5, told


def eight_numbers(results: Results) -> tuple[bool, str]:
    """Notes 4.13.1: y has 8 numbers for 3 classes: p_c, four of the box, one a class."""
    arm = results.only
    rows = layer_table(*network(arm.config))
    asked = 1 + 4 + arm.config.classes
    return rows[-1].size == asked, f"{rows[-1].size} numbers, {arm.config.classes} classes"


def weight_of_the_box(results: Results) -> tuple[bool, str]:
    """Redmon et al. 2016: weighing the box by 5 gives better boxes: a higher mean IoU."""
    weighted, logistic = results["weighted"]["test/iou"], results["logistic"]["test/iou"]
    return weighted > logistic, f"mean IoU {weighted:.3f} with weight 5, {logistic:.3f} with 1"


def both_forms_work(results: Results) -> tuple[bool, str]:
    """Course: squared error for all works too: its IoU is within 0.1 of the logistic form's."""
    squared, logistic = results["squared"]["test/iou"], results["logistic"]["test/iou"]
    return squared > logistic - 0.1, f"mean IoU {squared:.3f} squared, {logistic:.3f} logistic"


def mask_frees_the_box(results: Results) -> tuple[bool, str]:
    """Notes 4.13.1: "?" costs nothing: asked nothing of empty scenes, boxes are no worse (0.02)."""
    masked, unmasked = results["squared"]["test/iou"], results["unmasked"]["test/iou"]
    return masked > unmasked - 0.02, f"mean IoU {masked:.3f} masked, {unmasked:.3f} unmasked"


def figures(results: Results) -> Iterator[Picture]:
    """Test scenes with the true box and the one found."""
    from ngjax.report import figures as draw

    for name, arm in results.items():
        z, batch = arm.predict("test")
        size, classes = arm.config.size, held_scenes(arm.config).classes
        y, there = batch["targets"], batch["targets"][:, 0] > 0
        p_c = 1 / (1 + np.exp(-z[:, 0])) if arm.config.form == "logistic" else z[:, 0]
        boxes = np.asarray(corners(z)) * size
        label = [f"{classes[k]} {p:.2f}" for k, p in zip(z[:, 5:].argmax(1), p_c, strict=True)]
        found = [
            [(*box, text)] if p > 0.5 else []
            for box, text, p in zip(boxes, label, p_c, strict=True)
        ]
        true = [
            [(*box, "")] if is_there else []
            for box, is_there in zip(np.asarray(corners(y)) * size, there, strict=True)
        ]
        yield Picture(
            f"boxes-{name}",
            f"The first test scenes: boxes found by arm {name} with class and p_c, true boxes "
            "dashed and white. Nothing is drawn where p_c is 0.5 or less.",
            draw.boxes_grid(batch["inputs"][:SHOWN], found[:SHOWN], true[:SHOWN], columns=8),
        )


def texts(results: Results) -> Iterator[Text]:
    """The numbers of y on one scene, the layers, the data."""
    held = held_scenes(results.only.config)
    first = int(np.argmax(held.test.targets[:, 0] > 0))
    names = ["p_c", "b_x", "b_y", "b_h", "b_w", *(f"c_{k + 1}" for k in range(len(held.classes)))]
    lines = [f"{'':12}" + "".join(f"{name:>8}" for name in names)]
    lines += [f"{'y':12}" + "".join(f"{v:8.3f}" for v in held.test.targets[first])]
    for name, arm in results.items():
        z, _ = arm.predict("test")
        lines += [f"{name:12}" + "".join(f"{v:8.3f}" for v in z[first])]
    yield Text("y of one test scene, and what each arm answers", "\n".join(lines))
    yield Text("Layers", format_table(layer_table(*network(results.only.config))))
    yield Text("Data", held.notes)


EXPERIMENT = Experiment(
    notes="4.13.1",
    config=Config(),
    build=build,
    objective=("dev/located", "max"),
    arms={
        "squared": (),
        "logistic": ("form=logistic",),
        "weighted": ("form=logistic", "box_weight=5"),
        "unmasked": ("masked=false",),
    },
    smoke=("run.steps=2", "scenes=32", "size=16"),
    claims={
        "localization-finds-the-object": finds_the_object,
        "localization-classes": eight_numbers,
        "localization-forms": both_forms_work,
        "localization-weight-of-the-box": weight_of_the_box,
        "localization-loss": mask_frees_the_box,
    },
    figures=figures,
    texts=texts,
    network=network,
    terms=("localization", "bounding box", "intersection over union"),
)
