import numpy as np
import pytest

from ngjax.ops import vectorised


@pytest.mark.parametrize("n", [0, 1, 7, 300])
def test_loops_give_what_numpy_gives(n):
    generator = np.random.default_rng(n)
    w, x, A = generator.normal(size=n), generator.normal(size=n), generator.normal(size=(4, n))
    np.testing.assert_allclose(vectorised.dot_loop(w, x, 0.5), np.dot(w, x) + 0.5, rtol=1e-12)
    np.testing.assert_allclose(vectorised.matrix_vector_loop(A, x), np.dot(A, x), rtol=1e-11)
    np.testing.assert_allclose(vectorised.exp_loop(x), np.exp(x), rtol=1e-15)


def test_by_hand():
    assert vectorised.dot_loop([1, 2], [3, 4], 5) == 16
    assert vectorised.matrix_vector_loop([[1, 2], [3, 4], [5, 6]], [1, -1]) == [-1, -1, -1]


def test_percent_of_column_by_hand():
    A = np.array([[1.0, 0.0], [3.0, 5.0]])
    assert vectorised.percent_of_column(A).tolist() == [[25, 0], [75, 100]]
