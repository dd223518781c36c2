r"""Inception: all sizes of filter side by side, their maps stacked, 1x1 bottlenecks before them.

    28x28x192 -> [1x1: 64 | 1x1: 96, 3x3: 128 | 1x1: 16, 5x5: 32 | pool, 1x1: 32] -> 28x28x256

    5x5 to 32 maps directly     28 28 32 5 5 192                     = 120,422,400 multiplications
    through 16 maps             28 28 16 192 + 28 28 32 5 5 16       =  12,443,648, about a tenth

Notes 4.11; Szegedy et al. 2014. The print calls these numbers parameters, has 192 million for the
first and leaves the factor 192 out of 28 28 16 192 (2,408,448). A rival has one size of filter in
place of a module, as many filters as cost the same multiplications.

    python launch.py --experiment=inception
    python launch.py --experiment=inception --arms=inception --data.name=fashion_mnist --field=28 \
        --flip=true --width=0.25 --run.epochs=3
    python launch.py --experiment=inception --mode=table --size=full --arms=inception  # GoogLeNet
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, Picture, Results, Text, pictures
from ngjax.experiment.naming import name_in_field
from ngjax.models.alexnet import AlexNet
from ngjax.models.inception import MODULES, GoogLeNet, Inception, Unit
from ngjax.models.layers import Conv, Dense
from ngjax.models.table import format_table, layer_table
from ngjax.ops.dropout import Dropout
from ngjax.ops.initializers import xavier
from ngjax.ops.pool import max_pool
from ngjax.train.settings import Run
from ngjax.types import Array, Task

FULL = (224, 224, 3)
VOLUME = (28, 28, 192)  # the notes' input of a module
ARMS = {"inception": (), "3x3": ("single=3",), "5x5": ("single=5",), "1x1": ("single=1",)}
RIVALS = tuple(name for name in ARMS if name != "inception")
MOST = 4096  # filters that a rival may have
SLACK = 0.05  # part by which a rival's multiplications may differ from the module's


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    size: Literal["small", "full"] = "small"  # full: GoogLeNet as published, for data.size=224
    single: Literal[0, 1, 3, 5] = 0  # side of the one filter in place of a module; 0: the module
    width: float = 0.125  # factor of the small network's filters
    dropout: float = 0.2  # share of units dropped before the last layer in training
    remat: bool = False  # compute a block's maps anew in the backward pass, to save memory
    field: int = 16  # pixels a side that smaller images are brought to
    augment: Literal["shift", "imagenet"] = "shift"  # imagenet: parts of all sizes, colours
    shift: int = 1  # pixels that a training image is moved by at most; of augment=shift
    flip: bool = False  # exchange left and right in one case of two; not for digits
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=4e-3, schedule="cosine")
    run: Run = Run(epochs=20, batch_size=64)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if not self.width > 0:
            raise ValueError(f"width: must be above 0, got {self.width}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: must be in [0, 1), got {self.dropout}")
        if self.remat and self.single:
            raise ValueError("remat: is of modules, and single leaves them out")
        if self.single and self.size == "full":
            raise ValueError("single: the rivals of a module are small networks")
        if self.field < 1:
            raise ValueError(f"field: must be 1 or more, got {self.field}")
        if self.shift < 0:
            raise ValueError(f"shift: must be 0 or more, got {self.shift}")


class SingleFilter(nn.Module):
    """GoogLeNet's small form with one convolution in place of each module.

    Attributes:
        side: of its filters.
        filters: of each.
        stem: filters of the first convolution.
        classes: outputs K.
    """

    side: int
    filters: int
    stem: int
    classes: int = 10

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool = False, dropout: Dropout | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, H, W, C] to (logits [B, K], activations by name)."""
        unit = functools.partial(Unit, batch_norm=True)
        pool = functools.partial(max_pool, window=3, stride=2, padding="SAME")
        out: dict[str, Array] = {}
        a = out["conv1"] = unit(self.stem, 3, name="conv1")(x, train)  # [B, H, W, stem]
        a = out["pool1"] = pool(a)  # [B, H / 2, W / 2, stem]
        for name in ("3a", "3b", "4a"):
            if name == "4a":
                a = out["pool3"] = pool(a)  # [B, H / 4, W / 4, filters]
            module = unit(self.filters, self.side, name=f"single_{name}")
            a = out[f"single_{name}"] = module(a, train)  # [B, H / 2, W / 2, filters]
        a = out["pool"] = a.mean((1, 2))  # [B, filters]
        a = a if dropout is None else dropout(0, a)
        out["fc"] = Dense(self.classes, kernel_init=xavier(), name="fc")(a)  # [B, K]
        return out["fc"], out


class ToThirtyTwo(nn.Module):
    """The notes' example: 5x5 over 192 maps to 32, directly or through a bottleneck of 16."""

    bottleneck: int = 0

    @nn.compact
    def __call__(self, a: Array) -> tuple[Array, dict[str, Array]]:
        """Maps [B, 28, 28, 192] to [B, 28, 28, 32]."""
        out = {}
        if self.bottleneck:
            a = out["one"] = Conv(self.bottleneck, 1, use_bias=False, name="one")(a)
        a = out["five"] = Conv(32, 5, use_bias=False, name="five")(a)
        return a, out


def multiplications(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Of a network on one image, in convolutions and full connections."""
    return sum(row.multiplications for row in layer_table(module, shape))


def small(config: Config, classes: int, shape: tuple[int, ...]) -> nn.Module:
    """The small network of this arm: the module's, or a rival as dear as it."""
    net = GoogLeNet("small", classes, width=config.width, remat=config.remat)
    return fair_rival(net, config.single, shape) if config.single else net


@functools.cache
def fair_rival(net: GoogLeNet, side: int, shape: tuple[int, ...]) -> SingleFilter:
    """The network of one size of filter whose multiplications are nearest to those of `net`."""
    wanted, stem = multiplications(net, shape), max(1, round(net.width * 64))

    def off(filters: int) -> int:
        return multiplications(SingleFilter(side, filters, stem, net.classes), shape) - wanted

    low, high = 1, MOST  # the cost rises with the filters: halve the range
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if off(middle) <= 0 else (low, middle)
    return SingleFilter(side, min((low, high), key=lambda f: abs(off(f))), stem, net.classes)


def prepared(config: Config) -> data.Dataset:
    """The data set, small images brought to the field."""
    side = FULL[0] if config.size == "full" else 0
    return data.load_images(config.data, at_least=config.field, exactly=side)


def network(config: Config) -> tuple[nn.Module, tuple[int, ...]]:
    """The network and the shape of an image; full ones have ImageNet's thousand classes."""
    if config.size == "full":
        return GoogLeNet("2014"), FULL
    held = prepared(config)
    shape = held.train.inputs.shape[1:]
    return small(config, len(held.classes), shape), shape


def build(config: Config) -> Task:
    """The Task."""
    held = prepared(config)
    classes = len(held.classes)
    full = config.size == "full"
    module = GoogLeNet("2014", classes, remat=config.remat) if full else network(config)[0]
    return supervised.task(
        held,
        supervised.linen(module, held, supervised.training_with_dropout),
        config.optimizer,
        supervised.classify,
        augment=data.augmentation(config.augment, config.shift, config.flip),
        hyper={"dropout": config.dropout},
    )


def channels_are_stacked(results: Results) -> tuple[bool, str]:
    """Notes 4.11: the branches' maps are stacked; 64 + 128 + 32 + 32 = 256 on 28x28x192."""
    del results
    start = functools.partial(Inception(MODULES["3a"]).init_with_output, jax.random.key(0))
    shape = jax.eval_shape(start, jax.ShapeDtypeStruct((1, *VOLUME), jnp.float32))[0].shape[1:]
    w = MODULES["3a"]
    branches = (w.one, w.three, w.five, w.pooled)
    return shape == (28, 28, sum(branches)) and shape[-1] == 256, f"{branches} -> {shape}"


def direct_cost(results: Results) -> tuple[bool, str]:
    """Notes 4.11, corrected: 28 28 32 5 5 192 = 120,422,400 multiplications, not 192 million."""
    del results
    five = layer_table(ToThirtyTwo(), VOLUME)[-1]
    found = (five.multiplications, five.parameters)
    told = f"{found[0]:,} multiplications, {found[1]:,} parameters"
    return found == (120_422_400, 153_600), told


def through_a_bottleneck() -> tuple[int, int, int]:
    """Multiplications of the 1x1 and of the 5x5 behind it, and the parameters of both."""
    _, one, five = layer_table(ToThirtyTwo(16), VOLUME)
    return one.multiplications, five.multiplications, one.parameters + five.parameters


def bottleneck_first(results: Results) -> tuple[bool, str]:
    """Notes 4.11, corrected: the 1x1 costs 28 28 16 192 = 2,408,448 (print: 28 28 16)."""
    del results
    cost = through_a_bottleneck()[0]
    return cost == 2_408_448, f"{cost:,} multiplications; 28 28 16 = {28 * 28 * 16:,}"


def bottleneck_second(results: Results) -> tuple[bool, str]:
    """Notes 4.11: the 5x5 over 16 maps costs 10 million multiplications."""
    del results
    cost = through_a_bottleneck()[1]
    return abs(cost - 10e6) < 5e4, f"{cost:,} multiplications"


def a_tenth(results: Results) -> tuple[bool, str]:
    """Notes 4.11: together 12 million multiplications, a tenth of the direct ones."""
    del results
    direct = multiplications(ToThirtyTwo(), VOLUME)
    total = sum(through_a_bottleneck()[:2])
    share = total / direct
    return abs(total - 12e6) < 5e5 and abs(share - 0.1) < 0.01, f"{total:,}, {share:.4f} of direct"


def not_parameters(results: Results) -> tuple[bool, str]:
    """Notes 4.11, corrected: the costs are multiplications; parameters are 15,872 in all."""
    del results
    total = through_a_bottleneck()[2]
    return total == 15_872, f"{total:,} parameters"


def fewer_than_alexnet(results: Results) -> tuple[bool, str]:
    """Szegedy et al. 2014: twelve times fewer parameters than AlexNet; here, eight to thirteen."""
    del results
    googlenet = sum(row.parameters for row in layer_table(GoogLeNet("2014"), FULL))
    alexnet = sum(row.parameters for row in layer_table(AlexNet(groups=2), (227, 227, 3)))
    ratio = alexnet / googlenet
    return 8 <= ratio <= 13, f"{googlenet:,}; AlexNet {alexnet:,}, {ratio:.1f} times"


def equal_cost(results: Results) -> tuple[bool, str]:
    """A rival costs the module's multiplications to one part in 20; whole filters go no nearer."""
    costs = {name: multiplications(*network(results[name].config)) for name in ARMS}
    told = ", ".join(f"{name} {cost:,}" for name, cost in costs.items())
    module = costs["inception"]
    return all(abs(cost - module) <= SLACK * module for cost in costs.values()), told


def all_sizes_at_once(results: Results) -> tuple[bool, str]:
    """Notes 4.11: why not do them all; here, within two points of the best single size."""
    found = {name: results[name]["test/accuracy"] for name in ARMS}
    told = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
    best = max(found[name] for name in RIVALS)
    return found["inception"] >= best - 0.02, f"test accuracy: {told}"


def figures(results: Results) -> Iterator[Picture]:
    """The arms compared, what each branch makes of an image, filters, mistakes."""
    from ngjax.report import figures as draw

    caption = "Test error of each arm in the end; multiplications are equal."
    yield pictures.test_errors(results, caption)
    arm = results.only
    classes, (module, _) = data.load(arm.config.data).classes, network(arm.config)
    if not arm.config.single:
        image = prepared(arm.config).test.inputs[:1]
        maps = supervised.activations(module, arm.task, arm.params, arm.state.extra, image)
        stacked = np.asarray(maps["inception_3a"][0])  # [H, W, one + three + five + pooled]
        weights = arm.params["inception_3a"]
        counts = {
            name: weights[part]["conv"]["kernel"].shape[-1]
            for name, part in (
                ("1x1", "one"),
                ("3x3", "three"),
                ("5x5", "five"),
                ("pool", "pooled"),
            )
        }
        ends = np.cumsum(list(counts.values()))
        branches = dict(zip(counts, np.split(stacked, ends[:-1], axis=-1), strict=True))
        yield Picture(
            "branches",
            "What the four branches of module 3a make of the first test image, stacked in this "
            "order along the channels.",
            draw.feature_maps(branches),
        )
    kernel = arm.params["conv1"]["conv"]["kernel"]
    yield from pictures.image_network(arm, module, classes, kernel)


def texts(results: Results) -> Iterator[Text]:
    """The layers of every arm and of GoogLeNet."""
    for name, arm in results.items():
        yield Text(f"Layers of arm {name}", format_table(layer_table(*network(arm.config))))
    yield Text("Layers of GoogLeNet", format_table(layer_table(GoogLeNet("2014"), FULL)))
    yield Text("Data", data.load(results.only.config.data).notes)


EXPERIMENT = Experiment(
    notes="4.11",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms=ARMS,
    smoke=("run.steps=2", "data.limit=200", "width=0.05", "field=8"),
    claims={
        "inception-concat": channels_are_stacked,
        "inception-cost-120M": direct_cost,
        "inception-bottleneck-first": bottleneck_first,
        "inception-bottleneck-second": bottleneck_second,
        "inception-total-12M": a_tenth,
        "inception-params-noun": not_parameters,
        "googlenet-parameters": fewer_than_alexnet,
        "equal-cost": equal_cost,
        "inception-does-them-all": all_sizes_at_once,
    },
    figures=figures,
    texts=texts,
    network=network,
    predict=name_in_field,
    terms=("inception network", "one by one convolution"),
)
