from __future__ import annotations

import collections
import itertools

import pytest

from ngjax.data import BytePairs, joined
from ngjax.data.text.byte_pairs import SPACE, units

TEXTS = (
    ["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3
)  # the paper's, which counts words with a mark behind the end
SENTENCES = (
    "A man, a plan; a canal: Panama!",
    "Zwei junge Männer sind im Freien (in der Nähe vieler Büsche).",
    "aaa aaaa aa ababab bababa",
    "don't  well-known\tto all -- 3.5 % of us...",
)


def naive(texts, merges):
    """All pairs counted anew for every merge."""
    counts = collections.Counter(unit for text in texts for unit in units(text))
    words, learnt = {unit: tuple(unit) for unit in counts}, []
    for _ in range(merges):
        pairs = collections.Counter()
        for unit, pieces in words.items():
            for pair in itertools.pairwise(pieces):
                pairs[pair] += counts[unit]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        learnt.append(best)
        for unit, pieces in words.items():
            made, rest = [], list(pieces)
            while rest:
                take = 2 if tuple(rest[:2]) == best else 1
                made.append("".join(rest[:take]))
                del rest[:take]
            words[unit] = tuple(made)
    return learnt, words


@pytest.mark.parametrize("texts", [TEXTS, SENTENCES * 2, ("aaaaaaa aaa abaaba",)])
@pytest.mark.parametrize("merges", [1, 7, 1000])
def test_merges_are_those_of_counting_anew(texts, merges):
    learnt, words = naive(texts, merges)
    ours = BytePairs.learn(texts, merges)
    assert list(ours.merges) == learnt
    for unit, pieces in words.items():
        assert ours.pieces(unit.replace(SPACE, " ").strip())[-len(pieces) :] == list(pieces) or (
            not unit.startswith(SPACE)
        )


def test_the_most_frequent_pair_is_first():
    merges = BytePairs.learn(TEXTS, 3).merges
    assert merges[0] == ("e", "s")  # 6 + 3, as "s t" has; the first by alphabet
    assert merges[1] == ("es", "t")
    assert merges[2] in {("l", "o"), ("o", "w"), (SPACE, "l")}  # 7 each


@pytest.mark.parametrize("text", SENTENCES)
@pytest.mark.parametrize("merges", [0, 10, 1000])
def test_pieces_make_the_text_again(text, merges):
    pairs = BytePairs.learn(SENTENCES, merges)
    pieces = pairs.pieces(text)
    assert joined(pieces) == " ".join(text.lower().split())
    assert set(pieces) <= set(pairs.tokens)


def test_unseen_words_fall_into_seen_pieces():
    pairs = BytePairs.learn(TEXTS, 8)
    assert set(pairs.pieces("lowest")) <= set(pairs.tokens)
    assert joined(pairs.pieces("lowest")) == "lowest"
    assert len(pairs.pieces("newest")) < len("newest")
