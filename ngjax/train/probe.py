"""A Task's cost taken out of the engine: one batch, one device, no update.

What `train_step` does to parameters is: the gradient of the mean loss, the chain's penalties, the
rule. `cost` is the function that the first two are the gradient of, and `gradient` is that gradient
as the engine makes it, so that one can be held against the other (notes 2.3).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.optim.penalty import add_l1, add_l2, l2_penalty, weights
from ngjax.train import devices as dev
from ngjax.train.program import Program
from ngjax.train.settings import Run
from ngjax.train.step import batch_loss, make_batch, summed_gradient
from ngjax.types import Array, Batch, Context, Params, State, Task

Hyper = Mapping[str, Any]


class Probe(NamedTuple):
    """A Task held still before one update. Call its functions inside `precision()`.

    Attributes:
        task: whose loss.
        dtype: the precision of the computation.
        state: before the update, on one device; its carry is [B, ...].
        constants: `Task.constants` on the device.
        drawn: "index", "slot", "mask" and fetched leaves of the update's batch, [B, ...].
    """

    task: Task
    dtype: str
    state: State
    constants: Any
    drawn: Mapping[str, Array]

    def precision(self) -> Any:
        """The scope of all computation with this probe."""
        return jax.enable_x64(self.dtype == "float64")

    @property
    def key(self) -> Array:
        """The randomness of the update, as `train_step` derives it."""
        return jax.random.fold_in(jax.random.wrap_key_data(self.state.key), self.state.step)

    def batch(self) -> Batch:
        """The examples of the update, augmented as it would."""
        return make_batch(
            self.task.train, self.constants, self.drawn, jax.random.split(self.key)[0]
        )

    def loss(
        self, params: Params, batch: Batch, key: Array | None = None, hyper: Hyper | None = None
    ) -> Array:
        """The mean loss over the batch, as in training.

        Args:
            params: where.
            batch: of `batch`, made once: the differences of a check see the same examples.
            key: what the loss draws from; None: what the update's would.
            hyper: instead of the state's.
        """
        key = jax.random.split(self.key)[1] if key is None else key
        hyper = self.state.hyper if hyper is None else hyper

        def mean(params: Params, batch: Batch, key: Array, hyper: Hyper) -> Array:
            context = self._context(key, hyper)._replace(carry=self.state.carry)
            loss = batch_loss(self.task, self.dtype, params, self.state.extra, batch, context)
            return loss[0][0] / loss[0][1]

        return dev.alone(mean)(params, batch, key, hyper)

    def penalty(self, params: Params) -> Array:
        """What the chain's l2 and l1 are the gradient of: l2 / 2 ||W||^2 + l1 ||W||_1."""
        l1, sizes = self.state.hyper.get("l1", 0.0), jax.tree.map(jnp.abs, params)
        absolute = jax.tree.map(lambda p, on: p.sum() * on, sizes, weights(params))
        return l2_penalty(params, self.state.hyper.get("l2", 0.0)) + l1 * sum(
            jax.tree.leaves(absolute)
        )

    def cost(self, params: Params, batch: Batch) -> Array:
        """J: the mean loss and the penalty."""
        return self.loss(params, batch) + self.penalty(params)

    def gradient(self, params: Params) -> Params:
        """dJ as the engine hands it to the rule: its own mean gradient, and the added penalties."""

        def summed(params: Params) -> Params:
            parts = jax.tree.map(lambda leaf: leaf[None], (self.drawn, self.state.carry))
            context = self._context(self.key, self.state.hyper)
            slopes, (_, count), _ = summed_gradient(
                self.task, self.dtype, params, self.state.extra, parts, context
            )
            return jax.tree.map(lambda leaf: leaf / count.astype(leaf.dtype), slopes)

        slopes = dev.alone(summed)(params)
        for add, name in ((add_l2, "l2"), (add_l1, "l1")):
            rule = add(self.state.hyper.get(name, 0.0))
            slopes = rule.update(slopes, rule.init(params), params)[0]
        return slopes

    def draws(self) -> str | None:
        """Whether the loss draws anew at every evaluation, as dropout does; of which scalar it is.

        Returns:
            None where it does not; the name of the scalar of `Task.hyper` that at 0 ends it; ""
            where none does.
        """
        with self.precision():
            batch, keys = self.batch(), jax.random.split(self.key)

            @jax.jit
            def differs(params: Params, batch: Batch, hyper: Hyper) -> Array:
                one, other = (self.loss(params, batch, key, hyper) for key in (keys[0], keys[1]))
                return one != other

            # all that is large is an argument: constants would be folded for seconds
            here, hyper = (self.state.params, batch), self.state.hyper
            if not differs(*here, hyper):
                return None
            on = [name for name, value in hyper.items() if value]
            off = (name for name in on if not differs(*here, {**hyper, name: 0 * hyper[name]}))
            return next(off, "")

    def _context(self, key: Array, hyper: Hyper) -> Context:
        return Context(key, self.state.step, hyper, self.constants, None, train=True)


def probe(task: Task, run: Run, seed: int = 0, after: int = 0) -> Probe:
    """A Task before its first update, or after some of them.

    Args:
        task: any.
        run: its batch, precision and length; the batch is not cut into parts.
        seed: of weights and batches.
        after: updates made first.
    """
    alone = {"accumulate": 1, "shard_optimizer": False, "model_devices": 1}
    program = Program(task, dataclasses.replace(run, **alone), dev.select(1))
    feed, state = program.feed(seed), program.place(program.initial(seed))
    slots = dev.put(feed.slots(), program.devices)
    try:
        for start in range(0, after, feed.capacity):
            stretch = feed.stretch(start, min(feed.capacity, after - start))
            state, _ = program.train(state, slots, stretch)
        rows = {
            name: leaf[0, 0, 0] for name, leaf in feed.stretch(after, 1).drawn.items()
        }  # [B, ...]
    finally:
        feed.close()
    mask, slot = np.ones(feed.batch_size, np.float32), feed.slots()[0, 0]
    with program.precision():
        on_device = functools.partial(jax.tree.map, jnp.asarray)
        held = on_device(program.fetch(state)._replace(opt_state=None))
        drawn = on_device({**rows, "mask": mask, "slot": slot})
        constants = on_device(dev.cast(task.constants, program.storage))
    return Probe(task, run.dtype, held, constants, drawn)
