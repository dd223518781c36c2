r"""Tuning: random search beats a grid, alpha is drawn on a log scale, coarse comes before fine.

    r = -4 rand(),   alpha = 10^r  in (1e-4, 1]      k values of d knobs on a grid: k^d trials

Notes 2.5 and Bergstra and Bengio (2012). The print calls alpha "the momentum term"; alpha is the
learning rate, the momentum term is beta. Searches run on surfaces whose optimum a seed draws; the
search of a real experiment is `python launch.py --experiment=NAME --mode=search --search=...`.

    python launch.py --experiment=hyperparameter_search
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from ngjax import search
from ngjax.experiment import Experiment, Picture, Results

ALPHA = search.Axis("alpha", "log", 1e-4, 1.0)
UNITS = search.Axis("units", "int", 50, 100)
LAYERS = search.Axis("layers", "int", 2, 4)
UNIT = search.Axis("x", "uniform", 0.0, 1.0)
DRAWS = 8000  # of the shares by decade: their deviation is half a per cent
KNOBS = range(1, 6)  # numbers of knobs that a grid is counted for


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    searches: int = 200  # searches that grid, random and zoom are averaged over
    budget: int = 25  # trials of each of them

    def __post_init__(self) -> None:
        """Refuse what is no search."""
        for name in ("searches", "budget"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name}: must be 2 or more, got {getattr(self, name)}")


def dead_axis(config: Config, seed: int) -> dict[str, Any]:
    """How far the best trial lies from the optimum, where one of two axes matters not at all.

    The grid is asked twice: with its ends, as the notes write it, and with its points in the middle
    of equal cells, which is the kindest way to lay one.
    """
    optima = np.random.default_rng(seed).random(config.searches)
    space = (UNIT, UNIT._replace(path="dead"))
    ends = np.array(search.grid(space, config.budget))  # [trials, 2]
    counts = np.array(search.points(space, config.budget))
    middles = (ends * (counts - 1) + 0.5) / counts
    drawn = np.stack([_places(space, config.budget, seed, s) for s in range(config.searches)])
    return {
        "samples": {"optimum": optima[0], "grid": ends, "random": drawn[0]},
        "grid/regret": _nearest(np.broadcast_to(ends, drawn.shape), optima).mean(),
        "grid_of_cells/regret": _nearest(np.broadcast_to(middles, drawn.shape), optima).mean(),
        "random/regret": _nearest(drawn, optima).mean(),
        "grid/distinct": len(set(ends[:, 0])),
        "random/distinct": len(set(drawn[0, :, 0])),
    }


def _places(space: search.Space, budget: int, seed: int, which: int) -> np.ndarray:
    own = seed * 100_003 + which  # a search of its own
    return np.stack([search.places(space, trial, own) for trial in range(budget)])


def _nearest(places: np.ndarray, optima: np.ndarray) -> np.ndarray:
    """|x - optimum| of the best trial of each search, [searches]."""
    return np.abs(places[:, :, 0] - optima[:, None]).min(axis=1)


def decades(seed: int) -> dict[str, Any]:
    """The share of the draws of alpha in each decade from 1e-4 to 1."""
    u = np.array([search.places((ALPHA,), trial, seed)[0] for trial in range(DRAWS)])
    uniform = ALPHA._replace(kind="uniform")
    shares = {}
    for axis in (ALPHA, uniform):
        exponents = np.log10([axis.at(place) for place in u])
        shares[axis.kind] = np.histogram(exponents, [-4, -3, -2, -1, 0])[0] / DRAWS
    return {
        "shares": shares,
        "log/largest_share": shares["log"].max(),
        "log/smallest_share": shares["log"].min(),
        "uniform/top_decade": shares["uniform"][-1],
    }


def smooth(config: Config, seed: int) -> dict[str, Any]:
    """The best found of a smooth bowl of two axes after each trial, mean over the searches."""
    optima = np.random.default_rng(seed + 1).random((config.searches, 2))
    space = (UNIT._replace(path="x"), UNIT._replace(path="y"))
    curves = {}
    for strategy in ("random", "coarse_to_fine", "grid"):
        best = []
        for which, optimum in enumerate(optima):
            told: dict[int, float] = {}
            for trial in range(search.size(space, strategy, config.budget)):
                own = seed * 100_003 + which
                at = search.draw(space, strategy, trial, config.budget, own, told)
                told[trial] = float(((np.array([at["x"], at["y"]]) - optimum) ** 2).sum())
            best.append(np.minimum.accumulate(list(told.values())))
        curves[strategy] = np.mean(best, axis=0)
    return {"best_so_far": curves} | {f"{name}/best": curve[-1] for name, curve in curves.items()}


def counted(seed: int) -> dict[str, Any]:
    """What uniform draws of units and layers hit, and what a grid of five values a knob costs."""
    drawn = [search.draw((UNITS, LAYERS), "random", trial, DRAWS, seed) for trial in range(DRAWS)]
    seen = {path: np.unique([d[path] for d in drawn], return_counts=True) for path in drawn[0]}
    costs = []
    for d in KNOBS:
        space = tuple(UNIT._replace(path=f"x{i}") for i in range(d))
        costs.append(search.size(space, "grid", 5**d))
    return {
        "costs": np.array(costs),
        "units": seen["units"],
        "layers": seen["layers"],
        "units/distinct": len(seen["units"][0]),
        "layers/distinct": len(seen["layers"][0]),
    }


def run(config: Config, seed: int) -> dict[str, Any]:
    """Everything, under one seed."""
    return {
        **dead_axis(config, seed),
        **decades(seed),
        **smooth(config, seed),
        **counted(seed),
    }


def random_beats_grid(results: Results) -> tuple[bool, str]:
    """Notes 2.5: at equal budget random trials come nearer than a grid where one axis is dead."""
    arm, (found,) = results.only, list(results.only.found.values())[:1]
    grids = [arm["grid/regret"], arm["grid_of_cells/regret"]]
    told = (
        f"{found['grid/distinct']} and {found['random/distinct']} values of the live axis; mean "
        f"distance {grids[0]:.4f} by the grid, {grids[1]:.4f} by one of cells, "
        f"{arm['random/regret']:.4f} at random"
    )
    fewer = found["grid/distinct"] < found["random/distinct"]
    return fewer and arm["random/regret"] < min(grids), told


def log_scale_is_fair(results: Results) -> tuple[bool, str]:
    """Notes 2.5: 10^(-4 rand) gives each decade a quarter, uniform draws give the last 90 %."""
    arm = results.only
    low, high, top = (
        arm[name] for name in ("log/smallest_share", "log/largest_share", "uniform/top_decade")
    )
    told = f"{low:.1%} to {high:.1%} a decade on the log scale; uniformly {top:.1%} in [0.1, 1]"
    return max(abs(low - 0.25), abs(high - 0.25), abs(top - 0.9)) < 0.02, told


def zooming_helps(results: Results) -> tuple[bool, str]:
    """Notes 2.5: searching between the good values once more beats spending it all at once."""
    arm = results.only
    zoom, plain = arm["coarse_to_fine/best"], arm["random/best"]
    return zoom < plain, f"mean best height {zoom:.5f} coarse to fine, {plain:.5f} at random"


def uniform_suits_units(results: Results) -> tuple[bool, str]:
    """Notes 2.5: uniform draws hit all 51 numbers of units and 3 of layers equally (4 sigma)."""
    found = next(iter(results.only.found.values()))
    worst = 0.0
    for path in ("units", "layers"):
        counts = found[path][1]
        share = 1 / len(counts)
        sigma = np.sqrt(DRAWS * share * (1 - share))
        worst = max(worst, float(np.abs(counts - DRAWS * share).max() / sigma))
    sizes = [found["units/distinct"], found["layers/distinct"]]
    told = f"{sizes[0]} and {sizes[1]} values, none more than {worst:.1f} sigma off its share"
    return sizes == [51, 3] and worst < 4, told


def grid_costs_exponentially(results: Results) -> tuple[bool, str]:
    """Notes 2.5: a grid of k values for each of d knobs costs k^d trials."""
    costs = next(iter(results.only.found.values()))["costs"]
    told = ", ".join(f"{d}: {cost}" for d, cost in zip(KNOBS, costs, strict=True))
    return list(costs) == [5**d for d in KNOBS], f"trials for 5 values of so many knobs: {told}"


def figures(results: Results) -> Iterator[Picture]:
    """The two samplings, the decades, the searches, the cost of grids."""
    from ngjax.report import figures as draw

    arm = results.only
    found = next(iter(arm.found.values()))
    sets = {name: found["samples"][name] for name in ("grid", "random")}
    yield Picture(
        "grid-and-random",
        f"{arm.config.budget} trials each; the red line is the best value of the one axis that "
        "matters. The ticks below are all the values of it that were tested.",
        draw.samples(sets, ("what matters", "what does not"), found["samples"]["optimum"]),
    )
    names = ("1e-4 to 1e-3", "1e-3 to 0.01", "0.01 to 0.1", "0.1 to 1")
    shares = {
        f"{kind}, {name}": share
        for kind, each in found["shares"].items()
        for name, share in zip(names, each, strict=True)
    }
    yield Picture(
        "decades",
        "Where draws of alpha fall: a quarter in each decade on the log scale, nearly all of them "
        "in the last decade uniformly.",
        draw.bars(shares, xlabel="share of the draws"),
    )
    curves = found["best_so_far"]
    shortest = min(map(len, curves.values()))
    yield Picture(
        "best-so-far",
        f"Height of a smooth bowl at the best trial so far, mean of {arm.config.searches} "
        "searches; the fine round begins half way. Both axes matter here, and few of them: a grid "
        "is no worse than random draws once it is whole.",
        draw.lines(
            np.arange(1, shortest + 1),
            {name.replace("_", " "): curve[:shortest] for name, curve in curves.items()},
            xlabel="trials",
            ylabel="height above the bottom",
            log_y=True,
        ),
    )
    yield Picture(
        "cost-of-a-grid",
        "Trials that five values of every knob cost, against a random search of any budget.",
        draw.lines(
            np.array(KNOBS),
            {"grid": found["costs"], "random": np.full(len(KNOBS), arm.config.budget)},
            xlabel="knobs",
            ylabel="trials",
            log_y=True,
        ),
    )


EXPERIMENT = Experiment(
    notes="2.5",
    config=Config(),
    run=run,
    objective=("random/regret", "min"),
    smoke=("searches=3",),
    claims={
        "grid-vs-random": random_beats_grid,
        "log-scale-alpha": log_scale_is_fair,
        "coarse-to-fine": zooming_helps,
        "uniform-ok-for-units-layers": uniform_suits_units,
        "grid-cost-exponential": grid_costs_exponentially,
    },
    figures=figures,
    terms=("hyperparameter tuning",),
)
