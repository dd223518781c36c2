"""Published vectors of words as text, as GloVe and word2vec have them: a word, then its numbers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ngjax.types import UserError


def read_vectors(path: Path, most: int = 0) -> tuple[tuple[str, ...], np.ndarray]:
    """Words and their vectors.

    A first line of two whole numbers (how many words, how long their vectors), as word2vec writes
    it, is passed over. Numbers are separated by one space, so a word may hold any other character.

    Args:
        path: UTF-8 text.
        most: words read, the first ones; 0: all.

    Returns:
        words [V], float32 [V, D].

    Raises:
        UserError: cannot be read, empty, or a line without as many numbers as the first.
    """
    words: list[str] = []
    rows: list[np.ndarray] = []
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            for number, line in enumerate(itertools.islice(file, most + 1 if most else None), 1):
                word, _, rest = line.rstrip().partition(" ")
                if number == 1 and word.isdigit() and rest.isdigit():
                    continue
                row = np.array(rest.split(" "), np.float32)
                if rows and len(row) != len(rows[0]):
                    raise UserError(
                        f"{path}: line {number} has {len(row)} numbers, the first {len(rows[0])}"
                    )
                words.append(word)
                rows.append(row)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a text file of vectors") from None
    except ValueError:
        raise UserError(
            f"{path}: line {len(rows) + 1} is no word and its numbers; expected GloVe's text format"
        ) from None
    if not rows:
        raise UserError(f"{path}: holds no vectors")
    return tuple(words[: most or None]), np.stack(rows[: most or None])


def vector_lines(words: Sequence[str], vectors: np.ndarray) -> str:
    """The text that `read_vectors` reads, without a first line: words [V] and vectors [V, D]."""
    rows = zip(words, vectors, strict=True)
    return "".join(f"{word} {' '.join(f'{x:.6g}' for x in row)}\n" for word, row in rows)
