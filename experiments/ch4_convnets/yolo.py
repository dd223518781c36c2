r"""YOLO: one convolutional network finds and names every object of a picture in one pass.

    y = [p_c, b_x, b_y, b_h, b_w, c_1 ... c_K]   for each of S x S cells and A anchors

Notes 4.13.5 and 4.13.9; Redmon, Divvala, Girshick & Farhadi 2015, Redmon & Farhadi 2017. An object
goes to the cell that holds its midpoint alone (not, as 4.13.5 is printed, to each that crops a part
of it) and there to the anchor most like it, so that with two anchors and three classes y is
3x3x2x8 (the notes print 3x32x8), 8 numbers an anchor (they print 14 + 9).

By default digits lie at random sizes on photographs. With real pictures, a VOC or COCO folder:

    python launch.py --experiment=yolo    # mAP at IoU 0.5: 0.67, 0.70 with one anchor
    python launch.py --experiment=yolo --arms=anchors --data.name=bccd --data.size=256 --stride=16 \
        --backbone=mobilenet --frozen=5 --moves.flips=both --moves.light=0.2 \
        --optimizer.learning_rate=1e-3 --run.epochs=28 --run.batch_size=8 --run.ema=0.98    # 0.82
    python launch.py --experiment=yolo --arms=anchors --data.name=voc --data_dir=my_pictures
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jax
import numpy as np

from ngjax import data, optim, pretrained, supervised
from ngjax.data.boxes.augment_boxes import Moves, boxed
from ngjax.data.boxes.detection import truths, unpack
from ngjax.data.images.image import png, stretch
from ngjax.experiment import Answer, Experiment, Learned, NotAsked, Picture, Results, Text
from ngjax.experiment.naming import image_paths
from ngjax.metrics import summed
from ngjax.models.mobilenet import MobileNet
from ngjax.models.yolo import Yolo, answers, cost, find
from ngjax.ops.anchors import assign, kmeans
from ngjax.ops.average_precision import mean_average_precision, precision_recall, rank
from ngjax.report.boxes import drawn
from ngjax.train.settings import Run
from ngjax.types import Array, Context, Metrics, Params, Sum, Task

KIND = "boxes"
LEAST = {"digit_scenes": 0.5, "bccd": 0.75}  # mAP at IoU 0.5
NOTES_GRID = 3
SHOWN = 12  # test pictures of a figure
GRID = np.linspace(0, 1, 101)  # recall


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    backbone: Literal["small", "mobilenet"] = "small"  # mobilenet: published weights of ImageNet
    weights: str = "mobilenet_v1_imagenet"  # of mobilenet: a file, or weights of the data catalogue
    backbone_rate: float = 0.3  # learning rate of mobilenet, as a share of the others'
    frozen: int = 3  # blocks of mobilenet, from the first, that do not learn
    stride: Literal[8, 16] = 8  # pixels a cell is wide
    anchors: int = 5  # shapes A, found by k-means on the training boxes; 1: no choice of anchor
    filters: int = 128  # of the 3x3 convolution before the answers
    empty: float = 0.5  # weight of p_c where no object is
    coordinates: float = 5.0  # weight of the squared differences of a box
    threshold: float = 0.01  # score from which a box is reported; low: recall is measured too
    overlap: float = 0.5  # IoU from which two boxes of a class are one object
    most: int = 100  # boxes reported of a picture
    shown: float = 0.5  # score from which a box is drawn
    moves: Moves = Moves()
    data: data.Data = data.Data(name="digit_scenes")
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=3e-3, schedule="cosine", clip_norm=100.0, warmup_steps=20
    )
    run: Run = Run(epochs=10, batch_size=16, evaluate_batch=32, evaluate_every=375)


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
    path = pretrained.place(weights, directory)
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


def score(
    K: int, outputs: Mapping[str, np.ndarray], batch: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Mean average precision at IoU 0.5 as VOC has it, over 0.50 ... 0.95 as COCO; recall."""
    found, truth = answers(outputs), truths(batch["targets"])
    ranked = [rank(found, truth, k, (0.5,), "voc") for k in range(K)]
    objects = sum(one.objects for one in ranked)
    return {
        "recall50": sum(int(one.hits.sum()) for one in ranked) / max(objects, 1),
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


def lost(config: Config, S: int, A: int) -> tuple[int, int]:
    """(training objects that no cell and anchor of an S x S grid is left for, all of them)."""
    boxes, classes, mask = unpack(held_of(config).train.targets)
    place = functools.partial(assign, grid=S, anchors=shapes(config.data, A), K=1)
    y = jax.jit(jax.vmap(place))(boxes, np.zeros_like(classes), mask > 0)  # [m, S, S, A, 6]
    there = int((mask > 0).sum())
    return there - int(y[..., 0].sum()), there


def detects(results: Results) -> tuple[bool, str]:
    """Notes 4.13.9: it finds and names the objects; mAP at IoU 0.5 of LEAST or better on test."""
    arm = results["anchors"]
    if arm.config.data.name not in LEAST:
        raise NotAsked(f"nobody has said how well it is to do on {arm.config.data.name}")
    found, least = arm["test/mAP50"], LEAST[arm.config.data.name]
    return found >= least, f"mAP {found:.3f} on test, {least} or better"


def anchors_part_objects(results: Results) -> tuple[bool, str]:
    """Notes 4.13.8: two objects of one of the 3x3 cells; with anchors fewer are left without."""
    config = results["anchors"].config
    (one, all_), (many, _) = (lost(config, NOTES_GRID, A) for A in (1, max(2, config.anchors)))
    return many < one, f"of {all_:,} training objects {one} without a place, with anchors {many}"


def finer_parts_objects(results: Results) -> tuple[bool, str]:
    """Notes 4.13.5: on a grid finer than 3x3 two midpoints seldom share a cell, without anchors."""
    config = results["anchors"].config
    S = -(-held_of(config).train.inputs.shape[1] // config.stride)
    (coarse, all_), (fine, _) = (lost(config, grid, 1) for grid in (NOTES_GRID, S))
    told = f"of {all_:,} training objects {coarse} without a place on 3x3, {fine} on {S}x{S}"
    return fine < coarse, told


def anchors_find_more(results: Results) -> tuple[bool, str]:
    """Redmon & Farhadi 2017: with anchors recall rises (81 to 88 %; their mAP fell by 0.3)."""
    one, many = results["one-anchor"], results["anchors"]
    told = ", ".join(
        f"{name} {arm['test/recall50']:.3f} (mAP {arm['test/mAP50']:.3f})"
        for name, arm in (("anchors", many), ("one", one))
    )
    return many["test/recall50"] > one["test/recall50"], f"recall at IoU 0.5: {told}"


def target_numbers(results: Results) -> tuple[bool, str]:
    """Notes 4.13.5 and 4.13.9: y has 3x3x8 = 72 numbers, with two anchors 3x3x2x8 = 144."""
    del results
    sizes = [worked(A).size for A in (1, 2)]
    return sizes == [72, 144], f"{sizes[0]} and {sizes[1]} numbers; 4.13.9 prints 3x32x8 = 768"


def worked(A: int) -> np.ndarray:
    """The notes' example, a car whose midpoint lies in a cell of the lowest row, [3, 3, A, 8]."""
    car = np.array([[0.25, 0.6, 0.75, 0.86]], np.float32)
    tall_and_wide = np.array([[0.1, 0.4], [0.5, 0.25]], np.float32)[-A:]  # pedestrian, car
    targets = jax.jit(assign, static_argnums=(3, 5))
    return np.asarray(targets(car, np.array([1]), np.ones(1), 3, tall_and_wide, 3))


def figures(results: Results) -> Iterator[Picture]:
    """What is found, how well, and the shapes of the anchors."""
    from ngjax.report import figures as draw

    held = held_of(results.only.config)
    found = {name: answers(arm.predict("test")[0]) for name, arm in results.items()}
    images = held.test.inputs[:SHOWN]
    side = images.shape[1]
    truth = truths(held.test.targets)
    true = [[(*(box * side), "") for box in one.boxes] for one in truth[:SHOWN]]
    for name, said in found.items():
        least = results[name].config.shown
        boxes = [
            [(*(box * side), held.classes[k]) for box, s, k in zip(*one, strict=True) if s >= least]
            for one in said[:SHOWN]
        ]
        yield Picture(
            f"found-{name}",
            f"Arm {name} on test pictures: boxes of a score from {least:g}; the true ones dashed.",
            draw.boxes_grid(images, boxes, true, columns=4),
        )
    if len(results) > 1:
        yield Picture(
            "mAP",
            "Mean average precision on test, IoU 0.5, of each arm.",
            draw.bars(
                {name: arm["test/mAP50"] for name, arm in results.items()},
                {name: arm.spread("test/mAP50") for name, arm in results.items()},
                xlabel="mAP at IoU 0.5",
            ),
        )
    arm = next(iter(found))
    curves = {}
    for k, name in enumerate(held.classes):
        ranked = rank(found[arm], truth, k, (0.5,), "voc")
        if ranked.objects and len(ranked.scores):
            precision, recall = precision_recall(ranked)
            falling = np.maximum.accumulate(precision[::-1])[::-1]
            at = np.searchsorted(recall, GRID)
            curves[name] = np.append(falling, 0.0)[at]
    if curves:
        yield Picture(
            "precision-recall",
            f"Arm {arm} on test: precision at each recall, IoU 0.5, by class.",
            draw.lines(GRID, curves, "recall", "precision"),
        )
    boxes, classes, mask = unpack(held.train.targets)
    sizes = (boxes[..., 2:] - boxes[..., :2])[mask > 0]
    anchors = shapes(results.only.config.data, results.only.config.anchors)
    names = (*held.classes, "anchors")
    labels = np.concatenate([classes[mask > 0], np.full(len(anchors), len(names) - 1)])
    if len(names) <= 10:
        yield Picture(
            "anchors",
            "Width and height of the training boxes by class, and the anchors k-means found.",
            draw.points(
                np.concatenate([sizes, anchors]), labels, names, labels=("width", "height")
            ),
        )


def texts(results: Results) -> Iterator[Text]:
    """The notes' targets, average precision of every class, the data."""
    lines = ["3x3 grid, classes 1 pedestrian, 2 car, 3 motorcycle; a car with its midpoint at"]
    lines += ["(0.5, 0.73): y = [p_c, b_x, b_y, b_h, b_w, c1, c2, c3], ? is masked in the loss", ""]
    for A in (1, 2):
        y = worked(A)
        lines.append(f"{A} anchor{'s' * (A > 1)}: {'x'.join(map(str, y.shape))} = {y.size} numbers")
        for row, column in ((0, 0), (2, 1)):
            told = [
                "0 ?  ?  ?  ?  ? ? ?" if not p else " ".join(f"{v:g}" for v in np.round(numbers, 2))
                for numbers in y[row, column]
                for p in numbers[:1]
            ]
            lines.append(f"  row {row + 1}, column {column + 1}:  [{'] ['.join(told)}]")
    yield Text("Targets of notes 4.13.5 and 4.13.9", "\n".join(lines))
    held = held_of(results.only.config)
    truth = truths(held.test.targets)
    table = [f"{'class':16}" + "".join(f"{name:>14}" for name in results)]
    each = [
        mean_average_precision(answers(arm.predict("test")[0]), truth, len(held.classes)).each[0]
        for arm in results.values()
    ]
    table += [
        f"{name:16}" + "".join(f"{value:14.3f}" for value in row)
        for name, row in zip(held.classes, np.transpose(each), strict=True)
    ]
    yield Text("Average precision on test at IoU 0.5 (VOC's area)", "\n".join(table))
    yield Text("Data", "\n".join((held.notes, *held.left_out)))


def network(config: Config) -> tuple[Yolo, tuple[int, ...]]:
    """The network and the shape of a picture."""
    held = held_of(config)
    return model(config, len(held.classes)), held.train.inputs.shape[1:]


def predict(learned: Learned, source: str) -> Answer:
    """The picture that --input names, or a folder's, with boxes on it, and all boxes as a JSON."""
    config, held = learned.config, held_of(learned.config)
    paths, side = image_paths(source), held.train.inputs.shape[1]
    pictures = [data.read_image(path) for path in paths]
    inputs = np.stack([stretch(pixels, side, side) for pixels in pictures])
    targets = np.zeros((len(inputs), *held.train.targets.shape[1:]), np.float32)
    lines, files, told = [], {}, []
    found = answers(learned.outputs(data.Split(inputs, targets)))
    for path, pixels, one in zip(paths, pictures, found, strict=True):
        H, W = pixels.shape[:2]
        things, named = [], []
        for box, s, k in zip(np.float64(one.boxes) * (W, H, W, H), *one[1:], strict=True):
            if s >= config.shown:
                name, corners = held.classes[k], np.round(box, 1).tolist()
                things.append({"class": name, "score": round(float(s), 4), "box": corners})
                named.append((*box, f"{name} {s:.2f}", int(k)))
        files[f"{path.name}.boxes.png"] = png(drawn(pixels, named))
        told.append({"file": path.name, "width": W, "height": H, "objects": things})
        counts = collections.Counter(thing["class"] for thing in things)
        lines.append(f"{path}  {', '.join(f'{n} {c}' for c, n in counts.items()) or 'nothing'}")
    files["boxes.json"] = (json.dumps(told, indent=1) + "\n").encode()
    return Answer(tuple(lines), files)


EXPERIMENT = Experiment(
    notes="4.13.5, 4.13.9",
    config=Config(),
    build=build,
    objective=("dev/mAP50", "max"),
    arms={"anchors": (), "one-anchor": ("anchors=1",), "coarser": ("stride=16",)},
    smoke=("run.steps=2", "data.limit=8", "data.size=32", "filters=8", "most=8"),
    claims={
        "yolo-detects": detects,
        "anchors-part-objects": anchors_part_objects,
        "finer-grid-parts-objects": finer_parts_objects,
        "anchors-find-more": anchors_find_more,
        "yolo-y-size": target_numbers,
    },
    figures=figures,
    texts=texts,
    network=network,
    predict=predict,
    terms=("YOLO algorithm", "object detection"),
)
