"""Softmax regression against scikit-learn's, on the planes of three and of four classes."""

import dataclasses
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from experiments.ch2_improving import softmax_regression as topic
from ngjax import config as cfg
from ngjax import data, supervised
from ngjax.experiment import Results
from ngjax.experiment.results import Arm
from ngjax.train.engine import fit
from ngjax.train.program import Program

L2 = 1e-2
EXACT = ("optimizer.rule=lbfgs", f"optimizer.l2={L2}", "run.batch_size=0", "run.dtype=float64")


def trained(arm, *changes):
    config = cfg.override(topic.Config(), (*topic.EXPERIMENT.arms[arm], *changes))
    program = Program(topic.build(config), config.run, tuple(jax.devices()[:1]))
    outcome = fit(program, 0, objective=("dev/accuracy", "max"))

    def predict(name):
        return program.predict(program.place(outcome.state), name)

    return Arm(arm, config, {0: outcome}, {0: []}, program.task, predict)


def probabilities(z):
    return np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))


@pytest.mark.parametrize("arm", ["three-classes", "four-classes"])
def test_equals_scikit_learn(arm):
    ours = trained(arm, *EXACT, "run.steps=60")
    held = topic.loaded(ours.config)
    x, y = supervised.scaled(held, "train"), held.train.targets
    theirs = LogisticRegression(C=1 / (L2 * len(y)), tol=1e-10, max_iter=5000).fit(x, y)
    z, _ = ours.predict("test")
    wanted = theirs.predict_proba(supervised.scaled(held, "test"))
    assert wanted.shape == (len(held.test), {"three-classes": 3, "four-classes": 4}[arm])
    np.testing.assert_allclose(probabilities(z), wanted, atol=1e-3)
    corner = np.random.default_rng(0).uniform(-6, 6, (500, 2))
    numbers = supervised.scaling(held)
    classes = theirs.predict((corner - numbers["mu"]) / numbers["sigma"])
    assert (topic.decision(ours, corner) == classes).mean() > 0.995  # but for points on a border


def test_two_classes_are_logistic_regression_and_the_claim_can_fail():
    two, one = trained("two-classes", "run.steps=30"), trained("logistic", "run.steps=30")
    both = {"two-classes": two, "logistic": one}
    assert topic.generalises_logistic(Results(both))[0]
    other = trained("logistic", "run.steps=29")
    assert not topic.generalises_logistic(Results({**both, "logistic": other}))[0]


def test_components_are_those_of_scikit_learn():
    held = data.load(data.Data("wine"), kinds=("table",))
    x = supervised.scaled(held, "train")
    wanted = PCA(2).fit(x).transform(supervised.scaled(held, "dev"))
    found = topic.principal(held, 2).dev.inputs
    np.testing.assert_allclose(np.abs(found), np.abs(wanted), rtol=1e-4, atol=1e-5)  # but a sign


def test_first_classes_alone():
    held = topic.first_classes(data.load(data.Data("digits")), 4)
    assert held.classes == ("0", "1", "2", "3")
    for split in (held.train, held.dev, held.test):
        assert set(split.targets) == {0, 1, 2, 3} and len(split.inputs) == len(split.targets)


@pytest.mark.parametrize(
    ("claim", "letter", "value"),
    [
        ("worked_t", "T", (148.4, 7.4, 0.5, 20.1)),
        ("worked_a", "A", (0.842, 0.042, 0.003, 0.114)),
        ("worked_loss", "Y_HAT", (0.3, 0.1, 0.2, 0.4)),
    ],
)
def test_worked_examples_hold_and_can_fail(claim, letter, value, monkeypatch):
    claim = getattr(topic, claim)
    assert claim(None)[0]
    monkeypatch.setattr(topic, letter, value)
    assert not claim(None)[0]


def test_slope_holds_and_can_fail(monkeypatch):
    assert topic.slope_of_the_loss(None)[0]
    monkeypatch.setattr(topic, "softmax", lambda z: jax.nn.softmax(2 * z))
    assert not topic.slope_of_the_loss(None)[0]


def test_curved_regions_are_told(monkeypatch):
    config = cfg.override(topic.Config(), topic.EXPERIMENT.arms["three-classes"])
    arms = Results({n: Arm(n, config, {}, {}) for n in ("three-classes", "four-classes")})
    ring = lambda arm, points: np.digitize(np.linalg.norm(points, axis=1), [1, 3])  # noqa: E731
    monkeypatch.setattr(topic, "decision", ring)
    assert not topic.regions_are_linear(arms)[0]


def test_an_arm_that_guesses_is_told():
    config = topic.Config()
    outcome = SimpleNamespace(metrics={"test/accuracy": 0.5})
    assert not topic.reads_classes(Results({"a": Arm("a", config, {0: outcome}, {})}))[0]


@pytest.mark.parametrize("fields", [{"classes": 1}, {"classes": -2}, {"components": -1}])
def test_what_is_no_regression_is_refused(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        dataclasses.replace(topic.Config(), **fields)
