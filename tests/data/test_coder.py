from __future__ import annotations

from ngjax import data

TEXTS = ("3 May 1979", "1979-05-03", "tuesday, the 4th of july")


def test_characters_come_back_from_their_numbers():
    coder = data.Coder.learn(TEXTS)
    ids = coder.encode("3 May 1979")
    assert coder.words.tokens[0] == "<PAD>" and (ids > 0).all() and ids[-1] == coder.end
    assert coder.decode(ids) == coder.plain("3 May 1979") == "3 May 1979"
    assert coder.decode([*ids, *ids]) == "3 May 1979"  # nothing behind EOS counts
    assert coder.decode(ids[:3]) == "3 M"  # cut before its end
    assert coder.decode(coder.encode("3 Qay")) == "3 <UNK>ay"


def test_pieces_come_back_in_lower_case():
    coder = data.Coder.learn(TEXTS * 3, merges=30)
    ids = coder.encode("3  May 1979")
    assert coder.decode(ids) == coder.plain("3  May 1979") == "3 may 1979"
    assert len(ids) < len(data.Coder.learn(TEXTS).encode("3 May 1979"))
