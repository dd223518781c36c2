"""Pieces of words, learnt by merging the pairs that stand side by side most often.

Sennrich et al. 2016: a rare word falls into pieces that are not rare, so that no word is unknown.
A piece keeps the space before it as `SPACE`, so a text is its pieces written one behind another.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import heapq
import itertools
import re
from collections.abc import Iterable

SPACE = "\u2581"  # stands where a space was
_UNIT = re.compile(r" ?\w+| ?[^\w\s]")


def units(text: str) -> list[str]:
    """What is never merged across: words and marks, in lower case, with the space before them."""
    text = " " + " ".join(text.lower().split())
    return [unit.replace(" ", SPACE) for unit in _UNIT.findall(text)]


def joined(pieces: Iterable[str]) -> str:
    """The text that pieces make; of `units` it is the text in lower case."""
    return "".join(pieces).replace(SPACE, " ").strip()


@dataclasses.dataclass(frozen=True)
class BytePairs:
    """An ordered list of merges.

    Attributes:
        alphabet: the characters that training saw.
        merges: pairs of pieces, in the order in which they were learnt.
    """

    alphabet: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]

    @classmethod
    def learn(cls, texts: Iterable[str], merges: int) -> BytePairs:
        """Merge, so many times, the pair that is most frequent (of equals the first by alphabet).

        Counts are kept up to date where a merge changes them, rather than made anew.
        """
        counts = collections.Counter(unit for text in texts for unit in units(text))
        words, frequency = [list(unit) for unit in counts], list(counts.values())
        pairs: collections.Counter[tuple[str, str]] = collections.Counter()
        places: dict[tuple[str, str], set[int]] = collections.defaultdict(set)
        for i, word in enumerate(words):
            for pair in itertools.pairwise(word):
                pairs[pair] += frequency[i]
                places[pair].add(i)
        queue = [(-count, pair) for pair, count in pairs.items()]
        heapq.heapify(queue)
        learnt: list[tuple[str, str]] = []
        while queue and len(learnt) < merges:
            count, best = heapq.heappop(queue)
            if -count != pairs[best] or not count:
                continue  # changed since: its new count stands in the queue, too
            learnt.append(best)
            change: collections.Counter[tuple[str, str]] = collections.Counter()
            for i in places.pop(best):
                made = _merged(words[i], best)
                if len(made) == len(words[i]):
                    continue  # another merge has taken the pair apart
                for pair in zip(words[i], words[i][1:], strict=False):
                    change[pair] -= frequency[i]
                for pair in itertools.pairwise(made):
                    change[pair] += frequency[i]
                    places[pair].add(i)
                words[i] = made
            for pair, by in change.items():
                if by:
                    pairs[pair] += by
                    heapq.heappush(queue, (-pairs[pair], pair))
        return cls(tuple(sorted(set("".join(counts)))), tuple(learnt))

    @functools.cached_property
    def tokens(self) -> tuple[str, ...]:
        """Every piece that `pieces` can give for a text of the alphabet, once each."""
        return tuple(dict.fromkeys((*self.alphabet, *map("".join, self.merges))))

    @functools.cached_property
    def _rank(self) -> dict[tuple[str, str], int]:
        return {pair: place for place, pair in enumerate(self.merges)}

    @functools.cached_property
    def _known(self) -> dict[str, tuple[str, ...]]:
        return {}

    def pieces(self, text: str) -> list[str]:
        """The text's words, each split to characters and merged in the order learnt."""
        known, found = self._known, []
        for unit in units(text):
            if unit not in known:
                known[unit] = self._split(unit)
            found += known[unit]
        return found

    def _split(self, unit: str) -> tuple[str, ...]:
        word, never = list(unit), len(self.merges)
        while len(word) > 1:
            present = itertools.pairwise(word)
            pair = min(present, key=lambda pair: self._rank.get(pair, never))
            if pair not in self._rank:
                break
            word = _merged(word, pair)
        return tuple(word)


def _merged(word: list[str], pair: tuple[str, str]) -> list[str]:
    """The word with the pair made one, from the left, wherever it stands."""
    made, i = [], 0
    while i < len(word):
        if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
            made.append(word[i] + word[i + 1])
            i += 2
        else:
            made.append(word[i])
            i += 1
    return made
