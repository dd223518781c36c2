"""Edit distance and word error rate, worked by hand."""

import math

import pytest

from ngjax.ops.edit_distance import aligned, confusion, edit_distance, word_error_rate


@pytest.mark.parametrize(
    ("true", "said", "edits"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("abc", "abc", 0),
        ("ab", "ba", 2),
        ("intention", "execution", 5),
    ],
)
def test_edits(true, said, edits):
    assert edit_distance(true, said) == edit_distance(said, true) == edits
    assert sum(a != b for a, b in aligned(true, said)) == edits


def test_the_rate_is_of_all_words_not_of_clips():
    true = [["one", "two", "three", "four"], ["five"]]
    said = [["one", "two", "too", "four"], ["five", "nine", "nine"]]
    assert word_error_rate(true, said) == pytest.approx((1 + 2) / 5)
    assert word_error_rate([["a"]], [["b", "c", "d"]]) == 3  # it may exceed one
    assert math.isnan(word_error_rate([[]], [["a"]]))
    with pytest.raises(ValueError, match="zip"):
        word_error_rate(true, said[:1])


def test_pairs_and_confusion():
    assert aligned("abc", "axcd") == [("a", "a"), ("b", "x"), ("c", "c"), (None, "d")]
    assert aligned("abc", "ac") == [("a", "a"), ("b", None), ("c", "c")]
    counts = confusion(["abc", "a"], ["bbca", ""], "abc")
    #   a  b  c  nothing
    want = [[0, 1, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]]
    assert counts.tolist() == want
