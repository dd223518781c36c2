"""fit: train a Task to the end of its Run, or from where a stopped run left off.

The loop runs chunks of steps on the device and, between them, lets the host look: log, evaluate,
save, stop. Everything it counts is in `Progress`, which is saved with the state, so that a resumed
run also writes the same log lines.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ngjax import metrics as metric
from ngjax.train import devices as dev
from ngjax.train.checkpoints import Checkpoints, sha256
from ngjax.train.program import Program
from ngjax.train.record import Hooks, NotFinite, Outcome, Progress, refuse_not_finite
from ngjax.train.signals import Interrupted, Signals
from ngjax.types import State, UserError

CALL_SECONDS = 2.0  # a device call is cut so that a signal is answered within this time


def fit(
    program: Program,
    seed: int,
    *,
    objective: tuple[str, str] = ("train/loss", "min"),
    folder: Path | None = None,
    hooks: Hooks | None = None,
    signals: Signals | None = None,
    pace: float = 0.0,
) -> Outcome:
    """Train to the end, resuming from `folder` where it holds checkpoints.

    Args:
        program: a compiled Task.
        seed: of initial parameters, batch order and every random draw.
        objective: (metric, "max" or "min"): what best and early stopping look at.
        folder: where checkpoints live; None keeps none.
        hooks: listeners.
        signals: an entered `Signals` of the caller's; its own where none is given.
        pace: examples a second of an earlier run of this compiled program; 0: not known.

    Raises:
        NotFinite: the loss of a step, or of an evaluation, is NaN or infinite.
        Interrupted: a signal came; the state is saved.
        UserError: the disk refused, or every checkpoint is damaged.
    """
    with contextlib.ExitStack() as scope:
        saves = None
        if folder:
            kept = Checkpoints(folder, program.run.keep, objective[1])
            saves = scope.enter_context(kept)
        signals = signals or scope.enter_context(Signals())
        loop = _Loop(program, seed, objective, saves, hooks or Hooks(), signals, pace)
        scope.callback(loop.feed.close)
        return loop.run()


class _Loop:
    """One run; its attributes are what the stages of the loop share."""

    def __init__(
        self,
        program: Program,
        seed: int,
        objective: tuple[str, str],
        saves: Checkpoints | None,
        hooks: Hooks,
        signals: Signals,
        pace: float,
    ) -> None:
        self.program, self.run_, self.intervals = program, program.run, program.intervals
        self.objective, self.saves, self.hooks, self.signals = objective, saves, hooks, signals
        self.feed = program.feed(seed)
        self.slots = dev.put(self.feed.slots(), program.devices)
        self.compiled = pace > 0  # whether a device call has been made
        affordable = min(self.feed.capacity, int(CALL_SECONDS * pace / self.intervals.batch_size))
        self.limit = -dev.agree(-max(affordable, 1))[0]  # steps of a call; grows to CALL_SECONDS
        self.progress = Progress()
        host = program.initial(seed)
        saved = saves.latest(host) if saves else None
        if saved:
            host, self.progress = saved.state, Progress.from_json(saved.progress)
        if not dev.alike(lambda: sha256(host)):
            raise UserError("--workdir: the hosts start from different states; let them share it")
        hooks.rewind(self.progress.step)
        self.state = program.place(host)

    def run(self) -> Outcome:
        """To the end, or to the signal that stops it."""
        self.clock = time.perf_counter() - self.progress.seconds
        steps = self.intervals.stop_after(self.progress.step, self.limit)
        coming = self.feed.ahead(self.progress.step, steps) if self._more() else None
        while self._more():
            start = time.perf_counter()
            stretch = coming.result()
            coming = self._advance(stretch, time.perf_counter() - start)
            self._heed()
        outcome = self._finish()
        self._heed()
        return outcome

    def _heed(self) -> None:
        """Save and stop, where a signal has come to any process."""
        received, limit = dev.agree(self.signals.received or 0, -self.limit)
        self.limit = -limit  # what the slowest can afford: all cut the run into the same calls
        if received:
            self._save(wait=True)
            kept = f"saved at step {self.progress.step}" if self.saves else "nothing is saved"
            raise Interrupted(received, kept)

    def _more(self) -> bool:
        patience = self.run_.patience
        stopped = bool(patience) and self.progress.stale >= patience
        return self.progress.step < self.intervals.total and not stopped

    def _advance(self, stretch: Any, waited: float) -> Any:
        """One device call and what the host does after it; the next stretch is drawn meanwhile."""
        progress, start = self.progress, time.perf_counter()
        first, end = progress.step, progress.step + stretch.steps
        following = self.intervals.stop_after(end, self.limit) if end < self.intervals.total else 0
        coming = self.feed.ahead(end, following) if following else None
        self.state, told = self.program.train(self.state, self.slots, stretch)
        self._adapt(time.perf_counter() - start, waited, stretch.steps)
        before, progress.seconds = progress.seconds, time.perf_counter() - self.clock
        each = (progress.seconds - before) / stretch.steps
        for step in range(first + 1, end + 1):
            self._count(step, {name: _at(step - first - 1, sums) for name, sums in told.items()})
            if step % self.intervals.log_every == 0 or step == self.intervals.total:
                self._log(step, before + each * (step - first))
        progress.step = end
        better = False
        if end % self.intervals.evaluate_every == 0 or end == self.intervals.total:
            better = self._evaluate()
        if better or end % self.intervals.save_every == 0 or end == self.intervals.total:
            self._save(wait=False)
        self.hooks.progress(end, self.intervals.total, progress.latest)
        return coming

    def _adapt(self, seconds: float, waited: float, steps: int) -> None:
        """Longer calls while they are quick; the first one, which compiles, is in no rate."""
        if self.compiled:
            self.progress.paced_steps += steps
            self.progress.paced_seconds += seconds + waited
            self.progress.waited_seconds += waited
        self.compiled = True
        each = seconds / steps
        affordable = max(1, int(CALL_SECONDS / each))
        self.limit = min(self.feed.capacity, self.limit * 8, max(affordable, 2))

    def _count(self, step: int, sums: Mapping[str, tuple[float, float]]) -> None:
        """Add a step to the sums since the last log line; one by one, so that no cut shows."""
        total, count = sums["loss"]
        loss = total / count if count else math.nan
        if not math.isfinite(loss):
            raise NotFinite(f"loss is {loss} at step {step}")
        self.progress.sums = metric.add(self.progress.sums, sums)

    def _log(self, step: int, seconds: float) -> None:
        values = metric.divide(self.progress.sums, "train/")
        self.progress.latest |= values
        self.progress.sums = {}
        self._write(step, seconds, values)

    def _evaluate(self) -> bool:
        """Look at the dev set; True where this is the best so far."""
        progress = self.progress
        if "dev" in self.program.task.evals:
            values = self.program.evaluate(self.state, "dev")
            refuse_not_finite(values, progress.step)
            progress.latest |= values
            self._write(progress.step, progress.seconds, values)
        name, mode = self.objective
        value = progress.latest.get(name)
        if value is None:
            return False
        sign = 1 if mode == "max" else -1
        better = progress.best is None or sign * value > sign * progress.best
        if better:  # a tie is none: the first of equals stays the best, resumed or not
            progress.judged = (progress.step, value)
        progress.stale = 0 if better else progress.stale + 1
        progress.best = value if better else progress.best
        return better

    def _write(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        self.hooks.write(step, step / self.intervals.steps_per_epoch, seconds, values)

    def _save(self, *, wait: bool) -> None:
        if self.saves:
            self._save_host(self.program.fetch(self.state), wait=wait)

    def _save_host(self, host: State, *, wait: bool) -> None:
        if self.saves:
            if not _all_finite(host.params):
                raise NotFinite(f"parameters are not finite after step {self.progress.step}")
            judged = self.progress.judged
            objective = judged[1] if judged and judged[0] == self.progress.step else None
            self.saves.save(host, self.progress.to_json(), objective, wait=wait)

    def _finish(self) -> Outcome:
        """Judge the last or the best weights on every evaluation set, exactly."""
        progress, state, host = self.progress, self.state, self.program.fetch(self.state)
        self._save_host(host, wait=True)  # early stopping may end between two saves
        if self.run_.weights == "best":
            best = self.saves.best(host) if self.saves else None
            if best is None:
                raise UserError("--run.weights=best: no whole checkpoint holds the best weights")
            host, state = best.state, self.program.place(best.state)
        values = {**progress.latest, **self.program.evaluate_all(state)}
        refuse_not_finite(values, progress.step)
        steps, seconds = progress.paced_steps, progress.paced_seconds
        if not steps:  # there was but one call
            steps, seconds = progress.step, progress.seconds
        return Outcome(
            metrics=values,
            steps=progress.step,
            seconds=progress.seconds,
            examples_per_second=steps * self.intervals.batch_size / max(seconds, 1e-9),
            params_sha256=sha256(host.params),
            state=host,
            input_wait_share=progress.wait_share if self.feed.fetches else None,
        )


def _at(step: int, sums: tuple[Any, Any]) -> tuple[float, float]:
    return float(sums[0][step]), float(sums[1][step])


def _all_finite(tree: Any) -> bool:
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))


def restore(program: Program, seed: int, folder: Path, objective: tuple[str, str]) -> State | None:
    """The weights a finished or running fit would be judged by; reads only, locks nothing."""
    if not folder.is_dir():
        return None
    like = program.initial(seed)
    with Checkpoints(folder, mode=objective[1], read_only=True) as saves:
        best = saves.best(like) if program.run.weights == "best" else None
        saved = best or saves.latest(like)
    return saved.state if saved else None
