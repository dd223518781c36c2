"""Tagged sentences as numbers in a frame of as many places for all of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ngjax.data.dataset import Data
from ngjax.data.sequences import padded
from ngjax.data.text.spelled import load_tagged
from ngjax.data.text.vocabulary import UNK, Vocabulary

PARTS = ("train", "dev", "test")


class Framed(NamedTuple):
    """Each part's "inputs" and "targets" int32 [m, T], and "there" [m, T], 1 where a word is."""

    words: Vocabulary  # in lower case
    classes: tuple[str, ...]
    parts: Mapping[str, Mapping[str, np.ndarray]]


@functools.lru_cache(maxsize=2)
def framed(which: Data, room: int) -> Framed:
    """A tagged set, each sentence from the first place on.

    Args:
        which: the set.
        room: places that stay empty behind the longest sentence; T is its length more.
    """
    held = load_tagged(which)
    lower = {
        name: [[w.lower() for w in words] for words in getattr(held, name).inputs] for name in PARTS
    }
    T = room + max(len(words) for sentences in lower.values() for words in sentences)
    known = Vocabulary.of_words((w for words in lower["train"] for w in words), special=(UNK,))
    parts = {}
    for name in PARTS:
        ids, length = padded([known.encode(words) for words in lower[name]], T)
        targets, _ = padded(getattr(held, name).targets, T)
        there = np.float32(np.arange(T) < length[:, None])
        parts[name] = {"inputs": ids, "targets": targets, "there": there}
    return Framed(known, held.classes, parts)
