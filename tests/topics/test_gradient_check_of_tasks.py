"""The topic `gradient_check`: every trained experiment passes, faults and refusals are named."""

from __future__ import annotations

import dataclasses

import jax
import pytest

from ngjax.experiment import discover, load
from ngjax.train.probe import Probe
from ngjax.types import UserError

TOPIC = load("gradient_check")
FAMILIES = ("logistic_regression", "optimizers", "lenet", "language_model")
TRAINED = [
    pytest.param(name, marks=() if name in FAMILIES else pytest.mark.long)
    for name in discover()
    if load(name).build
]


def check(**changes):
    return TOPIC.run(dataclasses.replace(TOPIC.config, batch=8, sample=16, **changes), 0)


@pytest.mark.parametrize("task", TRAINED)
def test_every_trained_experiment_passes(task):
    found = check(task=task, after=2)
    assert found["ratio"] < 1e-5
    assert found["checked"] == min(16, found["parameters"])


def test_the_penalty_is_in_the_cost_and_in_the_gradient():
    found = check(task="optimizers", l2=0.5)
    assert found["ratio"] < 1e-6
    assert found["ratio_without_penalty"] > 1e-2


@pytest.mark.parametrize("fault", ["sign", "factor", "forgotten penalty"])
def test_a_fault_in_the_engines_gradient_is_found(fault, monkeypatch):
    right = Probe.gradient

    def spoilt(self, params):
        slopes = right(self, params)
        if fault == "forgotten penalty":
            return jax.grad(lambda theta: self.loss(theta, self.batch()))(params)
        return jax.tree.map(lambda slope: (-1 if fault == "sign" else 2) * slope, slopes)

    monkeypatch.setattr(Probe, "gradient", spoilt)
    assert check(l2=0.5, after=5)["ratio"] > 1e-3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task": "lnet"}, r"--task=lnet: no such experiment; did you mean lenet\?"),
        ({"task": "gradient_check"}, r"--task=gradient_check: no such experiment"),
        ({"task": "lenet", "task_arm": "1989"}, r"--task_arm=1989: .* did you mean 1998\?"),
        ({"knobs": ("critcal=1",)}, r"--knobs, for logistic_regression: .* critical\?"),
        (
            {"task": "language_model", "knobs": ("dropout=0.2",)},
            r"--task=language_model: its loss at dropout=0\.2 draws anew .*--knobs=dropout=0",
        ),
    ],
)
def test_refused_in_one_line(changes, said):
    with pytest.raises(UserError, match=said) as refusal:
        check(**changes)
    assert "\n" not in str(refusal.value)


def test_a_topic_that_trains_nothing_has_no_gradient(monkeypatch):
    module = __import__(TOPIC.run.__module__, fromlist=["load"])
    monkeypatch.setattr(module, "load", lambda name: TOPIC)
    with pytest.raises(UserError, match="--task=lenet: trains nothing"):
        check(task="lenet")


@pytest.mark.parametrize(
    "change", [{"batch": 0}, {"sample": 0}, {"after": -1}, {"l2": -1.0}, {"epsilon": 0.0}]
)
def test_a_config_that_no_check_can_be_is_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        dataclasses.replace(TOPIC.config, **change)


def test_claims_hold_in_a_small_run(tmp_path):
    from ngjax.experiment import plan, runner

    made = plan.plan(
        plan.Request("gradient_check", workdir=tmp_path / "run", command=("launch.py",))
    )
    claims = runner.run(made)["claims"]
    assert {claim["holds"] for claim in claims.values()} == {True}, claims
