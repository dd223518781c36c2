r"""Why convolutions: shared parameters and sparse connections, counted, measured and put to use.

    dense           y = W x           3072 inputs to 4704 outputs: 14,450,688 weights
    convolutional   y = x * w + b     six filters 5x5x3: (5 5 3 + 1) 6 = 456 parameters
    sharing         w * shift(x) = shift(w * x)            sparsity   5 5 3 = 75 inputs an output

Notes 4.5; LeCun et al. 1998. "A 5x5x6 filter" in print is six filters of 5x5x3, and the "display
matrix" of a megapixel image is the weight matrix, 1.8e13 numbers.

The arms: two networks with about as many parameters (2,645 dense, 2,698 convolutional) learn digits
from 100, 200 and 400 images and are tested on unseen digits, where they stood and moved. Parameters
are equal, work is not: a filter is used at every place, 53,280 multiplications against 2,618.

    python launch.py --experiment=why_convolutions
    python launch.py --experiment=why_convolutions --seeds=3
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, Picture, Results, Text
from ngjax.models.chain import Chain
from ngjax.models.layers import Conv, Dense
from ngjax.models.mlp import MLP
from ngjax.models.table import Row, format_table, layer_table
from ngjax.ops.activations import relu
from ngjax.ops.convolve import convolve, output_size
from ngjax.ops.initializers import xavier
from ngjax.ops.pool import max_pool
from ngjax.train.settings import Run
from ngjax.types import Array, Task, UserError

COUNTS = (100, 200, 400)  # training images of the arms
NETWORKS = ("dense", "convolutional")
SIDE, COLOURS, FILTERS, WIDTH = 32, 3, 6, 5  # the notes' layer: 32x32x3, six filters 5x5x3
WEIGHTS, SHARED, MEGAPIXEL = 14_450_688, 456, 1.7856e13  # what the notes' layers need
SHOWN = 20  # moved digits in a figure


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    network: Literal["dense", "convolutional"] = "convolutional"  # what learns
    hidden: int = 17  # units of the dense network's hidden layer
    filters: tuple[int, int] = (8, 16)  # of the convolutional network's two layers
    examples: int = 100  # training images, classes in proportion
    border: int = 2  # pixels of zeros around every digit
    shift: int = 1  # pixels that the moved test digits are moved by, each in eight directions
    photograph: str = "china"  # a real image, on which sharing is measured
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=5e-3, schedule="cosine")
    run: Run = Run(steps=600, batch_size=32)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if min(self.hidden, self.examples, *self.filters) < 1 or self.border < 0:
            raise ValueError("hidden, filters and examples: must be 1 or more, border 0 or more")
        if self.shift < 1:
            raise ValueError(f"shift: must be 1 or more, got {self.shift}")


class Convolutional(nn.Module):
    """Two convolutions 3x3, each pooled, and a linear layer.

    Attributes:
        filters: of the two.
        classes: outputs K.
    """

    filters: tuple[int, int]
    classes: int

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, H, W, C] to (logits [B, K], activations by name)."""
        out = {}
        for layer, filters in enumerate(self.filters, 1):
            x = out[f"conv{layer}"] = relu(Conv(filters, 3, name=f"conv{layer}")(x))
            x = out[f"pool{layer}"] = max_pool(x)  # [B, H / 2, W / 2, filters]
        flat = x.reshape(x.shape[0], -1)
        out["output"] = Dense(self.classes, kernel_init=xavier(), name="output")(flat)  # [B, K]
        return out["output"], out


def model(config: Config, classes: int) -> nn.Module:
    """The network of an arm."""
    if config.network == "dense":
        return MLP((config.hidden, classes))
    return Convolutional(config.filters, classes)


def network(config: Config) -> tuple[nn.Module, tuple[int, ...]]:
    """The network of ten classes and the shape of a digit."""
    side = 8 + 2 * config.border
    return model(config, 10), (side, side, 1)


def moved(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Images [m, H, W, C] moved down and right, zeros where they came from."""
    H, W = images.shape[1:3]
    reach = max(abs(rows), abs(columns))
    wide = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    return wide[:, reach - rows : reach - rows + H, reach - columns : reach - columns + W]


def loaded(config: Config) -> tuple[data.Dataset, data.Split]:
    """The set, so few of it to learn from, and its test images moved in eight directions."""
    held = data.load(config.data, kinds=("images",))
    if config.examples > len(held.train):
        raise UserError(f"--examples={config.examples}: there are {len(held.train)} to learn from")
    border = ((0, 0), (config.border,) * 2, (config.border,) * 2, (0, 0))
    held = data.changed(held, lambda images: np.pad(images, border))
    few = data.hold_out(held.train.targets, config.examples, config.data.split_seed)[1]
    train = data.Split(held.train.inputs[few], held.train.targets[few])
    ways = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)]
    shifted = data.Split(
        np.concatenate(
            [moved(held.test.inputs, config.shift * r, config.shift * c) for r, c in ways]
        ),
        np.tile(held.test.targets, len(ways)),
    )
    return dataclasses.replace(held, train=train), shifted


def build(config: Config) -> Task:
    """The Task; `shifted` is one more set that it is tried on."""
    held, shifted = loaded(config)
    net = supervised.linen(model(config, len(held.classes)), held)
    task = supervised.task(held, net, config.optimizer, supervised.classify)
    arrays = {"inputs": shifted.inputs, "targets": shifted.targets}
    return dataclasses.replace(
        task,
        evals={**task.evals, "shifted": data.resident(shifted, prefix="shifted")},
        constants={**task.constants, "shifted": arrays},
    )


def layer(side: int) -> tuple[Row, Row]:
    """The notes' layer on an image of that side: densely connected, and convolutional."""
    shape = (side, side, COLOURS)
    conv = Conv(FILTERS, WIDTH, padding="VALID")
    dense = MLP((output_size(side, WIDTH) ** 2 * FILTERS,))
    return layer_table(dense, shape)[1], layer_table(Chain((conv,)), shape)[1]


def both_layers(seed: int = 0) -> dict[str, Any]:
    """The notes' two layers with weights drawn by seed, each images [B, 32, 32, 3] -> maps."""
    rng, side = np.random.default_rng(seed), output_size(SIDE, WIDTH)
    w = np.float32(rng.normal(size=(WIDTH, WIDTH, COLOURS, FILTERS)))
    W = rng.standard_normal((SIDE**2 * COLOURS, side**2 * FILTERS), np.float32)
    return {
        "dense": lambda x: (x.reshape(len(x), -1) @ W).reshape(len(x), side, side, FILTERS),
        "convolutional": lambda x: convolve(x, w, padding="VALID"),
    }


def gap(map_of: Any, image: np.ndarray) -> float:
    """How far moving an image's window by a column is from moving what was found in it.

    The largest difference inside, by the largest number: 0 where a layer is equivariant.
    """
    crops = np.stack([image[:SIDE, c : c + SIDE] for c in range(image.shape[1] - SIDE + 1)])
    maps = np.asarray(map_of(np.float32(crops)))  # [B, 28, 28, 6]: each a column further right
    return float(np.abs(maps[1:, :, :-1] - maps[:-1, :, 1:]).max() / np.abs(maps).max())


def inputs_of(map_of: Any, places: tuple[tuple[int, int], ...]) -> set[int]:
    """How many of an image's numbers an output hangs on, at each of some places."""
    x = jnp.ones((1, SIDE, SIDE, COLOURS))
    slopes = (jax.grad(lambda x, i=i, j=j: map_of(x)[0, i, j, 0])(x) for i, j in places)
    return {int((slope != 0).sum()) for slope in slopes}


def dense_is_large(results: Results) -> tuple[bool, str]:
    """Notes 4.5: 3072 inputs densely connected to 4704 outputs need about 14 million weights."""
    del results
    dense, _ = layer(SIDE)
    weights = dense.parameters - dense.size
    return weights == WEIGHTS, f"{weights:,} weights, {dense.multiplications:,} multiplications"


def filters_are_few(results: Results) -> tuple[bool, str]:
    """Notes 4.5: six filters 5x5x3 give as many outputs from 456 parameters."""
    del results
    dense, conv = layer(SIDE)
    told = f"{conv.parameters} parameters, {conv.multiplications:,} multiplications"
    return conv.parameters == SHARED and conv.size == dense.size, f"{told}, {conv.size} outputs"


def megapixel(results: Results) -> tuple[bool, str]:
    """Notes 4.5: for 1000x1000 pixels the weight matrix is immense; the filters stay 456."""
    del results
    dense, conv = layer(1000)
    told = f"{dense.parameters:.4e} parameters, {conv.parameters} by convolution"
    right = abs(dense.parameters - MEGAPIXEL) < 1e9 and conv.parameters == SHARED
    return right, told


def sharing(results: Results) -> tuple[bool, str]:
    """Notes 4.5: a detector serves everywhere; moving the image moves what it finds, unchanged."""
    image = data.photograph(results.only.config.photograph, 64) / 255
    gaps = {name: gap(map_of, image) for name, map_of in both_layers().items()}
    told = ", ".join(f"{name} {value:.0e}" for name, value in gaps.items())
    right = gaps["convolutional"] < 1e-5 and gaps["dense"] > 0.1
    return right, f"largest difference by the largest number: {told}"


def sparsity(results: Results) -> tuple[bool, str]:
    """Notes 4.5: an output hangs on few inputs; here 5 5 3 = 75 of 3072, wherever it stands."""
    del results
    places = ((0, 0), (0, 27), (13, 5), (27, 27))
    found = {name: inputs_of(map_of, places) for name, map_of in both_layers().items()}
    right = found == {"dense": {SIDE**2 * COLOURS}, "convolutional": {WIDTH**2 * COLOURS}}
    return right, ", ".join(f"{name} {sorted(counts)}" for name, counts in found.items())


def better(results: Results, metric: str) -> tuple[bool, str]:
    """Whether the convolutional network has the higher accuracy at every number of images."""
    pairs = {n: [results[f"{net}-{n}"][metric] for net in NETWORKS] for n in COUNTS}
    told = ", ".join(f"{n}: {conv:.1%} and {dense:.1%}" for n, (dense, conv) in pairs.items())
    return all(conv > dense for dense, conv in pairs.values()), f"convolutional and dense, {told}"


def fewer_examples(results: Results) -> tuple[bool, str]:
    """With as many parameters and examples, convolutions read unseen digits better."""
    return better(results, "test/accuracy")


def moved_digits(results: Results) -> tuple[bool, str]:
    """Parameter sharing pays: digits that stand elsewhere than in training are read better."""
    return better(results, "shifted/accuracy")


def figures(results: Results) -> Iterator[Picture]:
    """The weight matrices, accuracy by examples, moved digits and how they were read."""
    from ngjax.report import figures as draw

    w = np.random.default_rng(0).normal(size=(3, 3, 1, 1))
    same = jax.jacobian(lambda x: convolve(x, w, padding="VALID").ravel())(jnp.ones((1, 6, 6, 1)))
    matrix = np.asarray(same).reshape(16, 36)
    dense = np.random.default_rng(1).normal(size=matrix.shape) * np.abs(w).max() / 2
    bound = np.abs(matrix).max()
    yield Picture(
        "weights",
        "Weights from a 6x6 image (columns) to 4x4 outputs (rows); grey is none. A 3x3 filter is "
        "such a matrix with 144 of 576 weights left, and nine different ones among them.",
        draw.image_grid(
            [np.clip(0.5 + m / (2 * bound), 0, 1) for m in (dense, matrix)],
            ["dense: 576 numbers", "convolutional: 9 numbers"],
            columns=2,
        ),
    )
    for name in ("test", "shifted"):
        yield Picture(
            f"{name}-accuracy",
            f"Accuracy on {'moved' if name == 'shifted' else 'unseen'} digits by the number of "
            "training images, networks of as many parameters.",
            draw.lines(
                COUNTS,
                {
                    net: [results[f"{net}-{n}"][f"{name}/accuracy"] for n in COUNTS]
                    for net in NETWORKS
                },
                xlabel="training images",
                ylabel="accuracy",
            ),
        )
    arms = {net: results[f"{net}-{COUNTS[-1]}"] for net in NETWORKS}
    for net, arm in arms.items():
        z, batch = arm.predict("shifted")
        guess, each = z.argmax(-1), len(z) // SHOWN
        yield Picture(
            f"moved-{net}",
            f"Test digits, moved by --shift={arm.config.shift}, as the {net} network of "
            f"{COUNTS[-1]} training images read them; mistakes are framed.",
            draw.image_grid(
                batch["inputs"][::each][:SHOWN],
                [str(g) for g in guess[::each][:SHOWN]],
                wrong=(guess != batch["targets"])[::each][:SHOWN],
                ink=True,
            ),
        )


def texts(results: Results) -> Iterator[Text]:
    """The layers of the notes and those of the arms, counted."""
    dense, conv = layer(SIDE)
    rows = [dataclasses.replace(dense, name="dense"), dataclasses.replace(conv, name="conv")]
    yield Text("The notes' layer from 32x32x3, twice", format_table(rows))
    for net in NETWORKS:
        arm = results[f"{net}-{COUNTS[0]}"]
        yield Text(f"The {net} network", format_table(layer_table(*network(arm.config))))
    yield Text("Data", data.load(results.only.config.data).notes)


EXPERIMENT = Experiment(
    notes="4.5",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms={f"{net}-{n}": (f"network={net}", f"examples={n}") for n in COUNTS for net in NETWORKS},
    smoke=("run.steps=3",),
    claims={
        "dense-alternative-14M": dense_is_large,
        "conv-instead-params": filters_are_few,
        "megapixel-dense": megapixel,
        "parameter-sharing": sharing,
        "sparse-connections": sparsity,
        "convolutions-need-fewer-examples": fewer_examples,
        "convolutions-read-moved-digits": moved_digits,
    },
    figures=figures,
    texts=texts,
    network=network,
    terms=("sparsity of connections", "parameter sharing"),
)
