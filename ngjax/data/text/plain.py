"""Plain text in UTF-8."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts, Split
from ngjax.types import UserError


def read(path: Path) -> str:
    """The text of a file, as it stands (a byte order mark dropped).

    Raises:
        UserError: unreadable, empty, or not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: byte {error.start} is not UTF-8 ({error.reason}); save the text as UTF-8"
        ) from error
    if not text:
        raise UserError(f"{path}: is empty; expected text")
    return text


def parts(files: Mapping[str, Path], size: int = 0) -> Parts:
    """A corpus in one file, to be cut into train, dev and test."""
    (path,) = files.values()
    return Parts(Split(read(path)))


def in_parts(files: Mapping[str, Path], size: int = 0) -> Parts:
    """A corpus whose origin has cut it: three files, in the order train, dev, test."""
    return Parts(*(Split(read(path)) for path in files.values()))


def names(files: Mapping[str, Path], size: int = 0) -> Parts:
    """A name a line, in lower case: each is an example, a str; empty lines are passed over."""
    (path,) = files.values()
    lines = (line.strip().lower() for line in read(path).split("\n"))
    return Parts(Split(tuple(line for line in lines if line)))


def analogies(files: Mapping[str, Path], size: int = 0) -> Parts:
    """Questions "a b c d", a is to b as c is to d, below lines ": section" (Mikolov et al. 2013).

    Returns:
        all questions as train, four words each, with the number of their section.

    Raises:
        UserError: a line that is neither.
    """
    (path,) = files.values()
    sections: list[str] = []
    questions, targets = [], []
    for number, line in enumerate(read(path).splitlines(), 1):
        words = tuple(line.split())
        if words and words[0] == ":" and len(words) > 1:
            sections.append(" ".join(words[1:]))
        elif len(words) == 4 and sections:
            questions.append(words)
            targets.append(len(sections) - 1)
        else:
            raise UserError(f"{path}: line {number} is neither ': section' nor four words")
    none = Split((), np.zeros(0, np.int32))
    return Parts(
        Split(tuple(questions), np.array(targets, np.int32)), none, none, classes=tuple(sections)
    )
