"""What is asked for (`Data`) and what comes back (`Dataset`)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ngjax.data.images.streamed import Streamed


@dataclasses.dataclass(frozen=True)
class Data:
    """Which data set, from where, and how it is split. Every field is a flag."""

    name: str = "digits"  # a set of the catalogue, or "folder": class folders of your own images
    directory: str = ""  # where the sets lie; empty: ngjax in the user's cache directory
    dev: float | None = None  # held out of train: below 1 a share, else a count; none: notes 3.2
    test: float | None = None  # likewise; only used where the origin brings no test set
    split_seed: int = 0  # decides which examples are held out
    limit: int = 0  # examples kept of train and of test, classes in proportion; 0: all
    size: int = 0  # pixels a side of every image; 0: as the set has them
    stream: bool = False  # images stay on disk and are decoded as they are needed
    skip_broken: bool = False  # boxes: go on without what is broken, counted and listed
    human_error: float | None = None  # share that people get wrong; none: the catalogue's

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name is empty: give the name of a data set")
        for field in ("dev", "test"):
            amount = getattr(self, field)
            if amount is None or 0 <= amount < 1:
                continue
            if not (amount >= 1 and math.isfinite(amount) and amount == math.floor(amount)):
                raise ValueError(
                    f"{field}={amount}: give a share from 0 to below 1, or a whole count"
                )
        for field in ("split_seed", "limit", "size"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field}={getattr(self, field)}: must not be negative")
        if self.human_error is not None and not 0 <= self.human_error <= 1:
            raise ValueError(f"human_error={self.human_error}: must be a share, 0 to 1")


@dataclasses.dataclass(frozen=True)
class Human:
    """What people get wrong on a set (notes 3.3): what stands for the error nobody can avoid."""

    error: float  # a share
    source: str  # who found it, on what


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Examples and their answers, in the same order.

    Attributes:
        inputs: uint8 images [m, H, W, C], an array or on disk (`Streamed`), a float32 table [m, D],
            one str of text, or a tuple of m sequences: a tuple of words each, or an array [T, ...];
            "pairs": a tuple of m tuples, the sentence in every language of `Dataset.classes`.
        targets: int32 [m] class numbers, float32 [m] for a regression, float32 [m, M, 6] boxes (see
            `ngjax.data.boxes.detection`), a tuple of m sequences (tags, translations); None for
            text.
    """

    inputs: Any
    targets: Any = None

    def __len__(self) -> int:
        return len(self.inputs)


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """What a reader returns: the origin's own parts; None where the origin has no such part."""

    train: Split
    dev: Split | None = None
    test: Split | None = None
    classes: tuple[str, ...] = ()
    origin: str = ""  # one line, where the catalogue cannot know it
    left_out: tuple[str, ...] = ()  # a line for each thing that is broken and was passed over


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A data set, split (notes 3.2): train fits, dev chooses, test is looked at once.

    Attributes:
        kind: "images", "table" (of two or more classes), "regression" (a table whose targets are
            numbers), "text", "boxes" (pictures with boxes); later sets add their own.
        classes: class names, in the order of the class numbers; empty where there are none.
        origin: where it comes from, one line.
        licence: one line.
        notes: how it was split, one line for the report.
        human: what people get wrong on it; None where nobody is known to have asked.
        left_out: a line for each thing of its files that is broken and was passed over.
    """

    name: str
    title: str
    kind: str
    train: Split
    dev: Split
    test: Split
    classes: tuple[str, ...]
    origin: str
    licence: str
    notes: str
    human: Human | None = None
    left_out: tuple[str, ...] = ()


def changed(dataset: Dataset, change: Callable[[Any], Any]) -> Dataset:
    """The same set with the inputs of every part changed: enlarged, cut out, flattened."""
    parts = {name: getattr(dataset, name) for name in ("train", "dev", "test")}

    def made(inputs: Any) -> Any:
        return inputs.changed(change) if isinstance(inputs, Streamed) else change(inputs)

    return dataclasses.replace(
        dataset, **{name: Split(made(p.inputs), p.targets) for name, p in parts.items()}
    )


def beside(which: Data, other: Data) -> Data:
    """`which`, looked for in the directory of `other` where it names none of its own."""
    return dataclasses.replace(which, directory=which.directory or other.directory)


def take(split: Split, index: np.ndarray) -> Split:
    """The examples at `index`; of a text, which must stay contiguous, the stretch it spans."""
    if isinstance(split.inputs, str):
        return Split(split.inputs[index[0] : index[-1] + 1] if len(index) else "")

    def rows(values: Any) -> Any:
        if isinstance(values, Streamed):
            return values.take(index)
        if values is None or isinstance(values, np.ndarray):
            return None if values is None else values[index]
        return tuple(values[i] for i in index)

    return Split(rows(split.inputs), rows(split.targets))
