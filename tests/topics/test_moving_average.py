"""The moving average: the recursion in plain Python, a known delay, claims that can fail."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from experiments.ch2_improving import moving_average as topic
from ngjax.experiment import NotAsked, Results
from ngjax.experiment.results import Arm

BETAS = (0.5, 0.9, 0.98)


def results(limit=0, change=lambda found: found):
    arms = {}
    for beta in BETAS:
        config = topic.Config(beta=beta, limit=limit)
        found = change(dict(topic.run(config, 0)))
        outcome = SimpleNamespace(metrics={k: v for k, v in found.items() if np.ndim(v) == 0})
        arms[str(beta)] = Arm(str(beta), config, {0: outcome}, {0: []}, found={0: found})
    return Results(arms)


@pytest.mark.parametrize("name", ["price", "volume", "brightness"])
def test_series_are_real_and_whole(name):
    held = topic.read(name)
    assert held.theta.shape == ((640,) if name == "brightness" else (1047,))
    assert np.isfinite(held.theta).all() and held.theta.min() > 0


def test_price_is_the_one_of_the_first_day():
    assert topic.read("price").theta[0] == 100.34  # as the sample's own page has it


@pytest.mark.parametrize("beta", BETAS)
def test_averages_are_the_recursions_in_plain_python(beta):
    config = topic.Config(beta=beta, limit=200)
    found = topic.run(config, 0)
    v = printed = 0.0
    for t, theta in enumerate(topic.series(config).theta.tolist(), 1):
        v = beta * v + (1 - beta) * theta
        printed = (beta * printed + (1 - beta) * theta) / (1 - beta**t)
        np.testing.assert_allclose(found["v"][t - 1], v, rtol=1e-12)
        np.testing.assert_allclose(found["v_hat"][t - 1], v / (1 - beta**t), rtol=1e-12)
        np.testing.assert_allclose(found["fed_back"][t - 1], printed, rtol=1e-10)


@pytest.mark.parametrize("days", [0, 7, 30])
def test_delay_of_a_late_copy(days):
    theta = topic.read("price").theta
    assert topic.delay(theta, np.concatenate([np.ones(days), theta[: len(theta) - days]])) == days


def test_claims_hold_and_the_first_days_of_no_average_are_judged():
    found = results()
    for claim in topic.EXPERIMENT.claims.values():
        assert claim(found)[0] is True
    with pytest.raises(NotAsked, match="too short"):
        topic.bias_is_at_the_start(results(limit=50))


def wrong(**changes):
    return lambda found: {**found, **{name: change(found) for name, change in changes.items()}}


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        (topic.recursion_is_a_weighted_sum, wrong(v=lambda found: found["v"] * 1.001)),
        (topic.window, wrong(window=lambda found: found["window"] + 2)),
        (topic.one_over_e_at_ten, wrong(weight_at_window=lambda found: 0.3)),
        (topic.one_over_e_at_fifty, wrong(weight_at_window=lambda found: 0.3)),
        (topic.limit_of_epsilon, wrong(weight_at_window=lambda found: found["window"])),
        (topic.bias_is_at_the_start, wrong(last=lambda found: 0.9)),
        (topic.never_fed_back, wrong(fed_back=lambda found: found["v_hat"])),
        (topic.longer_is_smoother_and_later, wrong(delay=lambda found: 3)),
    ],
)
def test_claims_can_fail(claim, change):
    assert claim(results(change=change))[0] is False


@pytest.mark.parametrize("fields", [{"beta": 0.0}, {"beta": 1.0}, {"limit": 1}])
def test_what_is_no_average_is_refused(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        dataclasses.replace(topic.Config(), **fields)
