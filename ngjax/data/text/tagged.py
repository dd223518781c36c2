"""Tagged sentences: a word and its tag a line, an empty line behind every sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts, Split
from ngjax.data.text import plain
from ngjax.types import UserError

OUTSIDE = "O"
FILES = {"train": "train.txt", "dev": "valid.txt", "test": "test.txt"}

Sentence = tuple[tuple[str, ...], tuple[str, ...]]  # words, tags


def read(path: Path) -> list[Sentence]:
    """The sentences of a file of lines `word tag ...`, columns parted by a space.

    Raises:
        UserError: unreadable, no sentence, or a line without a tag.
    """
    sentences: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    for number, line in enumerate([*plain.read(path).split("\n"), ""], 1):
        if line.strip():
            columns = line.split()
            if len(columns) < 2:
                raise UserError(f"{path}: line {number} holds no tag; expected 'word tag'")
            words.append(columns[0])
            tags.append(columns[1])
        elif words:
            sentences.append((tuple(words), tuple(tags)))
            words, tags = [], []
    if not sentences:
        raise UserError(f"{path}: holds no sentence; expected lines 'word tag'")
    return sentences


def tag_names(sentences: list[Sentence]) -> tuple[str, ...]:
    """O, then B- and I- of each kind in the alphabet's order of kinds."""
    there = {tag for _, tags in sentences for tag in tags} - {OUTSIDE}
    return (OUTSIDE, *sorted(there, key=lambda tag: (tag[2:], tag)))


def split(sentences: list[Sentence], classes: tuple[str, ...], name: str) -> Split:
    """Sentences as a Split: words, and the numbers of their tags.

    Raises:
        UserError: a tag that is not among `classes`.
    """
    number = {tag: k for k, tag in enumerate(classes)}
    unknown = {tag for _, tags in sentences for tag in tags} - number.keys()
    if unknown:
        raise UserError(f"{name}: tag {min(unknown)!r} is not among those of the training set")
    targets = tuple(np.array([number[tag] for tag in tags], np.int32) for _, tags in sentences)
    return Split(tuple(words for words, _ in sentences), targets)


def parts(files: Mapping[str, Path], size: int = 0) -> Parts:
    """The origin's own train, dev and test sentences."""
    held = {part: read(files[name]) for part, name in FILES.items()}
    classes = tag_names(held["train"])
    made = {part: split(held[part], classes, str(files[FILES[part]])) for part in FILES}
    return Parts(**made, classes=classes)
