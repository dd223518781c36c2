"""The share of right answers against NumPy's argmax."""

import jax
import numpy as np
import pytest

from ngjax import metrics


@pytest.mark.parametrize("shape", [(6, 4), (5, 7, 3), (4, 1)])
def test_accuracy_is_argmax_and_of_equals_the_first(shape):
    """Scores of three values only, so that most rows have equals; targets outside are wrong."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        z = generator.integers(0, 3, shape).astype(np.float32)
        y = generator.integers(-1, shape[-1] + 1, shape[:-1])
        mask = generator.integers(0, 2, shape[:-1]).astype(np.float32)
        total, count = jax.jit(metrics.accuracy)(z, y, mask)
        assert (total, count) == (((z.argmax(-1) == y) * mask).sum(), mask.sum())


def test_before_the_first_step_all_scores_are_equal_and_one_class_is_right():
    total, count = metrics.accuracy(np.zeros((3, 3)), np.arange(3), np.ones(3))
    assert (total, count) == (1, 3)


def test_scores_that_are_no_numbers_are_never_right():
    z = np.array([[np.nan, 0.0], [0.0, np.nan], [-np.inf, 0.0]], np.float32)
    assert metrics.accuracy(z, np.array([0, 1, 1]), np.ones(3))[0] == 1
