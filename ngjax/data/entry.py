"""What the catalogue knows of a data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from ngjax.data.dataset import Human, Parts

Reader = Callable[[Mapping[str, Path], int], Parts]  # (files by name, pixels a side) -> the set


@dataclasses.dataclass(frozen=True)
class File:
    """One file as its origin names it (with "/" where it lies in a folder of the set)."""

    name: str
    sha256: str
    size: int = 0  # bytes; 0: not known
    urls: tuple[str, ...] = ()  # where it can be had, in the order to try


@dataclasses.dataclass(frozen=True)
class Entry:
    """One data set.

    Attributes:
        kind: "images", "table", "text" or what a later reader brings.
        files: what `reader` needs; empty for a tree of loose files, whose folder it gets under "".
        instead: files that hold the same and do as well, where they are already there.
        refused: names in the set's folder that cannot be read -> why, and what to take.
        embedded: it needs no file: a dependency or Python brings it.
        own: the directory that the user gives is the set.
        caveat: what must be told wherever a number comes from it; stands in `Dataset.notes`.
        human: what people get wrong on it, where somebody has published it.
    """

    name: str
    title: str
    kind: str
    reader: Reader
    home: str
    licence: str
    files: tuple[File, ...] = ()
    instead: tuple[File, ...] = ()
    refused: Mapping[str, str] = dataclasses.field(default_factory=dict)
    embedded: bool = False
    own: bool = False
    caveat: str = ""
    human: Human | None = None
