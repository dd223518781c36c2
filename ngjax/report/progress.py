"""Progress of a run: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

PLAIN_SECONDS = 10.0  # between two plain lines


class Progress:
    """Listens to a run; use as a context manager."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._bar: Any = None
        self._task: Any = None
        self._started = time.monotonic()
        self._first: int | None = None  # a resumed run's rate counts its own steps only
        self._spoken = -PLAIN_SECONDS

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            self._open_bar()
        return self

    def _open_bar(self) -> None:
        from rich import progress as rich
        from rich.console import Console
        from rich.table import Column

        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # the values give way first

        self._bar = rich.Progress(
            rich.TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            rich.BarColumn(bar_width=12),
            rich.MofNCompleteColumn(table_column=Column(no_wrap=True)),
            rich.TextColumn("{task.fields[rate]}", table_column=Column(no_wrap=True)),
            rich.TimeRemainingColumn(table_column=Column(no_wrap=True)),
            rich.TextColumn("{task.fields[values]}", table_column=rest),
            console=Console(stderr=True),
            expand=True,
        )
        self._task = self._bar.add_task(self.title, total=None, rate="", values="")
        self._bar.start()

    def update(self, step: int, total: int, values: Mapping[str, float]) -> None:
        """The run is at `step` of `total`, with these newest values."""
        if self._first is None:
            self._first = step  # the first call also compiled: it says nothing of the rate
            self._started = time.monotonic()
        passed = time.monotonic() - self._started
        rate = (step - self._first) / passed if passed > 0 and step > self._first else 0.0
        if self._bar:
            self._bar.update(
                self._task, completed=step, total=total, rate=_rate(rate), values=_brief(values)
            )
            return
        now = time.monotonic()
        if step >= total or now - self._spoken >= PLAIN_SECONDS:
            self._spoken = now
            left = f", {(total - step) / rate:.0f} s left" if rate and step < total else ""
            line = f"{self.title}: step {step}/{total}, {_rate(rate)}{left}  {_brief(values)}"
            print(line, file=sys.stderr, flush=True)

    def __exit__(self, *_: Any) -> None:
        if self._bar:
            self._bar.stop()


def _rate(steps_per_second: float) -> str:
    return f"{steps_per_second:.3g} steps/s"


def _brief(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in sorted(values.items()))
