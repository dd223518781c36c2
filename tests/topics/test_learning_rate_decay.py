"""The decays: the notes' rates by arithmetic, claims that can fail."""

from types import SimpleNamespace

import numpy as np
import pytest

from experiments.ch2_improving import learning_rate_decay as topic
from ngjax import config as cfg
from ngjax import optim
from ngjax.experiment import NotAsked, Results
from ngjax.experiment.results import Arm
from ngjax.types import Pace


def arm(name, level, wobble):
    """An arm whose dev loss jumps about a level."""
    rows = [{"step": i, "dev/loss": level + wobble * (-1) ** i} for i in range(20)]
    outcome = SimpleNamespace(metrics={"train/loss": level})
    return Arm(name, topic.Config(), {0: outcome}, {0: rows})


def results(**arms):
    return Results({name: arm(name, *how) for name, how in arms.items()})


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"schedule": "inverse_time"}, [0.2 / 2, 0.2 / 3, 0.2 / 4]),
        ({"schedule": "exponential"}, [0.2 * 0.95, 0.2 * 0.95**2, 0.2 * 0.95**3]),
        ({"schedule": "inverse_sqrt"}, [0.2, 0.2 / 2**0.5, 0.2 / 3**0.5]),
        ({"schedule": "staircase", "decay_every": 2}, [0.2, 0.2, 0.1]),
        ({"schedule": "manual", "manual": ((3, 0.1),)}, [0.2, 0.2, 0.02]),
    ],
)
def test_rates_by_arithmetic(fields, wanted):
    optimizer = optim.Optimizer(learning_rate=0.2, **fields)
    np.testing.assert_allclose(topic.by_epoch(optimizer, 3), wanted, rtol=1e-6)
    steps = topic.alpha(optimizer, np.arange(12), Pace(4, 12))  # four updates an epoch
    np.testing.assert_allclose(steps, np.repeat(wanted, 4), rtol=1e-6)


def test_every_arm_starts_from_the_same_rate():
    for changes in topic.EXPERIMENT.arms.values():
        made = cfg.override(topic.Config(), changes)
        assert made.optimizer.learning_rate == topic.Config().optimizer.learning_rate


def test_ends_are_the_mean_and_the_deviation_of_the_last():
    mean, wobble = topic.ends(results(constant=(0.5, 0.1)), "constant")
    assert (mean, wobble) == pytest.approx((0.5, 0.1))


def test_claims_of_training_can_hold_and_fail():
    good = results(constant=(0.5, 0.1), cosine=(0.4, 0.01))
    assert topic.settles_lower(good)[0] and topic.wobble_ends(good)[0]
    assert not topic.settles_lower(results(constant=(0.5, 0.1), cosine=(0.6, 0.01)))[0]
    assert not topic.wobble_ends(results(constant=(0.5, 0.1), cosine=(0.4, 0.03)))[0]
    with pytest.raises(NotAsked, match="no arm with a decay"):
        topic.settles_lower(results(constant=(0.5, 0.1)))


@pytest.mark.parametrize("name", ["table", "exponential", "inverse_root", "staircase_is_another"])
def test_claims_of_rates_can_fail(name, monkeypatch):
    claim, right = getattr(topic, name), topic.by_epoch
    assert claim(None)[0]
    monkeypatch.setattr(topic, "by_epoch", lambda *args: right(*args)[::-1])
    assert not claim(None)[0]
