r"""Logistic regression as a neural network: gradient descent by hand and by autodiff agree.

    z = w^T x + b,   yhat = sigma(z),   J = -(1/m) sum [y ln yhat + (1 - y) ln(1 - yhat)]

Notes 1.3 and 1.4. The print of J has its bracket in the wrong place, and its dz = 1 - y is a - y.
Arms differ in the learning rate alone. A convex cost with largest curvature L falls at every step
of a rate below 2 / L and need not above it; `critical` gives the rate in that unit.

    python launch.py --experiment=logistic_regression
    python launch.py --experiment=logistic_regression --data.name=catvnoncat --arms=0.001,0.005,0.01
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.ops.backprop import logistic_descent
from ngjax.train.settings import Run
from ngjax.types import Array, Batch, Context, Params, Task

AGREE = 1e-6  # between descent by hand and through the engine, in float64


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    critical: float = 0.0  # learning rate in units of 2 / L; 0: optimizer.learning_rate as it is
    data: data.Data = data.Data(name="breast_cancer", dev=0.0, test=0.2)
    optimizer: optim.Optimizer = optim.Optimizer(rule="descent", learning_rate=0.005)
    run: Run = Run(steps=2000, batch_size=0, log_every=1, evaluate_every=500, dtype="float64")


def loaded(config: Config) -> data.Dataset:
    """The set, one row of numbers an example."""
    held = data.load(config.data, kinds=("table", "images"), classes=2)
    width = held.train.inputs[0].size
    return data.changed(held, lambda inputs: inputs.reshape(-1, width))


def scale_of(config: Config) -> supervised.Scale:
    """Pixels over 255, a table by the training set's mean and deviation."""
    images = data.entry(config.data.name).kind == "images"
    return "pixels" if images else "standard"


def features(config: Config) -> np.ndarray:
    """The training inputs as the network gets them, float64 [m, n_x]."""
    return supervised.scaled(loaded(config), "train", scale_of(config))


def critical_rate(x: np.ndarray) -> float:
    """2 / L: the cost's second derivative is X diag(a (1 - a)) X^T / m, and a (1 - a) <= 1/4."""
    with_bias = np.hstack([x, np.ones((len(x), 1))])  # [m, n_x + 1]
    small = with_bias if x.shape[1] < len(x) else with_bias.T
    return 8 * len(x) / np.linalg.eigvalsh(small.T @ small)[-1]


def rate_of(config: Config) -> float:
    """The learning rate alpha of an arm."""
    if not config.critical:
        return config.optimizer.learning_rate
    return config.critical * critical_rate(features(config))


def build(config: Config) -> Task:
    """The Task: w and b start at zero, as the notes start them; the cost is convex."""
    held = loaded(config)
    width = held.train.inputs.shape[1]

    def init(key: Array) -> tuple[Params, Any]:
        del key
        return {"w": jnp.zeros((width, 1)), "b": jnp.zeros(())}, {}

    def z_of(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Array, Any]:
        del context
        return batch["inputs"] @ params["w"] + params["b"], extra  # [B, 1]

    return supervised.task(
        held,
        supervised.Network(init, z_of),
        dataclasses.replace(config.optimizer, learning_rate=rate_of(config)),
        supervised.decide,
        scale=scale_of(config),
        evals=("train", "dev", "test"),
    )


def rises(results: Results, name: str) -> tuple[int, int]:
    """(steps at which the cost rose, steps looked at)."""
    cost = results[name].history("train/loss")[1]
    return int((np.diff(cost) > 0).sum()), len(cost) - 1


def falls_below_two_over_l(results: Results) -> tuple[bool, str]:
    """Notes 1.3.4: gradient descent goes down at every step, if its steps are small enough."""
    below, above = rises(results, "half-critical"), rises(results, "40-critical")
    told = f"cost rose at {below[0]} of {below[1]} steps at half of 2/L, {above[0]} at 40 times it"
    return below[0] == 0 and above[0] > 0, told


def cats_need_a_small_rate(results: Results) -> tuple[bool, str]:
    """On cats the cost falls monotonically at 0.001, and not at 0.005 and above."""
    if results["0.001"].config.data.name.replace("-", "_") != "catvnoncat":
        raise NotAsked("the rates are those for --data.name=catvnoncat")
    count = {name: rises(results, name)[0] for name in ("0.001", "0.005", "0.01")}
    told = ", ".join(f"{times} times at {name}" for name, times in count.items())
    return count["0.001"] == 0 and min(count["0.005"], count["0.01"]) > 0, f"cost rose {told}"


def hand_equals_autodiff(results: Results) -> tuple[bool, str]:
    """Notes 1.4: dw = X dZ^T / m by hand is what automatic differentiation gives."""
    arm = results.only
    plain = optim.Optimizer(rule="descent", learning_rate=arm.config.optimizer.learning_rate)
    if arm.config.optimizer != plain or arm.config.run.batch_size:
        raise NotAsked("by hand there is plain full-batch descent alone")
    Y = np.float64(loaded(arm.config).train.targets)[None]  # [1, m]
    steps = next(iter(arm.outcomes.values())).steps
    with jax.enable_x64(True):
        X = jnp.asarray(features(arm.config).T)  # [n_x, m]
        w, b, _ = logistic_descent(X, jnp.asarray(Y), rate_of(arm.config), steps)
        w, b = np.asarray(w), np.asarray(b)
    params = arm.params
    off = max(np.abs(w - params["w"]).max(), np.abs(b - params["b"]).max())
    return bool(off < AGREE), f"largest difference {off:.1e} in arm {arm.name}"


def figures(results: Results) -> Iterator[Picture]:
    """The first costs, where rates show; what the weights look at; the pictures."""
    from ngjax.report import figures as draw

    steps = {name: arm.history("train/loss")[1] for name, arm in results.items()}
    shown = min(300, *map(len, steps.values()))
    yield Picture(
        "first-costs",
        f"The cost of the first {shown} steps: a rate that is too large climbs before it falls.",
        draw.lines(
            np.arange(1, shown + 1),
            {name: cost[:shown] for name, cost in steps.items()},
            xlabel="step",
            ylabel="cost J",
            log_y=True,
        ),
    )
    arm = results.only
    held = data.load(arm.config.data)
    if held.kind != "images":
        return
    side = held.train.inputs.shape[1:]
    w = np.asarray(arm.params["w"]).reshape(*side, 1)
    yield Picture("weights", "The weight of every pixel value, as a picture.", draw.filters(w))
    z, batch = arm.predict("test")
    guess, truth = (z[:, 0] > 0).astype(int), batch["targets"]
    titles = [f"{held.classes[g]}" for g in guess]
    pictures = batch["inputs"].reshape(-1, *side)
    yield Picture(
        "predictions",
        "Test pictures and what they were taken for; mistakes are framed.",
        draw.image_grid(pictures, titles, wrong=guess != truth),
    )


def texts(results: Results) -> Iterator[Text]:
    """The rates of the arms."""
    arm = results.only
    x = features(arm.config)
    rates = [f"{name:16}{rate_of(a.config):.6f}" for name, a in results.items()]
    head = f"2 / L = {critical_rate(x):.6f} on {len(x)} examples"
    yield Text("Learning rates", "\n".join([head, "", *rates]))
    yield Text("Data", loaded(arm.config).notes)


EXPERIMENT = Experiment(
    notes="1.3, 1.4",
    config=Config(),
    build=build,
    objective=("train/loss", "min"),
    arms={
        "half-critical": ("critical=0.5",),
        "40-critical": ("critical=40",),
        "0.001": ("optimizer.learning_rate=0.001",),
        "0.005": ("optimizer.learning_rate=0.005",),
        "0.01": ("optimizer.learning_rate=0.01",),
    },
    smoke=("run.steps=4",),
    claims={
        "descent-falls-below-2-over-L": falls_below_two_over_l,
        "cats-need-a-small-rate": cats_need_a_small_rate,
        "by-hand-equals-autodiff": hand_equals_autodiff,
    },
    figures=figures,
    texts=texts,
    terms=("logistic regression", "batch gradient descent"),
)
