from __future__ import annotations

import codecs
import contextlib
import io

import pytest
import sacrebleu

from ngjax.ops.bleu import corpus_bleu, words_13a

with contextlib.redirect_stdout(io.StringIO()):
    import this
ZEN = codecs.decode(this.s, "rot13").splitlines()[2:]
LOOSE = [  # the same said otherwise, line by line, in part
    "Beautiful is nicer than ugly.",
    "Explicit is better than something implicit.",
    "Simple is better than complex.",
    "Complex beats complicated.",
    "Flat is better, I think, than nested.",
    "Sparse is better than dense",
    "Readability counts!",
    "Special cases are not special enough to break all the rules.",
    "Although practicality beats purity.",
    "Errors should never ever pass in silence.",
    "Unless silenced explicitly.",
    "In the face of ambiguity, do not guess.",
    "There should be one obvious way to do it - and only one.",
    "That way may not be obvious at first.",
    "Now is better than never.",
    "Never is often better than right now.",
    "If it's hard to explain, it's a bad idea.",
    "If the implementation is easy to explain, it may be good.",
    "Namespaces are one great idea - let's have more of those!",
]
ODD = (
    'He said: "3.5 of 1,000 - no more?" &amp; left.',
    "A -- b;c [x] {y} ~z^ don't 1-2 5.  ,.7 <skipped>.",
    "Über 20.000 Männer (und Frauen) liefen 1990-95; wohin...",
    "&quot;&lt;tag&gt;&quot; $5.00/kg @ 50% = ?",
    "",
    "x",
)


@pytest.mark.parametrize("line", [*ODD, *ZEN])
def test_words_are_those_of_sacrebleu(line):
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    assert words_13a(line) == Tokenizer13a()(line).split()


def same(found, wanted, **keywords):
    ours = corpus_bleu(found, wanted, **keywords)
    theirs = sacrebleu.corpus_bleu(
        list(found), [list(wanted)], lowercase=keywords.get("lower", False), force=True
    )
    assert ours.score == pytest.approx(theirs.score, rel=1e-12, abs=1e-12)
    assert (ours.length, ours.reference_length) == (theirs.sys_len, theirs.ref_len)
    assert ours.brevity_penalty == pytest.approx(theirs.bp, rel=1e-12)
    if theirs.score:
        assert ours.precisions == pytest.approx(theirs.precisions, rel=1e-12)
    return ours.score


@pytest.mark.parametrize("lower", [False, True])
def test_a_corpus_scores_as_in_sacrebleu(lower):
    assert len(LOOSE) == len(ZEN)
    score = same(LOOSE, ZEN, lower=lower)
    assert 20 < score < 80
    assert same(ZEN, LOOSE, lower=lower) != score  # lengths and clipping are not symmetric
    assert same(ZEN, ZEN, lower=lower) == pytest.approx(100)
    assert same([z.upper() for z in ZEN], ZEN, lower=lower) == (
        pytest.approx(100) if lower else pytest.approx(0, abs=30)
    )


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (["the the the the"], ["the cat sat"]),  # clipped; no longer n-gram matches
        (["cat sat"], ["the cat sat on the mat"]),  # short: no 3-grams at all
        (["a b c d"], ["e f g h"]),
        ([""], ["something"]),
        (["a b c x y z"], ["a b c d e f"]),  # smoothed from 4-grams on
        (["a b x c d y e f"], ["a b c d e f g h i j"]),  # smoothed twice, and too short
    ],
)
def test_edges_score_as_in_sacrebleu(found, wanted):
    same(found, wanted)


def test_by_hand():
    ours = corpus_bleu(["a b c d e"], ["a b c d f g"])
    assert ours.precisions == pytest.approx((80, 75, 200 / 3, 50))
    want = 100 * (0.8 * 0.75 * (2 / 3) * 0.5) ** 0.25 * 2.718281828459045 ** (1 - 6 / 5)
    assert ours.score == pytest.approx(want, rel=1e-9)


def test_unequal_counts_are_refused():
    with pytest.raises(ValueError, match="1 translations and 2 references"):
        corpus_bleu(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="0 translations"):
        corpus_bleu([], [])
