"""Batch norm's topic: what it measures of a network, and claims that can fail."""

import dataclasses
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from experiments.ch2_improving import batch_norm as topic
from ngjax.experiment import NotAsked, Results
from ngjax.experiment.results import Arm
from ngjax.train.program import Program


def arm(name="norm-deep-0.1", normalise=True, **metrics):
    """A network of two hidden layers, as it starts but with averages of its own."""
    config = topic.Config(depth=2, units=8, normalise=normalise)
    params, extra = topic.build(config).init(jax.random.key(0))
    extra = jax.tree.map(lambda x: x + 0.5, extra)
    state = SimpleNamespace(params=params, extra=extra)
    outcome = SimpleNamespace(metrics={"dev/accuracy": 0.5, **metrics}, state=state)
    return Arm(name, config, {0: outcome}, {0: []})


def test_scores_are_what_the_task_predicts():
    made = arm()
    program = Program(topic.build(made.config), made.config.run, tuple(jax.devices()[:1]))
    state = program.initial(0)._replace(params=made.params, extra=made.state.extra)
    wanted, batch = program.predict(program.place(state), "test")
    found, _ = topic.scores(made, batch["inputs"], train=False)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_statistics_of_the_images_themselves_take_light_away_but_not_inversion():
    made = arm()
    images = np.float64(topic.parts(made.config)[0].test.inputs)
    before, _ = topic.scores(made, images, train=True)
    for light in topic.LIGHTS:
        after, _ = topic.scores(made, topic.SHIFTS[light](images), train=True)
        np.testing.assert_allclose(after, before, atol=5e-3)  # epsilon is not scaled with z
    after, _ = topic.scores(made, topic.SHIFTS["inverted"](images), train=True)
    assert np.abs(after - before).max() > 0.1


def test_one_example_alone_has_one_answer():
    made = arm()
    params = jax.tree.map(
        lambda x: x + 0.3 * np.sin(np.arange(x.size)).reshape(x.shape), made.params
    )
    made.state.params.update(params)  # beta is off zero, as trained
    test = topic.parts(made.config)[0].test
    logits = np.stack([topic.scores(made, one[None], train=True)[0][0] for one in test.inputs[:20]])
    np.testing.assert_allclose(logits, np.broadcast_to(logits[:1], logits.shape), atol=5e-3)
    own, _ = topic.one_by_one(made)
    shares = np.bincount(test.targets) / len(test.targets)
    assert any(own == pytest.approx(share) for share in shares)


def test_noise_falls_as_the_root():
    found = topic.noise(arm())
    np.testing.assert_allclose(found, 1 / np.sqrt(topic.SIZES), rtol=0.1)
    assert topic.slope(np.array(topic.SIZES) ** -0.25) == pytest.approx(-0.25)


def grid(norm, plain):
    """Arms whose accuracy and train loss are given, rate by rate."""
    arms = {}
    for kind, values in (("norm", norm), ("plain", plain)):
        for rate, value in zip(topic.RATES, values, strict=True):
            name = f"{kind}-deep-{rate}"
            found = {"dev/accuracy": value, "train/loss": 1 - value}
            arms[name] = arm(name, kind == "norm", **found)
    return Results(arms)


GOOD, BAD = (0.95, 0.96, 0.97, 0.95), (0.5, 0.96, 0.98, 0.2)


def test_claims_of_training_can_hold_and_fail():
    for claim in (topic.more_rates_work, topic.deep_trains_easily):
        assert claim(grid(GOOD, BAD))[0]
        assert not claim(grid(BAD, GOOD))[0]


def test_exact_claims_hold_and_can_fail(monkeypatch):
    found = grid(GOOD, BAD)
    assert topic.undone_by_gamma_and_beta(found)[0]
    assert topic.bias_is_redundant(found)[0]
    assert topic.noise_falls(found)[0]
    assert not topic.units_are_set_free(found)[0]  # untrained, they are 1 and 0
    assert not topic.moving_averages_at_test_time(found)[0]  # untrained
    monkeypatch.setattr(topic, "_normalised", lambda z, gamma, beta: z * 1.001)
    assert not topic.undone_by_gamma_and_beta(found)[0]
    monkeypatch.setattr(topic, "noise", lambda arm: np.array(topic.SIZES) ** -0.25)
    assert not topic.noise_falls(found)[0]


@pytest.mark.parametrize(
    ("kind", "light", "value"),
    [
        ("norm, anew", "darker", 0.9),  # not undone
        ("norm, anew", "inverted", 0.95),  # undone after all
        ("norm", "darker", 0.94),  # nothing was lost
    ],
)
def test_the_claim_on_light_holds_and_can_fail(kind, light, value, monkeypatch):
    lights = ("as trained", "darker", "brighter", "inverted")
    table = {
        "plain": dict.fromkeys(lights, 0.8),
        "norm": dict(zip(lights, (0.95, 0.7, 0.93, 0.1), strict=True)),
        "norm, anew": dict(zip(lights, (0.95, 0.95, 0.95, 0.1), strict=True)),
    }
    monkeypatch.setattr(topic, "accuracies", lambda results: table)
    found = grid(GOOD, BAD)
    assert topic.shift_is_undone(found)[0]
    table[kind][light] = value
    assert not topic.shift_is_undone(found)[0]


def test_the_bias_counts_where_nothing_is_normalised(monkeypatch):
    config = topic.Config(depth=2, units=8, normalise=False)
    plain = dataclasses.replace(arm(), config=config)
    monkeypatch.setattr(topic, "best", lambda *names: plain)
    assert not topic.bias_is_redundant(None)[0]


def test_best_is_of_the_arms_that_ran():
    assert topic.best(grid(GOOD, BAD), "plain", "deep").name == "plain-deep-0.3"
    with pytest.raises(NotAsked, match="no arm norm-deep"):
        topic.best(Results({}), "norm", "deep")


@pytest.mark.parametrize("fields", [{"depth": 0}, {"units": 0}])
def test_what_is_no_network_is_refused(fields):
    with pytest.raises(ValueError, match="depth, units"):
        dataclasses.replace(topic.Config(), **fields)
