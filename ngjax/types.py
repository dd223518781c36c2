"""The vocabulary: what a Task is, what a step carries, and how sums travel.

Everything in the notes that learns is one thing: a pure loss that an optax chain brings down. A
`Task` says so in six functions, and one engine (`ngjax.train`) trains them all.

Glossary of shapes, used by every trailing comment: B batch (over all devices, or one device's share
inside a step), T time, H W C image, D features, K classes, V vocabulary, N devices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

if TYPE_CHECKING:
    import optax  # half a second to import: the catalogue is printed without it

AXIS = (
    "devices"  # the one name of the data-parallel axis: psum, all_gather and batch norm meet on it
)
MODEL = "model"  # the second axis: a row of devices that parts `Task.split`

Array = jax.Array
Params = Any  # pytree of arrays that learn
Batch = Mapping[str, Array]  # always holds "mask" [B], "slot" [B] and "index" [B]
Sum = tuple[Array, Array]  # (total, count): summed over steps and devices, divided once on the host
Metrics = Mapping[str, Sum]


class UserError(Exception):
    """A mistake of the user: one line that says which flag or file, what was wrong, what to do."""


class Pace(NamedTuple):
    """How long a run is, in updates: what a decay of the learning rate is laid over."""

    steps_per_epoch: int
    total_steps: int


class Context(NamedTuple):
    """What a loss or a prediction may read beside parameters and batch."""

    key: Array | None  # this step's randomness, equal on every device; fold a slot in per example
    step: Array | int  # updates made so far
    hyper: Mapping[str, Array]  # traced scalars: learning rate, lambda, dropout rate ...
    constants: Any = None  # Task.constants, on the device
    carry: Any = None  # per-example state of truncated backpropagation, [B, ...]
    train: bool = False  # static: dropout and batch statistics ask for it


class Aux(NamedTuple):
    """What a loss hands back beside its (total, count)."""

    extra: Any = None  # the new `extra` (batch statistics), equal on every device; None: as it was
    metrics: Metrics = {}  # noqa: RUF012  # name -> (total, count); never changed in place
    carry: Any = None  # the new carry, [B, ...]


class State(NamedTuple):
    """All that a run changes; one pytree of arrays, replicated over devices but for `carry`."""

    step: Any  # int32 []: updates made
    params: Params
    extra: Any
    opt_state: Any
    key: Any  # uint32 key data of the run's one key; a step's key is fold_in(key, step)
    hyper: Mapping[str, Any]
    ema: Any = None  # {"params", "extra"}: exponentially weighted sums, or None
    carry: Any = None  # [B, ...], split over devices


def shuffled(size: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Each example once an epoch in a new order, the last incomplete batch dropped.

    A function of (seed, epoch) alone, so a resumed run draws what the unbroken one would have.

    Returns:
        int32 [steps, B].
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    order = generator.permutation(size).astype(np.int32)
    return order[: size // batch_size * batch_size].reshape(-1, batch_size)


@dataclasses.dataclass(frozen=True)
class Source:
    """Examples: how many, in which order, and how a batch of them is made on the device.

    `batch(constants, drawn, key)` turns `drawn` into a Batch. `drawn` holds "index" [B] (which
    example), "slot" [B] (its place in the global batch), "mask" [B] (0 where evaluation pads) and
    whatever `fetch` returned; the engine adds the first three to the Batch where `batch` did not.
    Randomness for an example is `fold_in(key, slot)`: it knows no device, so 1 device = 8 devices.
    """

    size: int
    batch: Callable[[Any, Mapping[str, Array], Array], Batch]
    order: Callable[[int, int, int, int], np.ndarray] = (
        shuffled  # size, batch, seed, epoch -> [S, B]
    )
    fetch: Callable[[np.ndarray], Mapping[str, np.ndarray]] | None = None  # host side, prefetched


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """A pure loss and all that training it needs. Read `design` in the README for the reasons.

    Attributes:
        init: key -> (params, extra).
        loss: (params, extra, batch, context) -> ((total, count), Aux). A *sum* over the examples
            whose mask is one, never a mean: the engine divides the summed gradient by the summed
            count, so devices may hold unequal counts. A penalty is multiplied by count.
        tx: (hyper, pace of the run) -> optax transformation; called inside the step, so that hyper
            stays traced.
        hyper: scalars that are traced, never Python constants.
        train: the training examples; None where the loss reads no batch (the parameter is all).
        evals: name -> examples, evaluated exactly: every one once.
        constants: pytree that a step reads and never learns: resident data, frozen backbones.
        carry: global batch size -> per-example state at the start of a run, [B, ...].
        predict: (params, extra, batch, context) -> outputs, one row an example.
        score: (outputs, batch) -> metrics that are no sums (F1, mAP), on the host, as floats.
        split: end of a parameter's path -> the axis along which devices of the second mesh axis
            may part it, {"fc6/kernel": 1}; for layers too wide for one of them.
    """

    init: Callable[[Array], tuple[Params, Any]]
    loss: Callable[[Params, Any, Batch, Context], tuple[Sum, Aux]]
    tx: Callable[[Mapping[str, Array], Pace], optax.GradientTransformation]
    hyper: Mapping[str, float] = dataclasses.field(default_factory=dict)
    train: Source | None = None
    evals: Mapping[str, Source] = dataclasses.field(default_factory=dict)
    constants: Any = None
    carry: Callable[[int], Any] | None = None
    predict: Callable[[Params, Any, Batch, Context], Any] | None = None
    score: Callable[[Any, Mapping[str, np.ndarray]], Mapping[str, float]] | None = None
    split: Mapping[str, int] = dataclasses.field(default_factory=dict)
