r"""Residual networks: with short cuts, depth helps; plain networks get worse by it.

    plain      a[l+2] = g(z[l+2])
    residual   a[l+2] = g(z[l+2] + a[l]),       g(z[l+2] + W_s a[l]) where the shapes differ
    W[l+2] = 0, b[l+2] = 0, a[l] >= 0           ->  a[l+2] = g(a[l]) = a[l]

Notes 4.9; He, Zhang, Ren & Sun 2015. The print has the second step go from a[l+1] to a[l+1] and
leaves W_s out. That residual networks keep getting better "over a thousand layers" is said of the
training error: the paper's network of 1202 layers has a worse test error than the one of 110.

    python launch.py --experiment=resnet

CIFAR-10 as the paper has it, 64,000 updates (momentum here is v = beta v + (1 - beta) dW, so the
paper's rate of 0.1 is 1.0); --arms=residual alone is ResNet-20, whose error is to be 8.75 %:

    python launch.py --experiment=resnet --data.name=cifar10 --data.dev=0 --shallow=20 --deep=56 \
        --width=1 --scale=pixel_mean --shift=4 --flip=true --optimizer.learning_rate=1.0 \
        --optimizer.l2=1e-4 --optimizer.schedule=manual --optimizer.manual=82:0.1,123:0.01 \
        --run.batch_size=128 --run.steps=64000

Fashion-MNIST, a small one on two host devices:

    python launch.py --experiment=resnet --arms=residual --data.name=fashion_mnist --data.dev=0 \
        --shallow=14 --width=1 --field=28 --shift=2 --flip=true --devices=2 \
        --optimizer.learning_rate=1.0 --optimizer.l2=1e-4 --run.batch_size=128 --run.epochs=12

At 20 and 56 layers, narrow (training loss in the end, seed 0: plain 0.043 to 1.463, residual 0.015
to 0.018; two minutes on one core):

    python launch.py --experiment=resnet --shallow=20 --deep=56 --width=0.25 --run.epochs=30

ImageNet's networks, laid out, and trained on class folders in bfloat16 with ImageNet's crops and
colours, blocks computed twice to save memory:

    python launch.py --experiment=resnet --mode=table --size=full --shallow=18 --deep=50
    python launch.py --experiment=resnet --arms=residual --size=full --shallow=50 \
        --data.name=folder --data_dir=my_photos --data.size=224 --augment=imagenet --flip=true \
        --remat=true --run.dtype=bfloat16
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Iterator
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, Picture, Results, Text, pictures
from ngjax.experiment.naming import name_in_field
from ngjax.experiment.results import Arm
from ngjax.models.resnet import Block, ResNet
from ngjax.models.table import format_table, layer_table
from ngjax.train.settings import Run
from ngjax.types import AXIS, Array, Context, Params, Task

FULL = (224, 224, 3)  # ImageNet
MILLIONS = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85}  # parameters, table 6 of the paper
EXAMPLES = 16  # in a look at gradients
ARMS = {
    "plain": ("shortcut=false",),
    "plain-deep": ("shortcut=false", "use=deep"),
    "residual": (),
    "residual-deep": ("use=deep",),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    size: Literal["small", "full"] = "small"  # CIFAR's form, or ImageNet's for data.size=224
    shallow: int = 8  # layers: 6n + 2; full: 18, 34, 50, 101, 152
    deep: int = 32  # layers of the arms that are compared with it
    use: Literal["shallow", "deep"] = "shallow"  # which of the two depths
    shortcut: bool = True  # false: the plain network of the same depth
    width: float = 0.5  # factor of all filters
    remat: bool = False  # compute a block's maps anew in the backward pass, to save memory
    field: int = 16  # pixels a side that smaller images are brought to
    scale: Literal["standard", "pixel_mean"] = "standard"  # pixel_mean: a mean for every pixel
    augment: Literal["shift", "imagenet"] = "shift"  # imagenet: parts of all sizes, colours
    shift: int = 1  # pixels that a training image is moved by at most; of augment=shift
    flip: bool = False  # exchange left and right in one case of two
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="momentum", learning_rate=0.5, schedule="cosine"
    )
    run: Run = Run(epochs=10, batch_size=64)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if not self.width > 0:
            raise ValueError(f"width: must be above 0, got {self.width}")
        if self.field < 1:
            raise ValueError(f"field: must be 1 or more, got {self.field}")
        if self.shift < 0:
            raise ValueError(f"shift: must be 0 or more, got {self.shift}")

    @property
    def depth(self) -> int:
        """Layers of this arm's network."""
        return self.deep if self.use == "deep" else self.shallow


def prepared(config: Config) -> data.Dataset:
    """The data set, small images brought to the field."""
    side = FULL[0] if config.size == "full" else 0
    return data.load_images(config.data, at_least=config.field, exactly=side)


def model(config: Config, classes: int) -> ResNet:
    """The network of this arm."""
    small, width = config.size == "small", config.width if config.size == "small" else 1.0
    return ResNet(
        config.depth,
        classes,
        small=small,
        width=width,
        shortcut=config.shortcut,
        remat=config.remat,
    )


def build(config: Config) -> Task:
    """The Task."""
    held = prepared(config)
    net = supervised.linen(model(config, len(held.classes)), held, supervised.training)
    augment = data.augmentation(config.augment, config.shift, config.flip)
    return supervised.task(
        held, net, config.optimizer, supervised.classify, scale=config.scale, augment=augment
    )


def network(config: Config) -> tuple[ResNet, tuple[int, ...]]:
    """The network and the shape of an image; full ones have ImageNet's thousand classes."""
    if config.size == "full":
        return model(config, 1000), FULL
    held = prepared(config)
    return model(config, len(held.classes)), held.train.inputs.shape[1:]


@functools.lru_cache(maxsize=2)
def gradient_sizes(arm: Arm) -> dict[str, float]:
    """||dJ/dW|| / ||W|| of the first convolution and of each block's first, before training."""
    task, slot = arm.task, jnp.arange(EXAMPLES)
    held = {name: values[:EXAMPLES] for name, values in task.constants["train"].items()}
    batch = {"mask": jnp.ones(EXAMPLES), "slot": slot, "index": slot, **held}
    context = Context(None, 0, task.hyper, {"scale": task.constants["scale"]}, train=True)
    quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    params, extra = quick(task.init)(jax.random.key(0))

    def mean_loss(params: Params) -> Array:
        (total, count), _ = task.loss(params, extra, batch, context)
        return total / count

    def slopes(_: Array) -> Params:
        return jax.grad(mean_loss)(params)

    found = quick(jax.vmap(slopes, axis_name=AXIS))(jnp.zeros(1))  # run once: compile fast
    parts = {name for name in params if name == "conv1" or "_block" in name}

    def size(part: str) -> float:
        W, dW = (tree[part].get("conv1", tree[part])["kernel"] for tree in (params, found))
        return float(jnp.linalg.norm(dW) / jnp.linalg.norm(W))

    return {part: size(part) for part in sorted(parts, key=place)}


def place(part: str) -> list[int]:
    """Where a part stands: conv1, then the blocks by stage and number."""
    return [int(number) for number in re.findall(r"\d+", part)]


def late_loss(arm: Arm) -> float:
    """The training loss, averaged over the last tenth of what was logged."""
    values = arm.history("train/loss")[1]
    return float(values[-max(1, len(values) // 10) :].mean())


def deeper_is_worse_when_plain(results: Results) -> tuple[bool, str]:
    """Notes 4.9: a deeper plain net has the higher training error, a deeper residual one not.

    The deep residual net's training loss is to lie nearer to the shallow one's than the plain
    net's: at most a tenth of the plain nets' loss by depth.
    """
    loss = {name: late_loss(results[name]) for name in ARMS}
    told = ", ".join(f"{name} {value:.4f}" for name, value in loss.items())
    plain = loss["plain-deep"] - loss["plain"]
    residual = loss["residual-deep"] - loss["residual"]
    return plain > 0 and residual < 0.1 * plain, f"training loss: {told}"


def short_cuts_train_deeper(results: Results) -> tuple[bool, str]:
    """Notes 4.9: at the same depth the net with short cuts trains better than the plain one."""
    plain, residual = (late_loss(results[name]) for name in ("plain-deep", "residual-deep"))
    depth = results["residual-deep"].config.depth
    return residual < plain, f"{depth} layers: training loss {residual:.4f}, plain {plain:.4f}"


def zeroed_block_is_the_identity(results: Results) -> tuple[bool, str]:
    """Notes 4.9: with W = 0 and b = 0 a block hands a >= 0 on as it is, to the last bit."""
    arm = results["residual"]
    a = np.abs(np.random.default_rng(0).normal(size=(1, 4, 4, 1))).astype(np.float32)
    part = "stage1_block1"
    zeroed = jax.tree.map(jnp.zeros_like, arm.params[part])
    channels = zeroed["conv1"]["kernel"].shape[-1]
    a = a * np.linspace(0, 1, channels, dtype=np.float32)  # [1, 4, 4, C]
    variables = {"params": zeroed, "batch_stats": arm.state.extra["batch_stats"][part]}
    off = float(jnp.abs(Block(channels, projection=False).apply(variables, a, False) - a).max())
    signed = Block(channels, projection=False).apply(variables, -a, False)
    clipped = bool((signed == 0).all())
    return off == 0 and clipped, f"largest difference {off}; a < 0 becomes 0: {clipped}"


def gradients_stay_alike(results: Results) -> tuple[bool, str]:
    """Notes 4.9: deep plain nets' gradients vanish or explode; with short cuts they stay in size.

    Before training, the relative gradient of the deep net's first convolution against that of its
    last block: the residual net's ratio is to lie nearer to one.
    """
    ratios = {}
    for name in ("plain-deep", "residual-deep"):
        sizes = list(gradient_sizes(results[name]).values())
        ratios[name] = sizes[0] / sizes[-1]
    told = ", ".join(f"{name} {ratio:.3g}" for name, ratio in ratios.items())
    off = {name: abs(math.log(ratio)) for name, ratio in ratios.items()}
    return off["residual-deep"] < off["plain-deep"], f"first to last layer: {told}"


def parameters_as_published(results: Results) -> tuple[bool, str]:
    """He et al. 2015, table 6: 0.27, 0.46, 0.66 and 0.85 million parameters by depth."""
    del results
    found = {d: parameters(ResNet(d, 10, small=True), (32, 32, 3)) for d in MILLIONS}
    told = ", ".join(f"{depth}: {count:,}" for depth, count in found.items())
    return all(abs(found[d] / 1e6 - stated) < 0.006 for d, stated in MILLIONS.items()), told


def parameters(module: ResNet, shape: tuple[int, ...]) -> int:
    """Of all layers, batch normalisation's included."""
    return sum(row.parameters for row in layer_table(module, shape))


def figures(results: Results) -> Iterator[Picture]:
    """Degradation, gradients by layer, filters, maps, mistakes."""
    from ngjax.report import figures as draw

    depths = [results.only.config.shallow, results.only.config.deep]
    if set(ARMS) <= set(results):
        loss = {name: late_loss(results[name]) for name in ARMS}
        yield Picture(
            "depth",
            "The notes' picture: training loss in the end by the number of layers.",
            draw.lines(
                depths,
                {kind: [loss[kind], loss[f"{kind}-deep"]] for kind in ("plain", "residual")},
                xlabel="layers",
                ylabel="training loss",
            ),
        )
    deep = {name: arm for name, arm in results.items() if arm.config.use == "deep"}
    if len(deep) > 1:
        sizes = {name: list(gradient_sizes(arm).values()) for name, arm in deep.items()}
        yield Picture(
            "gradients",
            "Length of the gradient over that of the weights, from the first convolution through "
            "the blocks to the last, before training.",
            draw.lines(
                np.arange(len(next(iter(sizes.values())))),
                sizes,
                xlabel="block (0: the first convolution)",
                ylabel="||dJ/dW|| / ||W||",
                log_y=True,
            ),
        )
    arm = max(results.values(), key=lambda arm: arm.config.shortcut)
    classes = data.load(arm.config.data).classes
    net = model(arm.config, len(classes))
    yield from pictures.image_network(arm, net, classes, arm.params["conv1"]["kernel"])


def texts(results: Results) -> Iterator[Text]:
    """Layers, and what became of the data."""
    arm = results.only
    yield Text(
        f"Layers of arm {arm.name}: {arm.config.depth}",
        format_table(layer_table(*network(arm.config))),
    )
    yield Text("Layers of ResNet-18 of ImageNet", format_table(layer_table(ResNet(18), FULL)))
    yield Text("Data", data.load(arm.config.data).notes)


def cores_as_devices(config: Config) -> bool:
    """On two, at 32x32 and full width, 1.0 to 1.3 times as fast; at 16x16, 0.8 to 1.1 times."""
    return config.size == "small" and config.width >= 1 and network(config)[1][0] >= 32


EXPERIMENT = Experiment(
    notes="4.9",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms=ARMS,
    smoke=("run.steps=2", "data.limit=200", "width=0.1", "field=8", "deep=8"),
    claims={
        "plain-deep-degrades": deeper_is_worse_when_plain,
        "short-cuts-train-deeper": short_cuts_train_deeper,
        "resnet-identity": zeroed_block_is_the_identity,
        "gradients-stay-alike": gradients_stay_alike,
        "resnet-parameters": parameters_as_published,
    },
    figures=figures,
    texts=texts,
    network=network,
    predict=name_in_field,
    cores_as_devices=cores_as_devices,
    terms=("ResNet", "short cuts"),
)
