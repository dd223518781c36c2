"""Rows of handwriting: real digits set side by side by a seed, read column by column.

Pixels are real; which digit stands beside which is drawn. A digit is cut to the columns that hold
ink, so that where one ends and the next begins is nowhere marked. A part has its own digits.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from ngjax.data.dataset import Data
from ngjax.data.load import load
from ngjax.types import UserError

INKED = 0.1  # of full ink: a column with such a pixel belongs to the digit

Part = Literal["train", "dev", "test"]


class Rows(NamedTuple):
    """Rows of digits; behind the end of a row all is 0, and so are `digits` behind their number."""

    columns: np.ndarray  # uint8 [m, T, H]: a column of pixels is a step
    targets: np.ndarray  # int32 [m, T]: the digit that a column belongs to
    place: np.ndarray  # int32 [m, T]: which column of its digit, from 0
    length: np.ndarray  # int32 [m]
    digits: np.ndarray  # int32 [m, most]
    number: np.ndarray  # int32 [m]: of digits


def rows(
    count: int,
    seed: int,
    part: Part = "train",
    *,
    digits: tuple[int, int] = (3, 8),
    which: Data | None = None,
) -> Rows:
    """Compose rows: a function of its arguments alone.

    Args:
        count: rows m.
        seed: of which digits stand in them.
        part: whose digits; the three share none.
        digits: of a row, at least and at most, all numbers equally likely.
        which: the set of small grey images; none: scikit-learn's digits.

    Raises:
        UserError: numbers that no row can have, or a set whose images are not grey.
    """
    least, most = digits
    if not (1 <= least <= most and count >= 1):
        raise UserError(f"rows: {count} of {least} to {most} digits: refused")
    held = load(which or Data(), kinds=("images",))
    if held.train.inputs.shape[-1] != 1:
        raise UserError(f"--data.name={held.name}: rows are made of grey images on black")
    split = getattr(held, part)
    if not len(split):
        raise UserError(f"--data.name={held.name}: has no {part} digits to make rows of")
    cut = [inked(image[..., 0]) for image in split.inputs]  # each [H, w]
    generator = np.random.default_rng([seed, ("train", "dev", "test").index(part)])
    number = generator.integers(least, most + 1, count).astype(np.int32)
    height, width = split.inputs.shape[1:3]
    shape = (count, most * width)
    made = Rows(
        np.zeros((*shape, height), np.uint8),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.int32),
        np.zeros(count, np.int32),
        np.zeros((count, most), np.int32),
        number,
    )
    for i, n in enumerate(number):
        chosen = generator.integers(len(split), size=n)
        columns = [cut[k].T for k in chosen]  # each [w, H]
        widths = [len(one) for one in columns]
        T = made.length[i] = sum(widths)
        made.columns[i, :T] = np.concatenate(columns)
        made.targets[i, :T] = np.repeat(split.targets[chosen], widths)
        made.place[i, :T] = np.concatenate([np.arange(w) for w in widths])
        made.digits[i, :n] = split.targets[chosen]
    return made


def inked(image: np.ndarray) -> np.ndarray:
    """The columns of a digit [H, W] from its first to its last with ink; all where none has."""
    there = np.flatnonzero((image >= INKED * 255).any(axis=0))
    return image[:, there[0] : there[-1] + 1] if len(there) else image
