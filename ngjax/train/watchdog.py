"""A device call that never comes back ends the run, instead of holding its machines for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ngjax.train.link import Link

NAP = 0.5  # seconds between two looks at the clock


class Watchdog:
    """While entered, ends the run where no device call finishes in time; `seconds` 0: never.

    Args:
        seconds: that a device call may take, with what the host does before it.
        stuck: told how long nothing came; it does not return.
        compiling: seconds more for a call that is compiled first.
    """

    def __init__(
        self,
        seconds: float = 0.0,
        stuck: Callable[[float], Any] | None = None,
        compiling: float = 600.0,
    ) -> None:
        self.seconds, self._stuck, self._compiling = seconds, stuck, compiling
        self._until = 0.0
        self._over = threading.Event()

    def __enter__(self) -> Watchdog:
        if self.seconds:
            self._over = threading.Event()
            self.compiles()
            threading.Thread(target=self._run, args=(self._over,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()

    def compiles(self) -> None:
        """The next call will take longer."""
        self._until = time.monotonic() + self.seconds + self._compiling

    def finished(self) -> None:
        """A device call has come back."""
        self._until = time.monotonic() + self.seconds

    def _run(self, over: threading.Event) -> None:
        now = time.monotonic()
        while not over.wait(NAP):
            before, now = now, time.monotonic()
            if now - before > 10 * NAP:  # this process was stopped itself, and goes on
                self._until += now - before
            if now >= self._until:
                (self._stuck or Link().stuck)(self.seconds)
                return
