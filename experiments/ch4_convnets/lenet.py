r"""LeNet-5: two convolutions, each pooled, and three full connections read digits.

    32x32 -> CONV 5x5 -> 28x28 -> POOL 14x14 -> CONV 5x5 -> 10x10 -> POOL 5x5 -> 120 -> 84 -> 10

Notes 4.4 and 4.6; LeCun, Bottou, Bengio & Haffner 1998. Arm `1998` is the paper's network (one
channel, 6 and 16 maps, tanh, average pooling), arm `notes` is the table of notes 4.4 (three
channels, 8 and 16 filters, ReLU, max pooling). The notes' column of parameters forgets input
channels and biases; the report prints both columns.

    python launch.py --experiment=lenet
    python launch.py --experiment=lenet --data.name=fashion_mnist --arms=1998 --shift=0 \
        --run.epochs=10
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Literal

import numpy as np

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.experiment.naming import name_images
from ngjax.models.lenet import SIDE, LeNet5
from ngjax.models.table import format_table, layer_table
from ngjax.train.settings import Run
from ngjax.types import Task

PRINTED = (208, 416, 48001, 10081, 841)  # the notes' parameters of conv1 ... softmax
RIGHT = (608, 3216, 48120, 10164, 850)
TINTS = {"1998": 1, "notes": 3}  # input channels of each variant


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    variant: Literal["1998", "notes"] = "1998"  # whose network
    shift: int = 2  # pixels a training image is moved by at most, either way, in its 32x32 field
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=2e-3, schedule="cosine")
    run: Run = Run(epochs=60, batch_size=64)

    def __post_init__(self) -> None:
        """Refuse what no picture can be."""
        if not 0 <= self.shift < SIDE:
            raise ValueError(f"shift: must be in 0 ... {SIDE - 1}, got {self.shift}")


def tinted(images: np.ndarray, channels: int) -> np.ndarray:
    """Grey to three equal channels, colour to their mean, or as they are."""
    if images.shape[-1] == channels:
        return images
    grey = images.mean(axis=-1, keepdims=True).astype(images.dtype)
    return grey.repeat(channels, axis=-1)  # [m, H, W, channels]


def inputs(config: Config, images: np.ndarray) -> np.ndarray:
    """Images as the variant reads them, uint8 [m, 32, 32, C]."""
    return tinted(data.field(images, SIDE), TINTS[config.variant])


def build(config: Config) -> Task:
    """The Task."""
    held = data.load(config.data, kinds=("images",))
    held = data.changed(held, lambda images: inputs(config, images))
    network = supervised.linen(LeNet5(config.variant, classes=len(held.classes)), held)
    augment = data.shift_and_flip(config.shift)
    return supervised.task(held, network, config.optimizer, supervised.classify, augment=augment)


def network(config: Config) -> tuple[LeNet5, tuple[int, ...]]:
    """The network of ten classes and the shape of an image."""
    return LeNet5(config.variant), (SIDE, SIDE, TINTS[config.variant])


def parameters(config: Config) -> tuple[int, ...]:
    """Parameters of every layer that has some, in order."""
    return tuple(row.parameters for row in layer_table(*network(config)) if row.parameters)


def counts_as_corrected(results: Results) -> tuple[bool, str]:
    """Notes 4.4, corrected: (5*5*3+1)*8 = 608, (5*5*8+1)*16 = 3216, 48120, 10164, 850."""
    found = parameters(results["notes"].config)
    return found == RIGHT, f"parameters {found}, the notes print {PRINTED}"


def sixty_thousand(results: Results) -> tuple[bool, str]:
    """Notes 4.6: LeNet-5 has about 60,000 parameters."""
    total = sum(parameters(results["1998"].config))
    return abs(total - 60_000) < 3_000, f"{total:,} parameters, every C3 map reading all S2 maps"


def reads_digits(results: Results) -> tuple[bool, str]:
    """Notes 4.6: it recognises handwritten digits; here, 19 of 20 unseen ones or better."""
    if results["1998"].config.data.name not in ("digits", "mnist"):
        raise NotAsked(f"{results['1998'].config.data.name} holds no digits")
    accuracy = results["1998"]["test/accuracy"]
    return accuracy >= 0.95, f"test accuracy {accuracy:.4f}"


def figures(results: Results) -> Iterator[Picture]:
    """The mistakes, the learned filters, who is taken for whom."""
    from ngjax.report import figures as draw

    for name, arm in results.items():
        z, batch = arm.predict("test")
        guess, truth = z.argmax(-1), batch["targets"]
        classes = data.load(arm.config.data).classes
        yield Picture(
            f"predictions-{name}",
            f"Test images, the {int((guess != truth).sum())} mistakes of arm {name} first: "
            "read as (is).",
            draw.predictions(batch["inputs"], guess, truth, classes),
        )
        first = "c1" if arm.config.variant == "1998" else "conv1"
        yield Picture(
            f"filters-{name}",
            f"The 5x5 filters that {first} of arm {name} learned.",
            draw.filters(arm.params[first]["kernel"]),
        )
        matrix = np.zeros((len(classes), len(classes)), int)
        np.add.at(matrix, (truth, guess), 1)
        yield Picture(
            f"confusion-{name}",
            f"Arm {name}: true class by row, read class by column.",
            draw.confusion(matrix, classes),
        )


def texts(results: Results) -> Iterator[Text]:
    """The table of notes 4.4, counted."""
    for name, arm in results.items():
        rows = layer_table(*network(arm.config))
        table = format_table(rows)
        if arm.config.variant == "notes":
            layers = [row for row in rows if row.parameters]
            table += "\n\nparameters" + " " * 10 + "counted   printed in the notes\n"
            table += "\n".join(
                f"{row.name:16}{row.parameters:11,}{printed:25,}"
                for row, printed in zip(layers, PRINTED, strict=True)
            )
        yield Text(f"Layers of arm {name}", table)
    yield Text("Data", data.load(results.only.config.data).notes)


EXPERIMENT = Experiment(
    notes="4.4, 4.6",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms={"1998": (), "notes": ("variant=notes",)},
    smoke=("run.steps=4", "data.limit=200"),
    claims={
        "lenet-parameters-of-the-table": counts_as_corrected,
        "lenet-about-60000-parameters": sixty_thousand,
        "lenet-reads-digits": reads_digits,
    },
    figures=figures,
    texts=texts,
    network=network,
    predict=functools.partial(name_images, inputs=inputs),
    terms=(
        "LeNet-5",
        "convolutional networks",
        "pooling layers",
        "max pooling",
        "parameter sharing",
    ),
)
