"""What the topics on tags and shapes say besides training."""

import json

import numpy as np
import pytest

from ngjax import data
from ngjax.experiment import Learned, load
from ngjax.experiment.catalogue import module
from ngjax.types import Task, UserError

TAGGING, TYPES = module("tagging"), module("rnn_types")


def test_the_notes_sentence_has_nine_words_and_nine_targets():
    words = TAGGING.NOTES.split()
    assert len(words) - 1 == len(TAGGING.NOTES_MARKS) == 9  # and a full stop
    marked = [w for w, mark in zip(words, TAGGING.NOTES_MARKS, strict=False) if mark]
    assert marked == ["Harry", "Potter", "Hermione", "Granger"]
    for text, kinds in TAGGING.OWN.items():
        assert len(text.split()) == len(kinds.split())
    kinds = TAGGING.OWN[TAGGING.NOTES].split()
    assert [int(kind != "-") for kind in kinds[:9]] == list(TAGGING.NOTES_MARKS)


def test_the_dictionary_and_the_targets_are_told():
    told = TYPES.notation()
    assert "T_x = 9" in told and "harry" not in told
    harry = next(line for line in told.splitlines() if "Harry" in line).split()
    assert "4075" in harry and harry.count("1") == 1
    said = TYPES.next_words().splitlines()
    assert said[-1] == "T_y = 9" and len(said) == 11
    assert said[1].split() == ["1", "0", "Cats"] and said[-2].split() == ["9", "day", data.EOS]


def test_names_are_counted_up_to_the_end_of_a_sentence():
    classes = ("O", "B-PER", "I-PER")
    batch = {"targets": np.array([[1, 2, 0], [1, 0, 0]]), "length": np.array([3, 1])}
    tags = np.array([[1, 2, 0], [0, 1, 1]])  # behind the end of the second stands nonsense
    found = TAGGING.score(classes, tags, batch)
    assert found == pytest.approx({"f1": 2 / 3, "precision": 1, "recall": 0.5})


def test_predict_tells_names_and_writes_them():
    config = load("tagging").config

    def predict(params, extra, batch, context):
        assert batch["inputs"].shape == (1, 6, 17)
        return np.array([[6, 7, 0, 0, 1, 0]])

    task = Task(init=None, loss=None, tx=None, predict=predict)
    learned = Learned("tagging", config, task, {}, {}, None)
    answer = TAGGING.predict(learned, "Anna O'Brien-Hall flew to Milton.")
    assert answer.lines == ("PER   Anna O'Brien-Hall", "LOC   Milton")
    written = json.loads(answer.files["tags.json"])
    assert written["words"] == ["Anna", "O'Brien-Hall", "flew", "to", "Milton", "."]
    assert written["names"][1] == {"kind": "LOC", "words": "Milton", "start": 4, "stop": 5}
    with pytest.raises(UserError, match="holds no word"):
        TAGGING.predict(learned, "  ")
