"""A Task compiled: initial state, a chunk of training steps in one device call, evaluation.

Compiled once for all seeds, resumes and chunk lengths. The number of steps of a chunk is an
argument of the loop, not a shape: every stretch of a run, however cut by evaluations, saves and
signals, is the same executable, which is what makes a resumed run equal the unbroken one bit for
bit.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ngjax import metrics as metric
from ngjax.train import devices as dev
from ngjax.train.feed import Feed, Stretch, evaluation_batches
from ngjax.train.initial import initial_state, rule
from ngjax.train.layout import lay
from ngjax.train.mesh import rows
from ngjax.train.settings import Intervals, Run
from ngjax.train.step import evaluate_step, predict_step, train_step
from ngjax.train.watchdog import Watchdog
from ngjax.types import Metrics, State, Task, UserError


class Program:
    """The device side of a Task under a Run; the host side is `engine.fit`."""

    def __init__(
        self, task: Task, run: Run, devices: dev.Devices, watch: Watchdog | None = None
    ) -> None:
        """Check what can be checked before anything is written; `watch` hears of device calls.

        Raises:
            UserError: a batch that the devices do not divide, a part that names no parameter, a
                state that cannot be parted as the Run asks.
        """
        self.task, self.run, self.watch = task, run, watch or Watchdog()
        self.devices = rows(devices, run.model_devices)
        self.intervals = Intervals.of(run, task.train.size if task.train else None)
        if task.train:
            dev.check_divides(
                "run.batch_size", self.intervals.batch_size, len(self.devices), run.accumulate
            )
        elif run.accumulate > 1:
            raise UserError("--run.accumulate: this experiment has no batches to cut into parts")
        self.storage = jnp.float64 if run.dtype == "float64" else jnp.float32
        self._evaluations: dict[Any, Any] = {}
        with self.precision():  # a part that names no parameter is refused here, not midway
            begun = self._seeded(0)
            shapes = jax.eval_shape(self._initialise, *begun)
            chain = functools.partial(rule, task, begun[1], self.intervals.pace)
            self.layout = lay(task, run, self.devices, shapes.params, chain)
        self.held = self.layout.held(shapes)  # bytes a device: {"parameters", "optimizer"}

    @functools.cached_property
    def constants(self) -> Any:
        """`Task.constants` on the devices, laid out once, when they are first needed."""
        with self.precision():
            return dev.share(dev.cast(self.task.constants, self.storage), self.devices)

    def precision(self) -> Any:
        """The scope in which everything of this program is traced and run."""
        return jax.enable_x64(self.run.dtype == "float64")

    def here(self) -> Program:
        """The same on this process's devices alone: what it computes waits for no other one."""
        devices = dev.here(self.devices)
        if len(devices) == len(self.devices):
            return self
        made = copy.copy(self)
        made.devices, made._evaluations = devices, {}
        made.layout = dataclasses.replace(self.layout, devices=devices)
        return made

    def feed(self, seed: int) -> Feed:
        """The examples of a run with this seed."""
        intervals = self.intervals
        return Feed(
            self.task.train,
            intervals.batch_size,
            seed,
            len(self.devices),
            self.run.accumulate,
            most=min(intervals.evaluate_every, intervals.save_every),
            own=dev.own(self.devices),
        )

    @functools.cached_property
    def _initialise(self) -> Any:
        """Jitted, for an eager `init` is the largest cost of a cold start. It runs once: more than
        the first level of optimisation takes the compiler seconds in a deep network; less, and
        drawing takes six times as long.
        """
        run, pace = self.run, self.intervals.pace
        initialise = functools.partial(initial_state, self.task, pace, self.storage, bool(run.ema))
        return jax.jit(initialise, compiler_options={"xla_backend_optimization_level": 1})

    def _seeded(self, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """(key data, hyper): what `_initialise` takes."""
        hyper = {k: np.asarray(v, self.storage) for k, v in self.task.hyper.items()}
        return np.asarray(jax.random.key_data(jax.random.key(seed))), hyper

    def initial(self, seed: int) -> State:
        """The state before the first update, on the host; carry is global, [B, ...]."""
        with self.precision():
            state = jax.tree.map(np.asarray, self._initialise(*self._seeded(seed)))
            if self.task.carry:
                carry = dev.cast(self.task.carry(self.intervals.batch_size), self.storage)
                state = state._replace(carry=jax.tree.map(np.asarray, carry))
        return state

    def place(self, state: State) -> State:
        """A host state on the devices."""
        with self.precision():
            return self.layout.place(state)

    def fetch(self, state: State) -> State:
        """A state of the devices on the host, whole."""
        with self.precision():
            return self.layout.fetch(state)

    def varied(self, hyper: Mapping[str, float]) -> Program:
        """The same compiled programs, started from other scalars: they are no part of them.

        Raises:
            KeyError: a scalar that the Task does not read.
        """
        if hyper.keys() - self.task.hyper.keys():
            raise KeyError(f"{sorted(hyper)} are not all among {sorted(self.task.hyper)}")
        _ = self._initialise, self._chunk, self.constants  # made here, they are shared
        made = copy.copy(self)
        made.task = dataclasses.replace(self.task, hyper={**self.task.hyper, **hyper})
        return made

    @functools.cached_property
    def _chunk(self) -> Any:
        self.watch.compiles()
        return dev.parallel(self.chunk, self.devices, (0, None, 0, 0, None), donate=(0,))

    @functools.cached_property
    def chunk(self) -> Any:
        """Some steps on one device's share: (state, constants, slots, drawn, steps) -> ..."""
        run, shared = self.run, len(self.devices) if self.run.shard_optimizer else 1
        step = functools.partial(train_step, self.task, self.intervals.pace, run.dtype, run.ema)

        def chunk(state: State, constants: Any, slots: Any, drawn: Any, steps: Any) -> Any:
            mask = jnp.ones(slots.shape, jnp.float32)

            def one(i: Any, state: State) -> tuple[State, Metrics]:
                here = jax.tree.map(lambda leaf: leaf[i], drawn)  # [parts, b, ...]
                here = {**here, "slot": slots, "mask": mask}
                return step(state, constants, here, shared=shared)

            shapes = jax.eval_shape(lambda state: one(0, state)[1], state)
            capacity = jax.tree.leaves(drawn)[0].shape[0]
            told = jax.tree.map(lambda leaf: jnp.zeros((capacity, *leaf.shape), leaf.dtype), shapes)

            def body(i: Any, held: Any) -> Any:
                state, told = held
                state, metrics = one(i, state)
                return state, jax.tree.map(lambda all_, now: all_.at[i].set(now), told, metrics)

            return lax.fori_loop(0, steps, body, (state, told))

        return chunk

    def train(self, state: State, slots: Any, stretch: Stretch) -> tuple[State, dict[str, Any]]:
        """Run a stretch of steps; the state handed in is donated.

        Returns:
            (state, name -> (totals, counts), each step's own, [steps], on the host).
        """
        with self.precision():
            drawn = dev.put(stretch.drawn, self.devices)
            count = np.int32(stretch.steps)
            state, told = self._chunk(state, self.constants, slots, drawn, count)
            told = jax.tree.map(lambda leaf: leaf[: stretch.steps], dev.first(told))
            self.watch.finished()
            return state, told

    def _evaluation(self, name: str, step: Any) -> Any:
        source = self.task.evals[name]
        if (name, step) not in self._evaluations:
            self.watch.compiles()
            bound = functools.partial(step, self.task, source, self.run.dtype, self.run.ema)
            self._evaluations[name, step] = dev.parallel(bound, self.devices, (0, None, 0))
        return self._evaluations[name, step]

    def _evaluation_batches(self, name: str) -> Any:
        source, over = self.task.evals[name], len(self.devices)
        most = min(self.run.evaluate_batch, source.size)
        return evaluation_batches(source, -(-most // over) * over, over, dev.own(self.devices))

    def evaluate(self, state: State, name: str) -> dict[str, float]:
        """Every example of an evaluation set once; `Task.score` beside the sums."""
        sums: dict[str, Any] = {}
        with self.precision():
            call = self._evaluation(name, evaluate_step)
            for drawn in self._evaluation_batches(name):
                out = call(state, self.constants, dev.put(drawn, self.devices))
                sums = metric.add(sums, jax.tree.map(float, dev.first(out)))
                self.watch.finished()
        values = metric.divide(sums, f"{name}/")
        if self.task.score:
            outputs, batch = self.predict(state, name)
            scores = self.task.score(outputs, batch)
            values |= {f"{name}/{key}": float(value) for key, value in scores.items()}
        return values

    def evaluate_all(self, state: State) -> dict[str, float]:
        """`evaluate` on every evaluation set."""
        values: dict[str, float] = {}
        for name in self.task.evals:
            values |= self.evaluate(state, name)
        return values

    def predict(self, state: State, name: str) -> tuple[Any, dict[str, np.ndarray]]:
        """Task.predict over an evaluation set, on the host, padding dropped: (outputs, batch)."""
        rows, size = [], self.task.evals[name].size
        with self.precision():
            call = self._evaluation(name, predict_step)
            for drawn in self._evaluation_batches(name):
                out = call(state, self.constants, dev.put(drawn, self.devices))
                out = dev.whole(out, self.devices)  # [N, b, ...]
                self.watch.finished()
                rows.append(jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), out))
        return jax.tree.map(lambda *parts: np.concatenate(parts)[:size], *rows)
