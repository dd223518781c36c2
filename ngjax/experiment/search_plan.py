"""A search of the command line, checked before anything is written."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import jax

from ngjax import config as cfg
from ngjax import search
from ngjax.experiment import device_count, suggest
from ngjax.experiment import plan as planning
from ngjax.experiment.catalogue import load
from ngjax.experiment.spec import Experiment
from ngjax.train import devices as dev
from ngjax.train.population import Form, Population
from ngjax.train.program import Program
from ngjax.types import Task, UserError

Strategy = Literal["random", "grid", "coarse_to_fine", "optuna"]


@dataclasses.dataclass(frozen=True)
class Search:
    """What a search asks for beside what a run does."""

    space: str  # "optimizer.learning_rate=log(1e-4,1) width=int(16,64)"
    trials: int = 32
    strategy: Strategy = "random"
    population: Form = "auto"  # how trials of one compilation share the machine


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """A search checked: nothing is written before this exists."""

    request: planning.Request
    asked: Search
    experiment: Experiment
    arm: str
    config: Any  # of the arm; trials change the knobs of the space
    space: search.Space
    folder: Path
    devices: tuple[Any, ...]

    @property
    def trials(self) -> int:
        """How many are run: a grid may leave some of those that are allowed."""
        if self.asked.strategy == "optuna":
            return self.asked.trials
        return search.size(self.space, self.asked.strategy, self.asked.trials)

    @property
    def seeds(self) -> range:
        """The seeds of every trial."""
        return range(self.request.seed, self.request.seed + self.request.seeds)

    @property
    def command(self) -> str:
        """As typed."""
        return shlex.join(("python", *self.request.command))

    def config_of(self, values: Mapping[str, Any]) -> Any:
        """The config of a trial."""
        return cfg.override(self.config, search.overrides(values))


def plan(request: planning.Request, asked: Search) -> Plan:
    """Everything that can be refused is refused here, in one line.

    Raises:
        UserError: an experiment that trains nothing, no arm or several, a space that is none, a
            knob that is also given as a flag, values that the config refuses, a folder of another.
    """
    experiment = load(request.name)
    if not experiment.build:
        raise UserError(f"--mode=search: {request.name} trains nothing; run it instead")
    if len(request.arms) > 1:
        raise UserError(f"--arms={','.join(request.arms)}: a search takes one arm")
    if jax.process_count() > 1:
        raise UserError(
            "--mode=search: runs on one host; several share a search by --strategy=optuna and "
            "the same --workdir"
        )
    if asked.strategy == "optuna":
        suggest.check()
    arm = request.arms[0] if request.arms else next(iter(experiment.arms))
    planning.chosen_arms(experiment, dataclasses.replace(request, arms=(arm,)))
    layers = (
        *(experiment.smoke if request.smoke else ()),
        *request.overrides,
        *experiment.arms[arm],
    )
    config = cfg.override(experiment.config, layers)
    space = search.parse(asked.space, config)
    typed = {override.partition("=")[0] for override in request.overrides}
    for axis in space:
        if axis.path in typed:
            raise UserError(f"--search: {axis.path} is given as a flag too; leave one of them out")
    suffix = "-search-smoke" if request.smoke else "-search"
    folder = request.workdir or Path("runs") / (request.name + suffix)
    devices = device_count.of_search(request.devices)
    made = Plan(request, asked, experiment, arm, config, space, folder, devices)
    check_folder(made)
    _check_trials(made)
    return made


def _check_trials(made: Plan) -> None:
    """A value that the config refuses is told before the first trial, not at the last."""
    strategy = "random" if made.asked.strategy == "optuna" else made.asked.strategy
    for trial in range(made.trials):
        config = made.config_of(search.draw(made.space, strategy, trial, made.asked.trials))
        if trial == 0:
            task, objective = made.experiment.build(config), made.experiment.objective[0]
            split = objective.partition("/")[0]
            if split != "train" and split not in task.evals:
                raise UserError(f"--mode=search: looks at {objective}, and there is no {split} set")
            population(made, config, task)


def identity(made: Plan) -> dict[str, Any]:
    """What makes two searches the same search; random ones may be given more trials."""
    asked = made.asked
    fixed = asked.trials if asked.strategy in ("grid", "coarse_to_fine") else None
    return {
        "experiment": made.request.name,
        "smoke": made.request.smoke,
        "arm": made.arm,
        "search": [axis._asdict() | {"choices": list(axis.choices)} for axis in made.space],
        "strategy": asked.strategy,
        "trials": fixed,
        "seed": made.request.seed,
        "seeds": made.request.seeds,
        "config": planning.what(made.config),
    }


def check_folder(made: Plan) -> None:
    """Refuse a folder of another search, or of a run.

    Raises:
        UserError: in one line.
    """
    folder = made.folder
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--workdir={folder}: is a file; choose another --workdir")
    path = folder / "search.json"
    if not path.exists():
        if (folder / "config.json").exists():
            raise UserError(f"--workdir={folder}: holds a run, no search; choose another --workdir")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))["asked"]
        differs = [k for k, value in identity(made).items() if before[k] != value]
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: not a search of ngjax; choose another --workdir") from None
    if differs:
        raise UserError(
            f"--workdir={folder}: holds a search with another {', '.join(differs[:3])}; "
            "choose another --workdir or delete that one"
        )


def population(made: Plan, config: Any, task: Task) -> Population:
    """What trains the trials that share this compilation."""
    form, given = made.asked.population, isinstance(made.request.devices, int)
    devices = made.devices
    if not (given and form == "sequential"):  # members in step need not share out their batches
        devices = tuple(dev.select(device_count.sharing({"": task}, {"": config}, devices)))
    return Population(Program(task, config.run, devices), form, made.devices)
