"""The topics `initialization` and `input_normalization` against hand-worked and other numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ngjax.experiment.catalogue import module
from ngjax.types import UserError

STARTS, BOWLS = module("initialization"), module("input_normalization")


def test_linear_layers_multiply():
    np.testing.assert_allclose(STARTS.powers(1.5, 3), [1.5, 2.25, 3.375], rtol=1e-15)
    np.testing.assert_allclose(STARTS.powers(0.5, 50)[-1], 2.0**-50, rtol=1e-14)


def test_variances_of_linear_layers_are_those_of_the_sums():
    """Gain 1: z keeps the variance; dJ/da[l] = dJ/da[l+1] W^T has n[l+1] / n[l] times it."""
    found = STARTS.deviations("xavier", "identity", 6)
    np.testing.assert_allclose(found["activations"], 1, rtol=0.2)
    np.testing.assert_allclose(found["slopes"], [2**0.5, 1] * 3, rtol=0.2)  # units 64 and 128
    assert found["slopes"][0] / found["slopes"][1] > 1.2


@pytest.mark.parametrize(("start", "factor"), [("large", 10 * (128 * 64 / 4) ** 0.25), ("he", 1)])
def test_relu_halves_the_mean_square(start, factor):
    """E[a^2] of a layer is n Var(w) / 2 times that of the one before: the factor is of a pair."""
    a = STARTS.deviations(start, "relu", 6)["activations"]
    per_layer = (a[-1] / a[1]) ** (1 / 4)
    assert per_layer == pytest.approx(factor, rel=0.15)


def test_the_bottom_is_where_another_solver_finds_it():
    config = dataclasses.replace(BOWLS.EXPERIMENT.config, patience=50)
    found, (A, Y) = BOWLS.bowl(config), BOWLS.examples(config)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(A[:, :-1], Y)
    np.testing.assert_allclose(found.bottom, [*model.coef_[0], *model.intercept_], rtol=1e-4)


def test_the_sweep_counts_as_a_plain_loop_does():
    config = dataclasses.replace(BOWLS.EXPERIMENT.config, patience=50)
    found, (A, Y) = BOWLS.bowl(config), BOWLS.examples(config)
    for rate, steps in zip(found.rates, found.steps, strict=True):
        theta, costs = np.zeros(3), []
        for _ in range(50):
            z = A @ theta
            costs.append((np.logaddexp(0, z) - Y * z).mean())
            theta -= rate * A.T @ (1 / (1 + np.exp(-z)) - Y) / len(A)
        below = np.flatnonzero(np.array(costs) <= found.target)
        rose = below.size and (np.diff(costs[: below[0] + 1]) > 0).any()
        assert steps == (below[0] if below.size and not rose else np.inf)


@pytest.mark.parametrize(
    ("columns", "said"),
    [((10, 30), r"--columns: breast_cancer has columns 0 \.\.\. 29"), (tuple(range(30)), "parts")],
)
def test_columns_refused(columns, said):
    config = dataclasses.replace(BOWLS.EXPERIMENT.config, columns=columns, patience=5)
    with pytest.raises(UserError, match=said):
        BOWLS.build(config)
