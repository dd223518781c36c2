import numpy as np
import pytest

from ngjax.data import EOS, UNK, Vocabulary
from ngjax.types import UserError


def test_characters():
    vocabulary = Vocabulary.of_characters("hello world", special=(EOS,))
    assert vocabulary.tokens == (" ", "d", "e", "h", "l", "o", "r", "w", EOS)
    ids = vocabulary.encode("held")
    np.testing.assert_array_equal(ids, [3, 2, 4, 1])
    assert ids.dtype == np.int32
    assert vocabulary.decode(ids) == "held"
    assert len(vocabulary) == 9
    np.testing.assert_array_equal(vocabulary.encode([*"do", EOS]), [1, 5, 8])


def test_sentence_of_the_notes():
    """Notes 5.3: "cats average 15 hours of sleep a day" and EOS are nine tokens."""
    words = "cats average 15 hours of sleep a day".split()  # noqa: SIM905
    vocabulary = Vocabulary.of_words(words)
    assert vocabulary.tokens == (*sorted(words), EOS, UNK)
    ids = vocabulary.encode([*words, EOS])
    assert len(ids) == 9
    assert vocabulary.decode(ids) == "cats average 15 hours of sleep a day <EOS>"
    assert vocabulary.decode(vocabulary.encode("cats sleep 16 hours")) == "cats sleep <UNK> hours"


def test_most_frequent_words():
    words = "b b b a a d d c".split()  # noqa: SIM905
    assert Vocabulary.of_words(words, size=4).tokens == ("a", "b", EOS, UNK)
    assert Vocabulary.of_words([*words, UNK], size=0).tokens == ("a", "b", "c", "d", EOS, UNK)


def test_one_hot():
    """A dictionary of 10,000 words: Harry is word 4075 of the notes, which count from 1."""
    vocabulary = Vocabulary(tuple(str(i + 1) for i in range(10_000)), joiner=" ")
    o = vocabulary.one_hot(vocabulary.encode("4075 367"))
    assert o.shape == (2, 10_000)
    assert o.dtype == np.float32
    np.testing.assert_array_equal(np.argwhere(o), [[0, 4074], [1, 366]])
    assert o[0, 4074] == 1


def test_unknown_token_without_unk():
    with pytest.raises(UserError, match="token 3 of the text is not among the 2"):
        Vocabulary.of_characters("ab").encode("abc")


def test_a_token_twice():
    with pytest.raises(ValueError, match="twice"):
        Vocabulary(("a", "b", "a"))
