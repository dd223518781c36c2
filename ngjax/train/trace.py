"""A few device calls of a run, recorded for Perfetto, TensorBoard or xprof to show."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax

from ngjax.train.watchdog import Watchdog
from ngjax.types import UserError

Listener = Callable[[int, int, Mapping[str, float]], None]  # Hooks.progress


class Trace:
    """Records some device calls of a run, once; entered around each of its fits.

    A fit's first call compiles and is left out. What the host does behind a call, such as an
    evaluation, is recorded with it. Where a fit has fewer calls left than are asked for, its trace
    holds those; where it has none, the next fit is recorded.

    Args:
        calls: how many; 0: nothing is done.
        folder: made where there is something to record; a trace is a folder by its time in it.
        watch: given time for the writing.
    """

    def __init__(self, calls: int, folder: Path, watch: Watchdog | None = None) -> None:
        self.calls, self.folder, self._watch = calls, folder, watch or Watchdog()
        self.recorded = 0
        self._updates = (0, 0)  # done before the first recorded call, and after the last
        self._recording = False
        self._call = contextlib.ExitStack()  # the mark of the call that is under way

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._recording:  # the fit ends first
            self._stop()

    def over(self, progress: Listener) -> Listener:
        """What `Hooks.progress` is to be: the listener itself where nothing is to be recorded."""
        if not self.calls or self.recorded:
            return progress

        def heard(step: int, total: int, values: Mapping[str, float]) -> None:
            progress(step, total, values)
            self._passed(step, total)

        return heard

    def _passed(self, step: int, total: int) -> None:
        """A device call has come back, with `step` updates of `total` done."""
        if self._recording:
            self._call.close()
            self.recorded, self._updates = self.recorded + 1, (self._updates[0], step)
            if self.recorded == self.calls or step >= total:
                self._stop()
        elif not self.recorded and step < total:
            self._start(step)
        if self._recording:
            mark = jax.profiler.StepTraceAnnotation("device call", step_num=step)
            self._call.enter_context(mark)

    def _start(self, step: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        options = jax.profiler.ProfileOptions()
        options.python_tracer_level = 0  # an evaluation that compiles would bury all else in frames
        jax.profiler.start_trace(self.folder, create_perfetto_trace=True, profiler_options=options)
        self._recording, self._updates = True, (step, step)

    def _stop(self) -> None:
        """Write the trace and say where it lies."""
        self._recording = False
        self._call.close()
        self._watch.compiles()  # writing takes time as well
        try:
            jax.profiler.stop_trace()
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(f"--profile: {self.folder}: cannot be written: {error}") from None
        self._watch.finished()
        if self.recorded:
            first, last = self._updates[0] + 1, self._updates[1]
            what = f"device calls recorded: {self.recorded}, updates {first} to {last}"
            print(f"profile {self.folder}: {what}", flush=True)

    def tell_of_nothing(self) -> None:
        """Say so where a run is over and there was no call to record."""
        if self.calls and not self.recorded:
            print("profile: nothing recorded: no device call was left but a first, compiling one")
