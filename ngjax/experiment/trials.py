"""What the trials of a search came to: `trials.jsonl`, and from it `search.json`, figure, page."""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ngjax import config as cfg
from ngjax import search
from ngjax.experiment.search_plan import Plan, identity
from ngjax.report import figures as draw
from ngjax.report import page, summary, terminal
from ngjax.report.numbers import short
from ngjax.report.results import Seed, Side
from ngjax.train.population import Result
from ngjax.train.record import Outcome
from ngjax.types import UserError

SHOWN = 10  # of the best trials, in tables


class Told(NamedTuple):
    """One trial, as its line has it."""

    trial: int
    values: Mapping[str, Any]  # knob -> value
    objective: float | None  # mean over seeds; None: diverged, and loses to any other
    seeds: Mapping[str, Mapping[str, Any]]  # seed -> metrics, steps, seconds ...
    compilation: str  # trials that share it were trained by one compiled program
    detail: str = ""  # of a trial that diverged: where

    @classmethod
    def of(
        cls,
        trial: int,
        values: Mapping[str, Any],
        results: Mapping[int, Result],
        objective: str,
        compilation: str,
    ) -> Told:
        """From what training came to under each seed.

        Raises:
            UserError: the objective was not measured.
        """
        lost = [str(result) for result in results.values() if not isinstance(result, Outcome)]
        if lost:
            return cls(trial, values, None, {}, compilation, lost[0])
        measured = [result.metrics for result in results.values()]
        if objective not in measured[0]:
            near = cfg.nearest(objective, measured[0])
            raise UserError(f"--mode=search: {objective} was not measured{near}")
        value = statistics.fmean(metrics[objective] for metrics in measured)
        seeds = {
            str(seed): Seed(
                result.metrics,
                result.steps,
                result.seconds,
                result.examples_per_second,
                result.params_sha256,
                result.input_wait_share,
            )
            for seed, result in results.items()
        }
        return cls(
            trial, values, value, {seed: vars(one) for seed, one in seeds.items()}, compilation
        )

    @property
    def words(self) -> str:
        """Its values, knobs by their last names where that tells them apart."""
        tails = [path.rpartition(".")[2] for path in self.values]
        short_names = len(set(tails)) == len(tails)
        named = dict(zip(tails if short_names else self.values, self.values.values(), strict=True))
        return " ".join(
            f"{name}={short(value) if isinstance(value, float) else value}"
            for name, value in named.items()
        )


class Book:
    """The finished trials of a folder; several machines may write into one."""

    def __init__(self, folder: Path, objective: tuple[str, str]) -> None:
        self.path, self.objective = folder / "trials.jsonl", objective
        self._told: dict[int, Told] = {}
        self.reread()

    def reread(self) -> Book:
        """Take in what is on disk; a line that a killed process left half is no trial."""
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                try:
                    told = Told(**json.loads(line))
                except (ValueError, TypeError):
                    continue
                self._told[told.trial] = told
        return self

    def add(self, told: Told) -> None:
        """Write a trial down, and say so."""
        self._told[told.trial] = told
        line = json.dumps(summary.plain(told._asdict()), allow_nan=False)
        torn = self.path.exists() and self.path.read_bytes()[-1:] not in (b"", b"\n")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("\n" if torn else "") + line + "\n")
        name = self.objective[0]
        came = told.detail if told.objective is None else f"{name} {short(told.objective)}"
        print(f"trial {told.trial}: {came}  {told.words}", file=sys.stderr, flush=True)

    def told(self) -> dict[int, float]:
        """Trial -> what it came to, lower is better; infinity where it diverged."""
        sign = -1 if self.objective[1] == "max" else 1
        return {
            t: math.inf if told.objective is None else sign * told.objective
            for t, told in sorted(self._told.items())
        }

    def best(self) -> list[Told]:
        """Those that did not diverge, the best first."""
        values = self.told()
        finite = [trial for trial, value in values.items() if math.isfinite(value)]
        return [self._told[trial] for trial in sorted(finite, key=lambda t: (values[t], t))]

    def __contains__(self, trial: int) -> bool:
        return trial in self._told

    def __getitem__(self, trial: int) -> Told:
        return self._told[trial]

    def __iter__(self) -> Iterator[Told]:
        return iter(self._told[trial] for trial in sorted(self._told))

    def __len__(self) -> int:
        return len(self._told)


def sides(book: Book, splits: tuple[str, ...] = ("train", "dev", "test")) -> list[Side]:
    """The best trials, as the tables of a run show its arms; metrics of these splits alone."""

    def seed(one: Mapping[str, Any]) -> Seed:
        kept = {k: v for k, v in one["metrics"].items() if k.partition("/")[0] in splits}
        return Seed(kept, one["steps"], one["seconds"])

    return [
        Side(
            f"{told.trial}: {told.words}", (), {int(s): seed(one) for s, one in told.seeds.items()}
        )
        for told in book.best()[:SHOWN]
    ]


def publish(made: Plan, book: Book, status: str) -> dict[str, Any]:
    """Write figure and page of a search, then `search.json`.

    Returns:
        search.json, as written.
    """
    environment = summary.environment(made.devices[0].device_kind, len(made.devices))
    best = book.best()
    pictures = [_picture(made, book)] if best and status != "running" else []
    found = (
        f"Strategy {made.asked.strategy}: {len(book)} of {made.trials} trials are finished, "
        f"{len(book) - len(best)} of them diverged; compilations: {_compilations(book)}."
    )
    lead = [f"Search of the hyper-parameters of {made.request.name}, arm {made.arm}.", found]
    if best:
        flags = " ".join(f"--{override}" for override in search.overrides(best[0].values))
        lead.append(f"The best one set:\n\n    {flags}")
    page.write(
        made.folder / "report.html",
        page.Page(
            title=f"{made.request.name}: search".replace("_", " "),
            notes="2.5",
            lead="\n\n".join(lead),
            command=made.command,
            status=status,
            environment=environment,
            objective=made.experiment.objective,
            arms=sides(book),
            figures=pictures,
            config={path: cfg.write(v) for path, v in cfg.flatten(made.config).items()},
        ),
    )
    tree = {
        "experiment": made.request.name,
        "status": status,
        "objective": list(made.experiment.objective),
        "asked": identity(made),
        "trials": made.trials,
        "finished": len(book),
        "diverged": len(book) - len(best),
        "compilations": _compilations(book),
        "best": [told._asdict() for told in best[:SHOWN]],
        **environment,
    }
    summary.write_json(made.folder / "search.json", tree)
    return tree


def _compilations(book: Book) -> int:
    return len({told.compilation for told in book})


def _picture(made: Plan, book: Book) -> page.Figure:
    name, mode = made.experiment.objective
    told = list(book)
    values = [math.nan if one.objective is None else one.objective for one in told]
    best = book.best()[0].trial
    figure = draw.trials(
        {axis.path: [one.values[axis.path] for one in told] for axis in made.space},
        values,
        name.replace("/", " "),
        log=[axis.path for axis in made.space if axis.kind == "log"],
        best=next(place for place, one in enumerate(told) if one.trial == best),
        log_y=name.endswith("loss") and min(v for v in values if math.isfinite(v)) > 0,
    )
    path = made.folder / "figures" / "trials.png"
    draw.save(figure, path)
    extreme = {"max": "highest", "min": "lowest"}[mode]
    return page.Figure("Trials", f"{name} along each knob; the ring is the {extreme}.", path)


def tell(made: Plan, tree: Mapping[str, Any]) -> int:
    """The best trials on the terminal; 3 where every one diverged."""
    book = Book(made.folder, made.experiment.objective)
    split = made.experiment.objective[0].partition("/")[0]
    terminal.results(sides(book, (split, "test")), [], made.experiment.objective)
    print(
        f"\ntrials {tree['finished']}, diverged {tree['diverged']}, "
        f"compilations {tree['compilations']}"
    )
    print(f"report  {made.folder / 'report.html'}")
    return 0 if tree["best"] else 3
