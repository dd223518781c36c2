r"""YOLO: one convolutional network finds and names every object of a picture in one pass.

    y = [p_c, b_x, b_y, b_h, b_w, c_1 ... c_K]   for each of S x S cells and A anchors

Notes 4.13.5 and 4.13.9; Redmon, Divvala, Girshick & Farhadi 2015, Redmon & Farhadi 2017. An object
goes to the cell that holds its midpoint alone (not, as 4.13.5 is printed, to each that crops a part
of it) and there to the anchor most like it, so that with two anchors and three classes y is
3x3x2x8 (the notes print 3x32x8), 8 numbers an anchor (they print 14 + 9).

By default digits lie at random sizes on photographs. With real pictures, a VOC or COCO folder:

    python launch.py --experiment=yolo
    python launch.py --experiment=yolo --arms=anchors --data.name=bccd --backbone=mobilenet \
        --run.epochs=60 --run.batch_size=8 --moves.flips=both --moves.light=0.2
    python launch.py --experiment=yolo --arms=anchors --data.name=voc --data_dir=my_pictures
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal

import jax
import numpy as np

from ngjax import data, optim, pretrained, supervised
from ngjax.data.augment_boxes import Moves, boxed
from ngjax.data.detection import unpack
from ngjax.experiment import Experiment
from ngjax.metrics import summed
from ngjax.models.mobilenet import MobileNet
from ngjax.models.yolo import Yolo, cost, find
from ngjax.ops.anchors import kmeans
from ngjax.ops.average_precision import Found, Truth, mean_average_precision
from ngjax.train.settings import Run
from ngjax.types import Array, Context, Metrics, Params, Sum, Task

KIND = "boxes"


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    backbone: Literal["small", "mobilenet"] = "small"  # mobilenet: published weights of ImageNet
    weights: str = "mobilenet_v1_imagenet"  # of mobilenet: a file, or weights of the data catalogue
    backbone_rate: float = 0.3  # learning rate of mobilenet, as a share of the others'
    frozen: int = 3  # blocks of mobilenet, from the first, that do not learn
    stride: Literal[8, 16] = 16  # pixels a cell is wide
    anchors: int = 5  # shapes A, found by k-means on the training boxes; 1: no choice of anchor
    filters: int = 128  # of the 3x3 convolution before the answers
    empty: float = 0.5  # weight of p_c where no object is
    coordinates: float = 5.0  # weight of the squared differences of a box
    threshold: float = 0.01  # score from which a box is reported; low: recall is measured too
    overlap: float = 0.5  # IoU from which two boxes of a class are one object
    most: int = 100  # boxes reported of a picture
    moves: Moves = Moves()
    data: data.Data = data.Data(name="digit_scenes")
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=1e-3, schedule="cosine", clip_norm=100.0, warmup_steps=20
    )
    run: Run = Run(epochs=20, batch_size=16, evaluate_batch=32)


def held_of(config: Config) -> data.Dataset:
    """The set."""
    return data.load(config.data, kinds=(KIND,))


@functools.lru_cache(maxsize=8)
def shapes(which: data.Data, count: int) -> np.ndarray:
    """Anchors of the training boxes, as shares of the picture, float32 [A, 2]."""
    boxes, _, mask = unpack(data.load(which, kinds=(KIND,)).train.targets)
    boxes = boxes[mask > 0]
    return kmeans(boxes[:, 2:] - boxes[:, :2], count).astype(np.float32)


def model(config: Config, classes: int) -> Yolo:
    """The network."""
    return Yolo(
        classes, config.anchors, config.backbone, config.stride, config.frozen, config.filters
    )


@functools.lru_cache(maxsize=1)
def published(weights: str, directory: str) -> Mapping[str, Any]:
    """MobileNet as the file has it."""
    path = weights
    if weights.replace("-", "_") in data.names():
        item = data.entry(weights)
        path = str(next(iter(data.locate(item, directory).values())))
    return pretrained.load(MobileNet(0, blocks=12), path, (224, 224, 3))


def network_of(config: Config, held: data.Dataset) -> supervised.Network:
    """The network, its backbone as it was published where that is asked for."""
    plain = supervised.linen(model(config, len(held.classes)), held, supervised.training)
    if config.backbone == "small":
        return plain
    own = data.entry(config.data.name).own  # then the directory holds the user's pictures alone
    known = published(config.weights, "" if own else config.data.directory)

    def init(key: Array) -> tuple[Params, Any]:
        params, extra = plain.init(key)
        start = {name: known["params"][name] for name in params["backbone"]}
        stats = {name: known["batch_stats"][name] for name in extra["batch_stats"]["backbone"]}
        params = {**params, "backbone": start}
        return params, {"batch_stats": {**extra["batch_stats"], "backbone": stats}}

    return supervised.Network(init, plain.apply)


def answers(outputs: Mapping[str, np.ndarray]) -> list[Found]:
    """What `Task.predict` gave, a picture each."""
    return [
        Found(boxes[there], scores[there], classes[there])
        for boxes, scores, classes, there in zip(
            *(outputs[name] for name in ("boxes", "scores", "classes", "mask")), strict=True
        )
    ]


def truths(targets: np.ndarray) -> list[Truth]:
    """The objects of each picture."""
    return [
        Truth(boxes[flag != 0], classes[flag != 0], flag[flag != 0] < 0)
        for boxes, classes, flag in zip(*unpack(targets), strict=True)
    ]


def score(
    K: int, outputs: Mapping[str, np.ndarray], batch: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Mean average precision by the rules of VOC at IoU 0.5, and of COCO over 0.50 ... 0.95."""
    found, truth = answers(outputs), truths(batch["targets"])
    return {
        "mAP50": mean_average_precision(found, truth, K).mean,
        "mAP": mean_average_precision(found, truth, K, form="coco").mean,
    }


def build(config: Config) -> Task:
    """The Task."""
    held = held_of(config)
    anchors = shapes(config.data, config.anchors)
    judged = functools.partial(
        cost, anchors=anchors, empty=config.empty, coordinates=config.coordinates
    )

    def judge(t: Array, targets: Array, mask: Array) -> tuple[Sum, Metrics]:
        boxes, classes, there = unpack(targets)
        parts = jax.vmap(judged)(t, boxes, classes, there)
        told = {name: summed(value, mask) for name, value in parts._asdict().items()}
        return summed(sum(parts), mask), told

    optimizer = config.optimizer
    if config.backbone == "mobilenet" and not optimizer.parts:
        optimizer = dataclasses.replace(optimizer, parts=(f"backbone={config.backbone_rate}",))
    task = supervised.task(held, network_of(config, held), optimizer, judge, scale="none")
    decode = functools.partial(
        find,
        anchors=anchors,
        threshold=config.threshold,
        overlap=config.overlap,
        most=config.most,
    )

    def predict(params: Params, extra: Any, batch: Any, context: Context) -> Any:
        return jax.vmap(decode)(task.predict(params, extra, batch, context))._asdict()

    source = boxed(held.train, prefix="train", moves=config.moves)
    return dataclasses.replace(
        task, train=source, predict=predict, score=functools.partial(score, len(held.classes))
    )


EXPERIMENT = Experiment(
    notes="4.13.5, 4.13.9",
    config=Config(),
    build=build,
    arms={
        "anchors": (),
        "one-anchor": ("anchors=1",),
        "finer": ("stride=8",),
    },
    smoke=("run.steps=2",),
    terms=("YOLO",),
)
