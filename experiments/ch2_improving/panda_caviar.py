r"""Panda and caviar: one network babysat, and many at once, of which the best is taken.

    panda    one run; its alpha is changed by hand as its curve is watched
    caviar   many runs, alpha = 10^(-4 rand), beta uniform; argmin of the dev loss

Notes 2.5. The caviar is trained from one compilation: alpha and beta are traced, so one program
serves all. Beside it stand single runs with alpha and beta written into each program, as scripts
do; a few are run, and the time of as many as there are members is their median times that number.

    python launch.py --experiment=panda_caviar
    python launch.py --experiment=panda_caviar --members=64 --form=vmap
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ngjax import data, optim, search, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results
from ngjax.models.mlp import MLP
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.population import Form, Member, Population
from ngjax.train.program import Program
from ngjax.train.record import Hooks, NotFinite, Outcome
from ngjax.train.settings import Run
from ngjax.types import Aux, Context, Task

SPACE = (
    search.Axis("alpha", "log", 1e-4, 1.0),
    search.Axis("beta", "uniform", 0.0, 0.99),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    members: int = 32  # networks of the caviar
    singles: int = 3  # of them, trained again one by one, each from its own compilation
    form: Form = "auto"  # how members share the machine
    hidden: tuple[int, ...] = (32, 16)  # units of the hidden layers
    manual: tuple[tuple[int, float], ...] = ((1, 1.0), (3, 4.0), (6, 8.0), (10, 2.0))  # panda
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="momentum", learning_rate=0.05)
    run: Run = Run(epochs=12, batch_size=64)

    def __post_init__(self) -> None:
        """Refuse what is no population."""
        if not 1 <= self.singles <= self.members:
            raise ValueError(f"singles: must be in 1 ... members, got {self.singles}")


def build_task(config: Config, *, written: bool = False, salt: float = 0.0) -> Task:
    """The network on the data; `written` puts alpha and beta into the program as constants.

    The salt changes the program and not its result: with it no program that an earlier run has
    left on disk answers, and compilation is measured, not a file's reading.
    """
    held = data.load(config.data, kinds=("images", "table"))
    network = supervised.linen(MLP((*config.hidden, len(held.classes))), held)
    scale = "pixels" if held.kind == "images" else "standard"
    plain = supervised.task(held, network, config.optimizer, supervised.classify, scale=scale)

    def loss(params: Any, extra: Any, batch: Any, context: Context) -> tuple[Any, Aux]:
        (total, count), aux = plain.loss(params, extra, batch, context)
        return (total + 0.0 * (count + salt), count), aux

    if not written:
        return dataclasses.replace(plain, loss=loss)
    constants = {name: float(value) for name, value in plain.hyper.items()}
    return dataclasses.replace(
        plain, loss=loss, tx=lambda hyper, pace: plain.tx(constants, pace), hyper={}
    )


def caviar(config: Config, seed: int) -> dict[str, Any]:
    """Many networks from one compilation; some of them once more, each from its own."""
    drawn = [search.draw(SPACE, "random", k, config.members, seed) for k in range(config.members)]
    hypers = [{"learning_rate": d["alpha"], "beta1": d["beta"]} for d in drawn]
    salt, here = float(time.time_ns() % 1_000_003), dev.select(1)
    begun = time.perf_counter()
    program = Program(build_task(config, salt=salt), config.run, here)
    population = Population(program, config.form, dev.select())
    found = dict(population.train([Member(hyper, seed) for hyper in hypers]))
    seconds = time.perf_counter() - begun
    losses = np.array([_dev_loss(found[k]) for k in range(config.members)])
    alone, spent = [], []
    for k in range(config.singles):
        own = dataclasses.replace(config.optimizer, **hypers[k])
        begun = time.perf_counter()
        task = build_task(dataclasses.replace(config, optimizer=own), written=True, salt=salt)
        alone.append(_dev_loss(_or_diverged(Program(task, config.run, here), seed)))
        spent.append(time.perf_counter() - begun)
    return {
        "alpha": np.array([d["alpha"] for d in drawn]),
        "beta": np.array([d["beta"] for d in drawn]),
        "losses": losses,
        "alone": np.array(alone),
        "caviar/best_loss": np.nanmin(losses),
        "caviar/median_loss": np.nanmedian(losses),
        "caviar/diverged": int(np.isnan(losses).sum()),
        "caviar/seconds": seconds,
        "single_runs/seconds": statistics.median(spent) * config.members,
        "alpha/explains": explained(np.array([d["alpha"] for d in drawn]), losses),
        "beta/explains": explained(np.array([d["beta"] for d in drawn]), losses),
    }


def _or_diverged(program: Program, seed: int, hooks: Hooks | None = None) -> Outcome | NotFinite:
    try:
        return fit(program, seed, objective=("dev/loss", "min"), hooks=hooks)
    except NotFinite as diverged:
        return diverged


def _dev_loss(result: Outcome | NotFinite) -> float:
    return result.metrics["dev/loss"] if isinstance(result, Outcome) else float("nan")


def explained(knob: np.ndarray, losses: np.ndarray, groups: int = 4) -> float:
    """The share of the variance of ln J between equal groups of one knob's values (eta squared)."""
    finite = np.isfinite(losses)
    y = np.log(losses[finite])
    order = np.argsort(knob[finite])
    parts = [part for part in np.array_split(order, groups) if len(part)]
    between = sum(len(part) * (y[part].mean() - y.mean()) ** 2 for part in parts)
    return float(between / max(((y - y.mean()) ** 2).sum(), 1e-30))


def panda(config: Config, seed: int) -> dict[str, Any]:
    """One network whose learning rate is changed by hand as its curve is watched."""
    watched = dataclasses.replace(config.optimizer, schedule="manual", manual=config.manual)
    task = build_task(dataclasses.replace(config, optimizer=watched))
    curve: list[tuple[float, float]] = []

    def write(step: int, epoch: float, seconds: float, values: Mapping[str, float]) -> None:
        if "dev/loss" in values:
            curve.append((epoch, values["dev/loss"]))

    result = _or_diverged(Program(task, config.run, dev.select(1)), seed, Hooks(write=write))
    return {"panda": np.array(curve), "panda/loss": _dev_loss(result)}


def run(config: Config, seed: int) -> dict[str, Any]:
    """Both, under one seed."""
    return {**caviar(config, seed), **panda(config, seed)}


def caviar_finds_the_best(results: Results) -> tuple[bool, str]:
    """Notes 2.5: the best of the caviar is no worse than any one run, trained alone too (1 %)."""
    worst, best = 0.0, results.only["caviar/best_loss"]
    for found in results.only.found.values():
        member = found["losses"][: len(found["alone"])]
        if not (np.isnan(member) == np.isnan(found["alone"])).all():
            return False, "a run that diverges alone does not in the population, or the reverse"
        worst = max(worst, float(np.nanmax(np.abs(found["alone"] / member - 1), initial=0)))
    told = (
        f"dev loss {best:.3f}, median {results.only['caviar/median_loss']:.3f}, panda "
        f"{results.only['panda/loss']:.3f}; runs alone differ from members by {worst:.1e} at most"
    )
    lower = all(
        np.nanmin(found["losses"]) <= np.nanmin(found["alone"]) * 1.01
        for found in results.only.found.values()
    )
    return lower and worst < 0.01, told


def one_compilation_is_quicker(results: Results) -> tuple[bool, str]:
    """A population from one compilation takes less time than runs that compile one by one."""
    arm = results.only
    together, alone = arm["caviar/seconds"], arm["single_runs/seconds"]
    told = f"{together:.1f} s together, {alone:.1f} s one by one: {alone / together:.1f} times"
    return together < alone, told


def alpha_matters_most(results: Results) -> tuple[bool, str]:
    """Notes 2.5: alpha matters more than beta: it explains more of the variance of ln J."""
    arm = results.only
    if arm.config.members < 16:
        raise NotAsked("too few members to tell alpha from beta")
    alpha, beta = arm["alpha/explains"], arm["beta/explains"]
    return alpha > beta, f"alpha explains {alpha:.0%}, beta {beta:.0%}"


def figures(results: Results) -> Iterator[Picture]:
    """The caviar by alpha and beta, the panda beside its best, the time of both ways."""
    from ngjax.report import figures as draw

    arm = results.only
    found = next(iter(arm.found.values()))
    best = search.best(dict(enumerate(found["losses"])))
    if best is None:
        return
    yield Picture(
        "caviar",
        f"{arm.config.members} networks from one compilation, each with its own alpha and beta.",
        draw.trials(
            {"alpha": found["alpha"], "beta": found["beta"]},
            found["losses"],
            "dev loss",
            log=("alpha",),
            best=best,
            log_y=True,
        ),
    )
    yield Picture(
        "panda",
        "One network whose rate is raised while it goes well and lowered in the end (by "
        f"{' '.join(f'{f:g} from epoch {e},' for e, f in arm.config.manual)[:-1]}), and the best "
        "of the caviar.",
        draw.lines(
            found["panda"][:, 0],
            {
                "panda": found["panda"][:, 1],
                "best of caviar": np.full(len(found["panda"]), found["caviar/best_loss"]),
            },
            xlabel="epoch",
            ylabel="dev loss",
            log_y=True,
        ),
    )
    yield Picture(
        "time",
        f"Seconds for {arm.config.members} networks: from one compilation, and one by one, each "
        f"compiling ({arm.config.singles} were run; the rest is reckoned from their median).",
        draw.bars(
            {
                "one compilation": arm["caviar/seconds"],
                "one by one": arm["single_runs/seconds"],
            },
            xlabel="seconds",
        ),
    )


EXPERIMENT = Experiment(
    notes="2.5",
    config=Config(),
    run=run,
    objective=("caviar/best_loss", "min"),
    smoke=("members=3", "singles=1", "hidden=4", "run.steps=3"),
    claims={
        "panda-caviar": caviar_finds_the_best,
        "one-compilation": one_compilation_is_quicker,
        "learning-rate-most-important": alpha_matters_most,
    },
    figures=figures,
    terms=("tuning: caviar", "tuning: panda"),
)
