r"""VGG: 3x3 convolutions and 2x2 pools alone, in blocks that double their filters.

    224x224x3 -> [CONV 64]x2 -> POOL 112 -> [CONV 128]x2 -> POOL 56 -> [CONV 256]x3 -> POOL 28
      -> [CONV 512]x3 -> POOL 14 -> [CONV 512]x3 -> POOL 7x7x512 -> 4096 -> 4096 -> softmax 1000

    two 3x3 in place of one 5x5: each place still sees 5x5, by 2 (9 C^2) instead of 25 C^2 weights
    (where the filters double, C to 2 C, the pair has 18 C^2 + 36 C^2 and the one 50 C^2)

Notes 4.8; Simonyan & Zisserman 2015. The print explains [CONV 64]x2 with f = 3, s = 2, 27x27x96:
that is AlexNet's pool. Here a convolution keeps 224, and the pool makes 112 of it.

    python launch.py --experiment=vgg
    python launch.py --experiment=vgg --arms=3x3 --data.name=fashion_mnist --field=28 --flip=true \
        --run.epochs=3
    python launch.py --experiment=vgg --mode=table --size=full --arms=3x3     # VGG-16
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, Picture, Results, Text, pictures
from ngjax.experiment.naming import name_in_field
from ngjax.models.layers import Conv
from ngjax.models.table import Row, format_table, layer_table
from ngjax.models.vgg import VGG
from ngjax.ops.convolve import convolve, output_size
from ngjax.train.settings import Run
from ngjax.types import Array, Task

FULL = (224, 224, 3)
CHANNELS = 64  # of the pair of filters that is weighed
ARMS = {
    "5x5": ("depth=small5", "side=5"),
    "3x3": ("depth=small8",),
    "shallow": ("depth=small5",),
    "deep": ("depth=small11",),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    size: Literal["small", "full"] = "small"  # full: as published, for data.size=224
    layers: Literal[11, 13, 16, 19] = 16  # of the full network
    depth: Literal["small5", "small8", "small11"] = "small8"  # of the small one, likewise
    side: int = 3  # of the filters
    width: float = 0.5  # factor of the small network's filters and units
    batch_norm: bool = False  # normalise behind every convolution; not in the paper
    dropout: float = 0.2  # share of units dropped behind the full connections in training
    field: int = 16  # pixels a side that smaller images are brought to
    augment: Literal["shift", "imagenet"] = "shift"  # imagenet: parts of all sizes, colours
    shift: int = 1  # pixels that a training image is moved by at most; of augment=shift
    flip: bool = False  # exchange left and right in one case of two; not for digits
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=2e-3, schedule="cosine")
    run: Run = Run(epochs=30, batch_size=64)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if not self.width > 0:
            raise ValueError(f"width: must be above 0, got {self.width}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: must be in [0, 1), got {self.dropout}")
        if self.side < 1:
            raise ValueError(f"side: must be 1 or more, got {self.side}")
        if self.field < 8:
            raise ValueError(f"field: three pools need 8 pixels or more, got {self.field}")
        if self.shift < 0:
            raise ValueError(f"shift: must be 0 or more, got {self.shift}")


def prepared(config: Config) -> data.Dataset:
    """The data set, small images brought to the field."""
    side = FULL[0] if config.size == "full" else 0
    return data.load_images(config.data, at_least=config.field, exactly=side)


def model(config: Config, classes: int) -> VGG:
    """The network of this arm."""
    full = config.size == "full"
    return VGG(
        str(config.layers) if full else config.depth,
        classes,
        width=1.0 if full else config.width,
        side=config.side,
        batch_norm=config.batch_norm,
    )


def build(config: Config) -> Task:
    """The Task."""
    held = prepared(config)
    keywords = supervised.training_with_dropout if config.dropout else supervised.training
    net = supervised.linen(model(config, len(held.classes)), held, keywords)
    return supervised.task(
        held,
        net,
        config.optimizer,
        supervised.classify,
        augment=data.augmentation(config.augment, config.shift, config.flip),
        hyper={"dropout": config.dropout},
    )


def network(config: Config) -> tuple[VGG, tuple[int, ...]]:
    """The network and the shape of an image; full ones have ImageNet's thousand classes."""
    if config.size == "full":
        return model(config, 1000), FULL
    held = prepared(config)
    return model(config, len(held.classes)), held.train.inputs.shape[1:]


def published(depth: str = "16") -> dict[str, Row]:
    """The layers of a network of the paper by name."""
    return {row.name: row for row in layer_table(VGG(depth), FULL)}


def parameters(rows: dict[str, Row]) -> int:
    """Of all layers."""
    return sum(row.parameters for row in rows.values())


class Stack(nn.Module):
    """Convolutions without bias, one behind the other, that keep the channels."""

    sides: tuple[int, ...]

    @nn.compact
    def __call__(self, a: Array) -> tuple[Array, dict[str, Array]]:
        """Maps [B, H, W, C] to [B, H, W, C]."""
        out = {}
        for number, f in enumerate(self.sides, 1):
            conv = Conv(a.shape[-1], f, use_bias=False, name=f"conv{number}")
            a = out[f"conv{number}"] = conv(a)  # [B, H, W, C]
        return a, out


def seen(sides: tuple[int, ...]) -> int:
    """Side of what one place of the last of several convolutions sees of the image.

    Found by asking which pixels have a slope, under filters of ones.
    """

    def middle(image: Array) -> Array:
        a = image
        for f in sides:
            a = convolve(a, jnp.ones((f, f, 1, 1)))
        return a[0, 7, 7, 0]

    slope = jax.grad(middle)(jnp.zeros((1, 15, 15, 1)))
    return round(float(jnp.sqrt((slope != 0).sum())))


def convolutions(config: Config) -> int:
    """Parameters of an arm's convolutions."""
    return sum(row.parameters for row in layer_table(*network(config)) if "conv" in row.name)


def of_138_million(results: Results) -> tuple[bool, str]:
    """Notes 4.8: VGG-16 has 138 million parameters."""
    del results
    total = parameters(published())
    return total == 138_357_544, f"{total:,} parameters"


def sixteen_and_nineteen(results: Results) -> tuple[bool, str]:
    """Notes 4.8: VGG-16 has 16 layers with weights, VGG-19 has 19."""
    del results
    rows = {depth: published(depth) for depth in ("16", "19")}
    found = [sum(row.parameters > 0 for row in table.values()) for table in rows.values()]
    return found == [16, 19], f"{found} layers; VGG-19 has {parameters(rows['19']):,} parameters"


def convolution_keeps_pool_halves(results: Results) -> tuple[bool, str]:
    """Notes 4.8: 3x3 convolutions of stride 1 keep 224, a 2x2 pool of stride 2 makes 112."""
    del results
    rows = published()
    found = [rows[name].shape[0] for name in ("conv1_1", "conv1_2", "pool1")]
    return found == [224, 224, 112], f"sides {found}"


def tail(results: Results) -> tuple[bool, str]:
    """Notes 4.8: 14x14x512, pooled to 7x7x512 = 25,088, then 4096, 4096 and 1000."""
    del results
    rows = published()
    shapes = [rows[name].shape for name in ("conv5_3", "pool5", "fc6", "fc7", "fc8")]
    right = [(14, 14, 512), (7, 7, 512), (4096,), (4096,), (1000,)]
    return shapes == right and rows["pool5"].size == 25_088, " ".join(map(str, shapes))


def label_is_alexnets(results: Results) -> tuple[bool, str]:
    """Notes 4.8, corrected: f = 3, s = 2 and 27 are AlexNet's pool; [CONV 64] keeps 224."""
    del results
    pool, conv = output_size(55, 3, stride=2), published()["conv1_1"].shape
    return (pool, conv) == (27, (224, 224, 64)), f"of 55 a pool makes {pool}; conv1_1 {conv}"


def two_threes_see_five(results: Results) -> tuple[bool, str]:
    """Simonyan & Zisserman 2015, 2.3: two 3x3 see what a 5x5 sees, by 18/25 of its weights."""
    del results
    pair, one = (
        sum(row.parameters for row in layer_table(Stack(sides), (15, 15, CHANNELS)))
        for sides in ((3, 3), (5,))
    )
    sides = [seen((3, 3)), seen((5,))]
    told = f"they see {sides[0]} and {sides[1]} pixels a side; {pair:,} weights, {one:,}"
    return sides == [5, 5] and 25 * pair == 18 * one, f"{told} for {CHANNELS} channels"


def two_threes_read_as_well(results: Results) -> tuple[bool, str]:
    """Simonyan & Zisserman 2015: pairs of 3x3 do better than 5x5; here, within a point at least."""
    pair, one = (results[name]["test/accuracy"] for name in ("3x3", "5x5"))
    return pair >= one - 0.01, f"test accuracy {pair:.4f} by pairs of 3x3, {one:.4f} by 5x5"


def deeper_gains_little(results: Results) -> tuple[bool, str]:
    """Notes 4.8: VGG-16 does almost as well as VGG-19; here, 8 layers within 2 points of 11."""
    less, more = (results[name]["test/accuracy"] for name in ("3x3", "deep"))
    return less >= more - 0.02, f"test accuracy {less:.4f} with 8 layers, {more:.4f} with 11"


def figures(results: Results) -> Iterator[Picture]:
    """Error and parameters, the first filters, the maps, the mistakes."""
    named = {f"{name}: {convolutions(arm.config):,}": arm for name, arm in results.items()}
    caption = "Test error of each arm in the end, with the parameters of its convolutions."
    yield pictures.test_errors(named, caption)
    arm = results.get("3x3", results.only)
    classes = data.load(arm.config.data).classes
    net = model(arm.config, len(classes))
    yield from pictures.image_network(arm, net, classes, arm.params["conv1_1"]["kernel"])


def texts(results: Results) -> Iterator[Text]:
    """The layers of every arm and of VGG-16."""
    for name, arm in results.items():
        yield Text(f"Layers of arm {name}", format_table(layer_table(*network(arm.config))))
    yield Text("Layers of VGG-16", format_table(list(published().values())))
    yield Text("Data", data.load(results.only.config.data).notes)


def cores_as_devices(config: Config) -> bool:
    """On two, at 32x32 and full width, 1.0 to 1.25 times as fast; at 16x16 and half, 0.8 to 1.1."""
    return config.size == "small" and config.width >= 1 and network(config)[1][0] >= 32


EXPERIMENT = Experiment(
    notes="4.8",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms=ARMS,
    smoke=("run.steps=2", "data.limit=200", "width=0.1", "field=8"),
    claims={
        "vgg16-138M": of_138_million,
        "vgg-layer-count": sixteen_and_nineteen,
        "vgg-conv-pool": convolution_keeps_pool_halves,
        "vgg-tail-shapes": tail,
        "vgg-conv64-label": label_is_alexnets,
        "two-threes-see-five": two_threes_see_five,
        "two-threes-read-as-well": two_threes_read_as_well,
        "deeper-gains-little": deeper_gains_little,
    },
    figures=figures,
    texts=texts,
    network=network,
    predict=name_in_field,
    cores_as_devices=cores_as_devices,
    terms=("convolutional networks",),
)
