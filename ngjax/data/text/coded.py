"""Sentences as numbers of words, and from a word's number to its row of an embedding matrix E.

The numbers are those of all words of a set; which of them have a row of E is for the training
examples alone to say, or for a file of published vectors. All others share the last row, and so
does padding, whose number is the size of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ngjax.data.sequences import padded
from ngjax.data.text.vectors import read_vectors
from ngjax.data.text.vocabulary import UNK, Vocabulary

Words = Sequence[str]


class Coded(NamedTuple):
    """Sentences of a set as numbers."""

    words: Vocabulary  # all words of set and file
    inputs: Mapping[str, np.ndarray]  # part -> int32 [m, T]
    row: np.ndarray  # word -> its row of E, int32 [V + 1], or by fold [F, V + 1]
    rows: int  # of E, the last one included
    vectors: np.ndarray | None  # E as the file has it, [rows, D], its last row zero

    def encode(self, sentences: Sequence[Words], width: int = 0) -> np.ndarray:
        """Sentences as numbers, int32 [m, T]; a word that the set lacks is UNK."""
        width = width or max(map(len, sentences))
        return padded([self.words.encode(s) for s in sentences], width, len(self.words))[0]

    def frequent(self, least: int) -> tuple[str, ...]:
        """Words that occur so often in the first part; its commonest where none does."""
        part = next(iter(self.inputs.values()))
        counts = np.bincount(part.ravel(), minlength=len(self.words) + 1)[: len(self.words)]
        often = np.flatnonzero(counts >= min(least, counts.max()))
        return tuple(self.words.tokens[k] for k in often)

    def known(self, sentence: Words) -> bool:
        """Whether a word of it has a row of its own, in one fold at least."""
        own = self.row.reshape(-1, self.row.shape[-1]).min(axis=0) < self.rows - 1
        return bool(own[self.words.encode(sentence)].any())


def coded(
    sentences: Mapping[str, Sequence[Words]],
    *,
    least: int = 1,
    folds: np.ndarray | None = None,
    vectors: str = "",
    most: int = 0,
) -> Coded:
    """Number the words of a set.

    Args:
        sentences: part -> its sentences; the first part is the one to train on.
        least: times a word must occur in training to have a row.
        folds: of that part, the training examples of every fold, [F, n]; each has rows of its own.
        vectors: path of published vectors, whose words have the rows then; "": none.
        most: words read of that file, the first ones; 0: all.

    Raises:
        UserError: the file of vectors cannot be read.
    """
    brought, E = read_vectors(Path(vectors), most) if vectors else ((), None)
    tokens = (word for part in sentences.values() for words in part for word in words)
    words = Vocabulary.of_words([*tokens, *brought], special=(UNK,))
    padding = len(words)
    longest = max(len(s) for part in sentences.values() for s in part)
    made = Coded(words, {}, np.zeros(padding + 1, np.int32), 1, E)
    inputs = {name: made.encode(part, longest) for name, part in sentences.items()}
    if E is not None:
        place = {word: k for k, word in reversed(list(enumerate(brought)))}  # the first of equals
        row = np.array([place.get(word, len(brought)) for word in (*words.tokens, "")], np.int32)
        row[words.number[UNK]] = row[padding] = len(brought)
        E = np.concatenate([E, np.zeros_like(E[:1])])
        return made._replace(inputs=inputs, row=row, rows=len(E), vectors=E)
    train = next(iter(inputs.values()))
    row = np.stack(
        [_rows(x, padding, least) for x in (train[None] if folds is None else train[folds])]
    )
    last = int(row.max()) + 1
    row = np.where(row < 0, last, row).astype(np.int32)  # [F, V + 1]
    return made._replace(inputs=inputs, row=row[0] if folds is None else row, rows=last + 1)


def _rows(inputs: np.ndarray, padding: int, least: int) -> np.ndarray:
    """Word -> its row, int [V + 1], of those that occur `least` times; of all others -1."""
    counts = np.bincount(inputs.ravel(), minlength=padding + 1)
    own = (counts >= least) & (np.arange(padding + 1) < padding)
    return np.where(own, np.cumsum(own) - 1, -1)
