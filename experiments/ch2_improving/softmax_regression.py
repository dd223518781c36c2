r"""Softmax regression: logistic regression of more than two classes, its regions and its weights.

    z = W^T x + b,   t = e^z,   a = t / sum t,   L = -sum_j y_j log yhat_j,   dz = yhat - y

Notes 2.7. The print has t = e^{z^[t]} for e^{z^[L]} and loses the minus of its example: the loss of
yhat_2 = 0.2 is -log 0.2 = 1.609. Arm `ten-classes` reads digits; `three-classes` (three growers of
wine) and `four-classes` (the digits 0 to 3) see two numbers of each example, its first principal
components, so that their regions can be drawn; `two-classes` is logistic regression: `logistic`
trains that at twice the rate, and both arrive at the same weights, in float64.

    python launch.py --experiment=softmax_regression
    python launch.py --experiment=softmax_regression --arms=ten-classes --data.name=fashion_mnist \
        --run.epochs=10
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, optim, supervised
from ngjax.experiment import Experiment, Picture, Results, Text
from ngjax.experiment.results import Arm
from ngjax.ops.activations import softmax
from ngjax.ops.product import product
from ngjax.train.settings import Run
from ngjax.types import Array, Batch, Context, Params, Task

Z = (5.0, 2.0, -1.0, 3.0)  # the notes' scores,
T = (148.4, 7.4, 0.4, 20.1)  # their exponentials,
SUM = 176.3
A = (0.842, 0.042, 0.002, 0.114)  # and probabilities
Y_HAT = (0.3, 0.2, 0.1, 0.4)  # the notes' example of a loss
CAT = 1  # its true class, counted from zero
AGREE = 1e-9  # between the softmax of two classes and logistic regression, in float64


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    classes: int = 0  # only the first so many classes; 0: all
    components: int = 0  # principal components in place of the inputs; 0: the inputs
    logistic: bool = False  # one score and a sigmoid, of two classes
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="momentum", learning_rate=0.1, l2=1e-3)
    run: Run = Run(epochs=40, batch_size=64)

    def __post_init__(self) -> None:
        """Refuse what no regression can be."""
        if self.classes < 0 or self.classes == 1:
            raise ValueError(f"classes: must be 0 or at least 2, got {self.classes}")
        if self.components < 0:
            raise ValueError(f"components: must be 0 or more, got {self.components}")


def first_classes(held: data.Dataset, count: int) -> data.Dataset:
    """The examples of the first `count` classes alone."""
    parts = {}
    for name in ("train", "dev", "test"):
        split = getattr(held, name)
        these = split.targets < count
        parts[name] = data.Split(split.inputs[these], split.targets[these])
    return dataclasses.replace(held, classes=held.classes[:count], **parts)


def principal(held: data.Dataset, count: int) -> data.Dataset:
    """Each example by its first principal components, those of the training set.

    A table's columns are brought to one scale first; they differ in their units.
    """
    mu = scaled_table(held).mean(axis=0)
    axes = np.linalg.svd(scaled_table(held) - mu, full_matrices=False)[2][:count]  # [count, D]
    numbers = supervised.scaling(held)

    def project(inputs: np.ndarray) -> np.ndarray:
        x = (np.float64(inputs) - numbers["mu"]) / numbers["sigma"]
        return np.float32((x.reshape(len(x), -1) - mu) @ axes.T)  # [m, count]

    return dataclasses.replace(data.changed(held, project), kind="table")


def scaled_table(held: data.Dataset) -> np.ndarray:
    """The training inputs, scaled, one row an example: [m, D]."""
    return supervised.scaled(held, "train").reshape(len(held.train), -1)


@functools.cache
def loaded(config: Config) -> data.Dataset:
    """The set, with the classes and the components that the config asks for."""
    held = data.load(config.data, kinds=("images", "table"), classes=2 * config.logistic)
    if config.classes:
        held = first_classes(held, config.classes)
    return principal(held, config.components) if config.components else held


def build(config: Config) -> Task:
    """The Task; W and b start at zero: the cost is convex."""
    held = loaded(config)
    inputs = held.train.inputs[0].size
    scores = 1 if config.logistic else len(held.classes)

    def init(key: Array) -> tuple[Params, Any]:
        del key
        return {"w": jnp.zeros((inputs, scores)), "b": jnp.zeros(scores)}, {}

    def z_of(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Array, Any]:
        del context
        x = batch["inputs"].reshape(len(batch["inputs"]), -1)  # [B, D]
        return product(x, params["w"]) + params["b"].reshape(1, -1), extra  # [B, K]

    judge = supervised.decide if config.logistic else supervised.classify
    return supervised.task(held, supervised.Network(init, z_of), config.optimizer, judge)


def worked_t(results: Results) -> tuple[bool, str]:
    """Notes 2.7: z = [5, 2, -1, 3] gives t = [148.4, 7.4, 0.4, 20.1], whose sum is 176.3."""
    del results
    t = np.exp(Z)
    told = f"{', '.join(f'{one:.2f}' for one in t)}; sum {t.sum():.2f}"
    return bool(np.allclose(t, T, atol=0.051) and abs(t.sum() - SUM) < 0.051), told


def worked_a(results: Results) -> tuple[bool, str]:
    """Notes 2.7: and a = [0.842, 0.042, 0.002, 0.114]."""
    del results
    a = np.asarray(softmax(jnp.array(Z)))
    return bool(np.allclose(a, A, atol=5e-4)), ", ".join(f"{one:.4f}" for one in a)


def worked_loss(results: Results) -> tuple[bool, str]:
    """Notes 2.7, corrected: the loss of yhat = [.3, .2, .1, .4] on a cat is -log 0.2 = 1.609."""
    del results
    y = jnp.eye(len(Y_HAT))[CAT]
    loss = float(losses.cross_entropy_of_probabilities(jnp.array(Y_HAT), y))
    return abs(loss - 1.609438) < 1e-5, f"{loss:.4f}; as printed it would be {-loss:.4f}"


def slope_of_the_loss(results: Results) -> tuple[bool, str]:
    """Notes 2.7: dz = yhat - y; within 1e-6 what automatic differentiation of the loss gives."""
    del results
    z = jnp.array(Z)
    dz = jax.grad(lambda z: losses.cross_entropy(z, jnp.array(CAT)))(z)
    by_hand = softmax(z) - jnp.eye(len(Z))[CAT]
    off = float(jnp.abs(dz - by_hand).max())
    return off < 1e-6, f"{', '.join(f'{one:.4f}' for one in dz)}; off by {off:.1e}"


def generalises_logistic(results: Results) -> tuple[bool, str]:
    """Notes 2.7: of two classes it is logistic regression: same parameters, same probabilities.

    w = w_1 - w_0, where w_0 = -w_1: the softmax of two scores has the slope twice, so that half the
    rate makes the same step.
    """
    two, one = results["two-classes"], results["logistic"]
    w, b = (two.params[name][..., 1] - two.params[name][..., 0] for name in ("w", "b"))
    off = max(np.abs(w - one.params["w"][:, 0]).max(), np.abs(b - one.params["b"][0]).max())
    z, z_one = two.predict("test")[0], one.predict("test")[0]
    a = np.exp(z - z.max(axis=1, keepdims=True))
    a /= a.sum(axis=1, keepdims=True)
    off_a = np.abs(a[:, 1] - 1 / (1 + np.exp(-z_one[:, 0]))).max()
    told = f"largest difference {off:.1e} of w and b, {off_a:.1e} of test probabilities"
    return bool(max(off, off_a) < AGREE), told


def regions_are_linear(results: Results) -> tuple[bool, str]:
    """Notes 2.7: the borders between classes are straight lines.

    On every line between two points of one class's region, the decision stays that class.
    """
    told, holds = [], True
    for name in ("three-classes", "four-classes"):
        arm = results[name]
        corner = 1.2 * np.abs(loaded(arm.config).train.inputs).max()
        points = np.random.default_rng(0).uniform(-corner, corner, size=(2, 20_000, 2))
        first, second = decision(arm, points[0]), decision(arm, points[1])
        same = first == second
        between = decision(arm, points.mean(axis=0))
        kept = float((between == first)[same].mean())
        found = len(np.unique(first))
        holds &= kept == 1 and found == len(loaded(arm.config).classes)
        told.append(f"{name}: {kept:.2%} of {same.sum()} midpoints stay, {found} regions")
    return holds, "; ".join(told)


def reads_classes(results: Results) -> tuple[bool, str]:
    """It learns real data: each arm's test accuracy is well above chance (halfway to all right)."""
    found = {name: arm["test/accuracy"] for name, arm in results.items()}
    chance = {name: 1 / len(loaded(arm.config).classes) for name, arm in results.items()}
    told = ", ".join(f"{name} {accuracy:.3f}" for name, accuracy in found.items())
    return all(found[name] > (1 + chance[name]) / 2 for name in found), told


def decision(arm: Arm, points: np.ndarray) -> np.ndarray:
    """The class that an arm gives each point of the plane of components: [M]."""
    numbers = supervised.scaling(loaded(arm.config))
    x = (points - numbers["mu"]) / numbers["sigma"]
    return (x @ arm.params["w"] + arm.params["b"]).argmax(axis=1)


def figures(results: Results) -> Iterator[Picture]:
    """What the weights look at, who is taken for whom, the regions of the plane."""
    from ngjax.report import figures as draw

    for name, arm in results.items():
        held = loaded(arm.config)
        if arm.config.components == 2 and not arm.config.logistic:
            yield Picture(
                f"regions-{name}",
                f"{held.title}: two principal components, regions of {len(held.classes)} classes.",
                draw.points(
                    held.train.inputs,
                    held.train.targets,
                    names=held.classes,
                    decide=functools.partial(decision, arm),
                    labels=("first component", "second component"),
                ),
            )
        if held.kind != "images":
            continue
        w = np.asarray(arm.params["w"]).reshape(*held.train.inputs.shape[1:], -1)  # [H, W, C, K]
        yield Picture(
            f"weights-{name}",
            f"The weights of each class as a picture: {', '.join(held.classes)}.",
            draw.filters(w),
        )
        z, batch = arm.predict("test")
        matrix = np.zeros((len(held.classes),) * 2, int)
        np.add.at(matrix, (batch["targets"], z.argmax(-1)), 1)
        yield Picture(
            f"confusion-{name}",
            "Test examples: true class by row, predicted class by column.",
            draw.confusion(matrix, held.classes),
        )


def texts(results: Results) -> Iterator[Text]:
    """The notes' worked example, and the data."""
    t, a = np.exp(Z), np.asarray(softmax(jnp.array(Z)))
    rows = [f"{'z':>6}{'t = e^z':>12}{'a = t / sum':>14}{'dz = a - y':>14}"]
    for j, z in enumerate(Z):
        rows.append(f"{z:6.0f}{t[j]:12.3f}{a[j]:14.4f}{a[j] - (j == CAT):14.4f}")
    rows.append(f"{'sum':>6}{t.sum():12.3f}{a.sum():14.4f}{a.sum() - 1:14.4f}")
    yield Text("The notes' example, true class 2", "\n".join(rows))
    yield Text(
        "Data", "\n".join(dict.fromkeys(loaded(arm.config).notes for arm in results.values()))
    )


def _plane(name: str, classes: int) -> tuple[str, ...]:
    return (f"data.name={name}", f"classes={classes}", "components=2", "run.epochs=200")


def _two(rate: float, logistic: bool) -> tuple[str, ...]:
    return (
        "data.name=breast_cancer",
        "optimizer.rule=descent",
        "optimizer.l2=0",
        f"optimizer.learning_rate={rate}",
        "run.dtype=float64",
        f"logistic={str(logistic).lower()}",
    )


EXPERIMENT = Experiment(
    notes="2.7",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms={
        "ten-classes": (),
        "three-classes": _plane("wine", 3),
        "four-classes": _plane("digits", 4),
        "two-classes": _two(0.05, logistic=False),
        "logistic": _two(0.1, logistic=True),
    },
    smoke=("run.steps=4",),
    claims={
        "softmax-example-t": worked_t,
        "softmax-example-a": worked_a,
        "softmax-loss-example": worked_loss,
        "softmax-dz": slope_of_the_loss,
        "softmax-generalises-logistic": generalises_logistic,
        "regions-are-linear": regions_are_linear,
        "softmax-learns": reads_classes,
    },
    figures=figures,
    texts=texts,
    terms=("softmax regression",),
)
