"""What a run found, as claims and figures read it: arm by arm, mean and spread over seeds."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ngjax.types import Task


class NotAsked(KeyError):
    """A claim looked at an arm or a metric that this run does not have."""

    def __str__(self) -> str:
        """Without the quotes of a KeyError."""
        return str(self.args[0])


class Verdict(NamedTuple):
    """What a run says of a claim; None: this run cannot tell."""

    holds: bool | None
    detail: str


@dataclasses.dataclass(frozen=True, eq=False)
class Arm:
    """One arm over its seeds. `arm["test/accuracy"]` is the mean over seeds.

    Attributes:
        name: of the arm.
        config: with the arm's overrides applied.
        outcomes: seed -> `train.engine.Outcome` (or what `Experiment.run` returned, as one).
        rows: seed -> logged rows, each {"step", "epoch", "seconds", metric: value ...}.
        task: None for a topic that trains nothing.
        predict: evaluation set -> (outputs, batch) under the first seed's weights.
        found: seed -> all that `Experiment.run` returned.
    """

    name: str
    config: Any
    outcomes: Mapping[int, Any]
    rows: Mapping[int, list[dict[str, Any]]]
    task: Task | None = None
    predict: Callable[[str], tuple[Any, dict[str, np.ndarray]]] | None = None
    found: Mapping[int, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    def values(self, metric: str) -> list[float]:
        """The final value of a metric, one a seed.

        Raises:
            NotAsked: no such metric, or one that is not a number.
        """
        try:
            values = [outcome.metrics[metric] for outcome in self.outcomes.values()]
        except KeyError:
            raise NotAsked(f"arm {self.name} has no metric {metric}") from None
        if not all(math.isfinite(value) for value in values):
            raise NotAsked(f"{metric} of arm {self.name} is not finite")
        return values

    def __getitem__(self, metric: str) -> float:
        return statistics.fmean(self.values(metric))

    def spread(self, metric: str) -> float:
        """Sample standard deviation over seeds; 0 for one seed."""
        values = self.values(metric)
        return statistics.stdev(values) if len(values) > 1 else 0.0

    def history(self, metric: str, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(steps, values) of a logged metric under a seed, the first where none is said."""
        rows = self.rows[next(iter(self.rows)) if seed is None else seed]
        points = [(row["step"], row[metric]) for row in rows if row.get(metric) is not None]
        if not points:
            raise NotAsked(f"arm {self.name} never logged {metric}")
        steps, values = zip(*points, strict=True)
        return np.asarray(steps), np.asarray(values)

    @property
    def params(self) -> Any:
        """The weights that were judged under the first seed: averaged ones where a run asks."""
        from ngjax.train.step import judged  # brings optax, which the catalogue need not wait for

        return judged(self.state, self.config.run.ema)[0]

    @property
    def state(self) -> Any:
        """The final State under the first seed, on the host."""
        return next(iter(self.outcomes.values())).state


class Results(Mapping[str, Arm]):
    """Arms by name; asking for one that was not run makes a claim's verdict null."""

    def __init__(self, arms: Mapping[str, Arm]) -> None:
        self._arms = dict(arms)

    def __getitem__(self, name: str) -> Arm:
        if name not in self._arms:
            raise NotAsked(f"arm {name} was not run")
        return self._arms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arms)

    def __len__(self) -> int:
        return len(self._arms)

    @property
    def only(self) -> Arm:
        """The first arm, where a figure needs just one."""
        return next(iter(self._arms.values()))


def judge(claims: Mapping[str, Callable[[Results], Any]], results: Results) -> dict[str, Verdict]:
    """Every claim's verdict on these results."""
    verdicts = {}
    for name, claim in claims.items():
        try:
            answer = claim(results)
        except NotAsked as missing:
            verdicts[name] = Verdict(None, str(missing))
            continue
        holds, detail = answer if isinstance(answer, tuple) else (answer, "")
        verdicts[name] = Verdict(bool(holds), detail)
    return verdicts
