"""Metrics against scikit-learn, gaps and choices against tables worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ngjax import strategy


@pytest.mark.parametrize(("classes", "m"), [(2, 50), (5, 200), (10, 12)])
def test_scores_are_scikit_learns(classes, m):
    generator = np.random.default_rng(classes)
    truth = generator.integers(classes, size=m)
    guess = np.where(generator.random(m) < 0.6, truth, generator.integers(classes, size=m))
    matrix = strategy.confusion(truth, guess, classes)
    labels = range(classes)
    np.testing.assert_array_equal(matrix, confusion_matrix(truth, guess, labels=labels))
    found = strategy.scores(matrix)
    for average, ours in ((None, found), ("macro", strategy.macro(found))):
        theirs = precision_recall_fscore_support(
            truth, guess, labels=labels, average=average, zero_division=0
        )
        for one, other in zip(ours, theirs[:3], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_class_that_nobody_calls_scores_nothing():
    found = strategy.scores([[3, 0], [2, 0]])
    np.testing.assert_array_equal(found.precision, [0.6, 0])
    np.testing.assert_array_equal(found.recall, [1, 0])
    np.testing.assert_allclose(found.f1, [0.75, 0], rtol=1e-12)


@pytest.mark.parametrize(
    ("p", "r", "want"), [(0.95, 0.90, 2 / (1 / 0.95 + 1 / 0.90)), (1, 0.5, 2 / 3), (0, 0, 0)]
)
def test_f1_is_the_harmonic_mean(p, r, want):
    assert strategy.f1(p, r) == pytest.approx(want, abs=1e-12)


TABLE = {
    "A": {"accuracy": 0.90, "milliseconds": 80},
    "B": {"accuracy": 0.92, "milliseconds": 95},
    "C": {"accuracy": 0.95, "milliseconds": 1500},
}


@pytest.mark.parametrize(("limit", "want"), [(80, "A"), (94.9, "A"), (100, "B"), (1500, "C")])
def test_the_optimising_metric_decides_among_those_that_satisfice(limit, want):
    assert strategy.choose(TABLE, "accuracy", {"milliseconds": limit}) == want


def test_nothing_satisfices():
    with pytest.raises(ValueError, match="milliseconds <= 10"):
        strategy.choose(TABLE, "accuracy", {"milliseconds": 10})
    assert strategy.choose(TABLE, "accuracy") == "C"


def test_the_trade_off_is_worth_what_it_says():
    found = {
        name: strategy.accuracy_less_time(c["accuracy"], c["milliseconds"] / 1000)
        for name, c in TABLE.items()
    }
    assert found == pytest.approx({"A": 0.86, "B": 0.8725, "C": 0.2})


def test_the_average_over_countries():
    found = strategy.average_over_groups(
        {
            "A": {"US": 0.97, "China": 0.93, "India": 0.95},
            "B": {"US": 0.95, "China": 0.95, "India": 0.90},
        }
    )
    assert found == pytest.approx({"A": 0.95, "B": 2.8 / 3})


@pytest.mark.parametrize(
    ("train", "dev", "words"),
    [
        (0.01, 0.11, "low bias/high variance"),
        (0.15, 0.16, "high bias/low variance"),
        (0.15, 0.30, "high bias/high variance"),
        (0.005, 0.01, "low bias/low variance"),
    ],
)
@pytest.mark.parametrize("cut", [0.0101, strategy.CUT, 0.05, 0.0999])
def test_the_four_pairs_of_the_notes(train, dev, words, cut):
    assert strategy.diagnose(train, dev, human=0.0, cut=cut).words == words


@pytest.mark.parametrize(
    ("train", "dev", "human", "larger"),
    [
        (0.05, 0.06, 0.005, "bias"),
        (0.05, 0.06, 0.045, "variance"),
        (0.01, 0.05, 0.02, "variance"),  # better than people: nothing of it is avoidable
        (0.01, 0.01, 0.02, None),
        (0.05, 0.06, None, None),  # the bias may be anything up to 5 points
        (0.02, 0.06, None, "variance"),  # it is at most 2
    ],
)
def test_the_larger_gap(train, dev, human, larger):
    found = strategy.diagnose(train, dev, human)
    assert found.larger == larger
    assert found.variance == pytest.approx(dev - train)
    assert found.avoidable_bias == pytest.approx(train - (human or 0))


def test_the_best_people_bound_the_bayes_error():
    assert strategy.bayes_proxy({"anyone": 0.03, "team": 0.005, "doctor": 0.01}) == ("team", 0.005)


@pytest.mark.parametrize("t", [-1.5, 0, 0.4])
@pytest.mark.parametrize(("mean", "sigma"), [(1, 1), (0.5, 1), (1, 2)])
def test_threshold_error_is_the_integral(t, mean, sigma):
    low, high = stats.norm(-mean, sigma), stats.norm(mean, sigma)
    wrong = integrate.quad(low.pdf, t, np.inf)[0] + integrate.quad(high.pdf, -np.inf, t)[0]
    assert strategy.threshold_error(t, mean, sigma) == pytest.approx(wrong / 2, abs=1e-7)


def test_no_threshold_beats_the_bayes_error():
    best = stats.norm.cdf(-1)
    assert strategy.threshold_error(0) == pytest.approx(best, abs=1e-12)
    assert all(strategy.threshold_error(t) > best for t in np.linspace(-3, 3, 60))
