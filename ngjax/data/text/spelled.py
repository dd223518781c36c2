"""Words as a tagger reads them: a number from the dictionary, and the letters.

A word outside the dictionary keeps its letters, so that capitals and endings still tell of it.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ngjax.data.dataset import Data, Dataset, Split, take
from ngjax.data.load import load
from ngjax.data.sequences import by_length, padded
from ngjax.data.text.vocabulary import UNK, Vocabulary
from ngjax.types import Array, Batch, Source


@dataclasses.dataclass(frozen=True)
class Spelling:
    """The dictionary and the alphabet of a training set.

    Attributes:
        words: lower-case words, every digit written as 0; UNK for all others.
        letters: the alphabet, with UNK; a letter's number is its place + 1, 0 is no letter.
        longest: letters that are read of a word, L; of a longer one the first and last L / 2.
    """

    words: Vocabulary
    letters: Vocabulary
    longest: int

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], least: int, longest: int) -> Spelling:
        """The dictionary of words that stand `least` times or more, and the alphabet."""
        counts = collections.Counter(plain(word) for words in sentences for word in words)
        letters = sorted({letter for words in sentences for word in words for letter in word})
        kept = sorted(word for word, count in counts.items() if count >= least)
        return cls(Vocabulary((*kept, UNK), joiner=" "), Vocabulary((*letters, UNK)), longest)

    def encode(self, words: Sequence[str]) -> np.ndarray:
        """Words as int32 [T, 1 + L]: the number in the dictionary, then the letters' + 1."""
        found = np.zeros((len(words), 1 + self.longest), np.int32)
        found[:, 0] = self.words.encode([plain(word) for word in words])
        for row, word in zip(found, words, strict=True):
            half = self.longest // 2
            cut = word if len(word) <= self.longest else word[:half] + word[-half:]
            row[1 : 1 + len(cut)] = self.letters.encode(cut) + 1
        return found


def plain(word: str) -> str:
    """A word as the dictionary has it: lower case, every digit a 0."""
    return "".join("0" if letter.isdigit() else letter for letter in word.lower())


def load_tagged(which: Data) -> Dataset:
    """A tagged set whose dev and test sentences come short ones first.

    Evaluation batches then hold like lengths, and cost what short sentences cost.
    """
    held = load(which, kinds=("tagged",))
    return dataclasses.replace(held, dev=_sorted(held.dev), test=_sorted(held.test))


def _sorted(split: Split) -> Split:
    order = np.argsort([len(words) for words in split.inputs], kind="stable")
    return take(split, order)


def constants(held: Dataset, spelling: Spelling) -> dict[str, Any]:
    """What `sources` read: {"words": int32 [N, 1 + L], "train": {"inputs", "targets"}, ...}.

    Each different word is spelled once; a part's "inputs" int32 [m, T] are places in "words", of
    which the first, all zeros, is the padding; so are the "targets" behind the end.
    """
    parts = {name: getattr(held, name) for name in ("train", "dev", "test")}
    different = sorted({w for part in parts.values() for words in part.inputs for w in words})
    place = {word: i for i, word in enumerate(different, 1)}
    table = np.concatenate(
        [np.zeros((1, 1 + spelling.longest), np.int32), spelling.encode(different)]
    )  # [N, 1 + L]
    made: dict[str, Any] = {"words": table}
    for name, part in parts.items():
        if len(part):
            inputs, length = padded([np.int32([place[w] for w in words]) for words in part.inputs])
            targets, _ = padded(part.targets)
            made[name] = {"inputs": inputs, "targets": targets, "length": length}
    return made


def source(held: Mapping[str, Any], name: str) -> Source:
    """A part of `constants` as batches.

    Args:
        held: from `constants`.
        name: of the part; "train" comes in batches of like lengths.

    Returns:
        a Source whose batches hold "inputs" int32 [B, T, 1 + L], "targets" int32 [B, T] and
        "length" int32 [B].
    """

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        part = constants[name]
        return {
            "inputs": constants["words"][part["inputs"][drawn["index"]]],  # [B, T, 1 + L]
            "targets": part["targets"][drawn["index"]],  # [B, T]
            "length": part["length"][drawn["index"]],  # [B]
        }

    length = held[name]["length"]
    if name != "train":
        return Source(len(length), batch)
    return Source(len(length), batch, order=by_length(length))
