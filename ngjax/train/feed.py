"""What the next steps see: indices by (seed, step), fetched rows, laid out over devices.

The order is a function of (seed, epoch) and the step, so nothing of it is saved: a resumed run asks
for step s and gets what the unbroken run got. Data on the device needs its indices only; data that
does not fit is fetched by a thread while the device computes.
"""

from __future__ import annotations

import concurrent.futures
import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ngjax.train.devices import deal
from ngjax.types import Source

INDEX_BUDGET = 1 << 21  # indices of one device call, at most
FETCH_BUDGET = 1 << 26  # bytes of fetched rows of one device call, at most
MOST_STEPS = 512  # steps of one device call, at most


class Stretch(NamedTuple):
    """Some steps' worth of examples, as the device call takes them."""

    drawn: dict[str, np.ndarray]  # [n, capacity, parts, b, ...]
    steps: int  # how many of `capacity` are real


class Feed:
    """Stretches of a Source for a seed, a global batch size and a number of devices.

    `own` says which of the N devices' shares are drawn and fetched: those of this process.
    """

    def __init__(
        self,
        source: Source | None,
        batch_size: int,
        seed: int,
        devices: int,
        parts: int,
        most: int,
        own: slice = slice(None),
    ) -> None:
        self.source = source
        self.batch_size = batch_size if source else devices * parts
        self.seed = seed
        self.devices = devices
        self.parts = parts
        self.own = own
        self.capacity = self._capacity(most)
        self._epoch = functools.lru_cache(maxsize=2)(self._order)
        self._thread: concurrent.futures.ThreadPoolExecutor | None = None

    def _capacity(self, most: int) -> int:
        fitting = INDEX_BUDGET // self.batch_size
        if self.source and self.source.fetch:
            one = self.source.fetch(np.zeros(1, np.int32))
            row = sum(leaf.nbytes for leaf in one.values())
            fitting = FETCH_BUDGET // (row * self.batch_size)
        return max(1, min(most, MOST_STEPS, fitting))

    def _order(self, epoch: int) -> np.ndarray:
        return self.source.order(self.source.size, self.batch_size, self.seed, epoch)  # [S, B]

    def indices(self, step: int) -> np.ndarray:
        """Which examples update `step` sees: int32 [B]."""
        if self.source is None:
            return np.zeros(self.batch_size, np.int32)
        per_epoch = len(self._epoch(0))
        return self._epoch(step // per_epoch)[step % per_epoch]

    def stretch(self, start: int, steps: int) -> Stretch:
        """Steps [start, start + steps), padded to the capacity so that every call looks alike."""
        index = np.zeros((self.capacity, self.batch_size), np.int32)
        for offset in range(steps):
            index[offset] = self.indices(start + offset)
        index = deal(index, self.devices, self.parts, axis=1)[self.own]  # [n, capacity, parts, b]
        drawn = {"index": index}
        if self.source and self.source.fetch:
            real = index[:, :steps]
            rows = self.source.fetch(real.reshape(-1))
            for name, leaf in rows.items():
                full = np.zeros((*index.shape, *leaf.shape[1:]), leaf.dtype)
                full[:, :steps] = leaf.reshape(*real.shape, *leaf.shape[1:])
                drawn[name] = full
        return Stretch(drawn, steps)

    def slots(self) -> np.ndarray:
        """The place of every example in the global batch: int32 [n, parts, b]."""
        slots = np.arange(self.batch_size, dtype=np.int32)
        return deal(slots, self.devices, self.parts)[self.own]

    def ahead(self, start: int, steps: int) -> concurrent.futures.Future[Stretch]:
        """The stretch as a promise: kept by a thread where rows are fetched, at once otherwise."""
        if self.source and self.source.fetch:
            self._thread = self._thread or concurrent.futures.ThreadPoolExecutor(1, "ngjax-fetch")
            return self._thread.submit(self.stretch, start, steps)
        kept: concurrent.futures.Future[Stretch] = concurrent.futures.Future()
        kept.set_result(self.stretch(start, steps))
        return kept

    @property
    def fetches(self) -> bool:
        """Whether the host hands rows over, not indices alone."""
        return bool(self.source and self.source.fetch)

    def close(self) -> None:
        """Let the thread go."""
        if self._thread:
            self._thread.shutdown(wait=True, cancel_futures=True)


def evaluation_batches(
    source: Source, batch_size: int, devices: int, own: slice = slice(None)
) -> Iterator[dict[str, np.ndarray]]:
    """Every example once: padded to whole batches, a mask over the padding.

    Yields:
        "index", "slot", "mask" and fetched leaves, each [n, b, ...]; what is fetched comes by a
        thread while the batch before it is used.
    """

    def batch(start: int) -> dict[str, np.ndarray]:
        real = min(batch_size, source.size - start)
        index = np.zeros(batch_size, np.int32)
        index[:real] = np.arange(start, start + real)
        drawn: dict[str, Any] = {
            "index": index,
            "slot": np.arange(batch_size, dtype=np.int32),
            "mask": (np.arange(batch_size) < real).astype(np.float32),
        }
        drawn = {name: leaf[own, 0] for name, leaf in deal(drawn, devices).items()}
        if source.fetch:
            b = drawn["index"].shape
            rows = source.fetch(drawn["index"].reshape(-1))
            drawn |= {name: leaf.reshape(*b, *leaf.shape[1:]) for name, leaf in rows.items()}
        return drawn

    starts = range(0, source.size, batch_size)
    if not (source.fetch and starts):
        yield from map(batch, starts)
        return
    with concurrent.futures.ThreadPoolExecutor(1, "ngjax-fetch") as thread:
        coming = thread.submit(batch, 0)
        for start in starts[1:]:
            drawn, coming = coming.result(), thread.submit(batch, start)
            yield drawn
        yield coming.result()
