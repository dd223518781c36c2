"""Run: how long, how much at once, how often to look, in which precision."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ngjax.types import Pace


@dataclasses.dataclass(frozen=True)
class Run:
    """What the engine is asked to do with any Task; every topic's config holds one."""

    epochs: int = 10  # passes over the training set
    steps: int = 0  # updates; 0: as many as epochs asks for
    batch_size: int = 128  # examples an update sees, over all devices; 0: the whole training set
    accumulate: int = 1  # parts a batch is computed in, one after another, to save memory
    evaluate_batch: int = 512  # examples an evaluation call sees, over all devices
    dtype: Literal["float32", "float64", "bfloat16"] = "float32"  # bfloat16 keeps float32 params
    shard_optimizer: bool = False  # each device keeps its share of the rule's averages (ZeRO-1)
    model_devices: int = 1  # that hold the wide layers in parts; the rest share out the batch
    ema: float = 0.0  # beta of the averaged weights that evaluation uses (notes 2.4); 0: off
    evaluate_every: int = 0  # updates; 0: once an epoch, at most 20 times a run
    log_every: int = 0  # updates; 0: 200 times a run
    save_every: int = 0  # updates; 0: at every evaluation
    keep: int = 2  # newest checkpoints that stay, beside the best
    patience: int = 0  # evaluations without a better objective before stopping; 0: never
    weights: Literal["last", "best"] = "last"  # which weights the final evaluation judges

    def __post_init__(self) -> None:
        """Refuse what no run can do."""
        for name in ("epochs", "accumulate", "evaluate_batch", "keep", "model_devices"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        for name in ("steps", "batch_size", "evaluate_every", "log_every", "save_every"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must be 0 or more, got {getattr(self, name)}")
        if self.patience < 0:
            raise ValueError(f"patience: must be 0 or more, got {self.patience}")
        if self.shard_optimizer and self.model_devices > 1:
            raise ValueError("shard_optimizer: goes with model_devices=1 only; leave one out")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema: must be in [0, 1), got {self.ema}")


@dataclasses.dataclass(frozen=True)
class Intervals:
    """A Run made concrete for one Task: every interval a number of updates."""

    total: int
    batch_size: int
    steps_per_epoch: int
    evaluate_every: int
    log_every: int
    save_every: int

    @classmethod
    def of(cls, run: Run, size: int | None) -> Intervals:
        """The intervals of a run over `size` training examples (None: no batches at all)."""
        batch_size = min(run.batch_size or (size or 1), size or 1)
        per_epoch = max(1, (size or 1) // batch_size)
        total = run.steps or run.epochs * per_epoch
        spread = -(-total // 20)  # ceil: at most 20 evaluations
        default = per_epoch * -(-spread // per_epoch)
        evaluate_every = run.evaluate_every or min(total, default)
        return cls(
            total=total,
            batch_size=batch_size,
            steps_per_epoch=per_epoch,
            evaluate_every=evaluate_every,
            log_every=run.log_every or max(1, total // 200),
            save_every=run.save_every or evaluate_every,
        )

    @property
    def pace(self) -> Pace:
        """What a chain may know of the run's length."""
        return Pace(self.steps_per_epoch, self.total)

    def stop_after(self, step: int, limit: int) -> int:
        """How many updates may run from `step` before someone must look, at most `limit`.

        Logging cuts nothing: every step's metrics come back from the device.
        """
        nexts = (every - step % every for every in (self.evaluate_every, self.save_every))
        return min(limit, self.total - step, *nexts)
