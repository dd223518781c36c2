"""Texts that come in parts, names, questions of analogy; the words of lines."""

import numpy as np
import pytest

from ngjax.data import EOS, UNK, Vocabulary, entry, words_of_lines
from ngjax.data.text import plain
from ngjax.types import UserError


def files(tmp_path, **contents):
    made = {}
    for name, content in contents.items():
        made[name] = tmp_path / name
        made[name].write_text(content, encoding="utf-8")
    return made


def test_three_files_are_train_dev_and_test(tmp_path):
    parts = plain.in_parts(files(tmp_path, a=" b c \n", b="d\n", c="e\n"))
    assert [p.inputs for p in (parts.train, parts.dev, parts.test)] == [" b c \n", "d\n", "e\n"]
    assert [f.name for f in entry("ptb").files] == [
        "ptb.train.txt",
        "ptb.valid.txt",
        "ptb.test.txt",
    ]


def test_names_are_lines_in_lower_case(tmp_path):
    parts = plain.names(files(tmp_path, a="Aachenosaurus\nAbelisaurus\r\n\nZuul"))
    assert parts.train.inputs == ("aachenosaurus", "abelisaurus", "zuul")
    assert parts.dev is None and parts.test is None


def test_questions_of_analogy(tmp_path):
    told = ": capitals\nAthens Greece Oslo Norway\nRome Italy Oslo Norway\n: family tree\na b c d\n"
    parts = plain.analogies(files(tmp_path, a=told))
    assert parts.classes == ("capitals", "family tree")
    assert parts.train.inputs[1] == ("Rome", "Italy", "Oslo", "Norway")
    np.testing.assert_array_equal(parts.train.targets, [0, 0, 1])
    assert len(parts.dev) == len(parts.test) == 0


@pytest.mark.parametrize(
    ("told", "line"), [(": x\na b c\n", 2), ("a b c d\n", 1), (": x\na b c d\n\n", 3), (":\n", 1)]
)
def test_what_is_no_question(tmp_path, told, line):
    with pytest.raises(UserError, match=f"line {line} is neither"):
        plain.analogies(files(tmp_path, a=told))


def test_the_end_of_a_line_is_a_word():
    assert words_of_lines(" no it was n't \n <unk> fell N \n") == [
        *("no", "it", "was", "n't", EOS),
        *(UNK, "fell", "N", EOS),
    ]
    assert words_of_lines("a\n\nb") == ["a", EOS, EOS, "b", EOS]
    known = Vocabulary.of_words(words_of_lines("a <unk> a b\n"), 3)
    assert known.tokens == ("a", EOS, UNK)
    np.testing.assert_array_equal(known.encode(words_of_lines("b a\n")), [2, 0, 1])
