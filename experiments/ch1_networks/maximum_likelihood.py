r"""The logistic cost: minus the log likelihood, and a bowl, which the squared loss is not.

    p(y | x) = yhat^y (1 - yhat)^(1 - y),   log p = -L,   log prod p = -sum L = -m J
    J = (1/m) sum L:     d^2J/dw^2 = X diag(a (1 - a)) X^T / m >= 0
    L = 1/2 (yhat - y)^2 with yhat = sigma(w^T x + b) curves downwards wherever yhat is far off

Notes 1.3.3, 1.3.4 and 1.4.1. The print calls log p the loss (it is -L), puts a log before the
product in p(labels), leaves 1/m out of the last J, and calls the squared loss convex and the
logistic cost one of many optima: it is the other way about. Arms differ in the loss. The cost is
looked at over three columns of real data: all thirty separate the classes, and then J falls for
ever and has no minimum.

    python launch.py --experiment=maximum_likelihood
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ngjax import data, supervised
from ngjax.experiment import Experiment, Picture, Results
from ngjax.losses import binary_cross_entropy, squared_loss
from ngjax.ops.activations import sigmoid

SAME = 1e-6  # largest difference of costs or weights that are called the same
LINE = np.linspace(-8.0, 8.0, 321)  # w along the first column, b = 0
SPREAD = 4.0  # deviation of the random starts
Loss = Callable[[jax.Array, jax.Array], jax.Array]  # (z [m], y [m]) -> [m]
LOSSES: dict[str, Loss] = {
    "cross_entropy": binary_cross_entropy,
    "squared": lambda z, y: squared_loss(sigmoid(z), y),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    loss: Literal["cross_entropy", "squared"] = "cross_entropy"  # of one example
    columns: tuple[int, ...] = (1, 0, 4)  # of the data: texture, radius, smoothness of the nuclei
    starts: int = 8  # random places that descent begins at
    steps: int = 3000  # updates of every descent
    points: int = 200  # random places at which the Hessian is taken
    data: data.Data = data.Data(name="breast_cancer", dev=0.0, test=0.2)

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to look at."""
        for name in ("starts", "steps", "points"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        if not self.columns:
            raise ValueError("columns: give one or more")


def examples(config: Config, columns: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Standardised columns with a last one of ones, whose weight is b: [m, D + 1]; y [m]."""
    held = data.load(config.data, kinds=("table",), classes=2)
    x = supervised.scaled(held, "train")[:, list(columns)]
    return np.hstack([x, np.ones((len(x), 1))]), np.float64(held.train.targets)


def cost_of(loss: str, x: Any, y: Any) -> Callable[[jax.Array], jax.Array]:
    """J(theta) = (1/m) sum L, theta [D + 1]."""
    return lambda theta: LOSSES[loss](x @ theta, y).mean()


def probabilities(theta: Any, x: Any, y: Any) -> jax.Array:
    """p(y | x) = yhat^y (1 - yhat)^(1 - y), [m]."""
    yhat = sigmoid(x @ theta)
    return yhat**y * (1 - yhat) ** (1 - y)


def rate(x: np.ndarray) -> float:
    """1 / L, L the largest curvature that the logistic cost can have: a (1 - a) <= 1/4."""
    return 4 * len(x) / float(np.linalg.eigvalsh(x.T @ x)[-1])


def descend(
    cost: Callable[[jax.Array], jax.Array], starts: np.ndarray, alpha: float, steps: int
) -> np.ndarray:
    """theta := theta - alpha dtheta from every start at once: [steps + 1, S, D + 1]."""
    slope = jax.vmap(jax.grad(cost))

    def step(theta: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        theta = theta - alpha * slope(theta)
        return theta, theta

    path = jax.jit(lambda theta: lax.scan(step, theta, None, steps)[1])(jnp.asarray(starts))
    return np.concatenate([starts[None], np.asarray(path)])


def shape_of_cost(config: Config, seed: int) -> dict[str, Any]:
    """Curvature at random places, and where descent from random starts ends."""
    x, y = examples(config, config.columns)
    cost = cost_of(config.loss, x, y)
    generator = np.random.default_rng(seed)
    places = SPREAD * generator.normal(size=(config.points, x.shape[1]))
    starts = SPREAD * generator.normal(size=(config.starts, x.shape[1]))
    curvature = np.linalg.eigvalsh(np.asarray(jax.jit(jax.vmap(jax.hessian(cost)))(places)))
    ends = descend(cost, starts, rate(x), config.steps)[-1]  # [S, D + 1]
    costs = np.asarray(jax.jit(jax.vmap(cost))(ends))
    return {
        "smallest eigenvalue": float(curvature.min()),
        "places that curve down": float((curvature[:, 0] < -1e-12).mean()),
        "lowest J reached": float(costs.min()),
        "highest J reached": float(costs.max()),
        "spread of w": float(np.ptp(ends, axis=0).max()),
        "ends": ends,
    }


def along_a_line(config: Config) -> dict[str, Any]:
    """J, its slope and its second derivative in the weight of the first column, b = 0."""
    x, y = examples(config, config.columns[:1])
    cost = cost_of(config.loss, x, y)

    def of_w(w: jax.Array) -> jax.Array:
        return cost(jnp.stack([w, jnp.zeros_like(w)]))

    slope = jax.grad(of_w)
    each = jax.jit(jax.vmap(lambda w: (of_w(w), slope(w), jax.grad(slope)(w))))
    J, dw, second = (np.asarray(values) for values in each(LINE))
    return {"J": J, "dw": dw, "second": second}


def likelihood(config: Config, seed: int) -> dict[str, Any]:
    """Probabilities of the labels, their product and their logs; two costs and their minimum."""
    x, y = examples(config, config.columns)
    theta = np.random.default_rng(seed).normal(size=x.shape[1])
    p = np.asarray(probabilities(theta, x, y))
    L = np.asarray(binary_cross_entropy(jnp.asarray(x @ theta), jnp.asarray(y)))
    one, start = cost_of("cross_entropy", x, y), np.zeros((1, x.shape[1]))
    mean = descend(one, start, rate(x), config.steps)[-1, 0]
    summed = descend(lambda t: len(y) * one(t), start, rate(x) / len(y), config.steps)[-1, 0]
    first, y1 = examples(config, config.columns[:1])
    grid = np.stack([LINE, np.zeros_like(LINE)], axis=1)  # [W, 2]
    each = np.asarray(jax.jit(jax.vmap(lambda t: probabilities(t, first, y1)))(grid))  # [W, m]
    J = np.asarray(jax.jit(jax.vmap(cost_of("cross_entropy", first, y1)))(grid))
    with np.errstate(divide="ignore"):  # far out yhat is 1 to the last digit: least likely of all
        log_likelihood = np.log(each).sum(axis=1)  # [W]
    here = np.asarray(jax.jit(jax.grad(lambda t: jnp.log(probabilities(t, x, y)).sum()))(mean))
    return {
        "log p": np.log(p),
        "L": L,
        "products": {
            "product in float32": np.cumprod(np.float32(p)),
            "product in float64": np.cumprod(p),
        },
        "sums": np.cumsum(-L),
        "mean": mean,
        "summed": summed,
        "ratio": float(L.sum() / one(theta)),
        "slope of log p": float(np.abs(here).max() / len(y)),
        "likeliest": int(np.argmax(log_likelihood)),
        "cheapest": int(np.argmin(J)),
    }


def run(config: Config, seed: int) -> dict[str, Any]:
    """Everything, in float64."""
    with jax.enable_x64(True):
        found = shape_of_cost(config, seed)
        line = along_a_line(config)
        x, y = examples(config, config.columns[:1])
        corners = np.array([[-6.0, -5.0], [-6.0, 5.0], [6.0, -5.0], [6.0, 5.0]])
        paths = descend(cost_of(config.loss, x, y), corners, rate(x), config.steps)
        return {
            **{name: value for name, value in found.items() if name != "ends"},
            "smallest second derivative": float(line["second"].min()),
            "line": line,
            "bowl": {"x": x, "y": y, "paths": paths},
            "likelihood": likelihood(config, seed),
        }


def found_in(results: Results, arm: str = "cross_entropy") -> dict[str, Any]:
    """What the first seed of an arm found."""
    return next(iter(results[arm].found.values()))


def log_p_is_minus_loss(results: Results) -> tuple[bool, str]:
    """Notes 1.4.1, corrected: log of yhat^y (1 - yhat)^(1 - y) is -L, for every example."""
    found = found_in(results)["likelihood"]
    off = float(np.abs(found["log p"] + found["L"]).max())
    return off < 1e-9, f"log p + L is {off:.0e} at most over {len(found['L'])} examples"


def product_is_sum_of_logs(results: Results) -> tuple[bool, str]:
    """Notes 1.4.1: log prod p = sum log p (to 1e-9); in float32 the product itself comes to 0."""
    found = found_in(results)["likelihood"]
    whole, sums = found["products"]["product in float64"], found["sums"]
    there = whole > 1e-300  # beyond it float64 has no digits left either
    off = float(np.abs(np.log(whole[there]) / sums[there] - 1).max())
    zero = found["products"]["product in float32"] == 0
    first = int(np.argmax(zero)) + 1 if zero.any() else 0
    told = f"off by {off:.0e}; float32 holds 0 from example {first} on, the log is {sums[-1]:.1f}"
    return bool(off < 1e-9 and zero.any()), told


def minimum_is_most_likely(results: Results) -> tuple[bool, str]:
    """Notes 1.4.1: the w of least J is the w of greatest likelihood, on a line and where J ends."""
    found = found_in(results)["likelihood"]
    one, other = LINE[found["likeliest"]], LINE[found["cheapest"]]
    told = (
        f"on a line w = {one:.2f} and {other:.2f}; slope of log p / m {found['slope of log p']:.0e}"
    )
    return one == other and found["slope of log p"] < SAME, told


def one_over_m_only_scales(results: Results) -> tuple[bool, str]:
    """Notes 1.4.1, corrected: sum L is m J: another number, but the same minimum (to 1e-6)."""
    found = found_in(results)["likelihood"]
    off = float(np.abs(found["mean"] - found["summed"]).max())
    holds = off < SAME and abs(found["ratio"] - len(found["L"])) < SAME
    return holds, f"sum L / J = {found['ratio']:.6f}; weights at the minimum differ by {off:.0e}"


def squared_curves_down(results: Results) -> tuple[bool, str]:
    """Notes 1.3.3, corrected: under sigma, the squared loss is not convex; cross-entropy is."""
    found = {name: found_in(results, name) for name in LOSSES}
    least = {name: f["smallest second derivative"] for name, f in found.items()}
    eigenvalue = {name: f["smallest eigenvalue"] for name, f in found.items()}
    told = ", ".join(f"{name} {least[name]:.1e} and {eigenvalue[name]:.1e}" for name in LOSSES)
    convex = min(least["cross_entropy"], eigenvalue["cross_entropy"]) >= -1e-12
    hollow = max(least["squared"], eigenvalue["squared"]) < -1e-3
    return convex and hollow, f"least second derivative on a line and eigenvalue: {told}"


def any_start_one_minimum(results: Results) -> tuple[bool, str]:
    """Notes 1.3.4, corrected: J has one minimum; from any start the same J and w (to 1e-6)."""
    found = found_in(results)
    low, high, off = (
        found[name] for name in ("lowest J reached", "highest J reached", "spread of w")
    )
    told = f"J from {low:.9f} to {high:.9f}, w apart by {off:.0e}"
    return high - low < SAME and off < SAME, told


def squared_flattens(results: Results) -> tuple[bool, str]:
    """Notes 1.3.3: where it is most wrong the squared loss has no slope to go by (half or less)."""
    at = {name: found_in(results, name)["line"]["dw"] for name in LOSSES}
    share = {name: float(dw[-1] / dw.max()) for name, dw in at.items()}
    told = ", ".join(f"{name} {part:.2f}" for name, part in share.items())
    holds = share["squared"] < 0.5 and share["cross_entropy"] == 1
    return holds, f"slope at w = {LINE[-1]:g} as a share of the steepest: {told}"


def slope_shows_the_way(results: Results) -> tuple[bool, str]:
    """Notes 1.3.4: the slope is negative left of the minimum, positive right: w := w - alpha dw."""
    line = found_in(results)["line"]
    lowest = int(np.argmin(line["J"]))
    left, right = line["dw"][: lowest - 1], line["dw"][lowest + 2 :]
    told = (
        f"minimum near {LINE[lowest]:.2f}; slopes {left.min():.3f} ... {left.max():.1e} to its "
        f"left, {right.min():.1e} ... {right.max():.3f} to its right"
    )
    return bool((left < 0).all() and (right > 0).all()), told


def figures(results: Results) -> Iterator[Picture]:
    """Both losses along a line, both bowls, the slope's sign, and the product that vanishes."""
    from ngjax.report import figures as draw

    lines = {name: next(iter(arm.found.values()))["line"] for name, arm in results.items()}
    for what, caption in (
        ("J", "The cost along w: the squared one flattens far out, where descent has no slope."),
        ("second", "The second derivative of J along w: below zero the cost curves down."),
    ):
        yield Picture(
            "cost-along-a-line" if what == "J" else "second-derivatives",
            caption,
            draw.lines(
                LINE,
                {name: line[what] for name, line in lines.items()},
                xlabel="w",
                ylabel="J" if what == "J" else "second derivative of J",
            ),
        )
    for name, arm in results.items():
        yield bowl(name, next(iter(arm.found.values()))["bowl"])
    line = found_in(results)["line"]
    touching = {}
    lowest = LINE[np.argmin(line["J"])]
    for at in np.clip(np.searchsorted(LINE, [lowest - 4, lowest + 4]), 0, len(LINE) - 1):
        way = "up" if line["dw"][at] < 0 else "down"
        slope = f"{line['dw'][at]:+.2f}".replace("-", "−")
        straight = line["J"][at] + line["dw"][at] * (LINE - LINE[at])
        near = np.where(np.abs(LINE - LINE[at]) < 2, straight, np.nan)
        touching[f"slope {slope}: w goes {way}"] = near
    yield Picture(
        "slope-and-way",
        "On either side of the minimum, w - alpha dw goes towards it.",
        draw.lines(LINE, {"J": line["J"], **touching}, xlabel="w", ylabel="J"),
    )
    found = found_in(results)["likelihood"]
    with np.errstate(divide="ignore"):
        products = {
            name: np.where(p > 0, np.log10(p.astype(np.float64)), np.nan)
            for name, p in (("product in float32", found["products"]["product in float32"]),)
        }
    yield Picture(
        "product-and-sum",
        "The likelihood of the first labels, as a power of ten: the product ends where float32 "
        "has no smaller number, the sum of logs goes on.",
        draw.lines(
            np.arange(1, len(found["L"]) + 1),
            {"sum of logs": found["sums"] / np.log(10), **products},
            xlabel="examples",
            ylabel="log10 of p(labels)",
        ),
    )


def bowl(name: str, found: dict[str, Any]) -> Picture:
    """J over w and b, and the ways down from four corners."""
    from ngjax.report import figures as draw

    x, y = found["x"][:, 0], found["y"]

    def height(w: np.ndarray, b: np.ndarray) -> np.ndarray:
        rows = []
        for w_row, b_row in zip(w, b, strict=True):  # a row at a time: [M, m] numbers at once
            z = w_row[:, None] * x + b_row[:, None]
            yhat = np.exp(-np.logaddexp(0, -z))
            squared = (yhat - y) ** 2 / 2
            L = np.logaddexp(0, z) - y * z if name == "cross_entropy" else squared
            rows.append(L.mean(axis=1))
        return np.stack(rows)

    paths = {f"start {i + 1}": path for i, path in enumerate(found["paths"].transpose(1, 0, 2))}
    return Picture(
        f"bowl-of-{name}".replace("_", "-"),
        f"J of the loss {name} over w and b of one column, and descent from four corners.",
        draw.contour_paths(height, paths, bounds=(-8.0, 8.0, -7.0, 7.0)),
    )


EXPERIMENT = Experiment(
    notes="1.3.3, 1.3.4, 1.4.1",
    config=Config(),
    run=run,
    arms={"cross_entropy": (), "squared": ("loss=squared",)},
    smoke=("steps=5", "starts=2", "points=3"),
    claims={
        "log-lik-is-minus-loss": log_p_is_minus_loss,
        "labels-prob-log": product_is_sum_of_logs,
        "mle-equals-min-cost": minimum_is_most_likely,
        "mle-cost-missing-1-over-m": one_over_m_only_scales,
        "squared-loss-nonconvex-logistic": squared_curves_down,
        "squared-loss-flattens": squared_flattens,
        "logistic-cost-convex-one-minimum": any_start_one_minimum,
        "gd-moves-toward-minimum": slope_shows_the_way,
    },
    figures=figures,
    terms=("cost function", "gradient descent", "minimizing the cost function"),
)
