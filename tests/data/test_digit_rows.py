"""Rows of digits: real pixels side by side, each column with its digit."""

import numpy as np
import pytest

from ngjax import data
from ngjax.data.series.digit_rows import inked
from ngjax.types import UserError


def test_a_row_is_its_digits_side_by_side():
    made = data.rows(6, 3, "dev", digits=(2, 4))
    held = data.load(data.Data())
    known = {
        inked(image[..., 0]).T.tobytes(): k
        for image, k in zip(held.dev.inputs, held.dev.targets, strict=True)
    }
    assert set(made.number) <= {2, 3, 4} and made.columns.shape == (6, 32, 8)
    for i in range(6):
        T, n = made.length[i], made.number[i]
        starts = np.flatnonzero(made.place[i, :T] == 0)
        assert len(starts) == n
        pieces = np.split(made.columns[i, :T], starts[1:])
        found = [known[piece.tobytes()] for piece in pieces]  # every piece is a dev digit, whole
        assert found == list(made.digits[i, :n])
        lengths = [len(piece) for piece in pieces]
        np.testing.assert_array_equal(made.targets[i, :T], np.repeat(found, lengths))
        assert not made.columns[i, T:].any() and not made.digits[i, n:].any()


def test_rows_are_a_function_of_seed_and_part():
    one, same, other = (data.rows(3, seed).columns for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert (one != data.rows(3, 0, "test").columns).any()


def test_ink_decides_where_a_digit_ends():
    image = np.zeros((2, 6), np.uint8)
    assert inked(image).shape == (2, 6)
    image[0, 2], image[1, 3], image[0, 5] = 255, 200, 10  # the last is too faint
    assert inked(image).tolist() == [[255, 0], [0, 200]]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"digits": (0, 2)}, "refused"),
        ({"digits": (3, 2)}, "refused"),
        ({"part": "test", "which": data.Data(test=0.0)}, "no test digits"),
    ],
)
def test_what_no_row_can_be_is_refused(how, said):
    with pytest.raises(UserError, match=said):
        data.rows(2, 0, **how)
