"""Verification and recognition scores against scikit-learn, and against loops."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from ngjax.strategy import verification


@pytest.fixture(params=[0, 1, 2])
def drawn(request):
    """Distances of pairs, some of them equal."""
    generator = np.random.default_rng(request.param)
    same = generator.random(300) < 0.3
    return np.round(generator.normal(size=300) + 1.2 * ~same, 1), same


def test_the_curve_is_scikit_learns(drawn):
    distances, same = drawn
    curve = verification.roc(distances, same)
    false, true, thresholds = roc_curve(same, -distances, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_accept, false)
    np.testing.assert_allclose(curve.true_accept, true)
    np.testing.assert_allclose(curve.threshold[1:], -thresholds[1:])
    area = np.trapezoid(curve.true_accept, curve.false_accept)
    assert area == pytest.approx(roc_auc_score(same, -distances))


def test_equal_error_lies_where_both_errors_meet(drawn):
    curve = verification.roc(*drawn)
    rate = verification.equal_error(curve)
    missed = 1 - np.interp(rate, curve.false_accept, curve.true_accept)
    assert rate == pytest.approx(missed, abs=0.02) and 0.1 < rate < 0.5


def test_threshold_is_the_best_of_all(drawn):
    distances, same = drawn
    tau = verification.choose_threshold(verification.roc(distances, same))
    found = verification.accuracy_at(distances, same, tau)
    every = [verification.accuracy_at(distances, same, t) for t in np.linspace(-4, 5, 400)]
    assert found == pytest.approx(max(every)) and min(abs(distances - tau)) > 1e-6


def test_by_hand():
    distances, same = [0.1, 0.2, 0.3, 0.4], [True, True, False, True]
    curve = verification.roc(distances, same)
    tau = verification.choose_threshold(curve)
    assert 0.2 < tau < 0.3
    assert verification.accuracy_at(distances, same, tau) == pytest.approx((2 / 3 + 1) / 2)
    assert verification.true_accept_at(curve, 0.01) == pytest.approx(2 / 3)
    assert verification.true_accept_at(curve, 1.0) == 1
    assert verification.equal_error(curve) == pytest.approx(1 / 3)


def test_apart_is_perfect_and_the_threshold_stands_between():
    curve = verification.roc([1, 2, 7, 9], [True, True, False, False])
    assert verification.equal_error(curve) == 0
    assert verification.choose_threshold(curve) == 4.5


def test_one_kind_of_pair_is_refused():
    with pytest.raises(ValueError, match="pairs of two"):
        verification.roc([1, 2], [True, True])


def test_pairs_are_each_two_once():
    i, j, same = verification.pairs([5, 5, 7])
    assert list(zip(i.tolist(), j.tolist(), same.tolist(), strict=True)) == [
        (0, 1, True),
        (0, 2, False),
        (1, 2, False),
    ]


def asked_by_loops(d, who, tau):
    """Errors on the enrolled and on strangers, photograph by photograph."""
    names, known, strangers = sorted(set(who)), [], []
    for k in range(2):
        database = {name: [m for m in range(len(who)) if who[m] == name][k] for name in names}
        for m in range(len(who)):
            if m in database.values():
                continue
            near = min(names, key=lambda name: d[m, database[name]])
            known.append(not (near == who[m] and d[m, database[near]] <= tau))
            strangers.append(min(d[m, database[n]] for n in names if n != who[m]) <= tau)
    return np.mean(known), np.mean(strangers)


def test_recognition_is_what_loops_find():
    generator = np.random.default_rng(0)
    who = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    x = generator.normal(size=(8, 2)) + 1.5 * who[:, None]
    d = ((x[:, None] - x[None]) ** 2).sum(-1)
    asked = verification.ask(d, who)
    for tau in (0.0, 0.5, 2.0, 50.0):
        assert verification.open_set_errors(asked, tau) == pytest.approx(
            asked_by_loops(d, who, tau)
        )
    best = verification.choose_open_set_threshold(asked)
    found = sum(verification.open_set_errors(asked, best))
    least = min(sum(asked_by_loops(d, who, tau)) for tau in np.linspace(-1, 30, 600))
    assert found == pytest.approx(least)


def test_a_hundred_comparisons():
    assert verification.no_error(0.99, 100) == pytest.approx(0.3660, abs=5e-5)
