"""Notes 2.5: grid against random, the log scale, units and layers, caviar, what to tune first."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from ngjax import optim, search
from ngjax.notes.walk import walk

UNIT = search.Axis("x", "uniform", 0.0, 1.0)
ALPHA = search.Axis("alpha", "log", 1e-4, 1.0)
DRAWS = 40_000


def _grid_vs_random() -> Any:
    """25 trials on a surface that depends on the first axis alone, its optimum all over [0, 1]."""
    space, optima = (UNIT, UNIT._replace(path="y")), (np.arange(200) + 0.5) / 200

    def first_axis(strategy: search.Strategy, seed: int = 0) -> np.ndarray:
        drawn = [search.draw(space, strategy, trial, 25, seed) for trial in range(25)]
        return np.array([values["x"] for values in drawn])

    def distance(tried: np.ndarray) -> float:
        return np.abs(optima[:, None] - tried).min(axis=1).mean()

    grid = first_axis("grid")
    random = np.mean([distance(first_axis("random", seed)) for seed in range(50)])
    return {
        "grid_distinct": len(set(grid)),
        "random_distinct": len(set(first_axis("random"))),
        "random_better": bool(random < min(distance(grid), 0.05)),  # 0.05: points amid cells
    }


def _log_scale() -> Any:
    """The share of the decade that is farthest from a quarter, and of [0.1, 1] drawn uniformly."""
    u = (np.arange(DRAWS) + 0.5) / DRAWS
    exponents = np.log10([ALPHA.at(place) for place in u])
    shares = np.histogram(exponents, [-4, -3, -2, -1, 0])[0] / DRAWS
    uniform = np.array([ALPHA._replace(kind="uniform").at(place) for place in u])
    return [shares[np.argmax(np.abs(shares - 0.25))], (uniform >= 0.1).mean()]


def _units_and_layers() -> Any:
    """How many numbers of units and of layers uniform draws hit; None where one is outside."""
    space = (search.Axis("units", "int", 50, 100), search.Axis("layers", "int", 2, 4))
    drawn = [search.draw(space, "random", trial, 2000) for trial in range(2000)]
    inside = all(50 <= d["units"] <= 100 and 2 <= d["layers"] <= 4 for d in drawn)
    return [len({d[axis.path] for d in drawn}) for axis in space] if inside else None


def _grid_cost() -> Any:
    """Trials of the smallest grid with 5 values of each of 2, 3 and 5 knobs."""

    def fewest(d: int) -> int:
        space = tuple(UNIT._replace(path=f"x{i}") for i in range(d))
        return next(n for n in range(1, 4000) if min(search.points(space, n)) == 5)

    return [fewest(2), fewest(3), fewest(5)]


def _caviar() -> bool:
    """Descents of a bowl under many rates: the one that is picked is no worse than any other."""
    rates = [search.draw((ALPHA,), "random", trial, 32)["alpha"] for trial in range(32)]

    def cost(rate: float) -> float:
        optimizer = optim.Optimizer(rule="descent", learning_rate=rate)
        return float((walk(optimizer, lambda w, _: 4 * w, np.ones(1), 20)[-1, 0]) ** 2)

    told = dict(enumerate(map(cost, rates)))
    return all(told[search.best(told)] <= other for other in told.values())


CHECKS = MappingProxyType(
    {
        "grid-vs-random": _grid_vs_random,
        "log-scale-alpha": _log_scale,
        "uniform-ok-for-units-layers": _units_and_layers,
        "grid-cost-exponential": _grid_cost,
        "panda-caviar": _caviar,
        "learning-rate-most-important": lambda: list(search.IMPORTANCE)[:4],
    }
)
