r"""Normalised inputs: the same model on raw and on normalised columns, elongated and round bowl.

    mu = (1/m) sum x,   sigma^2 = (1/m) sum (x - mu)^2,   x := (x - mu) / sigma

Notes 2.3; the print forgets the square in sigma^2. Logistic regression on two columns of real
tumours, 13 times apart in scale. Both arms have the same lowest cost, as w and b undo any shift and
scale of the columns; each goes down at its best stable rate, the quickest of a sweep under which
the cost never rises. Descent's steps grow with the condition number, the largest over the smallest
curvature of the bowl.

    python launch.py --experiment=input_normalization
    python launch.py --experiment=input_normalization --columns=26,0
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.losses import binary_cross_entropy
from ngjax.ops.normalise import normalise, standardise
from ngjax.train.settings import Run
from ngjax.types import Array, Batch, Context, Params, Task, UserError

SWEEP = np.geomspace(0.5, 8, 9)  # learning rates tried, over 1 / L
FEW = 10  # test examples of a small batch


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    scale: supervised.Scale = "standard"  # of the inputs; none: as they were measured
    columns: tuple[int, ...] = (
        10,
        0,
    )  # which; of the default set the radius, its error and its mean
    near: float = 0.01  # target: this share of the way from the first cost to the lowest is left
    patience: int = 40_000  # steps after which the sweep gives up
    data: data.Data = data.Data(name="breast_cancer", dev=0.0, test=0.2)
    optimizer: optim.Optimizer = optim.Optimizer(rule="descent", learning_rate=0.0)  # 0: the sweep
    run: Run = Run(steps=30_000, batch_size=0, log_every=10, evaluate_every=3000, dtype="float64")

    def __post_init__(self) -> None:
        """Refuse what no bowl can be."""
        if not self.columns or min(self.columns) < 0:
            raise ValueError(f"columns: give the numbers of one or more, got {self.columns}")
        if not 0 < self.near < 1:
            raise ValueError(f"near: must be above 0 and below 1, got {self.near}")
        if self.patience < 1:
            raise ValueError(f"patience: must be 1 or more, got {self.patience}")


class Bowl(NamedTuple):
    """The cost of an arm, seen from its bottom."""

    bottom: np.ndarray  # w and b of the lowest cost, [n_x + 1]
    lowest: float
    target: float
    largest: float  # L: curvature at most, over all w and b
    condition: float  # largest over smallest curvature at the bottom
    rates: np.ndarray  # learning rates of the sweep
    steps: np.ndarray  # updates to the target under each; infinite where it was not reached


def loaded(config: Config) -> data.Dataset:
    """The set with the chosen columns alone."""
    held = data.load(config.data, kinds=("table",), classes=2)
    width = held.train.inputs.shape[1]
    if max(config.columns) >= width:
        raise UserError(f"--columns: {held.name} has columns 0 ... {width - 1}")
    return data.changed(held, lambda inputs: inputs[:, list(config.columns)])


def cost(theta: Array, A: Array, Y: Array) -> Array:
    """J of w and b, theta [n_x + 1], on examples with a column of ones, A [m, n_x + 1]."""
    return binary_cross_entropy(A @ theta, Y).mean()


def examples(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """(A, Y) of the training set as the arm scales it, float64."""
    held = loaded(config)
    x = supervised.scaled(held, "train", config.scale)
    return np.hstack([x, np.ones((len(x), 1))]), np.float64(held.train.targets)


@functools.lru_cache(maxsize=8)
def bowl(config: Config) -> Bowl:
    """Where the bottom is, how elongated the bowl is, how many steps each rate takes.

    Raises:
        UserError: a plane parts the two classes: the cost then has no lowest point.
    """
    with jax.enable_x64(True):
        A, Y = map(jnp.asarray, examples(config))
        bottom = jnp.zeros(A.shape[1])
        curvature = jax.jit(jax.hessian(cost))
        for _ in range(30):  # Newton's method
            bottom -= jnp.linalg.solve(curvature(bottom, A, Y), jax.grad(cost)(bottom, A, Y))
        lowest, first = float(cost(bottom, A, Y)), float(cost(0 * bottom, A, Y))
        slope = float(jnp.abs(jax.grad(cost)(bottom, A, Y)).max())
        if not slope < 1e-6 or bool(jnp.all((A @ bottom > 0) == (Y > 0))):
            raise UserError("--columns: in these a plane parts the classes, or almost; take others")
        curvatures = np.linalg.eigvalsh(np.asarray(curvature(bottom, A, Y)))
        largest = float(np.linalg.eigvalsh(np.asarray(A.T @ A))[-1]) / (4 * len(A))
        target = lowest + config.near * (first - lowest)
        rates = SWEEP / largest
        steps, last = _sweep(jnp.asarray(rates), A, Y, target, config.patience)
    reached = np.asarray(steps, np.float64)
    reached[np.asarray(last) > target] = np.inf
    return Bowl(
        np.asarray(bottom), lowest, target, largest, curvatures[-1] / curvatures[0], rates, reached
    )


@jax.jit
def _sweep(rates: Array, A: Array, Y: Array, target: Array, patience: Array) -> tuple[Any, Any]:
    """(updates made, last cost) of each rate; infinite cost where it rose on the way."""
    slope = jax.vmap(jax.value_and_grad(cost), (0, None, None))

    def wanting(held: Any) -> Array:
        step, _, last, _ = held
        return (step < patience) & jnp.any((last > target) & (last < jnp.inf))

    def update(held: Any) -> Any:
        step, theta, last, steps = held
        value, dtheta = slope(theta, A, Y)
        value = jnp.where(value > last, jnp.inf, value)
        going = (last > target) & (last < jnp.inf)
        moved = theta - rates[:, None] * dtheta
        theta = jnp.where((going & (value > target))[:, None], moved, theta)
        steps = jnp.where(going, step, steps)
        return step + 1, theta, jnp.where(going, value, last), steps

    start = jnp.zeros((len(rates), A.shape[1])), jnp.full(len(rates), 1e300)
    _, _, last, steps = lax.while_loop(wanting, update, (0, *start, jnp.zeros(len(rates), int)))
    return steps, last


def rate_of(config: Config) -> float:
    """The learning rate of an arm: its own best stable one where none is given."""
    if config.optimizer.learning_rate:
        return config.optimizer.learning_rate
    found = bowl(config)
    quickest = int(np.argmin(found.steps))
    return float(found.rates[quickest if np.isfinite(found.steps[quickest]) else 0])


def build(config: Config) -> Task:
    """The Task: w and b start at zero."""
    held = loaded(config)

    def init(key: Array) -> tuple[Params, Any]:
        del key
        return {"w": jnp.zeros((len(config.columns), 1)), "b": jnp.zeros(())}, {}

    def z_of(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Array, Any]:
        del context
        return batch["inputs"] @ params["w"] + params["b"], extra  # [B, 1]

    return supervised.task(
        held,
        supervised.Network(init, z_of),
        dataclasses.replace(config.optimizer, learning_rate=rate_of(config)),
        supervised.decide,
        scale=config.scale,
        evals=("train", "dev", "test"),
    )


def least(results: Results, name: str) -> float:
    """The updates to the target at the best stable rate."""
    steps = float(bowl(results[name].config).steps.min())
    if not np.isfinite(steps):
        raise NotAsked(f"arm {name} has not reached its target in {results[name].config.patience}")
    return steps


def faster(results: Results) -> tuple[bool, str]:
    """Notes 2.3: normalised inputs are faster; here 20 times or more, each at its best rate."""
    raw, round_ = least(results, "raw"), least(results, "normalised")
    config = results["raw"].config
    told = f"{raw:.0f} steps raw, {round_:.0f} normalised, to within {config.near:.0%} of the way"
    return raw >= 20 * round_, told


def rounder(results: Results) -> tuple[bool, str]:
    """Notes 2.3: the bowl is rounder: its condition number falls 100 times or more."""
    raw, round_ = (bowl(results[name].config).condition for name in ("raw", "normalised"))
    return raw >= 100 * round_, f"condition number {raw:.0f} raw, {round_:.1f} normalised"


def same_bottom(results: Results) -> tuple[bool, str]:
    """Normalisation changes the way, not the goal: both bowls have the same lowest cost."""
    raw, round_ = (bowl(results[name].config).lowest for name in ("raw", "normalised"))
    return abs(raw - round_) < 1e-9, f"lowest cost {raw:.9f} raw, {round_:.9f} normalised"


def engine_agrees(results: Results) -> tuple[bool, str]:
    """The engine is below the target when the sweep says, by two log lines at most."""
    told, holds = [], True
    for name in ("raw", "normalised"):
        steps, losses = results[name].history("train/loss")  # means of log_every costs
        found, target = least(results, name), bowl(results[name].config).target
        if losses.min() > target:
            raise NotAsked(f"arm {name} was not run to its target")
        first = float(steps[np.argmax(losses <= target)])
        gap = results[name].config.run.log_every
        holds &= found - gap <= first <= found + 2 * gap
        told.append(f"{name} {first:.0f} of {found:.0f}")
    return holds, f"first logged step below the target: {', '.join(told)}"


def mean_and_variance(results: Results) -> tuple[bool, str]:
    """Notes 2.3: less mu and over sigma, every training column has mean 0 and variance 1."""
    x = supervised.scaled(loaded(results["normalised"].config), "train")
    mean, variance = np.abs(x.mean(axis=0)).max(), np.abs(x.var(axis=0) - 1).max()
    return mean < 1e-9 and variance < 1e-9, f"off by {mean:.0e} and {variance:.0e} at most"


def changed_decisions(results: Results) -> dict[str, tuple[int, int]]:
    """How many decisions other numbers than the training set's change: what -> (changed, of)."""
    arm = results["normalised"]
    held, theta = loaded(arm.config), arm.params
    x = np.float64(held.test.inputs)

    def decided(x: np.ndarray, by: np.ndarray) -> np.ndarray:
        return (normalise(x, *standardise(by)) @ theta["w"])[:, 0] + theta["b"] > 0

    right = decided(x, held.train.inputs)
    by_few = [decided(x[i : i + FEW], x[i : i + FEW]) for i in range(0, len(x), FEW)]
    alone = [decided(x[i : i + 1], x[i : i + 1]) for i in range(len(x))]
    own = {
        "the whole test set's own": decided(x, x),
        f"those of {FEW} at a time": np.concatenate(by_few),
        "those of each example alone": np.concatenate(alone),
    }
    return {what: (int((other != right).sum()), len(x)) for what, other in own.items()}


def train_numbers_for_test(results: Results) -> tuple[bool, str]:
    """Dev and test need the training set's mu and sigma: their own leak, and change decisions.

    Their own numbers are of examples that are not known yet when the first of them is to be judged.
    An example by itself is its own mean: all become zero.
    """
    found = changed_decisions(results)
    told = "; ".join(f"{what} {changed} of {of}" for what, (changed, of) in found.items())
    return min(changed for changed, _ in found.values()) > 0, f"decisions changed by {told}"


def path(config: Config, steps: int) -> np.ndarray:
    """w and b along the arm's descent, [steps + 1, n_x + 1]."""
    with jax.enable_x64(True):
        A, Y = map(jnp.asarray, examples(config))
        rate = jnp.asarray(rate_of(config))

        def update(theta: Array, _: None) -> tuple[Array, Array]:
            theta = theta - rate * jax.grad(cost)(theta, A, Y)
            return theta, theta

        start = jnp.zeros(A.shape[1])
        _, points = jax.jit(lambda theta: lax.scan(update, theta, length=steps))(start)
        return np.concatenate([np.asarray(start)[None], np.asarray(points)])


def heights(config: Config) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """(w_1, w_2) -> J with the best b for each."""
    A, Y = examples(config)
    X = A[:, :-1]

    def of(w_1: np.ndarray, w_2: np.ndarray) -> np.ndarray:
        wx = (np.stack([w_1.ravel(), w_2.ravel()], axis=1) @ X.T).astype(np.float32)  # [M, m]
        low, high = -wx.max(axis=1) - 5, -wx.min(axis=1) + 5  # the best b lies between
        for _ in range(18):  # halved: the slope in b only grows
            b = (low + high) / 2
            a = 1 / (1 + np.exp(-np.clip(wx + b[:, None], -60, 60)))
            above = a.mean(axis=1) > Y.mean()
            low, high = np.where(above, low, b), np.where(above, b, high)
        z = wx + b[:, None]
        return (np.logaddexp(0, z) - Y * z).mean(axis=1).reshape(w_1.shape)

    return of


def figures(results: Results) -> Iterator[Picture]:
    """Both bowls with the way down, the cost by steps, steps by learning rate."""
    from ngjax.report import figures as draw

    for name, arm in results.items():
        if len(arm.config.columns) != 2:
            break
        found = bowl(arm.config)
        most = min(arm.config.run.steps, arm.config.patience)
        way = path(arm.config, most)
        shown = np.unique(np.geomspace(1, most + 1, 120).astype(int)) - 1
        reach = 0.75 * max(abs(found.bottom[0]), 2 * abs(found.bottom[1]), 1e-3)
        x, y = found.bottom[:2] / 2
        yield Picture(
            f"bowl-{name}",
            f"The {name} bowl, both axes in the same unit, b at its best: condition number "
            f"{found.condition:.0f}. Points of the way down grow apart: {len(shown)} of {most}.",
            draw.contour_paths(
                heights(arm.config),
                {name: way[shown, :2]},
                bounds=(x - reach, x + reach, y - reach / 2, y + reach / 2),
                minimum=tuple(found.bottom[:2]),
                labels=tuple(f"w of column {column}" for column in arm.config.columns),
            ),
        )
    yield Picture(
        "cost",
        "The cost, step by step, each arm at its best stable rate.",
        draw.curves({name: arm.rows for name, arm in results.items()}, ["train/loss"], log_x=True),
    )


def texts(results: Results) -> Iterator[Text]:
    """The sweeps."""
    for name, arm in results.items():
        found = bowl(arm.config)
        rows = (
            f"{share:10.2f} / L{rate:14.6f}   {f'{steps:.0f} steps' if steps < np.inf else '-'}"
            for share, rate, steps in zip(SWEEP, found.rates, found.steps, strict=True)
        )
        head = f"L = {found.largest:.4f}, condition {found.condition:.1f}; -: rose, or too slow"
        yield Text(f"Learning rates, {name}", "\n".join([head, "", *rows]))
    yield Text("Data", loaded(results.only.config).notes)


EXPERIMENT = Experiment(
    notes="2.3",
    config=Config(),
    build=build,
    objective=("train/loss", "min"),
    arms={"raw": ("scale=none",), "normalised": ("scale=standard",)},
    smoke=("run.steps=4", "patience=50"),
    claims={
        "normalised-inputs-faster": faster,
        "normalised-bowl-is-rounder": rounder,
        "same-lowest-cost": same_bottom,
        "engine-agrees-with-the-sweep": engine_agrees,
        "normalise-zero-mean": mean_and_variance,
        "training-numbers-for-test": train_numbers_for_test,
    },
    figures=figures,
    texts=texts,
)
