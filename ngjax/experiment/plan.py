"""A request of the command line, checked before anything is written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ngjax import config as cfg
from ngjax.experiment import device_count
from ngjax.experiment.catalogue import load
from ngjax.experiment.spec import Experiment
from ngjax.train import devices as dev
from ngjax.train.program import Program
from ngjax.train.trace import Trace
from ngjax.train.watchdog import Watchdog
from ngjax.types import UserError

HERE_ONLY = ("data.directory",)  # knobs that say where, not what: two machines may differ in them


@dataclasses.dataclass(frozen=True)
class Request:
    """What the command line asked for."""

    name: str
    overrides: tuple[str, ...] = ()  # "path=value", as flags or a saved config say them
    arms: tuple[str, ...] = ()  # none: all of them
    seed: int = 0
    seeds: int = 1
    devices: device_count.Asked = None
    workdir: Path | None = None
    smoke: bool = False
    strict: bool = False
    command: tuple[str, ...] = ()  # as typed, for the report
    watch: Watchdog | None = None  # over device calls; none: they may take for ever
    profile: int = 0  # device calls to record

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.workdir or Path("runs") / (self.name + ("-smoke" if self.smoke else ""))


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """A request checked: nothing is written before this exists."""

    request: Request
    experiment: Experiment
    arms: Mapping[str, Any]  # name -> config
    programs: Mapping[str, Program]
    folder: Path
    devices: tuple[Any, ...]
    trace: Trace

    @property
    def seeds(self) -> range:
        """The seeds of every arm."""
        return range(self.request.seed, self.request.seed + self.request.seeds)


def configs(request: Request) -> tuple[dict[str, Any], Experiment]:
    """The config of every arm asked for, and the experiment they are of.

    Raises:
        UserError: an unknown experiment, arm, knob or value.
    """
    experiment = load(request.name)
    chosen = chosen_arms(experiment, request)
    smoke = experiment.smoke if request.smoke else ()
    layers = {arm: (*smoke, *request.overrides, *experiment.arms[arm]) for arm in chosen}
    arms = {arm: cfg.override(experiment.config, layer) for arm, layer in layers.items()}
    return arms, experiment


def devices_at_start(request: Request) -> tuple[int | None, int | None]:
    """(devices that are counted, cores that auto may make devices): what JAX is told first.

    `plan` then says how many of these cores it takes: that hangs on the data, and they are loaded
    by a JAX that has started.

    Raises:
        UserError: an unknown experiment.
    """
    if request.devices != device_count.AUTO:
        return request.devices, None
    return None, device_count.cores() if load(request.name).cores_as_devices else None


def plan(request: Request) -> Plan:
    """Everything that can be refused is refused here, in one line.

    Raises:
        UserError: an unknown experiment, arm, knob or value; a missing data file; an indivisible
            batch; a folder that holds another config.
    """
    arms, experiment = configs(request)
    if request.profile and not experiment.build:
        raise UserError(f"--profile: {request.name} trains nothing; leave it out")
    tasks = {arm: experiment.build(c) for arm, c in arms.items()} if experiment.build else {}
    devices = device_count.choose(request.devices, request.name, experiment, tasks, arms)
    watch = request.watch
    programs = {a: Program(task, arms[a].run, devices, watch) for a, task in tasks.items()}
    for program in programs.values():
        _check_objective(experiment, program)
    trace = Trace(request.profile, request.folder / "profile", watch)
    made = Plan(request, experiment, arms, programs, request.folder, devices, trace)
    check_folder(made)
    if not dev.alike(lambda: _asked(made)):
        raise UserError("--process_id: give every process the same other flags, and one --workdir")
    return made


def _check_objective(experiment: Experiment, program: Program) -> None:
    """Best weights and patience need the objective to be measured as the run goes."""
    split, run = experiment.objective[0].partition("/")[0], program.run
    if split != "train" and "dev" not in program.task.evals:
        for flag, asked in (("weights=best", run.weights == "best"), ("patience", run.patience)):
            if asked:
                raise UserError(
                    f"--run.{flag}: looks at {experiment.objective[0]}, and there is no dev set"
                )


def chosen_arms(experiment: Experiment, request: Request) -> tuple[str, ...]:
    """The arms that are asked for; refuses those that there are not, and flags that one sets."""
    for arm in request.arms:
        if arm not in experiment.arms:
            near = (
                cfg.nearest(arm, experiment.arms) or f"; choose from {', '.join(experiment.arms)}"
            )
            raise UserError(f"--arms={arm}: {request.name} has no such arm{near}")
    chosen = request.arms or tuple(experiment.arms)
    flags = {override.partition("=")[0] for override in request.overrides}
    for arm in chosen:
        for override in experiment.arms[arm]:
            path = override.partition("=")[0]
            if path in flags:
                raise UserError(f"--{path}: arm {arm} sets it; leave it out or pick other --arms")
    return chosen


def _asked(made: Plan) -> str:
    """What all processes of a run must have in common, or they would wait for one another."""
    seeds, done = list(made.seeds), bool(finished(made))
    return json.dumps([identity(made), seeds, done], sort_keys=True)


def identity(made: Plan) -> dict[str, Any]:
    """What makes two runs the same run, arm by arm: arms and seeds may be added to a folder."""
    arms = {arm: what(config) for arm, config in made.arms.items()}
    return {"experiment": made.request.name, "smoke": made.request.smoke, "arms": arms}


def what(config: Any) -> dict[str, Any]:
    """The knobs of an arm as JSON has them, but for those that say where."""
    flat = {path: value for path, value in cfg.flatten(config).items() if path not in HERE_ONLY}
    return json.loads(json.dumps(flat))


def _recorded(folder: Path) -> dict[str, Any]:
    """The identity that a folder holds; empty where it holds none.

    Raises:
        UserError: its config.json is none of ours.
    """
    path = folder / "config.json"
    if not path.exists():
        return {}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        before["experiment"], before["smoke"], before["arms"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: not a config of ngjax; choose another --workdir") from None
    return before


def check_folder(made: Plan) -> dict[str, Any]:
    """Refuse a folder of another run; returns the identity of the folder with this run in it.

    Raises:
        UserError: it is a file, or holds another experiment or another config of an arm.
    """
    if made.folder.exists() and not made.folder.is_dir():
        raise UserError(f"--workdir={made.folder}: is a file; choose another --workdir")
    before, now = _recorded(made.folder), identity(made)
    if not before:
        return now
    differs = {k for k in ("experiment", "smoke") if before[k] != now[k]}
    for arm, knobs in now["arms"].items():
        old = before["arms"].get(arm, knobs)
        differs |= {k for k in {*old, *knobs} if old.get(k) != knobs.get(k)}
    if differs:
        raise UserError(
            f"--workdir={made.folder}: holds a run with another {', '.join(sorted(differs)[:3])}; "
            "choose another --workdir or delete that one"
        )
    return {**now, "arms": {**before["arms"], **now["arms"]}}


def finished(made: Plan) -> dict[str, Any] | None:
    """The summary of a complete run that holds all that is asked, or None."""
    path = made.folder / "summary.json"
    if not path.exists():
        return None
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        has = {(arm, seed) for arm, found in summary["arms"].items() for seed in found["seeds"]}
        complete = summary["status"] == "complete"
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # damaged: the run goes on from its checkpoints and writes it anew
    asked = {(arm, str(seed)) for arm in made.arms for seed in made.seeds}
    return summary if complete and asked <= has else None
