"""Sentences with a class each: how text falls into words, and the readers of the sets."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts, Split
from ngjax.types import UserError

EMOJI = ("heart", "ball", "smile", "sad", "food")
_CLITIC = re.compile(r"(?<=\w)(n't|'(?:s|ve|re|d|ll|m))\b")
_WORD = re.compile(r"n't|'(?:s|ve|re|d|ll|m)\b|\w+(?:[-/]\w+)*|[^\w\s]")


def words_of(text: str) -> tuple[str, ...]:
    """Lower-case words and punctuation marks; "isn't" is is, n't (after Kim 2014's clean_str)."""
    text = text.lower().replace("’", "'")
    return tuple(_WORD.findall(_CLITIC.sub(r" \1", text)))


def polarity(files: Mapping[str, Path], size: int = 0) -> Parts:
    """10,662 sentences of film reviews, a line each, in Windows-1252: (negative, positive)."""
    inputs, targets = [], []
    for k, end in enumerate(("neg", "pos")):
        path = files[f"rt-polarity.{end}"]
        for line in _decoded(path, "cp1252").split("\n"):
            if words := words_of(line):  # none behind the last line
                inputs.append(words)
                targets.append(k)
    return Parts(
        Split(tuple(inputs), np.array(targets, np.int32)), classes=("negative", "positive")
    )


def emojify(files: Mapping[str, Path], size: int = 0) -> Parts:
    """132 short sentences to train on, 56 to test, five emoji."""
    train, test = (
        labelled(files[name], len(EMOJI)) for name in ("train_emoji.csv", "test_emoji.csv")
    )
    return Parts(train, test=test, classes=EMOJI)


def labelled(path: Path, classes: int) -> Split:
    """A table of two columns without a head: sentence, class number.

    Raises:
        UserError: a row that is no sentence with a class number, or a table without rows.
    """
    inputs, targets = [], []
    rows = csv.reader(io.StringIO(_decoded(path, "utf-8")))
    try:
        for number, row in enumerate(rows, 1):
            k = int(row[1]) if len(row) == 2 and row[1].strip().isdecimal() else -1
            words = words_of(row[0]) if row else ()
            if not words or not 0 <= k < classes:
                raise UserError(
                    f"{path}: row {number} is no sentence and its class, 0 to {classes - 1}"
                )
            inputs.append(words)
            targets.append(k)
    except csv.Error as error:
        raise UserError(f"{path}: row {len(inputs) + 1} is no CSV ({error})") from None
    if not inputs:
        raise UserError(f"{path}: holds no sentences")
    return Split(tuple(inputs), np.array(targets, np.int32))


def _decoded(path: Path, encoding: str) -> str:
    try:
        return path.read_bytes().decode(encoding)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not {encoding} ({error.reason})") from None
