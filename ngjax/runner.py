"""Run an experiment: every arm and seed, then figures, claims, summary and page in one folder."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ngjax import config as cfg
from ngjax.experiment import Experiment, load
from ngjax.results import Arm, Results, Verdict, judge
from ngjax.train import devices as dev
from ngjax.train.engine import Hooks, NotFinite, Outcome, fit, restore
from ngjax.train.program import Program
from ngjax.train.signals import Interrupted
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
    devices: int | None = None
    workdir: Path | None = None
    smoke: bool = False
    strict: bool = False
    command: tuple[str, ...] = ()  # as typed, for the report


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """A request checked: nothing is written before this exists."""

    request: Request
    experiment: Experiment
    config: Any
    arms: Mapping[str, Any]  # name -> config
    programs: Mapping[str, Program]
    folder: Path
    devices: tuple[Any, ...]

    @property
    def seeds(self) -> range:
        """The seeds of every arm."""
        return range(self.request.seed, self.request.seed + self.request.seeds)


def plan(request: Request) -> Plan:
    """Everything that can be refused is refused here, in one line.

    Raises:
        UserError: an unknown experiment, arm, knob or value; a missing data file; an indivisible
            batch; a folder that holds another config.
    """
    experiment = load(request.name)
    config = cfg.override(experiment.config, request.overrides)
    chosen = _chosen_arms(experiment, request)
    smoke = experiment.smoke if request.smoke else ()
    layers = {arm: (*smoke, *request.overrides, *experiment.arms[arm]) for arm in chosen}
    arms = {arm: cfg.override(experiment.config, layer) for arm, layer in layers.items()}
    devices = tuple(dev.select(request.devices))
    programs = {}
    if experiment.build:
        programs = {arm: Program(experiment.build(c), c.run, devices) for arm, c in arms.items()}
    default = Path("runs") / (request.name + ("-smoke" if request.smoke else ""))
    folder = request.workdir or default
    made = Plan(request, experiment, config, arms, programs, folder, devices)
    _check_folder(made)
    return made


def _chosen_arms(experiment: Experiment, request: Request) -> tuple[str, ...]:
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


def _identity(made: Plan) -> dict[str, Any]:
    """What makes two runs the same run; arms and seeds may be added to a folder later."""
    flat = cfg.flatten(made.config)
    where = {path: flat.pop(path) for path in HERE_ONLY if path in flat}
    return {
        "experiment": made.request.name,
        "smoke": made.request.smoke,
        "config": json.loads(json.dumps(flat)),
        "where": where,
    }


def _check_folder(made: Plan) -> None:
    path = made.folder / "config.json"
    if not path.exists():
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        old = before["config"]
    except (json.JSONDecodeError, KeyError, TypeError):
        raise UserError(f"{path}: not a config of ngjax; choose another --workdir") from None
    now = _identity(made)
    differs = [k for k in ("experiment", "smoke") if before.get(k) != now[k]]
    differs += [k for k in {*old, *now["config"]} if old.get(k) != now["config"].get(k)]
    if differs:
        raise UserError(
            f"--workdir={made.folder}: holds a run with another {', '.join(sorted(differs)[:3])}; "
            "choose another --workdir or delete that one"
        )


def finished(made: Plan) -> dict[str, Any] | None:
    """The summary of a complete run that holds all that is asked, or None."""
    path = made.folder / "summary.json"
    if not path.exists():
        return None
    summary = json.loads(path.read_text(encoding="utf-8"))
    has = {(arm, seed) for arm, found in summary["arms"].items() for seed in found["seeds"]}
    asked = {(arm, str(seed)) for arm in made.arms for seed in made.seeds}
    return summary if summary["status"] == "complete" and asked <= has else None


def run(made: Plan) -> dict[str, Any]:
    """Train or compute every arm and leave the whole folder behind.

    Returns:
        The summary as written.

    Raises:
        NotFinite, Interrupted: from training; summary.json then says so.
        UserError: another run is at work in the folder, or the disk refused.
    """
    from ngjax.publish import publish
    from ngjax.report.metrics_log import MetricsLog
    from ngjax.report.summary import write_json

    command = shlex.join(("python", *made.request.command))
    made.folder.mkdir(parents=True, exist_ok=True)
    with _lock(made.folder), MetricsLog(made.folder) as log:
        write_json(made.folder / "config.json", _identity(made))
        try:
            results = Results({arm: _run_arm(made, arm, log) for arm in made.arms})
        except (Interrupted, NotFinite) as stop:
            publish(made, Results({}), {}, command, status=str(stop))
            raise
        return publish(made, results, _verdicts(made, results), command)


def _verdicts(made: Plan, results: Results) -> dict[str, Verdict]:
    claims = made.experiment.claims
    if made.request.smoke:
        return {name: Verdict(None, "a smoke run proves nothing") for name in claims}
    return judge(claims, results)


def _run_arm(made: Plan, arm: str, log: Any) -> Arm:
    config = made.arms[arm]
    if made.experiment.run:
        found = {seed: dict(made.experiment.run(config, seed)) for seed in made.seeds}
        outcomes = {seed: _computed(values) for seed, values in found.items()}
        return Arm(arm, config, outcomes, {seed: [] for seed in made.seeds}, found=found)
    program = made.programs[arm]
    outcomes = {seed: _train(made, arm, seed, log) for seed in made.seeds}
    state = outcomes[made.request.seed].state
    return Arm(
        arm,
        config,
        outcomes,
        {seed: log.history(arm, seed) for seed in made.seeds},
        task=program.task,
        predict=lambda name: program.predict(program.place(state), name),
    )


def _computed(values: Mapping[str, Any]) -> Outcome:
    """A topic that trains nothing, in the terms of one that does."""
    metrics = {name: float(v) for name, v in values.items() if isinstance(v, int | float)}
    digest = hashlib.sha256(json.dumps(metrics, sort_keys=True).encode()).hexdigest()
    return Outcome(metrics, 0, 0.0, 0.0, digest, None)


def _train(made: Plan, arm: str, seed: int, log: Any) -> Outcome:
    from ngjax.report.progress import Progress

    with Progress(f"{made.request.name} {arm} seed {seed}") as progress:
        hooks = Hooks(
            write=lambda step, epoch, seconds, values: log.write(
                arm, seed, step, epoch, seconds, values
            ),
            rewind=lambda step: log.rewind(arm, seed, step),
            progress=progress.update,
        )
        folder = checkpoints(made.folder, arm, seed)
        objective = made.experiment.objective
        return fit(made.programs[arm], seed, objective=objective, folder=folder, hooks=hooks)


def checkpoints(folder: Path, arm: str, seed: int) -> Path:
    """Where an arm's checkpoints of a seed are."""
    return folder / "checkpoints" / arm / str(seed)


def evaluate(made: Plan) -> dict[str, dict[int, dict[str, float]]]:
    """--mode=eval: every arm and seed on every evaluation set; reads the folder, writes nothing.

    Raises:
        UserError: no checkpoint of that arm and seed.
    """
    if not made.experiment.build:
        raise UserError(f"--mode=eval: {made.request.name} trains nothing; run it instead")
    found: dict[str, dict[int, dict[str, float]]] = {}
    for arm, program in made.programs.items():
        for seed in made.seeds:
            folder = checkpoints(made.folder, arm, seed)
            state = restore(program, seed, folder, made.experiment.objective)
            if state is None:
                raise UserError(f"--workdir={made.folder}: no checkpoint of {arm}, seed {seed}")
            placed = program.place(state)
            values: dict[str, float] = {}
            for name in program.task.evals:
                values |= program.evaluate(placed, name)
            found.setdefault(arm, {})[seed] = values
    return found


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One trainer a folder: a second one would clean away what the first is writing."""
    with (folder / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            who = file.read().strip() or "another process"
            raise UserError(f"--workdir={folder}: {who} is running there") from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield
