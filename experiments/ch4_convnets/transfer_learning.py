r"""Transfer learning: what a network learned elsewhere, kept, and a new head for few images.

    a = backbone(x)    z = a W + b    y_hat = softmax(z)

Notes 4.12: download weights, freeze them, train a new softmax; with more images unfreeze more.
Arm `frozen` computes the features a once and trains W and b alone; `fine_tuned_last` goes on with
the last blocks too and `fine_tuned_all` with every layer, both slower than the head; `scratch` is
the same network from a random start. Every seed draws other images, `per_class` of each class; _x4
and _x16 take more. A pretrained backbone keeps its batch statistics.

The backbone is MobileNet v1 (Howard et al. 2017). Without a file of weights, four narrow blocks
first learn one half of the classes (digits 0 to 4), and what they know is carried to the other half
(5 to 9). With the published weights of ImageNet:

    python launch.py --experiment=transfer_learning --seeds=5
    python launch.py --experiment=transfer_learning --backbone=mobilenet --data.name=catvnoncat \
        --data.size=128 --per_class=0 --arms=frozen,scratch
    python launch.py --experiment=transfer_learning --backbone=mobilenet --data.name=folder \
        --data_dir=my_photos --data.size=128 --weights=mobilenet.npz --arms=frozen
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jax
import numpy as np

from ngjax import data, metrics, optim, pretrained, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.experiment.naming import name_images
from ngjax.models.transfer import BACKBONE, BACKBONES, HEAD, Features, Head, Whole, backbone
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.train.settings import Run
from ngjax.types import Array, Params, Task, UserError

LEARNS = {
    "frozen": "head",
    "fine_tuned_last": "last",
    "fine_tuned_all": "all",
    "scratch": "scratch",
}
KINDS = ("frozen", "fine_tuned_all", "scratch")  # those that are also given more images
SHIFT = 4  # pixels that an image of the pretraining is moved by at most
AT_ONCE = 64  # images whose features are computed in one call


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    backbone: Literal["small", "mobilenet"] = "small"  # mobilenet: published weights of ImageNet
    weights: str = "mobilenet_v1_imagenet"  # of mobilenet: a file, or weights of the data catalogue
    learn: Literal["head", "last", "all", "scratch"] = "head"  # what learns; scratch: random start
    per_class: int = 5  # training images of each class; 0: all
    times: int = 1  # per_class is multiplied by it
    last: int = 1  # blocks before the head that learn=last trains
    backbone_rate: float = 0.1  # learning rate of the backbone, as a share of the head's
    pretraining: int = 150  # updates that teach the small backbone one half of the classes
    data: data.Data = data.Data(name="digits", size=32)
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=1e-3, schedule="cosine")
    run: Run = Run(steps=100, batch_size=25, evaluate_every=20)

    def __post_init__(self) -> None:
        """Refuse what no backbone can be."""
        for name, least in (("per_class", 0), ("times", 1), ("pretraining", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: must be {least} or more, got {getattr(self, name)}")
        if not 1 <= self.last <= BACKBONES[self.backbone]["blocks"]:
            raise ValueError(f"last: must be 1 to {BACKBONES[self.backbone]['blocks']} blocks")
        if not 0 <= self.backbone_rate < math.inf:
            raise ValueError(f"backbone_rate: must be >= 0, got {self.backbone_rate}")


def coloured(images: np.ndarray) -> np.ndarray:
    """Grey to three equal channels; colour as it is."""
    return images if images.shape[-1] == 3 else images.repeat(3, axis=-1)  # [m, H, W, 3]


def only(split: data.Split, classes: range) -> data.Split:
    """The examples of some classes, numbered from 0."""
    chosen = np.isin(split.targets, classes)
    return data.Split(split.inputs[chosen], split.targets[chosen] - classes.start)


def half(held: data.Dataset, which: int) -> data.Dataset:
    """The first half of the classes (0), which the small backbone learns, or the others (1)."""
    K = len(held.classes)
    if K < 4:
        raise UserError(
            f"--backbone=small: learns half of the classes first, and {held.name} has {K}; "
            "give --backbone=mobilenet"
        )
    classes = range(K // 2) if which == 0 else range(K // 2, K)
    parts = {name: only(getattr(held, name), classes) for name in ("train", "dev", "test")}
    return dataclasses.replace(held, **parts, classes=tuple(held.classes[k] for k in classes))


def images_of(config: Config) -> data.Dataset:
    """The set that is transferred to, in colour."""
    return _images(config.backbone, config.data)


@functools.lru_cache(maxsize=2)
def _images(backbone: str, which: data.Data) -> data.Dataset:
    held = data.changed(data.load(which, kinds=("images",)), coloured)
    return half(held, 1) if backbone == "small" else held


def whole(config: Config, held: data.Dataset) -> supervised.Network:
    """Backbone and head as one network; only a random start measures batch statistics anew."""
    anew = config.learn == "scratch"
    plain = supervised.linen(
        Whole(config.backbone, len(held.classes)),
        held,
        lambda batch, context: {"train": context.train and anew},
    )
    if anew:
        return plain
    start = known(config)

    def init(key: Array) -> tuple[Params, Any]:
        params, _ = plain.init(key)
        extra = {"batch_stats": {"features": start["batch_stats"]}}
        return {"features": start["params"], HEAD: params[HEAD]}, extra

    return supervised.Network(init, plain.apply)


def known(config: Config) -> Mapping[str, Any]:
    """The variables of `Features` as they were learned before."""
    if config.backbone == "small":
        return taught(config.data, config.pretraining)
    return published(config.weights, config.data)


@functools.lru_cache(maxsize=1)
def published(weights: str, where: data.Data) -> Mapping[str, Any]:
    """MobileNet as the file has it."""
    own = data.entry(where.name).own  # then the directory holds the user's images alone
    path = pretrained.place(weights, "" if own else where.directory)
    found = pretrained.load(backbone("mobilenet"), path, (224, 224, 3))
    return {collection: {BACKBONE: tree} for collection, tree in found.items()}


@functools.lru_cache(maxsize=1)
def taught(which: data.Data, updates: int) -> Mapping[str, Any]:
    """The small backbone after learning the first half of the classes, on one device."""
    config = Config(data=which, learn="scratch")
    held = half(data.changed(data.load(which, kinds=("images",)), coloured), 0)
    optimizer = optim.Optimizer(rule="adam", learning_rate=3e-3, schedule="cosine")
    task = supervised.task(
        held,
        whole(config, held),
        optimizer,
        supervised.classify,
        scale="none",
        augment=lambda key, image: data.random_crop(key, image, SHIFT),
        evals=(),
    )
    program = Program(task, Run(steps=updates, batch_size=64), dev.here(dev.select(1)))
    state = fit(program, seed=0).state
    return {
        "params": state.params["features"],
        "batch_stats": state.extra["batch_stats"]["features"],
    }


@functools.lru_cache(maxsize=1)
def extractor(config: Config) -> Any:
    """Jitted: images [m, H, W, 3] to features [m, C]."""
    variables, module = known(config), Features(config.backbone)
    return jax.jit(lambda images: module.apply(variables, images)[0])


def features(config: Config, images: np.ndarray) -> np.ndarray:
    """What the frozen backbone makes of images, float32 [m, C]."""
    extract = extractor(dataclasses.replace(config, **FORGOTTEN))
    calls = max(1, -(-len(images) // AT_ONCE))
    padded = np.zeros((calls * AT_ONCE, *images.shape[1:]), np.float32)
    padded[: len(images)] = images
    found = [extract(part) for part in np.split(padded, calls)]
    return np.concatenate(found)[: len(images)]


FORGOTTEN = {  # knobs that the features do not depend on: arms share one backbone
    name: getattr(Config(), name)
    for name in ("learn", "per_class", "times", "last", "backbone_rate", "optimizer", "run")
}


@functools.lru_cache(maxsize=1)
def described(config: Config) -> data.Dataset:
    """The set with features in the place of its images."""
    return data.changed(images_of(config), functools.partial(features, config))


def parts(config: Config) -> tuple[str, ...]:
    """The learning rates by part that an arm asks for, where the user gave none."""
    if config.optimizer.parts or config.learn in ("head", "scratch"):
        return config.optimizer.parts
    rate, blocks = config.backbone_rate, BACKBONES[config.backbone]["blocks"]
    if config.learn == "all":
        return (f"{BACKBONE}={rate}",)
    ends = [
        f"conv_?w_{n}{bn}" for n in range(blocks, blocks - config.last, -1) for bn in ("", "_bn")
    ]
    return ("*=0", *(f"{end}={rate}" for end in ends), f"{HEAD}=1")


def build(config: Config) -> Task:
    """The Task."""
    if config.learn == "head":
        held = described(dataclasses.replace(config, **FORGOTTEN))
        network = supervised.linen(Head(len(held.classes)), held)
    else:
        held = images_of(config)
        network = whole(config, held)
    optimizer = dataclasses.replace(config.optimizer, parts=parts(config))
    task = supervised.task(held, network, optimizer, supervised.classify, scale="none")
    return dataclasses.replace(task, train=data.few(held.train, config.per_class * config.times))


def inputs(config: Config, images: np.ndarray) -> np.ndarray:
    """A user's images as the arm's network reads them."""
    images = coloured(images)
    return features(config, images) if config.learn == "head" else images


def network(config: Config) -> tuple[Whole, tuple[int, ...]]:
    """The whole network and the shape of an image."""
    held = images_of(config)
    return Whole(config.backbone, len(held.classes)), held.train.inputs.shape[1:]


def drawn(results: Results, arm: str) -> int:
    """Training images a class of an arm on average, whatever per_class says."""
    held = images_of(results[arm].config)
    asked = results[arm].config.per_class * results[arm].config.times
    counts = np.bincount(held.train.targets)
    return round(float((np.minimum(counts, asked) if asked else counts).mean()))


def lead(results: Results, suffix: str = "") -> float:
    """Test accuracy of the frozen backbone minus that of the random start, in the same arm."""
    return (
        results[f"frozen{suffix}"]["test/accuracy"] - results[f"scratch{suffix}"]["test/accuracy"]
    )


def better_than_scratch(results: Results) -> tuple[bool, str]:
    """Notes 4.12: with little data, a new head on learned features beats training from scratch."""
    gain = lead(results)
    frozen, scratch = results["frozen"], results["scratch"]
    told = (
        f"test accuracy {frozen['test/accuracy']:.3f} frozen, {scratch['test/accuracy']:.3f} from "
        f"scratch, {drawn(results, 'frozen')} images a class, {len(frozen.outcomes)} draws"
    )
    return gain > 0, told


def gain_shrinks(results: Results) -> tuple[bool, str]:
    """Notes 4.12, turned round: the more images, the less the learned features are ahead."""
    if drawn(results, "frozen") >= drawn(results, "frozen_x16"):
        raise NotAsked("there are no more images to take")
    few_, many = lead(results), lead(results, "_x16")
    return many < few_, f"ahead by {few_:.3f} with few images, by {many:.3f} with 16 times as many"


def unfreeze_with_more(results: Results) -> tuple[bool, str]:
    """Notes 4.12: with more images train more layers: that then beats the frozen backbone."""
    if drawn(results, "frozen") >= drawn(results, "frozen_x16"):
        raise NotAsked("there are no more images to take")
    tuned, frozen = (
        results[f"{name}_x16"]["test/accuracy"] for name in ("fine_tuned_all", "frozen")
    )
    return tuned > frozen, f"test accuracy {tuned:.3f} all layers tuned, {frozen:.3f} frozen, x16"


def figures(results: Results) -> Iterator[Picture]:
    """Accuracy by arm, and by images a class."""
    from ngjax.report import figures as draw

    yield Picture(
        "accuracy",
        "Test accuracy of each arm in the end, mean over the draws of training images.",
        draw.bars(
            {name: arm["test/accuracy"] for name, arm in results.items()},
            {name: arm.spread("test/accuracy") for name, arm in results.items()},
            xlabel="test accuracy",
        ),
    )
    steps = ("", "_x4", "_x16")
    if all(kind + step in results for kind in KINDS for step in steps):
        sizes = [drawn(results, f"frozen{step}") for step in steps]
        if sizes == sorted(set(sizes)):
            series = {
                kind: [results[kind + step]["test/accuracy"] for step in steps] for kind in KINDS
            }
            yield Picture(
                "images-a-class",
                "The fewer images, the further learned features are ahead.",
                draw.lines(sizes, series, "training images a class", "test accuracy", log_x=True),
            )


def texts(results: Results) -> Iterator[Text]:
    """How sure the numbers are, and what was learned where."""
    held = images_of(results.only.config)
    lines = [f"{'arm':20}{'test accuracy':>15}   95 % interval of {len(held.test)} test images"]
    for name, arm in results.items():
        share = arm["test/accuracy"]
        low, high = metrics.interval(share, len(held.test))
        lines.append(f"{name:20}{share:15.3f}   {low:.3f} to {high:.3f}")
    yield Text("Test accuracy", "\n".join(lines))
    if results.only.config.backbone == "small":
        first = half(data.load(results.only.config.data), 0).classes
        told = f"The backbone learned {', '.join(first)}; the arms learn {', '.join(held.classes)}."
        yield Text("Learned before", told)
    yield Text("Data", held.notes)


EXPERIMENT = Experiment(
    notes="4.12",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms={
        **{name: (f"learn={learn}",) for name, learn in LEARNS.items()},
        **{
            f"{name}_x{times}": (f"learn={LEARNS[name]}", f"times={times}")
            for times in (4, 16)
            for name in KINDS
        },
    },
    smoke=("run.steps=2", "pretraining=2", "data.limit=300"),
    claims={
        "transfer-learning-small-data": better_than_scratch,
        "transfer-gains-shrink-with-data": gain_shrinks,
        "more-data-more-layers": unfreeze_with_more,
    },
    figures=figures,
    texts=texts,
    network=network,
    predict=functools.partial(name_images, inputs=inputs, held=images_of),
    terms=("transfer learning",),
)
