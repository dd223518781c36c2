"""How far a transcript is from the true one: edit distance and word error rate."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

Words = Sequence[Hashable]
Pair = tuple[Hashable | None, Hashable | None]  # (true, said); None: nothing


def edit_distance(true: Words, said: Words) -> int:
    """The fewest words to change, leave out or put in, to make one of the other (Levenshtein)."""
    return int(_table(true, said)[-1, -1])


def aligned(true: Words, said: Words) -> list[Pair]:
    """The pairs of a cheapest alignment, in order; None where a word has no partner.

    Among equally cheap ones words are paired rather than left alone, from the end.
    """
    cost = _table(true, said)
    i, j, pairs = len(true), len(said), []
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (true[i - 1] != said[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((true[i], said[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            pairs.append((true[i], None))
        else:
            j -= 1
            pairs.append((None, said[j]))
    return pairs[::-1]


def word_error_rate(true: Iterable[Words], said: Iterable[Words]) -> float:
    """Edits of all clips over the words that are truly there: sum(S + D + I) / sum(N).

    It is no mean over clips, and may exceed 1 where much is put in; NaN where there is no word.
    """
    pairs = list(zip(true, said, strict=True))
    words = sum(len(one) for one, _ in pairs)
    return sum(edit_distance(*pair) for pair in pairs) / words if words else float("nan")


def confusion(true: Iterable[Words], said: Iterable[Words], words: Words) -> np.ndarray:
    """Who was taken for whom, over the aligned pairs of all clips.

    Args:
        true: clips.
        said: likewise.
        words: all K words there are, in the order of rows and columns.

    Returns:
        int [K + 1, K + 1], a row for each true word and a column for each that was said; last comes
        "nothing": its row counts words put in, its column words left out.
    """
    place = {word: k for k, word in enumerate(words)} | {None: len(words)}
    counts = np.zeros((len(place), len(place)), int)
    for pair in zip(true, said, strict=True):
        for a, b in aligned(*pair):
            counts[place[a], place[b]] += 1
    return counts


def _table(true: Words, said: Words) -> np.ndarray:
    """cost[i, j]: edits from the first i words of one to the first j of the other."""
    cost = np.zeros((len(true) + 1, len(said) + 1), int)
    cost[:, 0], cost[0, :] = np.arange(len(true) + 1), np.arange(len(said) + 1)
    for i, a in enumerate(true, 1):
        for j, b in enumerate(said, 1):
            change = cost[i - 1, j - 1] + (a != b)
            cost[i, j] = min(change, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    return cost
