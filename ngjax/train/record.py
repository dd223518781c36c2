"""What a run counts, tells and comes to."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ngjax.types import State

Write = Callable[[int, float, float, Mapping[str, float]], None]  # step, epoch, seconds, values


class NotFinite(Exception):
    """The loss became NaN or infinite; the message names the step."""


class Outcome(NamedTuple):
    """What training one arm with one seed came to."""

    metrics: dict[str, float]
    steps: int
    seconds: float  # of training, resumed stretches added up
    examples_per_second: float  # of training alone: no compilation, no evaluation
    params_sha256: str
    state: State  # on the host; the weights that were judged
    input_wait_share: float | None = None  # of training, spent waiting for examples; None: no feed


@dataclasses.dataclass
class Progress:
    """What the host has counted; saved with every checkpoint."""

    step: int = 0
    seconds: float = 0.0
    sums: dict[str, Any] = dataclasses.field(default_factory=dict)  # since the last log line
    latest: dict[str, float] = dataclasses.field(
        default_factory=dict
    )  # newest value of each metric
    judged: tuple[int, float] | None = None  # (step, objective) of the best evaluation
    best: float | None = None
    stale: int = 0  # evaluations since the best
    paced_steps: int = 0  # updates of device calls but a process's first, which compiles
    paced_seconds: float = 0.0  # that these calls took, waiting for their examples included
    waited_seconds: float = 0.0  # of those, spent waiting for examples

    @property
    def wait_share(self) -> float | None:
        """Of the paced seconds, spent waiting for examples; None: there was but one call."""
        return self.waited_seconds / max(self.paced_seconds, 1e-9) if self.paced_steps else None

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        sums = {name: [float(total), float(count)] for name, (total, count) in self.sums.items()}
        return {**dataclasses.asdict(self), "sums": sums}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Progress:
        """The other way."""
        sums = {name: tuple(pair) for name, pair in plain["sums"].items()}
        return cls(**{**plain, "sums": sums})


@dataclasses.dataclass(frozen=True)
class Hooks:
    """What a caller wants to hear; every field may be left out."""

    write: Write = lambda step, epoch, seconds, values: None
    rewind: Callable[[int], None] = lambda step: None  # a resumed run starts after this step
    progress: Callable[[int, int, Mapping[str, float]], None] = lambda step, total, values: None


def refuse_not_finite(values: Mapping[str, float], step: int) -> None:
    """Raises NotFinite where an evaluation came to NaN or infinity."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise NotFinite(f"{name} is {value} at step {step}")
