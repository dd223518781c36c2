"""What is measured: sizes that every contestant has in common, and arrays of them.

All do the same work: forward, backward and Adam in float32, data in memory. ngjax reads a data set
of its own of these shapes, through its experiments; the peers read numbers drawn here. Networks:

    logistic     784 -> 10                                                  softmax regression
    mlp          784 -> 256 -> 128 -> 10, ReLU
    lenet        LeNet-5 of 1998 on 28x28x1 in a field of 32x32: tanh, average pools
    resnet20     ResNet-20 on 32x32x3, shortcuts without parameters
    vgg          32, 32, 64, 64, 128, 128 filters of 3x3, a 2x2 pool behind each pair, 128, 10
    lstm20/35    two layers of 200 units, V = 10,000, 20 rows of 20 or 35 words, state carried on
    gru          one layer of 256 units on characters, V = 66, 64 rows of 64
    tsne         a map of the 1,797 digits, 500 updates: the whole job
    search       32 learning rates of the MLP, 40 steps each: the whole job
"""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Literal

import numpy as np

CHANNELS = (32, 32, 64, 64, 128, 128)  # of the VGG-like network's convolutions
HIDDEN = (256, 128)
TRIALS, TRIAL_STEPS = 32, 40  # of the search
POINTS, UPDATES = 1797, 500  # of t-SNE
RATE = 1e-3  # of Adam
NEAR = 0.05  # of class means, in deviations: hard enough that no loss becomes zero
PEERS = ("torch", "torch-fused", "torch-compile", "keras-jax", "flax")

_ADAM = (f"optimizer.learning_rate={RATE}", "optimizer.rule=adam", "optimizer.schedule=constant")
_DIGITS = ("data.name=digits", "data.size=28", "data.dev=0", "data.test=0")
_FOLDER = ("data.name=folder", "data.dev=0", "data.test=0", "shift=0", "field=32")
_WORDS = ("data.name=ptb", "tokens=words", "depth=2", "width=200", "embedding=200")
_LANGUAGE = ("optimizer.clip_norm=0", "dropout=0", "ngram=0")

Kind = Literal[
    "logistic",
    "mlp",
    "lenet",
    "resnet20",
    "vgg",
    "lstm",
    "gru",
    "tsne",
    "search",
    "resnet50",
]


@dataclasses.dataclass(frozen=True)
class Workload:
    """One row of the table.

    Attributes:
        kind: which network, or which job.
        batch: examples, or rows of a text, a step.
        shape: of one example: [H, W, C]; of a text: [T].
        parameters: of the network, by hand.
        spare: parameters more that a peer may have: second biases of recurrent layers.
        chunk: steps between two looks at the clock; of Keras one call of `fit`.
        experiment, arm, knobs: what launch.py would be asked.
        contestants: who can do it beside ngjax.
        bars: what ngjax is to reach: contestant -> ratio; "torch" is the better of its two Adams.
        job: a chunk is the whole work, done once a round.
    """

    kind: Kind
    batch: int
    shape: tuple[int, ...]
    parameters: int
    chunk: int
    experiment: str
    knobs: tuple[str, ...]
    arm: str = ""
    spare: int = 0
    classes: int = 10
    contestants: tuple[str, ...] = PEERS
    bars: tuple[tuple[str, float], ...] = ()
    job: bool = False
    two_devices: bool = False  # ngjax is also tried on two host devices
    hidden: tuple[int, ...] = HIDDEN


def dense(*sizes: int) -> int:
    """Parameters of full connections n[0] -> n[1] -> ...: sum of (n[l-1] + 1) n[l]."""
    return sum((a + 1) * b for a, b in itertools.pairwise(sizes))


def convolution(side: int, before: int, after: int, bias: bool = True) -> int:
    """(f f C + 1) F, or without the one."""
    return (side * side * before + bias) * after


def lenet_parameters() -> int:
    return convolution(5, 1, 6) + convolution(5, 6, 16) + dense(400, 120, 84, 10)


def resnet20_parameters() -> int:
    """Convolutions without bias, two numbers a channel of every normalisation."""
    channels = [3] + [16] * 7 + [32] * 6 + [64] * 6
    pairs = itertools.pairwise(channels)
    return sum(convolution(3, a, b, bias=False) + 2 * b for a, b in pairs) + dense(64, 10)


def vgg_parameters() -> int:
    pairs = itertools.pairwise((3, *CHANNELS))
    return sum(convolution(3, a, b) for a, b in pairs) + dense(4 * 4 * CHANNELS[-1], 128, 10)


def recurrent_parameters(gates: int, width: int, depth: int, features: int, words: int) -> int:
    """Word vectors, gates n (D + n + 1) of each layer, softmax."""
    layers = [features] + [width] * (depth - 1)
    cells = sum(gates * width * (D + width + 1) for D in layers)
    return words * features + cells + dense(width, words)


def _mlp(batch: int = 128, hidden: tuple[int, ...] = HIDDEN, chunk: int = 80) -> Workload:
    knobs = (*_DIGITS, f"hidden={','.join(map(str, hidden))}", f"run.batch_size={batch}")
    bars = (("torch", 2.1), ("keras-jax", 1.4)) if (batch, hidden) == (128, HIDDEN) else ()
    return Workload(
        "mlp",
        batch,
        (28, 28, 1),
        dense(784, *hidden, 10),
        chunk,
        "optimizers",
        knobs,
        "adam",
        bars=bars,
        hidden=hidden,
    )


def _lstm(length: int, bars: tuple[tuple[str, float], ...]) -> Workload:
    return Workload(
        "lstm",
        20,
        (length,),
        recurrent_parameters(4, 200, 2, 200, 10_000),
        10,
        "language_model",
        (*_WORDS, *_ADAM, *_LANGUAGE, f"length={length}", "run.batch_size=20"),
        "lstm",
        spare=2 * 4 * 200,
        classes=10_000,
        bars=bars,
        contestants=("torch", "torch-fused", "keras-jax", "flax"),
    )


WORKLOADS = {
    "logistic": Workload(
        "logistic",
        128,
        (28, 28, 1),
        dense(784, 10),
        200,
        "softmax_regression",
        (*_DIGITS, *_ADAM, "optimizer.l2=0", "run.batch_size=128"),
        bars=(("torch", 2.2), ("keras-jax", 2.0)),
    ),
    "mlp": _mlp(),
    "lenet": Workload(
        "lenet",
        128,
        (32, 32, 1),
        lenet_parameters(),
        20,
        "lenet",
        (*_DIGITS, *_ADAM, "shift=0", "run.batch_size=128"),
        "1998",
        bars=(("torch", 1.0), ("keras-jax", 2.0)),
        two_devices=True,
    ),
    "resnet20": Workload(
        "resnet20",
        128,
        (32, 32, 3),
        resnet20_parameters(),
        2,
        "resnet",
        (*_FOLDER, *_ADAM, "shallow=20", "width=1", "run.batch_size=128"),
        "residual",
        bars=(("torch", 1.0),),
        two_devices=True,
    ),
    "vgg": Workload(
        "vgg",
        64,
        (32, 32, 3),
        vgg_parameters(),
        4,
        "vgg",
        (*_FOLDER, *_ADAM, "dropout=0", "width=1", "run.batch_size=64"),
        "3x3",
        bars=(("torch", 1.0), ("keras-jax", 2.0)),
        two_devices=True,
    ),
    "lstm20": _lstm(20, (("torch", 1.1), ("keras-jax", 1.4))),
    "lstm35": _lstm(35, (("torch", 1.3), ("keras-jax", 1.4))),
    "gru": Workload(
        "gru",
        64,
        (64,),
        recurrent_parameters(3, 256, 1, 64, 66),
        10,
        "language_model",
        (
            *_ADAM,
            *_LANGUAGE,
            "data.name=tinyshakespeare",
            "width=256",
            "embedding=64",
            "run.batch_size=64",
        ),
        "gru",
        spare=3 * 256,
        classes=66,
        bars=(("torch", 1.1), ("keras-jax", 1.3)),
        contestants=("torch", "torch-fused", "keras-jax", "flax"),
        two_devices=True,
    ),
    "tsne": Workload(
        "tsne",
        POINTS,
        (64,),
        2 * POINTS,
        UPDATES,
        "tsne",
        ("data.name=digits", "run.steps=500", "run.evaluate_every=500", "run.log_every=500"),
        "plane",
        contestants=("barnes-hut", "exact"),
        bars=(("barnes-hut", 3.0), ("exact", 20.0)),
        job=True,
    ),
    "search": Workload(
        "search",
        128,
        (28, 28, 1),
        dense(784, *HIDDEN, 10),
        TRIAL_STEPS,
        "optimizers",
        (
            *_DIGITS[:2],
            "data.dev=0.1",
            "data.test=0",
            "hidden=256,128",
            "run.batch_size=128",
            "run.evaluate_every=40",
        ),
        "adam",
        contestants=("torch", "torch-fused"),
        bars=(("torch", 3.0),),
        job=True,
    ),
}


def _resnet50(batch: int, chunk: int) -> Workload:
    knobs = (*_FOLDER[:4], "data.size=224", "size=full", "shallow=50", "run.dtype=bfloat16")
    return Workload(
        "resnet50",
        batch,
        (224, 224, 3),
        25_557_032 - dense(2048, 1000) + dense(2048, 10),
        chunk,
        "resnet",
        (*knobs, *_ADAM, f"run.batch_size={batch}"),
        "residual",
        contestants=("cuda", "cuda-compile"),
        bars=(("cuda-compile", 1.0),),
    )


ACCELERATOR = {  # asked for by name: images of 224x224, bfloat16, weights in float32
    "resnet50": _resnet50(256, 10),
    "resnet50-tiny": _resnet50(2, 1),  # shows on a CPU that it runs
}

GROWTH = {  # how cost grows: the MLP with one size changed at a time
    **{f"batch {batch}": _mlp(batch=batch) for batch in (32, 128, 512)},
    **{f"width {4 * n}": _mlp(hidden=(4 * n, 2 * n)) for n in (16, 64, 256)},
    **{f"steps {steps}": _mlp(chunk=steps) for steps in (1, 16, 256)},
}


def _by_layer(workload: Workload) -> list[int]:
    """Multiplications of an example (a row of a text: all its tokens), forward; []: not counted."""
    kind, K = workload.kind, workload.classes
    if kind in ("lstm", "gru"):
        gates, width, layers = (4, 200, (200, 200)) if kind == "lstm" else (3, 256, (64,))
        each = [*(gates * width * (D + width) for D in layers), width * K]
        return [workload.shape[0] * layer for layer in each]
    if kind == "lenet":
        return [28 * 28 * 25 * 6, 10 * 10 * 25 * 6 * 16, 400 * 120, 120 * 84, 84 * K]
    if kind == "resnet20":
        channels = [3] + [16] * 7 + [32] * 6 + [64] * 6
        places = [32 * 32] * 7 + [16 * 16] * 6 + [8 * 8] * 6
        pairs = zip(channels, channels[1:], places, strict=False)
        return [*(9 * a * b * at for a, b, at in pairs), 64 * K]
    if kind == "vgg":
        places = [32 * 32] * 2 + [16 * 16] * 2 + [8 * 8] * 2
        pairs = zip((3, *CHANNELS), CHANNELS, places, strict=False)
        return [*(9 * a * b * at for a, b, at in pairs), 16 * CHANNELS[-1] * 128, 128 * K]
    if kind in ("logistic", "mlp"):
        sizes = (784, *(workload.hidden if kind == "mlp" else ()), K)
        return [a * b for a, b in itertools.pairwise(sizes)]
    if kind == "resnet50":
        first = 112 * 112 * 49 * 3 * 64
        return [first, 4_089_184_256 - 2048 * 990 - first]
    return []


def products(workload: Workload) -> int:
    """Multiplications of one example, forward; 0: not counted."""
    return sum(_by_layer(workload))


def of_the_data(workload: Workload) -> int:
    """Of `products`, those of a first layer that reads data, whose gradient nobody needs."""
    reads_vectors = workload.kind in ("lstm", "gru")  # of words, which are learned
    return 0 if reads_vectors else sum(_by_layer(workload)[:1])


def named(name: str) -> Workload:
    """A row of the table, or of the growth of cost."""
    return {**WORKLOADS, **ACCELERATOR, **GROWTH}[name]


def data_set(workload: Workload) -> tuple[str, ...]:
    """Data sets that launch.py would look for in --data_dir."""
    asked = (knob.partition("=")[2] for knob in workload.knobs if knob.startswith("data.name="))
    return tuple(name for name in asked if name in ("ptb", "tinyshakespeare"))


def drawn(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    """A chunk's worth of examples for a peer, something that can be learned: (inputs, targets).

    Images are float32 [m, H, W, C], their class's mean and noise; texts int32 [m, T + 1], the
    shorter words the likelier, in place of both.
    """
    generator = np.random.default_rng(0)
    count = workload.batch * workload.chunk
    if workload.kind in ("lstm", "gru"):
        rank = generator.zipf(1.3, (count, workload.shape[0] + 1)) - 1
        ids = (rank % workload.classes).astype(np.int32)
        return ids[:, :-1], ids[:, 1:]
    targets = generator.integers(0, workload.classes, count).astype(np.int32)
    means = generator.standard_normal((workload.classes, *workload.shape), np.float32)
    noise = generator.standard_normal((count, *workload.shape), np.float32)
    return NEAR * means[targets] + noise, targets


def write_pictures(folder: Path, side: int, each: int = 64, classes: int = 10) -> Path:
    """Class folders of drawn PNGs [side, side, 3], for --data.name=folder; written once."""
    from PIL import Image

    generator = np.random.default_rng(0)
    if (folder / "written").exists():
        return folder
    for k in range(classes):
        (folder / f"class{k}").mkdir(parents=True, exist_ok=True)
        mean = generator.integers(64, 192, (side, side, 3))
        for i in range(each):
            noise = generator.integers(-64, 64, (side, side, 3))
            pixels = (mean + noise).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"class{k}" / f"{i}.png", compress_level=1)
    (folder / "written").touch()
    return folder
