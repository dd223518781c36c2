"""Promoters: where in DNA a gene begins. The set of Towell et al., and one drawn by seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts, Split
from ngjax.data.entry import Entry, File
from ngjax.types import UserError

LETTERS = "acgt"
LENGTH = 57  # letters of a sequence
START = 50  # index of the letter where copying begins, +1 (there is no letter 0)
CLASSES = ("other", "promoter")
DRAWN = 106  # sequences, as in the real set
MINUS_35, MINUS_10 = "ttgaca", "tataat"  # what RNA polymerase binds to
# About how often each letter of the two is kept (Harley & Reynolds 1987, E. coli).
KEPT_35 = (0.78, 0.82, 0.68, 0.58, 0.52, 0.54)
KEPT_10 = (0.82, 0.89, 0.52, 0.59, 0.49, 0.89)
SPACER, DISCRIMINATOR = (16, 17, 18), (6, 7)  # letters between the boxes, and before the start


def letters_of(text: str) -> np.ndarray:
    """The numbers of letters a, c, g, t: uint8 [T].

    Raises:
        UserError: another letter.
    """
    text = "".join(text.lower().split())
    for place, letter in enumerate(text, 1):
        if letter not in LETTERS:
            raise UserError(f"letter {place} is {letter!r}; DNA has a, c, g and t")
    return np.array([LETTERS.index(letter) for letter in text], np.uint8)


def read(files: Mapping[str, Path], size: int = 0) -> Parts:
    """106 sequences of E. coli, half of them promoters; nothing is held out.

    Raises:
        UserError: a row that is no number, 57 letters and + or -.
    """
    path = files["promoters.data"]
    inputs, targets = [], []
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    for number, line in enumerate(lines, 1):
        row = [cell.strip() for cell in line.split(",")]
        if len(row) != LENGTH + 2 or row[-1] not in ("+", "-"):
            raise UserError(f"{path}: row {number} is no number, {LENGTH} letters and + or -")
        try:
            inputs.append(letters_of("".join(row[1:-1])))
        except UserError as error:
            raise UserError(f"{path}: row {number}: {error}") from None
        targets.append(row[-1] == "+")
    if not inputs:
        raise UserError(f"{path}: holds no sequences")
    return _whole(np.stack(inputs), np.array(targets, np.int32))


def draw(files: Mapping[str, Path], size: int = 0) -> Parts:
    """As many, by a fixed seed."""
    return _whole(*drawn(np.random.default_rng(35), DRAWN))


def drawn(generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random letters; in the first half of the sequences the two boxes, some letters changed.

        ... ttgaca  17 +- 1 letters  tataat  6 or 7 letters  start

    Returns:
        (uint8 [m, 57], int32 [m]).
    """
    inputs = generator.integers(0, len(LETTERS), (count, LENGTH)).astype(np.uint8)
    targets = (np.arange(count) < count // 2).astype(np.int32)
    for i in np.flatnonzero(targets):
        ten = START - int(generator.choice(DISCRIMINATOR)) - len(MINUS_10)
        thirty_five = ten - int(generator.choice(SPACER)) - len(MINUS_35)
        for place, box, kept in ((thirty_five, MINUS_35, KEPT_35), (ten, MINUS_10, KEPT_10)):
            stays = generator.random(len(box)) < np.array(kept)
            inputs[i, place : place + len(box)][stays] = letters_of(box)[stays]
    return inputs, targets


def _whole(inputs: np.ndarray, targets: np.ndarray) -> Parts:
    empty = Split(inputs[:0], targets[:0])
    return Parts(Split(inputs, targets), dev=empty, test=empty, classes=CLASSES)


ENTRIES = (
    Entry(
        name="drawn_promoters",
        title="Promoters of E. coli and other sequences",
        kind="dna",
        reader=draw,
        home="drawn by a fixed seed",
        licence="none needed",
        embedded=True,
    ),
    Entry(
        name="dna_promoters",
        title="Promoters of E. coli (Towell, Shavlik & Noordewier 1990)",
        kind="dna",
        reader=read,
        home="https://archive.ics.uci.edu/dataset/67",
        licence="none stated; UCI repository",
        files=(
            File(
                "promoters.data",
                "840208d058f1f51e6900a1bd15fec01bcb7ec6b599ed7514a582489444dbb387",
                12610,
                (
                    "https://raw.githubusercontent.com/KaloshinPE/MEM_detector/"
                    "4ce48e4c82a75942e034726dd139d66609669603/data/promoters.data",
                ),
            ),
        ),
    ),
)
