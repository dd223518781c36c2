r"""AlexNet: five convolutions and three full connections, ReLU, on two GPUs.

    227x227x3 -> CONV 11x11 s=4 -> 55x55x96 -> POOL 3x3 s=2 -> 27 -> CONV 5x5 256 -> POOL 13
      -> CONV 3x3 384, 384, 256 -> POOL 6x6x256 = 9216 -> 4096 -> 4096 -> softmax 1000

Notes 4.7; Krizhevsky, Sutskever & Hinton 2012. The print lets a 3x3 pool with s = 4 make 55 of 227:
an 11x11 convolution does, and the pool makes 27 of it; 224 instead of 227 gives 54.25. LeNet-5 has
60 thousand parameters, not 14 million.

The print's "two GPUs" are two things. Each GPU saw half the maps of a layer: a sparser network, the
arm two-groups. And each held half the weights, which no longer needs another network: with
`model_devices` pairs of devices part fc6 and fc7, 54 of the 62 million parameters and whatever the
optimizer keeps of them, and train the very network that one device trains.

    python launch.py --experiment=alexnet
    python launch.py --experiment=alexnet --arms=relu --data.name=fashion_mnist --run.epochs=3
    python launch.py --experiment=alexnet --arms=relu --data.name=sign_digits --data.size=32
    python launch.py --experiment=alexnet --mode=table --size=full     # as published
    python launch.py --experiment=alexnet --arms=relu --devices=2 --run.model_devices=2
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal

import numpy as np

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, Picture, Results, Text, pictures
from ngjax.experiment.naming import name_in_field
from ngjax.experiment.results import Arm
from ngjax.models.alexnet import SPLIT, AlexNet
from ngjax.models.lenet import LeNet5
from ngjax.models.table import Row, format_table, layer_table
from ngjax.ops.convolve import output_size
from ngjax.train.settings import Run
from ngjax.types import Task

FULL = (227, 227, 3)
LEARNED = 0.25  # training error at which the paper's figure 1 compares ReLU and tanh
ARMS = {
    "relu": (),
    "tanh": ("activation=tanh", "optimizer.learning_rate=0.3"),  # each its own rate, as there
    "two-groups": ("groups=2",),
    "dropout": ("dropout=0.2",),  # half of the units of so narrow a network are too few
    "response-norm": ("response_norm=true",),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    size: Literal["small", "full"] = "small"  # full: as published, for data.size=227
    activation: Literal["relu", "tanh"] = "relu"  # of all layers
    groups: int = 1  # 2: the maps of conv2, 4 and 5 in two halves, as on the paper's two GPUs
    response_norm: bool = False  # local response normalisation after conv1 and conv2
    width: float = 0.5  # factor of the small network's filters and units
    dropout: float = 0.0  # share of units dropped before fc6 and fc7 in training; the paper: 0.5
    field: int = 32  # pixels a side that smaller images are brought to
    augment: Literal["shift", "imagenet"] = "shift"  # imagenet: parts of all sizes, colours
    shift: int = 2  # pixels that a training image is moved by at most; of augment=shift
    flip: bool = False  # exchange left and right in one case of two; not for digits
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="momentum", learning_rate=0.08)
    run: Run = Run(epochs=12, batch_size=64)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if not self.width > 0:
            raise ValueError(f"width: must be above 0, got {self.width}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: must be in [0, 1), got {self.dropout}")
        if self.groups not in (1, 2):
            raise ValueError(f"groups: 1 or 2, got {self.groups}")
        if self.field < 15:
            raise ValueError(f"field: three pools need 15 pixels or more, got {self.field}")
        if self.shift < 0:
            raise ValueError(f"shift: must be 0 or more, got {self.shift}")


def prepared(config: Config) -> data.Dataset:
    """The data set, small images brought to the field."""
    side = FULL[0] if config.size == "full" else 0
    return data.load_images(config.data, at_least=config.field, exactly=side)


def model(config: Config, classes: int) -> AlexNet:
    """The network of this arm."""
    full = config.size == "full"
    return AlexNet(
        "2012" if full else "small",
        classes,
        width=1.0 if full else config.width,
        groups=config.groups,
        activation=config.activation,
        response_norm=config.response_norm,
    )


def build(config: Config) -> Task:
    """The Task."""
    held = prepared(config)
    net = supervised.linen(model(config, len(held.classes)), held, supervised.training_with_dropout)
    task = supervised.task(
        held,
        net,
        config.optimizer,
        supervised.classify,
        augment=data.augmentation(config.augment, config.shift, config.flip),
        hyper={"dropout": config.dropout},
    )
    return dataclasses.replace(task, split=SPLIT)


def network(config: Config) -> tuple[AlexNet, tuple[int, ...]]:
    """The network and the shape of an image; full ones have ImageNet's thousand classes."""
    if config.size == "full":
        return model(config, 1000), FULL
    held = prepared(config)
    return model(config, len(held.classes)), held.train.inputs.shape[1:]


def published(groups: int = 1) -> dict[str, Row]:
    """The layers of the network of 2012 by name."""
    return {row.name: row for row in layer_table(AlexNet("2012", groups=groups), FULL)}


def parameters(rows: dict[str, Row]) -> int:
    """Of all layers."""
    return sum(row.parameters for row in rows.values())


def sixty_million(results: Results) -> tuple[bool, str]:
    """Notes 4.7: about 60 million parameters."""
    del results
    two, one = parameters(published(2)), parameters(published(1))
    return abs(two - 60e6) < 1.5e6, f"{two:,} with the paper's two groups, {one:,} without"


def lenet_is_a_thousandth(results: Results) -> tuple[bool, str]:
    """Notes 4.7 have LeNet-5 at 14 million parameters; it has about 60 thousand."""
    del results
    lenet = sum(row.parameters for row in layer_table(LeNet5("1998"), (32, 32, 1)))
    return abs(lenet - 60_000) < 3_000, f"{lenet:,}, AlexNet {parameters(published(2)):,}"


def fifty_five(results: Results) -> tuple[bool, str]:
    """Notes 4.7, corrected: 11x11 with stride 4 makes 55 of 227, a 3x3 pool of stride 2 then 27."""
    del results
    rows = published()
    conv, pool = rows["conv1"].shape[0], rows["pool1"].shape[0]
    printed = output_size(227, 3, stride=4)
    holds = (conv, pool) == (55, 27) and printed != 55
    return holds, f"conv {conv}, pool {pool}; the print's 3x3 with s = 4 gives {printed}"


def two_two_seven(results: Results) -> tuple[bool, str]:
    """Notes 4.7, corrected: the input is 227x227, for (224 - 11) / 4 + 1 is no whole number."""
    del results
    sides = [(n - 11) / 4 + 1 for n in (224, 227)]
    return not sides[0].is_integer() and sides[1] == 55, f"from 224: {sides[0]}, 227: {sides[1]}"


def two_gpus(results: Results) -> tuple[bool, str]:
    """Notes 4.7: on two GPUs a filter of conv2 sees half the 96 maps: 48, and half the weights."""
    del results
    halved, whole = published(2)["conv2"], published(1)["conv2"]
    seen = (halved.parameters / halved.shape[-1] - 1) / 5**2
    return (
        seen == 48,
        f"{seen:.0f} maps; {halved.parameters:,} parameters, whole {whole.parameters:,}",
    )


def updates_to_learn(arm: Arm) -> float:
    """Updates until the running mean of five logged training errors is at most `LEARNED`."""
    steps, accuracy = arm.history("train/accuracy")
    mean = np.convolve(accuracy, np.ones(5) / 5, mode="valid")
    good = np.flatnonzero(1 - mean <= LEARNED)
    return float(steps[4:][good[0]]) if good.size else float("inf")


def relu_is_sooner(results: Results) -> tuple[bool, str]:
    """Notes 4.7: ReLU is better; here, 25 % training error in fewer updates than with tanh.

    Each has the best of the rates 0.08, 0.16 and 0.3 for it, as in the paper's figure 1.
    """
    needed = {name: updates_to_learn(results[name]) for name in ("relu", "tanh")}
    told = ", ".join(f"{name} {updates:g}" for name, updates in needed.items())
    return needed["relu"] < needed["tanh"], f"updates to 25 % training error: {told}"


def halves_cost_little(results: Results) -> tuple[bool, str]:
    """Notes 4.7: training may be split over two GPUs; here, at most 3 points of accuracy lost."""
    one, two = (results[name]["test/accuracy"] for name in ("relu", "two-groups"))
    return two >= one - 0.03, f"test accuracy {two:.4f} in two groups, {one:.4f} in one"


def figures(results: Results) -> Iterator[Picture]:
    """The arms compared, the first filters, the maps, the mistakes."""
    from ngjax.report import figures as draw

    pair = {name: results[name].rows for name in ("relu", "tanh") if name in results}
    if len(pair) > 1:
        yield Picture(
            "relu-and-tanh",
            "ReLU and tanh, the rest alike (figure 1 of the paper).",
            draw.curves(pair, ["train/loss", "train/accuracy"], log=["loss"]),
        )
    yield pictures.test_errors(results, "Test error of each arm in the end.")
    arm = results.only
    classes = data.load(arm.config.data).classes
    net = model(arm.config, len(classes))
    yield from pictures.image_network(arm, net, classes, arm.params["conv1"]["kernel"])


def texts(results: Results) -> Iterator[Text]:
    """The layers of this run's network and of the published one."""
    arm = results.only
    yield Text(f"Layers of arm {arm.name}", format_table(layer_table(*network(arm.config))))
    yield Text("Layers as published, two groups", format_table(list(published(2).values())))
    yield Text("Data", data.load(arm.config.data).notes)


EXPERIMENT = Experiment(
    notes="4.7",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms=ARMS,
    smoke=("run.steps=2", "data.limit=200", "width=0.1", "field=16"),
    claims={
        "alexnet-60M": sixty_million,
        "lenet-14M-claim": lenet_is_a_thousandth,
        "alexnet-55": fifty_five,
        "alexnet-227-vs-224": two_two_seven,
        "alexnet-relu-gpus": two_gpus,
        "relu-learns-sooner": relu_is_sooner,
        "two-groups-cost-little": halves_cost_little,
    },
    figures=figures,
    texts=texts,
    network=network,
    predict=name_in_field,
    terms=("AlexNet", "convolutional networks"),
)
