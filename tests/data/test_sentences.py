"""Sentences: how text falls into words, what readers refuse, what the written reviews hold."""

from __future__ import annotations

import collections
from pathlib import Path

import numpy as np
import pytest

from ngjax import data
from ngjax.data.series import promoters
from ngjax.data.text import sentences, written
from ngjax.types import UserError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It isn't GOOD, it's great!", "it is n't good , it 's great !"),
        ("can't you\tjean-claud  9/11", "ca n't you jean-claud 9/11"),
        ("they’ll go", "they 'll go"),
        (" \t ", ""),
        ('"a" (b)', '" a " ( b )'),
    ],
)
def test_words(text, words):
    assert " ".join(data.words_of(text)) == words


def test_words_that_are_joined_again_fall_into_the_same_words():
    for words in data.load(data.Data(name="written_reviews")).dev.inputs:
        assert data.words_of(" ".join(words)) == words


def test_film_reviews_are_read_in_their_own_encoding(tmp_path: Path):
    (tmp_path / "n").write_bytes("dull caf\xe9 .\n\nbad \x85\n".encode("latin-1"))
    (tmp_path / "p").write_bytes(b"good .\n")
    files = {"rt-polarity.neg": tmp_path / "n", "rt-polarity.pos": tmp_path / "p"}
    parts = sentences.polarity(files)
    assert parts.train.inputs == (("dull", "café", "."), ("bad", "…"), ("good", "."))
    assert parts.train.targets.tolist() == [0, 0, 1] and parts.classes == ("negative", "positive")
    (tmp_path / "p").write_bytes(b"good \x81\n")
    with pytest.raises(UserError, match="byte 5 is not cp1252"):
        sentences.polarity(files)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ('"I love you\t",0\nfood,5\n', "row 2 is no sentence and its class, 0 to 4"),
        ("food,4,9\n", "row 1"),
        ('food,4\n" ",4\n', "row 2"),
        ("", "holds no sentences"),
    ],
)
def test_a_broken_table_is_refused(tmp_path: Path, rows, told):
    path = tmp_path / "t.csv"
    path.write_text(rows)
    with pytest.raises(UserError, match=told) as refusal:
        sentences.labelled(path, 5)
    assert "\n" not in str(refusal.value)


def test_a_table_is_read(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text('"I love you\t",0\nwhere is the food,4\n')
    found = sentences.labelled(path, 5)
    assert found.inputs == (("i", "love", "you"), ("where", "is", "the", "food"))
    assert found.targets.tolist() == [0, 4]


def test_written_reviews_hold_each_sentence_once_and_never_the_course_s():
    held = data.load(data.Data(name="written_reviews"))
    every = [*held.train.inputs, *held.dev.inputs, *held.test.inputs]
    assert len(set(every)) == len(every) == sum(written.COUNTS.values())
    assert tuple(written.LACKING) not in every
    assert set(written.LACKING) <= {word for words in held.train.inputs for word in words}
    kinds = collections.Counter(map(written.kind_of, held.test.inputs))
    assert min(kinds.values()) > 0.25 * len(held.test)
    assert 0.45 < held.test.targets.mean() < 0.55


def test_a_contrast_says_the_opposite_in_another_order():
    good, bad = "the food was great", "the waiter was rude"
    assert written.kind_of((*bad.split(), ",", "but", *good.split())) == "contrast"
    held = data.load(data.Data(name="written_reviews")).train
    praise = set(written.GOOD)
    seen = 0
    for words, target in zip(held.inputs, held.targets, strict=True):
        if written.kind_of(words) == "contrast" and "but" in words:
            behind = words[words.index("but") :]
            assert bool(praise & set(behind)) == bool(target)
            seen += 1
    assert seen > 300


def test_negations_are_worked_out_by_hand():
    for words, target in zip(*_some("negated"), strict=True):
        text = " ".join(words)
        turns = sum(text.count(turn) for turn in (*written.TURNED, "lacking", *written.WITHOUT[2:]))
        praised = bool(set(written.GOOD) & set(words))
        if turns == 1 and not praised:
            assert target == 1, text
        if turns == 1 and praised and not set(written.BAD) & set(words):
            assert target == 0, text


def _some(kind):
    held = data.load(data.Data(name="written_reviews")).test
    rows = [i for i, words in enumerate(held.inputs) if written.kind_of(words) == kind]
    return [held.inputs[i] for i in rows], [held.targets[i] for i in rows]


def test_drawn_promoters_hold_the_two_boxes_as_often_as_counted():
    held = data.load(data.Data(name="drawn_promoters"))
    assert held.train.inputs.shape == (106, 57) and held.train.targets.sum() == 53
    text = ["".join(promoters.LETTERS[k] for k in row) for row in held.train.inputs]

    def best(row, box):  # letters of the box that are kept where it fits best
        return max(sum(a == b for a, b in zip(row[i:], box, strict=False)) for i in range(52))

    kept = np.array([[best(row, box) for box in ("ttgaca", "tataat")] for row in text])
    inside, outside = kept[held.train.targets == 1].mean(0), kept[held.train.targets == 0].mean(0)
    assert (inside > outside + 0.4).all()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("0," + "a," * 56 + "+", "row 1 is no number, 57 letters"),
        ("0," + "a," * 57 + "x", "row 1 is no number, 57 letters"),
        ("0," + "a," * 56 + "n,+", "row 1: letter 57 is 'n'"),
        ("", "holds no sequences"),
    ],
)
def test_broken_sequences_are_refused(tmp_path: Path, line, told):
    path = tmp_path / "promoters.data"
    path.write_text(line)
    with pytest.raises(UserError, match=told):
        promoters.read({"promoters.data": path})


def test_sequences_are_read(tmp_path: Path):
    path = tmp_path / "promoters.data"
    path.write_text("0," + "a,c,g," * 19 + "+\n1," + "t," * 57 + "-\n")
    found = promoters.read({"promoters.data": path}).train
    assert found.inputs[0, :4].tolist() == [0, 1, 2, 0] and (found.inputs[1] == 3).all()
    assert found.targets.tolist() == [1, 0]
