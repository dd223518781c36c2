"""Run an experiment: every arm and seed, then figures, claims, summary and page in one folder."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ngjax.experiment.plan import Plan, check_folder
from ngjax.experiment.publish import publish
from ngjax.experiment.results import Arm, NotAsked, Results, Verdict, judge
from ngjax.report.metrics_log import MetricsLog
from ngjax.report.progress import Progress
from ngjax.report.summary import write_json
from ngjax.train import devices as dev
from ngjax.train.engine import fit, restore
from ngjax.train.program import Program
from ngjax.train.record import Hooks, NotFinite, Outcome
from ngjax.train.signals import Interrupted, Signals
from ngjax.types import UserError


def run(made: Plan) -> dict[str, Any]:
    """Train or compute every arm and leave the whole folder behind.

    Of several processes all train, and the first one alone writes.

    Returns:
        The summary as written; an empty one where another process writes it.

    Raises:
        NotFinite, Interrupted: from training; summary.json then says so.
        UserError: another run is at work in the folder, or the disk refused.
    """
    if not dev.leads():
        return _follow(made)
    command = shlex.join(("python", *made.request.command))
    try:
        made.folder.mkdir(parents=True, exist_ok=True)
        (made.folder / ".lock").touch()
    except OSError as error:
        raise UserError(f"--workdir={made.folder}: {error.strerror}; choose another") from None
    arms: dict[str, Arm] = {}
    with locked(made.folder), Signals() as signals, MetricsLog(made.folder) as log:
        write_json(made.folder / "config.json", check_folder(made))
        with _together():
            try:
                for arm in made.arms:
                    publish(made, Results(arms), {}, command, status="running")
                    arms[arm] = _run_arm(made, arm, log, signals)
            except (Interrupted, NotFinite) as stop:
                publish(made, Results(arms), {}, command, status=str(stop))
                raise
            made.trace.tell_of_nothing()
            results = Results(arms)
            return publish(made, results, _verdicts(made, results), command)


def _follow(made: Plan) -> dict[str, Any]:
    with Signals() as signals, _together():
        for arm in made.arms:
            _run_arm(made, arm, None, signals)
    return {}


@contextlib.contextmanager
def _together() -> Iterator[None]:
    """All processes begin when the first one holds the folder, and end when it has written it."""
    dev.agree()
    try:
        yield
    except (Interrupted, NotFinite):  # these come to all of them; any other may come to one
        dev.agree()
        raise
    dev.agree()


def _verdicts(made: Plan, results: Results) -> dict[str, Verdict]:
    verdicts = judge(made.experiment.claims, results)  # also in a smoke run, where one may break
    if made.request.smoke:
        return {name: Verdict(None, "a smoke run proves nothing") for name in verdicts}
    return verdicts


def _run_arm(made: Plan, arm: str, log: MetricsLog | None, signals: Signals) -> Arm:
    config = made.arms[arm]
    if made.experiment.run:
        found = {seed: dict(made.experiment.run(config, seed)) for seed in made.seeds}
        outcomes = {seed: _computed(values) for seed, values in found.items()}
        return Arm(arm, config, outcomes, {seed: [] for seed in made.seeds}, found=found)
    program = made.programs[arm]
    outcomes = {seed: _train(made, arm, seed, log, signals) for seed in made.seeds}
    state = outcomes[made.request.seed].state
    return Arm(
        arm,
        config,
        outcomes,
        {seed: log.history(arm, seed) if log else [] for seed in made.seeds},
        task=program.task,
        predict=lambda name: _predicted(program.here(), state, name),
    )


def _predicted(program: Program, state: Any, name: str) -> tuple[Any, dict[str, np.ndarray]]:
    if name not in program.task.evals:
        raise NotAsked(f"there is no {name} set")
    return program.predict(program.place(state), name)


def _computed(values: Mapping[str, Any]) -> Outcome:
    """A topic that trains nothing, in the terms of one that does."""
    metrics = {
        name: float(value)
        for name, value in values.items()
        if not isinstance(value, str | bytes | bool | Mapping)
        and np.ndim(value) == 0
        and np.issubdtype(np.asarray(value).dtype, np.number)
    }
    digest = hashlib.sha256(json.dumps(metrics, sort_keys=True).encode()).hexdigest()
    return Outcome(metrics, 0, 0.0, 0.0, digest, None)


def _train(made: Plan, arm: str, seed: int, log: MetricsLog | None, signals: Signals) -> Outcome:
    train = functools.partial(
        fit,
        made.programs[arm],
        seed,
        objective=made.experiment.objective,
        folder=checkpoints(made.folder, arm, seed),
        signals=signals,
    )
    watch = made.programs[arm].watch
    if log is None:
        with watch:
            return train()
    if made.programs[arm].layout.saves_memory:
        sizes = (f"{size / 1e6:,.3f} MB of {of}" for of, size in made.programs[arm].held.items())
        print(f"{made.request.name} {arm}: a device holds {' and '.join(sizes)} state")
    with watch, Progress(f"{made.request.name} {arm} seed {seed}") as progress, made.trace:
        hooks = Hooks(
            write=lambda step, epoch, seconds, values: log.write(
                arm, seed, step, epoch, seconds, values
            ),
            rewind=lambda step: log.rewind(arm, seed, step),
            progress=made.trace.over(progress.update),
        )
        return train(hooks=hooks)


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
            with program.watch:
                found.setdefault(arm, {})[seed] = program.evaluate_all(program.place(state))
    return found


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
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
