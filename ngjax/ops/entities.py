"""Names in a tagged sentence, and the F1 that counts whole names (notes 5; Tjong Kim Sang 2003).

A tag is "O", "B-kind" or "I-kind". Names are read as the shared task's script conlleval reads them:
a name begins at a B, and also at an I that follows an O, another kind, or nothing; it goes on while
I of its own kind follow. A found name is right where its kind and both of its ends are.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence
from typing import NamedTuple

OUTSIDE = "O"


class Entity(NamedTuple):
    """One name: tokens [start, stop) of its sentence."""

    kind: str
    start: int
    stop: int


class Counted(NamedTuple):
    """Names that are there, that were found, and that were found rightly."""

    true: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """right / found; 0 where nothing was found."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """right / true; 0 where nothing is there."""
        return self.right / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        """2 / (1 / precision + 1 / recall) = 2 right / (found + true) (notes 3.2)."""
        both = self.found + self.true
        return 2 * self.right / both if both else 0.0


def entities(tags: Sequence[str]) -> list[Entity]:
    """The names of a sentence, in their order.

    Args:
        tags: [T].

    Raises:
        ValueError: a tag that is neither O nor B- or I- of a kind.
    """
    found: list[Entity] = []
    kind, start = "", 0
    for t, tag in enumerate([*tags, OUTSIDE]):
        letter, _, this = tag.partition("-")
        if tag != OUTSIDE and (letter not in ("B", "I") or not this):
            raise ValueError(f"tag {t + 1}: {tag!r} is neither O nor B- or I- of a kind")
        if kind and (letter == "B" or this != kind):
            found.append(Entity(kind, start, t))
            kind = ""
        if this and not kind:
            kind, start = this, t
    return found


def count(true: Iterable[Sequence[str]], found: Iterable[Sequence[str]]) -> dict[str, Counted]:
    """Count the names of many sentences, by kind and, under "", together.

    Args:
        true: the right tags of each sentence.
        found: the tags it was given, of the same lengths.

    Raises:
        ValueError: other lengths, or a tag that is none.
    """
    sums: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0, 0])
    for right, given in zip(true, found, strict=True):
        if len(right) != len(given):
            raise ValueError(f"a sentence of {len(right)} words got {len(given)} tags")
        there, said = set(entities(right)), set(entities(given))
        for place, names in enumerate((there, said, there & said)):
            for name in names:
                for kind in ("", name.kind):
                    sums[kind][place] += 1
    return {kind: Counted(*sums[kind]) for kind in sorted({"", *sums})}


def marks(tags: Sequence[str], kinds: Sequence[str] = ()) -> list[int]:
    """The notes' targets: 1 where a word belongs to a name, else 0.

    Args:
        tags: [T].
        kinds: of the names that count; none: all.
    """
    return [int(tag != OUTSIDE and (not kinds or tag.partition("-")[2] in kinds)) for tag in tags]
