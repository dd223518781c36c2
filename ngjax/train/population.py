"""A population: many runs of one Task, from one compilation (notes 2.5: "caviar").

Its members differ in what is traced alone, the scalars of `Task.hyper` and the seed. Four forms
give the same members:

    sequential  one after another through the engine, each on all devices; stops and saves as ever
    map         in step, one after another inside one device call
    vmap        in step, side by side inside one device call
    devices     in step, the members dealt out over devices, each with its whole batch to itself

Sequential is the quickest form on one CPU, whose cores one member fills; it takes many small
members at once to fill an accelerator.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
from jax import lax

from ngjax import metrics as metric
from ngjax.train import devices as dev
from ngjax.train.checkpoints import sha256
from ngjax.train.engine import CALL_SECONDS, fit
from ngjax.train.feed import INDEX_BUDGET, Feed
from ngjax.train.program import Program
from ngjax.train.record import NotFinite, Outcome, refuse_not_finite
from ngjax.train.signals import Interrupted, Signals
from ngjax.types import State, UserError

Form = Literal["auto", "sequential", "map", "vmap", "devices"]
STACKED = 1 << 28  # bytes of states that are laid beside one another on a device unasked


class Member(NamedTuple):
    """One run: what it has of its own."""

    hyper: Mapping[str, float]  # of Task.hyper; what is not said is as the Task has it
    seed: int = 0


Result = Outcome | NotFinite  # a member that diverged is told so, and the others go on


class Population:
    """Trains members of one Program, however many times it is asked: all share its compilation."""

    def __init__(
        self, program: Program, form: Form = "auto", devices: dev.Devices | None = None
    ) -> None:
        """Check that the form can do what the Run asks.

        Args:
            program: of the Task; `sequential` trains, and every form evaluates, on its devices.
            form: how members share the machine; auto: by backend, devices and size.
            devices: what `devices` deals its members over; the program's where none are given.

        Raises:
            UserError: members in step cannot stop one by one, keep best weights or span hosts.
        """
        self.program, self.form = program, form
        self.devices = list(devices or program.devices)
        self._calls: dict[Form, Any] = {}
        self._pace = 0.0  # examples a second of the last one that was trained alone
        if form not in ("auto", "sequential") and (why := self._alone()):
            raise UserError(f"--population={form}: {why}; use sequential")

    def _alone(self) -> str:
        """Why the members of this program must be trained one after another, where they must."""
        run = self.program.run
        if run.patience:
            return "--run.patience stops each member by itself"
        if run.shard_optimizer or run.model_devices > 1:
            return "--run.shard_optimizer and --run.model_devices spread one member over devices"
        if run.weights == "best":
            return "--run.weights=best keeps checkpoints of each member"
        if len(dev.here(self.devices)) < len(self.devices):
            return "a population in step lives on one host"
        return ""

    def chosen(self, count: int) -> Form:
        """The form that this many members are trained in."""
        if self.form != "auto":
            return self.form
        source = self.program.task.train
        each = -(-count // len(self.devices))
        leaves = jax.tree.leaves(self.program.initial(0))
        heavy = each * sum(np.asarray(leaf).nbytes for leaf in leaves) > STACKED
        if count < 2 or self._alone() or heavy or (source and source.fetch):
            return "sequential"
        if len(self.devices) > 1:
            return "devices"
        return "sequential" if self.devices[0].platform == "cpu" else "vmap"

    def train(
        self,
        members: Sequence[Member],
        objective: tuple[str, str] = ("train/loss", "min"),
        signals: Signals | None = None,
    ) -> Iterator[tuple[int, Result]]:
        """Train every member; yields (its place in `members`, result) as each ends.

        Members in step share the wall clock: `seconds` of each is its share.

        Raises:
            Interrupted: a signal came; what was not yielded is lost.
        """
        with contextlib.ExitStack() as scope:
            signals = signals or scope.enter_context(Signals())
            form = self.chosen(len(members))
            if form == "sequential":
                for place, member in enumerate(members):
                    yield place, self._one(member, objective, signals)
            else:
                yield from self._in_step(members, form, signals)

    def _one(self, member: Member, objective: tuple[str, str], signals: Signals) -> Result:
        program = self.program.varied(member.hyper)
        with contextlib.ExitStack() as scope:
            asked = {"objective": objective, "signals": signals, "pace": self._pace}
            if program.run.weights == "best":  # the best ones wait on disk for the end
                asked["folder"] = Path(scope.enter_context(tempfile.TemporaryDirectory()))
            try:
                outcome = fit(program, member.seed, **asked)
            except NotFinite as diverged:
                return diverged
        self._pace = outcome.examples_per_second
        return outcome

    def _call(self, form: Form, over: dev.Devices) -> Any:
        """The engine's own chunk over the members of each device; compiled once."""
        if form not in self._calls:
            on_cpu = form == "devices" and over[0].platform == "cpu"
            chunk = self._over_members("map" if on_cpu else form)
            self._calls[form] = dev.parallel(chunk, over, (0, None, None, 0, None), donate=(0,))
        return self._calls[form]

    def _over_members(self, form: Form) -> Any:
        alone = dev.alone(self.program.chunk)  # nothing is summed over members or devices

        def one_by_one(states: Any, constants: Any, slots: Any, drawn: Any, steps: Any) -> Any:
            def one(own: Any) -> Any:
                return alone(own[0], constants, slots, own[1], steps)

            return lax.map(one, (states, drawn))

        together = jax.vmap(alone, in_axes=(0, None, None, 0, None))
        return one_by_one if form == "map" else together

    def _in_step(
        self, members: Sequence[Member], form: Form, signals: Signals
    ) -> Iterator[tuple[int, Result]]:
        over = self.devices if form == "devices" else self.devices[:1]
        begun = time.perf_counter()
        with self.program.precision():
            state, told = self._run(members, self._call(form, over), over, signals)
        share = (time.perf_counter() - begun) / len(members)
        for place in range(len(members)):
            own_state, own_told = _at(state, place), _at(told, place)
            yield place, self._judge(own_state, own_told, share)

    def _run(
        self, members: Sequence[Member], call: Any, over: dev.Devices, signals: Signals
    ) -> tuple[State, Any]:
        """(states, name -> (totals, counts) [members, steps]) at the end, on the host."""
        total, step, limit = self.program.intervals.total, 0, 1
        constants, count = self._constants(over), len(over)
        state = dev.put(_dealt([self._initial(member) for member in members], count), over)
        feeds = {member.seed: self._feed(member.seed, len(members)) for member in members}
        any_feed = feeds[members[0].seed]
        told = []
        while step < total:
            steps, start = min(limit, any_feed.capacity, total - step), time.perf_counter()
            seen = {seed: _at(feed.stretch(step, steps).drawn, 0) for seed, feed in feeds.items()}
            drawn = dev.put(_dealt([seen[member.seed] for member in members], count), over)
            slots = _at(any_feed.slots(), 0)
            state, out = call(state, constants, slots, drawn, np.int32(steps))
            told.append(_at(_gathered(out), np.s_[: len(members), :steps]))
            step += steps
            each = (time.perf_counter() - start) / steps
            limit = min(limit * 8, max(int(CALL_SECONDS / each), 2))
            if signals.received:
                raise Interrupted(signals.received, "nothing is saved of a population in step")
        every = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *told)
        return _gathered(state), every

    def _constants(self, over: dev.Devices) -> Any:
        if list(over) == list(self.program.devices):
            return self.program.constants
        return dev.share(dev.cast(self.program.task.constants, self.program.storage), over)

    def _initial(self, member: Member) -> State:
        state = self.program.varied(member.hyper).initial(member.seed)
        carry = _at(dev.deal(state.carry, 1, self.program.run.accumulate), 0)  # [parts, b, ...]
        return state._replace(carry=carry)

    def _feed(self, seed: int, members: int) -> Feed:
        program, batch_size = self.program, self.program.intervals.batch_size
        most = max(1, min(INDEX_BUDGET // (batch_size * members), program.intervals.total))
        return Feed(program.task.train, batch_size, seed, 1, program.run.accumulate, most)

    def _judge(self, state: State, told: Mapping[str, Any], seconds: float) -> Result:
        """A member's metrics as the engine would have told them."""
        program, intervals = self.program, self.program.intervals
        state = state._replace(carry=dev.undeal(jax.tree.map(lambda x: x[None], state.carry)))
        try:
            losses = told["loss"][0] / told["loss"][1]  # [steps]
            for step in np.flatnonzero(~np.isfinite(losses))[:1]:
                raise NotFinite(f"loss is {losses[step]} at step {step + 1}")
            last = (intervals.total - 1) // intervals.log_every * intervals.log_every
            sums = {
                name: (float(totals[last:].sum()), float(counts[last:].sum()))
                for name, (totals, counts) in told.items()
            }
            values = metric.divide(sums, "train/")
            values |= program.evaluate_all(program.place(state))
            refuse_not_finite(values, intervals.total)
        except NotFinite as diverged:
            return diverged
        return Outcome(
            metrics=values,
            steps=intervals.total,
            seconds=seconds,
            examples_per_second=intervals.total * intervals.batch_size / max(seconds, 1e-9),
            params_sha256=sha256(state.params),
            state=state,
        )


def _at(tree: Any, place: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[place], tree)


def _dealt(trees: Sequence[Any], devices: int) -> Any:
    """Members dealt over devices, [devices, members of each, ...]; the last one fills up."""
    each = -(-len(trees) // devices)
    trees = [*trees, *trees[-1:] * (each * devices - len(trees))]
    return jax.tree.map(lambda *x: np.stack(x).reshape(devices, each, *np.shape(x[0])), *trees)


def _gathered(tree: Any) -> Any:
    """The members again on the host: [devices, members of each, ...] -> [members, ...]."""
    return jax.tree.map(lambda leaf: np.asarray(leaf).reshape(-1, *leaf.shape[2:]), tree)
