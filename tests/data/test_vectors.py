"""Vectors of words as text: both published formats, and files that are none."""

import numpy as np
import pytest

from ngjax.data import read_vectors
from ngjax.types import UserError

BODY = "the 0.5 -1 2\n. . 1 1e-3 0\nking 1 2 3\n"


@pytest.fixture
def file(tmp_path):
    def write(text):
        (tmp_path / "vectors.txt").write_text(text, encoding="utf-8")
        return tmp_path / "vectors.txt"

    return write


@pytest.mark.parametrize("head", ["", "3 3\n"])
def test_words_and_numbers(file, head):
    words, vectors = read_vectors(file(head + BODY.replace(". . 1", "café 1")))
    assert words == ("the", "café", "king")
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[0.5, -1, 2], [1, 1e-3, 0], [1, 2, 3]])
    assert read_vectors(file(head + BODY.replace(". . 1", "café 1")), most=2)[0] == words[:2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no vectors"),
        ("the 1 2\na 1\n", "line 2 has 1 numbers, the first 2"),
        ("the 1 2\na b c\n", "line 2 is no word and its numbers"),
        ("3 3\n", "holds no vectors"),
    ],
)
def test_what_is_no_table_of_vectors(file, text, told):
    with pytest.raises(UserError, match=told) as error:
        read_vectors(file(text))
    assert "vectors.txt" in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_vectors(tmp_path / "none.txt")
