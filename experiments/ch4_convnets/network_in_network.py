r"""Network in Network: 1x1 convolutions mix the channels at every place, then maps are averaged.

    1x1 * n'_c filters:   z[i, j, k] = sum_c w[c, k] a[i, j, c] + b[k],   g(z)     n_c -> n'_c
    6x6x32 * (1x1x32) x n'_c -> 6x6xn'_c                on one channel: the image times a number

Notes 4.10; Lin, Chen & Yan 2013. The print has one 1x1x32 filter give 6x6x32: it gives 6x6x1, as
many maps as there are filters. Arm `1x1` is the paper's network; `none` leaves its 1x1 layers out
but for the last, which makes the scores; `3x3` has 3x3 filters in their places. Their widths are
chosen for equal parameters.

    python launch.py --experiment=network_in_network
    python launch.py --experiment=network_in_network --arms=1x1 --data.name=cifar10 --width=1 \
        --field=32 --shift=4 --flip=true --optimizer.learning_rate=1e-3 --run.epochs=100
    python launch.py --experiment=network_in_network --mode=table --size=full --arms=1x1
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Literal

import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, Picture, Results, Text, pictures
from ngjax.experiment.naming import name_in_field
from ngjax.models.layers import Conv
from ngjax.models.network_in_network import NetworkInNetwork
from ngjax.models.table import format_table, layer_table
from ngjax.train.settings import Run
from ngjax.types import Task

PUBLISHED = 966_986  # parameters for CIFAR-10
ARMS = {"1x1": (), "none": ("cascade=0",), "3x3": ("cascade=3",)}
GRID = tuple(round(1.02**power, 4) for power in range(-100, 101))  # widths that are tried
SHOWN = 6  # images with their maps of classes


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    size: Literal["small", "full"] = "small"  # full: the paper's widths for CIFAR, data.size=32
    cascade: Literal[0, 1, 3] = 1  # side of the convolutions behind every first one; 0: none
    width: float = 0.2  # factor of the filters of arm 1x1; the others' follow
    dropout: float = 0.2  # share of units dropped behind the pools in training
    field: int = 16  # pixels a side that smaller images are brought to
    augment: Literal["shift", "imagenet"] = "shift"  # imagenet: parts of all sizes, colours
    shift: int = 1  # pixels that a training image is moved by at most; of augment=shift
    flip: bool = False  # exchange left and right in one case of two; not for digits
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=4e-3, schedule="cosine")
    run: Run = Run(epochs=30, batch_size=64)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if not self.width > 0:
            raise ValueError(f"width: must be above 0, got {self.width}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: must be in [0, 1), got {self.dropout}")
        if self.field < 8:
            raise ValueError(f"field: two pools need 8 pixels or more, got {self.field}")
        if self.shift < 0:
            raise ValueError(f"shift: must be 0 or more, got {self.shift}")


def prepared(config: Config) -> data.Dataset:
    """The data set, small images brought to the field."""
    side = 32 if config.size == "full" else 0
    return data.load_images(config.data, at_least=config.field, exactly=side)


@functools.cache
def parameters(classes: int, width: float, cascade: int, shape: tuple[int, ...]) -> int:
    """Of a network on images of a shape."""
    net = NetworkInNetwork(classes, width, cascade)
    return sum(row.parameters for row in layer_table(net, shape))


@functools.cache
def fair_width(classes: int, width: float, cascade: int, shape: tuple[int, ...]) -> float:
    """The width at which a network has about the parameters of the paper's of a width."""
    if cascade == 1:
        return width
    wanted = parameters(classes, width, 1, shape)
    low, high = 0, len(GRID) - 1  # parameters rise with the width: halve the range
    while high - low > 1:
        middle = (low + high) // 2
        if parameters(classes, width * GRID[middle], cascade, shape) <= wanted:
            low = middle
        else:
            high = middle
    return width * GRID[low]


def network(config: Config) -> tuple[NetworkInNetwork, tuple[int, ...]]:
    """The network and the shape of an image; the full one is CIFAR-10's."""
    if config.size == "full":
        classes, shape, width = 10, (32, 32, 3), 1.0
    else:
        held = prepared(config)
        classes, shape, width = len(held.classes), held.train.inputs.shape[1:], config.width
    return at_width(config, classes, width, shape), shape


def at_width(
    config: Config, classes: int, width: float, shape: tuple[int, ...]
) -> NetworkInNetwork:
    """The network of this arm, as wide as its rivals' parameters allow."""
    fair = fair_width(classes, width, config.cascade, shape)
    return NetworkInNetwork(classes, fair, config.cascade)


def build(config: Config) -> Task:
    """The Task."""
    held = prepared(config)
    width = 1.0 if config.size == "full" else config.width
    module = at_width(config, len(held.classes), width, held.train.inputs.shape[1:])
    return supervised.task(
        held,
        supervised.linen(module, held, supervised.training_with_dropout),
        config.optimizer,
        supervised.classify,
        augment=data.augmentation(config.augment, config.shift, config.flip),
        hyper={"dropout": config.dropout},
    )


def layer(a: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A 1x1 convolution of one image [H, W, C] by a kernel [1, 1, C, K] without bias."""
    conv = Conv(kernel.shape[-1], 1, use_bias=False)
    return np.asarray(
        conv.apply({"params": {"kernel": jnp.asarray(kernel)}}, jnp.asarray(a)[None])
    )[0]


def scales_one_channel(results: Results) -> tuple[bool, str]:
    """Notes 4.10: on one channel the filter [2] makes [2, 4, 6] of [1, 2, 3]."""
    del results
    z = layer(np.array([[[1.0], [2.0], [3.0]]], np.float32), np.full((1, 1, 1, 1), 2, np.float32))
    return z.ravel().tolist() == [2, 4, 6], str(z.ravel().tolist())


def maps_are_filters(results: Results) -> tuple[bool, str]:
    """Notes 4.10, corrected: 6x6x32 by one 1x1x32 filter is 6x6x1, by 32 of them 6x6x32."""
    del results
    a = np.ones((6, 6, 32), np.float32)
    found = [layer(a, np.ones((1, 1, 32, count), np.float32)).shape for count in (1, 32)]
    return found == [(6, 6, 1), (6, 6, 32)], f"{found[0]} and {found[1]}"


def is_full_connection(results: Results) -> tuple[bool, str]:
    """Notes 4.10: 32 products at every place: the same full connection for each pixel."""
    del results
    generator = np.random.default_rng(0)
    a = generator.normal(size=(6, 6, 32)).astype(np.float32)
    W = generator.normal(size=(32, 8)).astype(np.float32)
    by_pixel = (a.reshape(-1, 32) @ W).reshape(6, 6, 8)
    off = float(np.abs(layer(a, W[None, None]) - by_pixel).max())
    return off < 1e-4, f"largest difference {off:.1e}"


def published_parameters(results: Results) -> tuple[bool, str]:
    """Lin et al. 2013: about a million parameters for CIFAR-10, 966,986 as published."""
    del results
    total = parameters(10, 1.0, 1, (32, 32, 3))
    return total == PUBLISHED, f"{total:,} parameters"


def equal_parameters(results: Results) -> tuple[bool, str]:
    """The arms have equal parameters, to one part in 20."""
    counts = {
        name: sum(r.parameters for r in layer_table(*network(results[name].config)))
        for name in ARMS
    }
    told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return max(counts.values()) < 1.05 * min(counts.values()), told


def one_by_one_helps(results: Results) -> tuple[bool, str]:
    """Notes 4.10: 1x1 layers help; here, a lower dev loss than without, at equal parameters."""
    loss = {name: results[name]["dev/loss"] for name in ARMS}
    told = ", ".join(f"{name} {value:.3f}" for name, value in loss.items())
    return loss["1x1"] < loss["none"], f"dev loss: {told}"


def figures(results: Results) -> Iterator[Picture]:
    """The maps of the classes, the arms compared, filters, mistakes."""
    from ngjax.report import figures as draw

    arm = results.only
    held, (module, _) = prepared(arm.config), network(arm.config)
    chosen = np.unique(held.test.targets, return_index=True)[1][:SHOWN]  # the first of a class
    images = held.test.inputs[chosen]
    maps = supervised.activations(module, arm.task, arm.params, arm.state.extra, images)
    last = np.asarray(maps["cccp6"], np.float64)  # [SHOWN, H, W, K]
    low, high = last.min((1, 2, 3), keepdims=True), last.max((1, 2, 3), keepdims=True)
    shade = (last - low) / np.maximum(high - low, 1e-12)
    tiles, titles = [], []
    for image, row, truth in zip(images, shade, held.test.targets[chosen], strict=True):
        tiles += [image / 255.0, *np.moveaxis(row, -1, 0)]
        titles += [f"is {held.classes[truth]}", *held.classes]
    yield Picture(
        "class-maps",
        f"The last maps of arm {arm.name}, one a class, whose averages are the scores: bright "
        "where a place speaks for the class.",
        draw.image_grid(tiles, titles, columns=1 + len(held.classes)),
    )
    caption = "Test error of each arm in the end; parameters are equal."
    yield pictures.test_errors(results, caption)
    kernel = arm.params["conv1"]["kernel"]
    yield from pictures.image_network(arm, module, held.classes, kernel)


def texts(results: Results) -> Iterator[Text]:
    """The layers of every arm and of the published network."""
    for name, arm in results.items():
        yield Text(f"Layers of arm {name}", format_table(layer_table(*network(arm.config))))
    whole = format_table(layer_table(NetworkInNetwork(), (32, 32, 3)))
    yield Text("Layers as published for CIFAR-10", whole)
    yield Text("Data", data.load(results.only.config.data).notes)


EXPERIMENT = Experiment(
    notes="4.10",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms=ARMS,
    smoke=("run.steps=2", "data.limit=200", "width=0.05", "field=8"),
    claims={
        "one-by-one-scalar": scales_one_channel,
        "one-by-one-volume": maps_are_filters,
        "one-by-one-is-pixelwise-fc": is_full_connection,
        "network-in-network-parameters": published_parameters,
        "equal-parameters": equal_parameters,
        "one-by-one-helps": one_by_one_helps,
    },
    figures=figures,
    texts=texts,
    network=network,
    predict=name_in_field,
    terms=("one by one convolution", "convolutional networks"),
)
