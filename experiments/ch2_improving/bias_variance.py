r"""Bias and variance: thousands of refits take the expected squared error apart, term by term.

    E[(y - f_hat)^2] = E[y^2] + E[f_hat^2] - 2 E[y f_hat]
                     = sigma^2 + Var[f_hat] + (f - E[f_hat])^2,      Var[X] = E[X^2] - E[X]^2

Notes 2.1; Geman, Bienenstock & Doursat 1992. The second line of the print has E[y_hat]^2 where
E[f_hat^2] is meant, and so loses Var[f_hat]. Polynomials of degree 1, 2, ... are fitted to
fresh noisy draws of f(x) = sin(4x + 1); arms differ in the points of a training set. The notes'
picture of three boundaries through the same dots is drawn with polynomial logistic regression.

    python launch.py --experiment=bias_variance
    python launch.py --experiment=bias_variance --noise=0.2 --refits=20000
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, strategy
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.ops import bias_variance as ops
from ngjax.ops.linear_model import legendre
from ngjax.types import Array

JUDGED = 101  # points between -1 and 1 at which a fit is judged
WITHIN = 2.0  # standard errors; by chance the largest of 24 gaps passes it in one seed of six
HIGH = 0.05  # a gap above is high
PAIRS = ((0.01, 0.11), (0.15, 0.16), (0.15, 0.30), (0.005, 0.01))  # (train, dev) of the notes
WORDS = (  # what the notes say of them
    "low bias/high variance",
    "high bias/low variance",
    "high bias/high variance",
    "low bias/low variance",
)
NEWTON_STEPS = 50
LAMBDA = 1e-3  # of the boundaries: so small that it only keeps the weights finite


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    points: int = 16  # m, examples of a training set
    noise: float = 0.4  # sigma, deviation of y from f
    degrees: int = 12  # highest degree; every one from 1 on is fitted
    refits: int = 4000  # training sets drawn, each fitted at every degree
    boundaries: tuple[int, ...] = (1, 4, 12)  # degrees of the boundaries: too low, right, too high
    data: data.Data = data.Data(name="moons", dev=0.5, test=0.2)  # of the boundaries

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted."""
        if not 1 <= self.degrees < self.points:
            raise ValueError(f"degrees: must be in 1 ... points - 1, got {self.degrees}")
        if self.refits < 2:
            raise ValueError(f"refits: must be 2 or more, got {self.refits}")
        if min(self.boundaries, default=1) < 1:
            raise ValueError(f"boundaries: degrees from 1 on, got {self.boundaries}")


def truth(x: Array) -> Array:
    """The function f that the notes call deterministic."""
    return jnp.sin(4 * x + 1)


@functools.partial(jax.jit, static_argnames=("points", "degrees", "refits"))
def simulate(key: Array, sigma: Array, points: int, degrees: int, refits: int) -> Any:
    """Draw, refit, judge on fresh y: everything the page shows, in one call.

    Returns:
        name -> [degrees], but for "fits" [degrees, JUDGED], those of the first training set.
    """
    x, judged = jnp.linspace(-1, 1, points), jnp.linspace(-1, 1, JUDGED)
    train_key, test_key = jax.random.split(key)
    f = truth(judged)
    seen = ops.noisy(train_key, truth(x), sigma, refits)  # [R, m]
    y = ops.noisy(test_key, f, sigma, refits)  # [R, n]: independent of every fit
    w = ops.refitted(legendre(x, degrees), seen, jnp.arange(1, degrees + 1))  # [D, R, P]

    def judge(w: Array) -> dict[str, Array]:
        f_hat = w @ legendre(judged, degrees).T  # [R, n]
        fit = w @ legendre(x, degrees).T  # [R, m]
        parts = ops.decompose(f_hat, f)
        error = ((y - f_hat) ** 2).mean(axis=1)  # [R]
        # draw by draw, so that what both sides share does not count as their difference
        off = error - sigma**2 - ((f_hat - f[None]) ** 2).mean(axis=1)
        right = ops.expected_square(y, f_hat).mean()
        return {
            "bias_squared": parts.bias_squared.mean(),
            "variance": parts.variance.mean(),
            "error": error.mean(),
            "train_error": ((seen - fit) ** 2).mean(),
            "gap": off.mean(),
            "standard_error": off.std(ddof=1) / jnp.sqrt(refits),
            "middle_line": right,
            "printed_line": right - (f_hat**2).mean() + (f_hat.mean(axis=0) ** 2).mean(),
            "fits": f_hat[0],
        }

    told = jax.lax.map(judge, w)
    return told | {"var_y": ops.variance(y).mean(), "mean_off": jnp.abs(y.mean(axis=0) - f).max()}


def run(config: Config, seed: int) -> dict[str, Any]:
    """Every array of `simulate`, and of them what a log wants."""
    with jax.enable_x64(True):
        sizes = (config.points, config.degrees, config.refits)
        told = simulate(jax.random.key(seed), config.noise, *sizes)
        told = {name: np.asarray(values) for name, values in told.items()}
    best = int(told["error"].argmin())
    return told | {
        "best_degree": best + 1,
        "best_error": told["error"][best],
        "first_error": told["error"][0],
        "last_error": told["error"][-1],
    }


def averaged(results: Results, name: str) -> dict[str, np.ndarray]:
    """What `run` told of an arm, averaged over seeds."""
    seeds = results[name].found.values()
    return {key: np.mean([told[key] for told in seeds], axis=0) for key in next(iter(seeds))}


class Boundary(NamedTuple):
    """Polynomial logistic regression of one degree."""

    degree: int
    train: float  # share of examples on the wrong side
    dev: float
    decide: Callable[[np.ndarray], np.ndarray]  # points [M, 2] -> classes [M]


@functools.cache
def boundaries(config: Config) -> tuple[Boundary, ...]:
    """The notes' three pictures: the same dots, cut by polynomials of different degrees."""
    held = data.load(config.data, kinds=("table",), classes=2)
    if held.train.inputs.shape[1] != 2:
        raise NotAsked(f"{held.name} does not lie in the plane")
    everywhere = np.concatenate([held.train.inputs, held.dev.inputs])
    low, high = everywhere.min(axis=0), everywhere.max(axis=0)

    def columns(x: np.ndarray, degree: int) -> Array:
        """P_i(x_1) P_j(x_2), i + j <= degree, the coordinates laid over [-1, 1]."""
        x = jnp.asarray(2 * (np.float64(x) - low) / (high - low) - 1)
        one, other = (legendre(x[:, axis], degree) for axis in (0, 1))  # [m, degree + 1]
        pairs = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
        return jnp.stack([one[:, i] * other[:, j] for i, j in pairs], axis=1)  # [m, P]

    def fitted(degree: int) -> Boundary:
        with jax.enable_x64(True):
            w = newton(columns(held.train.inputs, degree), jnp.float64(held.train.targets))

        def decide(x: np.ndarray) -> np.ndarray:
            with jax.enable_x64(True):
                return np.asarray(columns(x, degree) @ w > 0).astype(int)

        wrong = [float((decide(s.inputs) != s.targets).mean()) for s in (held.train, held.dev)]
        return Boundary(degree, *wrong, decide)

    return tuple(fitted(degree) for degree in config.boundaries)


@jax.jit
def newton(X: Array, y: Array) -> Array:
    """Logistic regression under LAMBDA / 2m ||w||^2 by Newton's method, X [m, P] to w [P]."""

    def step(w: Array, _: None) -> tuple[Array, None]:
        a = jax.nn.sigmoid(X @ w)
        slope = X.T @ (a - y) + LAMBDA * w
        curvature = (X.T * (a * (1 - a))[None]) @ X + LAMBDA * jnp.eye(X.shape[1])
        return w - jnp.linalg.solve(curvature, slope), None

    return jax.lax.scan(step, jnp.zeros(X.shape[1]), None, NEWTON_STEPS)[0]


def decomposition_holds(results: Results) -> tuple[bool, str]:
    """Notes 2.1: error = sigma^2 + variance + bias^2, at every degree (2 standard errors)."""
    told, holds = [], True
    for name, arm in results.items():
        found = averaged(results, name)
        off = np.abs(found["gap"]) / (found["standard_error"] / np.sqrt(len(arm.found)))
        holds &= bool(off.max() < WITHIN)
        told.append(f"{off.max():.2f} ({name})")
    return holds, f"largest gap in standard errors: {', '.join(told)}"


def middle_line_holds(results: Results) -> tuple[bool, str]:
    """Notes 2.1, corrected: E[y^2] + E[f_hat^2] - 2 E[y f_hat]; as printed it loses Var[f_hat]."""
    found = averaged(results, results.only.name)
    right = np.abs(found["middle_line"] - found["error"]).max()
    lost = found["error"] - found["printed_line"]
    holds = right < 1e-10 and np.abs(lost - found["variance"]).max() < 1e-10
    return bool(holds), (
        f"off by {right:.0e} at most; the printed line by {lost[0]:.3f} at degree 1, "
        f"{lost[-1]:.3f} at degree {len(lost)}"
    )


def noise_is_var_y(results: Results) -> tuple[bool, str]:
    """Notes 2.1: y = f + eps has E[y] = f and Var[y] = sigma^2; within 1 % here."""
    found, sigma = averaged(results, results.only.name), results.only.config.noise
    var_y = float(found["var_y"])
    return abs(var_y / sigma**2 - 1) < 0.01, f"Var[y] {var_y:.4f}, sigma^2 {sigma**2:.4f}"


def bias_falls_variance_grows(results: Results) -> tuple[bool, str]:
    """Notes 2.1: a richer model has less bias and more variance; the last against the first."""
    found = averaged(results, results.only.name)
    bias, variance = found["bias_squared"], found["variance"]
    holds = bias[-1] < 0.01 * bias[0] and (np.diff(variance) > 0).all()
    return bool(holds), (
        f"bias^2 {bias[0]:.3f} to {bias[-1]:.4f}, variance {variance[0]:.3f} to {variance[-1]:.3f},"
        f" up at every degree: {bool((np.diff(variance) > 0).all())}"
    )


def error_is_a_u(results: Results) -> tuple[bool, str]:
    """Notes 2.1: in between unseen error is least, half that of both ends; train error falls."""
    found = averaged(results, "few")
    error, train = found["error"], found["train_error"]
    best = int(error.argmin())
    holds = min(error[0], error[-1]) > 2 * error[best] and (np.diff(train) < 0).all()
    return bool(holds), (
        f"{error[0]:.3f} at degree 1, {error[best]:.3f} at {best + 1}, {error[-1]:.3f} at "
        f"{len(error)}; on the training sets {train[0]:.3f} to {train[-1]:.3f}"
    )


def more_data_is_for_variance(results: Results) -> tuple[bool, str]:
    """Notes 2.2: more data lowers variance (at every degree, as here by half) and leaves bias."""
    few, many = averaged(results, "few"), averaged(results, "many")
    halved = (many["variance"] < few["variance"] / 2).all()
    straight = many["bias_squared"][0] / few["bias_squared"][0]
    return bool(halved and abs(straight - 1) < 0.05), (
        f"variance at the highest degree {few['variance'][-1]:.3f} to {many['variance'][-1]:.3f}; "
        f"bias^2 of the straight line times {straight:.3f}"
    )


def pairs_are_diagnosed(results: Results) -> tuple[bool, str]:
    """Notes 2.1: errors 1/11 % mean variance, 15/16 % bias, 15/30 % both, 0.5/1 % neither."""
    del results
    said = tuple(strategy.diagnose(train, dev, cut=HIGH).words for train, dev in PAIRS)
    return said == WORDS, "; ".join(said)


def boundaries_under_and_over_fit(results: Results) -> tuple[bool, str]:
    """Notes 2.1: a straight line has high bias, a wriggling one high variance, the middle none."""
    config = results.only.config
    if len(config.boundaries) != 3:
        raise NotAsked("the notes draw three boundaries")
    under, right, over = boundaries(config)
    said = [strategy.diagnose(b.train, b.dev, cut=HIGH).words for b in (under, right, over)]
    holds = "high bias" in said[0] and said[1] == WORDS[3] and said[2] == WORDS[0]
    told = (f"degree {b.degree} {b.train:.1%}/{b.dev:.1%}" for b in (under, right, over))
    return holds, f"errors train/dev: {', '.join(told)}"


def parts_have_their_roles(results: Results) -> tuple[bool, str]:
    """Notes 2: train, dev and test are different examples, and together they are the whole set."""
    config = results.only.config.data
    held = data.load(config)
    rows = [{row.tobytes() for row in s.inputs} for s in (held.train, held.dev, held.test)]
    nothing_held = dataclasses.replace(config, dev=0.0, test=0.0)
    whole = {row.tobytes() for row in data.load(nothing_held).train.inputs}
    apart = sum(map(len, rows)) == len(set.union(*rows))
    return apart and set.union(*rows) == whole, held.notes


def figures(results: Results) -> Iterator[Picture]:
    """The U, three fits of one training set, three boundaries."""
    from ngjax.report import figures as draw

    for name, arm in results.items():
        found, config = averaged(results, name), arm.config
        degrees = np.arange(1, config.degrees + 1)
        yield Picture(
            f"decomposition-{name}",
            f"{config.refits:,} training sets of {config.points} points: what the expected squared "
            "error is made of, at every degree.",
            draw.lines(
                degrees,
                {
                    "expected error": found["error"],
                    "bias^2": found["bias_squared"],
                    "variance": found["variance"],
                    "noise": np.full(len(degrees), config.noise**2),
                    "training error": found["train_error"],
                },
                xlabel="degree of the polynomial",
                ylabel="squared error",
            ),
        )
    first = next(iter(results.only.found.values()))
    chosen = sorted({1, int(first["best_degree"]), len(first["error"])})
    x = np.linspace(-1, 1, JUDGED)
    with jax.enable_x64(True):
        f = np.asarray(truth(jnp.asarray(x)))
    yield Picture(
        "fits",
        f"The truth f, and polynomials fitted to one training set of {results.only.config.points}.",
        draw.lines(x, {"f": f} | {f"degree {d}": first["fits"][d - 1] for d in chosen}, "x", "y"),
    )
    config = results.only.config
    held = data.load(config.data)
    cuts: Mapping[str, Any] = {
        f"degree {b.degree}: train {b.train:.0%}, dev {b.dev:.0%}": b.decide
        for b in boundaries(config)
    }
    yield Picture(
        "boundaries",
        f"The notes' three pictures on {held.title.lower()}: training examples and the boundary. "
        + "; ".join(strategy.diagnose(b.train, b.dev, cut=HIGH).words for b in boundaries(config))
        + ".",
        draw.boundaries(held.train.inputs, held.train.targets, cuts),
    )


def texts(results: Results) -> Iterator[Text]:
    """The sum, degree by degree."""
    for name, arm in results.items():
        found, noise = averaged(results, name), arm.config.noise**2
        sums = found["bias_squared"] + found["variance"] + noise
        head = "degree   bias^2  variance     noise       sum  measured  gap / standard error"
        rows = [
            f"{d + 1:6}{b:9.4f}{v:10.4f}{noise:10.4f}{s:10.4f}{e:10.4f}{g:13.2f}"
            for d, (b, v, s, e, g) in enumerate(
                zip(
                    found["bias_squared"],
                    found["variance"],
                    sums,
                    found["error"],
                    found["gap"] / found["standard_error"],
                    strict=True,
                )
            )
        ]
        yield Text(f"Arm {name}", "\n".join([head, *rows]))
    yield Text("Data of the boundaries", data.load(results.only.config.data).notes)


EXPERIMENT = Experiment(
    notes="2.1",
    config=Config(),
    run=run,
    objective=("best_error", "min"),
    arms={"few": (), "many": ("points=64",)},
    smoke=("refits=20", "degrees=3", "boundaries=1,2,3"),
    claims={
        "train-dev-test-roles": parts_have_their_roles,
        "bias-variance-decomposition": decomposition_holds,
        "bias-variance-middle-line": middle_line_holds,
        "var-y-is-noise": noise_is_var_y,
        "richer-models-trade-bias-for-variance": bias_falls_variance_grows,
        "error-is-a-u": error_is_a_u,
        "more-data-lowers-variance": more_data_is_for_variance,
        "error-pairs-diagnosis": pairs_are_diagnosed,
        "boundaries-under-and-over-fit": boundaries_under_and_over_fit,
    },
    figures=figures,
    texts=texts,
    terms=("bias-variance trade-off", "over-fitting"),
)
