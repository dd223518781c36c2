"""What a run found: the numbers of each arm and seed, and the verdict on each claim."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Seed:
    """One run of one arm."""

    metrics: Mapping[str, float]
    steps: int = 0
    seconds: float = 0.0
    examples_per_second: float | None = None  # None: nothing was trained
    params_sha256: str | None = None
    input_wait_share: float | None = None  # of training; None: no examples were fetched


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of a comparison, over its seeds."""

    name: str
    overrides: Sequence[str] = ()
    seeds: Mapping[int, Seed] = dataclasses.field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """Mean of each metric over the seeds."""
        return mean_and_spread([seed.metrics for seed in self.seeds.values()])[0]

    @property
    def spread(self) -> dict[str, float]:
        """Sample standard deviation of each metric over the seeds; 0 for one seed."""
        return mean_and_spread([seed.metrics for seed in self.seeds.values()])[1]

    @property
    def seconds(self) -> float:
        """Wall time of all seeds together."""
        return sum(seed.seconds for seed in self.seeds.values())

    @property
    def examples_per_second(self) -> float | None:
        """Mean over the seeds that trained; None where none did."""
        return _mean(seed.examples_per_second for seed in self.seeds.values())

    @property
    def input_wait_share(self) -> float | None:
        """Likewise, over the seeds whose examples were fetched."""
        return _mean(seed.input_wait_share for seed in self.seeds.values())


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


@dataclasses.dataclass(frozen=True)
class Claim:
    """What the notes say, and whether it held in this run."""

    id: str
    text: str
    holds: bool | None  # None: not asked, for the reason in `detail`
    detail: str = ""

    @property
    def verdict(self) -> str:
        """The verdict in words: "holds", "does not hold" or "not asked"."""
        return {True: "holds", False: "does not hold", None: "not asked"}[self.holds]


@dataclasses.dataclass(frozen=True)
class Text:
    """Words to be shown as they are: samples, tables of layers."""

    title: str
    text: str


def mean_and_spread(
    runs: Sequence[Mapping[str, float]],
) -> tuple[dict[str, float], dict[str, float]]:
    """Mean and sample standard deviation of each metric over runs.

        mean = sum x / n,    spread = sqrt(sum (x - mean)^2 / (n - 1)),   0 for n = 1

    A metric that one run lacks is NaN, as it is where one run's value is: a mean over fewer runs
    than its neighbours would mislead.

    Returns:
        (means, spreads), metrics in the order of first appearance.
    """
    means, spreads = {}, {}
    for name in dict.fromkeys(name for run in runs for name in run):
        values = np.array([run.get(name, np.nan) for run in runs], np.float64)  # [seeds]
        with np.errstate(invalid="ignore"):  # inf - inf is an honest NaN
            means[name] = float(values.mean())
            spreads[name] = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return means, spreads
