"""Sequences of unequal length as padded arrays, and batches of like length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ngjax.types import UserError, shuffled

POOL = 50  # batches whose sequences are sorted among themselves


def padded(
    sequences: Sequence[Sequence | np.ndarray], width: int = 0, fill: float = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Sequences side by side, `fill` behind the end of each.

    Args:
        sequences: m of them, each [T_i] or [T_i, ...]; numbers.
        width: T; 0: that of the longest.
        fill: what stands in the padding.

    Returns:
        (values [m, T, ...] in the type of the first sequence, lengths int32 [m]).

    Raises:
        UserError: there is none, one is empty, or one is longer than `width`.
    """
    rows = [np.asarray(sequence) for sequence in sequences]
    if not rows:
        raise UserError("no sequences: give at least one")
    length = np.fromiter((len(row) for row in rows), np.int32, len(rows))
    if length.min() < 1:
        raise UserError(f"sequence {int(length.argmin()) + 1} is empty; leave it out")
    width = width or int(length.max())
    if length.max() > width:
        raise UserError(
            f"sequence {int(length.argmax()) + 1} has {length.max()} steps, more than {width}"
        )
    values = np.full((len(rows), width, *rows[0].shape[1:]), fill, rows[0].dtype)  # [m, T, ...]
    for place, row in zip(values, rows, strict=True):
        place[: len(row)] = row
    return values, length


def by_length(length: np.ndarray) -> Callable[[int, int, int, int], np.ndarray]:
    """An order of training examples (`Source.order`) whose batches hold like lengths.

    Examples are shuffled, sorted by length within pools of `POOL` batches, and the batches of all
    pools are shuffled: every example once an epoch, but for an incomplete last batch. A function
    of (seed, epoch) alone.

    Args:
        length: int [m], of every example.
    """

    def order(size: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
        flat = shuffled(size, batch_size, seed, epoch).ravel()  # [S * B]
        pool = POOL * batch_size
        pools = [flat[start : start + pool] for start in range(0, len(flat), pool)]
        ordered = [one[np.argsort(length[one], kind="stable")] for one in pools]
        batches = np.concatenate(ordered).reshape(-1, batch_size)  # [S, B]
        generator = np.random.Generator(np.random.Philox(key=[seed, epoch + 2**32]))
        return batches[generator.permutation(len(batches))]

    return order
