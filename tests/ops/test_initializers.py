"""Initialisers: the variance that the notes' formula gives, for both kernel layouts."""

import jax
import numpy as np
import pytest

from ngjax.ops import initializers
from ngjax.types import UserError

DENSE, CONV = (300, 200), (5, 5, 12, 200)  # fan-in 300 and 5 * 5 * 12 = 300; fan-out 200 and 5000


@pytest.mark.parametrize(
    ("rule", "shape", "variance"),
    [
        (initializers.normal(), DENSE, 1e-4),
        (initializers.normal(0.5), DENSE, 0.25),
        (initializers.variance(3.0), DENSE, 3 / 300),
        (initializers.xavier(), DENSE, 1 / 300),
        (initializers.xavier(), CONV, 1 / 300),
        (initializers.he(), DENSE, 2 / 300),
        (initializers.he(), CONV, 2 / 300),
        (initializers.glorot(), DENSE, 2 / (300 + 200)),
        (initializers.glorot(), CONV, 2 / (300 + 5000)),
    ],
)
def test_variance(rule, shape, variance):
    w = np.asarray(rule(jax.random.key(0), shape, np.float32)) / np.sqrt(variance)
    spread = 5 / np.sqrt(w.size)  # five standard errors
    assert abs(w.mean()) < spread
    assert abs(w.var() - 1) < np.sqrt(2) * spread
    assert np.abs(w).max() > 3.5  # normal, not truncated at two deviations nor uniform


def test_zeros():
    assert not initializers.zeros()(jax.random.key(0), (3, 2), np.float32).any()


def test_refused():
    with pytest.raises(UserError, match="gain 0"):
        initializers.variance(0)
