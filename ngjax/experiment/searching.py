"""--mode=search: hyper-parameters of any experiment that trains (notes 2.5).

Trials whose configs differ in what is traced alone share one compilation, as members of a
population; the others run one group after another. What a trial came to is a line of
`trials.jsonl` as soon as it ends: the same command goes on from there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ngjax import config as cfg
from ngjax import search
from ngjax.experiment import suggest
from ngjax.experiment.plan import Request
from ngjax.experiment.runner import locked
from ngjax.experiment.search_plan import Plan, Search, plan, population
from ngjax.experiment.trials import Book, Told, publish, tell
from ngjax.train.population import Member, Population, Result
from ngjax.train.signals import Interrupted, Signals
from ngjax.types import Task, UserError

KEPT = 4  # compiled populations that stay in memory; the fine round asks for the same ones again


def launch(request: Request, *asked: Any) -> int:
    """What the command line calls, with the fields of `Search`; returns the exit code."""
    made = plan(request, Search(*asked))
    return tell(made, run(made))


def traced(config: Any, task: Task) -> dict[str, str]:
    """Path -> scalar: the knobs that reach the program as scalars of `Task.hyper` alone.

    The field of the optimizer of that name, or the one field so called; and only where the scalar
    is what the field says, as a rate that a topic reckons itself also hangs on other knobs.
    """
    flat, found = cfg.flatten(config), {}
    for name, value in task.hyper.items():
        own = f"optimizer.{name}"
        paths = [own] if own in flat else [p for p in flat if p.rpartition(".")[2] == name]
        if len(paths) == 1 and flat[paths[0]] == value:
            found[paths[0]] = name
    return found


def compilation(config: Any, task: Task) -> str:
    """What two trials share where they share a compilation: all but the values that are traced.

    Whether such a value is zero is part of it: a topic may leave out what zero makes idle.
    """
    flat, scalars = cfg.flatten(config), traced(config, task)
    shape = {path: value == 0 if path in scalars else value for path, value in flat.items()}
    text = json.dumps([shape, sorted(task.hyper), sorted(scalars)])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def run(made: Plan) -> dict[str, Any]:
    """Run what is not finished of a search, and leave the whole folder behind.

    Returns:
        search.json, as written.

    Raises:
        Interrupted: a signal came; what is finished stays.
        UserError: another search is at work in the folder, or the disk refused.
    """
    try:
        made.folder.mkdir(parents=True, exist_ok=True)
        (made.folder / ".lock").touch()
    except OSError as error:
        raise UserError(f"--workdir={made.folder}: {error.strerror}; choose another") from None
    shared = made.asked.strategy == "optuna"  # its journal lets several work side by side
    with contextlib.nullcontext() if shared else locked(made.folder), Signals() as signals:
        book = Book(made.folder, made.experiment.objective)
        publish(made, book, status="running")
        searcher = _Searcher(made, book, signals)
        try:
            searcher.by_optuna() if shared else searcher.by_rounds()
        except Interrupted as stop:
            kept = f"{len(book)} of {made.trials} trials are finished and kept"
            publish(made, book, status=f"stopped; {kept}")
            raise Interrupted(stop.exit_code - 128, kept) from None
        return publish(made, book, status="complete")


class _Searcher:
    """One process at work on a search."""

    def __init__(self, made: Plan, book: Book, signals: Signals) -> None:
        self.made, self.book, self.signals = made, book, signals
        self.populations: dict[str, Population] = {}

    def by_rounds(self) -> None:
        """All trials that can be drawn at once together, group by group."""
        made, asked = self.made, self.made.asked
        for batch in search.rounds(asked.strategy, made.trials):
            waiting = [trial for trial in batch if trial not in self.book]
            told = self.book.told()
            drawn = {
                trial: search.draw(
                    made.space, asked.strategy, trial, asked.trials, made.request.seed, told
                )
                for trial in waiting
            }
            self.train(drawn)

    def by_optuna(self) -> None:
        """One trial after another, each drawn by what all machines have found so far."""
        made = self.made
        mode = made.experiment.objective[1]
        study = suggest.Study(made.folder, made.space, mode, made.request.seed)
        try:
            while len(self.book.reread()) < made.trials:
                trial, values = study.ask()
                self.train({trial: values})
                study.tell(trial, self.book[trial].objective)
        finally:
            study.give_up()

    def train(self, drawn: Mapping[int, Mapping[str, Any]]) -> None:
        """Train these trials; each is written as it ends."""
        objective = self.made.experiment.objective[0]
        groups: dict[str, list[tuple[int, Mapping[str, float]]]] = {}
        for trial, values in drawn.items():
            config = self.made.config_of(values)
            task = self.made.experiment.build(config)
            groups.setdefault(compilation(config, task), []).append((trial, task.hyper))
        for key, trials in groups.items():
            members = [(t, Member(hyper, seed)) for t, hyper in trials for seed in self.made.seeds]
            ended: dict[int, dict[int, Result]] = {}
            for trial, seed, result in self._results(key, drawn[trials[0][0]], members):
                ended.setdefault(trial, {})[seed] = result
                if len(ended[trial]) == len(self.made.seeds):
                    results = ended.pop(trial)
                    told = Told.of(trial, drawn[trial], results, objective, key)
                    self.book.add(told)

    def _results(
        self, key: str, values: Mapping[str, Any], members: list[tuple[int, Member]]
    ) -> Iterator[tuple[int, int, Result]]:
        if key not in self.populations:
            while len(self.populations) >= KEPT:
                self.populations.pop(next(iter(self.populations)))
            config = self.made.config_of(values)
            task = self.made.experiment.build(config)
            self.populations[key] = population(self.made, config, task)
        own = [member for _, member in members]
        objective = self.made.experiment.objective
        for place, result in self.populations[key].train(own, objective, self.signals):
            trial, member = members[place]
            yield trial, member.seed, result
            if self.signals.received and place + 1 < len(members):
                raise Interrupted(self.signals.received, "")
