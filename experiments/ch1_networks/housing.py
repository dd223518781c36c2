r"""One neuron and a small network for a price, wired by hand and dense, beside linear regression.

    price = max(0, w size + b)
    a[1] = max(0, W[1] x + b[1]),   price = W[2] a[1] + b[2],   W[1] (3, 4), W[2] (1, 3)
    theta = (X^T X)^-1 X^T y                                    the normal equation of the line

Notes 1.2, where size and bedrooms make the family size, zip code the walkability, zip code and
wealth the school quality, and these three the price. They call the single neuron a linear
regression: it is one only where w size + b > 0, and 0 elsewhere. Sparse, a mask on W[1] keeps what
is not wired at zero.

Real numbers stand in for the houses: 442 patients, of whom body mass, blood pressure, HDL and
triglycerides tell how far diabetes went in a year (Efron et al. 2004). Targets are divided by
their deviation for training and not centred, so that the neuron's zero stays a zero; errors are in
the unit of the data.

    python launch.py --experiment=housing
    python launch.py --experiment=housing --seeds=5
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.experiment.catalogue import discover
from ngjax.experiment.results import Arm
from ngjax.models.mlp import MLP
from ngjax.notes.applications import SUPERVISED, format_applications
from ngjax.train.settings import Run
from ngjax.types import Array, Batch, Context, Metrics, Params, Sum, Task, UserError

NAMES = ("age", "sex", "body mass", "blood pressure", "cholesterol", "LDL", "HDL")
NAMES += ("cholesterol/HDL", "triglycerides", "glucose")  # the columns of the diabetes set
NOTES = ("size", "bedrooms", "zip code", "wealth")
HIDDEN = ("family size", "walkability", "school quality")
WIRES = np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]])  # (3, 4): who reads whom
AGREE = 0.5  # of two lines' predictions, in the unit of the data, whose deviation is 77
PLAIN = ("line", "neuron")  # those of a single layer


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    net: Literal["neuron", "line", "dense", "sparse"] = "dense"  # what predicts the price
    columns: tuple[int, ...] = (2, 3, 6, 8)  # for size, bedrooms, zip code and wealth
    data: data.Data = data.Data(name="diabetes", dev=0.0, test=0.3)
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=0.02, schedule="cosine")
    run: Run = Run(steps=1500, batch_size=0)

    def __post_init__(self) -> None:
        """Refuse what the wiring does not fit."""
        if len(self.columns) != len(NOTES) or min(self.columns) < 0:
            raise ValueError(f"columns: four column numbers, got {self.columns}")


def loaded(config: Config) -> data.Dataset:
    """The set with the columns that the arm reads: the neuron the first alone."""
    held = data.load(config.data, kinds=("regression",))
    if max(config.columns) >= held.train.inputs.shape[1]:
        raise UserError(f"--columns: {held.name} has {held.train.inputs.shape[1]}, from 0")
    read = list(config.columns[:1] if config.net == "neuron" else config.columns)
    return data.changed(held, lambda table: table[:, read])


def build(config: Config) -> Task:
    """The Task: the judge divides the targets by their deviation and tells errors in their unit."""
    held = loaded(config)
    unit = float(np.std(held.train.targets))
    network = supervised.linen(MLP((1,) if config.net in PLAIN else (len(HIDDEN), 1)), held)
    wires = jnp.asarray(WIRES.T if config.net == "sparse" else np.ones_like(WIRES.T), jnp.float32)

    def init(key: Array) -> tuple[Params, Any]:
        params, extra = network.init(key)
        alive = {  # b = 1: a unit that starts below its kink for every house never moves
            name: {**part, "bias": part["bias"] + 1.0} for name, part in params.items()
        }
        return wired(alive), extra

    def wired(params: Params) -> Params:
        if config.net in PLAIN:
            return params
        first = params["a1"]
        return {**params, "a1": {**first, "kernel": first["kernel"] * wires}}

    def price(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Array, Any]:
        y_hat, extra = network.apply(wired(params), extra, batch, context)
        return (jnp.maximum(0, y_hat) if config.net == "neuron" else y_hat), extra  # [B, 1]

    def judge(y_hat: Array, targets: Array, mask: Array) -> tuple[Sum, Metrics]:
        cost, told = supervised.estimate(y_hat, targets / unit, mask)
        total, count = told["absolute_error"]
        return cost, {"absolute_error": (total * unit, count)}

    def score(y_hat: np.ndarray, batch: dict[str, np.ndarray]) -> dict[str, float]:
        return {"rmse": rmse(unit * y_hat[:, 0], batch["targets"])}

    task = supervised.task(
        held,
        supervised.Network(init, price),
        config.optimizer,
        judge,
        evals=("train", "dev", "test"),
    )
    return dataclasses.replace(task, score=score)


def rmse(y_hat: np.ndarray, y: np.ndarray) -> float:
    """Root of the mean squared error, in the unit of y."""
    return float(np.sqrt(np.mean((np.float64(y_hat) - y) ** 2)))


def normal_equation(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """theta with least squared error: (X^T X) theta = X^T y, a column of ones put before X.

    Args:
        X: [m, D].
        y: [m].

    Returns:
        [1 + D], the constant first.
    """
    X = np.hstack([np.ones((len(X), 1)), X])
    return np.linalg.solve(X.T @ X, X.T @ y)


def by_normal_equation(config: Config, part: str) -> np.ndarray:
    """What linear regression on the training set predicts of a part, [m]."""
    held = loaded(config)
    theta = normal_equation(supervised.scaled(held, "train"), np.float64(held.train.targets))
    return theta[0] + supervised.scaled(held, part) @ theta[1:]


def neuron_is_clamped(results: Results) -> tuple[bool, str]:
    """Notes 1.2 call the neuron a linear regression: it says 0 below its kink, as no line does."""
    arm = results["neuron"]
    w, b = float(arm.params["a1"]["kernel"][0, 0]), float(arm.params["a1"]["bias"][0])
    if w == 0:
        raise NotAsked("the neuron does not look at the size")
    kink = -b / w
    sizes = kink + np.sign(w) * np.array([-2.0, -1.0, 0.0, 1.0])
    affine = w * sizes + b
    says, straight = np.maximum(0, affine), np.ptp(np.diff(affine)) < 1e-6
    told = ", ".join(f"{a:.2f} -> {p:.2f}" for a, p in zip(affine, says, strict=True))
    bent = np.ptp(np.diff(says)) > 0.5 * abs(w)
    x = supervised.scaled(loaded(arm.config), "train")[:, 0]
    below = int((w * x + b < 0).sum())
    return bool(straight and bent), f"w x + b -> price: {told}; {below} of {len(x)} are below"


def shapes(results: Results) -> tuple[bool, str]:
    """Notes 1.2: four inputs, three hidden units, one price: W1 (3, 4) and W2 (1, 3)."""
    params = results["dense"].params
    W1, W2 = (params[layer]["kernel"].T.shape for layer in ("a1", "a2"))
    dense, sparse = parameters(results["dense"]), parameters(results["sparse"])
    told = f"W1 {W1}, W2 {W2}; {dense} parameters dense, {sparse} wired by hand"
    return (W1, W2) == ((3, 4), (1, 3)) and dense - sparse == (WIRES == 0).sum(), told


def parameters(arm: Arm) -> int:
    """Numbers that the arm learned: weights that are not wired do not count."""
    count = sum(int(np.size(v)) for part in arm.params.values() for v in part.values())
    return count - int((WIRES == 0).sum()) * (arm.config.net == "sparse")


def stays_sparse(results: Results) -> tuple[bool, str]:
    """Wired by hand, a hidden unit reads its own inputs alone, also after training."""
    W1 = np.asarray(results["sparse"].params["a1"]["kernel"]).T  # (3, 4)
    off, on = W1[WIRES == 0], W1[WIRES == 1]
    told = f"largest weight without a wire {np.abs(off).max():.0e}, {(on != 0).sum()} with one"
    return bool((off == 0).all() and (on != 0).all()), told


def line_is_least_squares(results: Results) -> tuple[bool, str]:
    """A linear unit, trained by descent, is linear regression: to 0.5 in the unit of the data."""
    arm = results["line"]
    y_hat, _ = arm.predict("test")
    unit = float(np.std(loaded(arm.config).train.targets))
    off = np.abs(unit * y_hat[:, 0] - by_normal_equation(arm.config, "test")).max()
    return bool(off < AGREE), f"largest difference {off:.3f} between their predictions"


def network_fits_better(results: Results) -> tuple[bool, str]:
    """Notes 1.2: hidden units catch what a line cannot: the networks' training error is lower."""
    found = {name: results[name]["train/rmse"] for name in ("line", "sparse", "dense")}
    told = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
    unseen = ", ".join(f"{results[name]['test/rmse']:.2f}" for name in found)
    line = found.pop("line")
    return max(found.values()) < line, f"training RMSE {told}; on test {unseen}"


def figures(results: Results) -> Iterator[Picture]:
    """Errors, the neuron and its line, and who reads whom."""
    from ngjax.report import figures as draw

    config = results.only.config
    whole = dataclasses.replace(config, net="line")
    held = loaded(whole)
    truth = held.test.targets
    errors = {"always the mean": rmse(np.full(len(truth), held.train.targets.mean()), truth)}
    errors["normal equation"] = rmse(by_normal_equation(whole, "test"), truth)
    errors |= {name: round(arm["test/rmse"], 2) for name, arm in results.items()}
    yield Picture(
        "test-error",
        "Root mean squared error on the test set, in the unit of the data, mean and spread.",
        draw.bars(
            errors,
            {name: round(arm.spread("test/rmse"), 2) for name, arm in results.items()},
            xlabel="RMSE on test",
        ),
    )
    if "neuron" in results:
        yield Picture(
            "neuron",
            "One column against the target: the neuron, linear regression, and the mean of each "
            "tenth of the training set. Below its kink the neuron says zero, above it is the line.",
            draw.lines(
                *neuron_and_line(results["neuron"]),
                xlabel=f"{name_of(config.columns[0])}, as the data has it",
                ylabel="target",
            ),
        )
    inputs = [f"{n}: {name_of(c)}" for n, c in zip(NOTES, config.columns, strict=True)]
    units = {"dense": ("unit 1", "unit 2", "unit 3"), "sparse": HIDDEN}
    for name in units:
        if name in results:
            W1 = np.asarray(results[name].params["a1"]["kernel"]).T
            yield Picture(
                f"wires-{name}",
                f"|W1| of the {name} network: how much each hidden unit reads of each input.",
                draw.heatmap(np.abs(W1), units[name], inputs),
            )


def neuron_and_line(arm: Arm) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(x [N], name -> target [N]) from below the neuron's kink to the largest x there is."""
    held = loaded(arm.config)
    x, y = np.float64(held.train.inputs[:, 0]), np.float64(held.train.targets)
    numbers = supervised.scaling(held)
    mu, sigma = float(numbers["mu"][0, 0]), float(numbers["sigma"][0, 0])
    w, b = float(arm.params["a1"]["kernel"][0, 0]), float(arm.params["a1"]["bias"][0])
    kink = mu - sigma * b / w if w else x.min()
    grid = np.linspace(min(x.min(), kink) - 0.15 * np.ptp(x), x.max(), 200)
    theta = normal_equation(x[:, None], y)
    tenths = [part.mean(axis=0) for part in np.array_split(np.c_[x, y][np.argsort(x)], 10)]
    means = np.array(tenths)  # [10, 2]
    return grid, {
        "neuron": y.std() * np.maximum(0, w * (grid - mu) / sigma + b),
        "linear regression": theta[0] + theta[1] * grid,
        "data": np.interp(grid, *means.T, left=np.nan, right=np.nan),
    }


def name_of(column: int) -> str:
    """The column's name, of those of the diabetes set."""
    return NAMES[column] if column < len(NAMES) else f"column {column}"


def texts(results: Results) -> Iterator[Text]:
    """The notes' table of applications, who stands for whom, and the parameters."""
    table = f"{format_applications(discover())}\n\n{SUPERVISED}"
    yield Text("Which architecture for which application", table)
    config = results.only.config
    stands = [f"{a:12}{name_of(c)}" for a, c in zip(NOTES, config.columns, strict=True)]
    wires = [
        f"{unit:16}{', '.join(n for n, wire in zip(NOTES, row, strict=True) if wire)}"
        for unit, row in zip(HIDDEN, WIRES, strict=True)
    ]
    yield Text("The notes' inputs and ours", "\n".join(stands))
    yield Text("Wired by hand: a hidden unit and what it reads", "\n".join(wires))
    counts = [f"{name:10}{parameters(arm):4}" for name, arm in results.items()]
    yield Text("Parameters", "\n".join(counts))
    yield Text("Data", f"structured: a table; supervised: y is given\n{loaded(config).notes}")


EXPERIMENT = Experiment(
    notes="1.2",
    config=Config(),
    build=build,
    objective=("test/rmse", "min"),
    arms={name: (f"net={name}",) for name in ("neuron", "line", "sparse", "dense")},
    smoke=("run.steps=4",),
    claims={
        "relu-is-not-linear-regression": neuron_is_clamped,
        "housing-net-shape": shapes,
        "wired-by-hand-stays-so": stays_sparse,
        "line-is-linear-regression": line_is_least_squares,
        "networks-fit-better-than-the-line": network_fits_better,
    },
    figures=figures,
    texts=texts,
    terms=("supervised learning", "unsupervised learning"),
)
