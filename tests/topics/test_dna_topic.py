"""DNA: members agree by their mean probability, slopes are slopes, letters that cannot be asked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from experiments.ch5_sequences import dna as topic
from ngjax.experiment import NotAsked, Results, predicting, runner
from ngjax.experiment import plan as planning
from ngjax.experiment.results import Arm
from ngjax.types import UserError


def arm(config, accuracy=0.95):
    task = topic.build(config)
    params, _ = jax.jit(task.init)(jax.random.key(0))
    params = jax.tree.map(np.asarray, params)
    outcome = SimpleNamespace(
        metrics={"test/accuracy": accuracy},
        state=SimpleNamespace(params=params, extra={}),
    )
    return Arm("cnn", config, {0: outcome}, {0: []}, task=task)


def test_members_agree_on_their_mean_probability():
    z = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32)
    want = softmax(z, axis=-1).mean(axis=0)
    np.testing.assert_allclose(softmax(topic.agreed(jnp.asarray(z)), axis=-1), want, rtol=1e-5)


def test_a_mixed_ensemble_is_both_kinds_side_by_side():
    mixed = topic.Config(network="mixed", members=2, width=3, folds=2)
    params = topic.started(mixed, jax.random.key(1), 57)
    x = np.random.default_rng(1).normal(size=(4, 57, 4)).astype(np.float32)
    z = np.asarray(topic.answers(mixed, params, x))
    assert z.shape == (4, 4, 2)
    want = []
    for kind in ("cnn", "mlp"):
        model = topic.network(topic.Config(network=kind, members=2, width=3))
        for member in range(2):
            own = jax.tree.map(lambda leaf, m=member: leaf[m], params[kind])
            want.append(model.apply({"params": own}, x)[0])
    np.testing.assert_allclose(z, want, atol=1e-5)
    assert len({tuple(row) for row in z.reshape(4, -1).round(4)}) == 4  # each starts elsewhere


def test_what_is_looked_at_is_the_slope_of_the_evidence():
    config = topic.Config(network="mlp", members=2, width=3, folds=2)
    one = arm(config)
    found, T = topic.held(config), 57
    x = np.eye(4)[found.inputs[found.targets == 1]].astype(np.float32)

    def evidence(x):
        each = [
            topic.answers(config, jax.tree.map(lambda p, f=f: p[f], one.params), x)
            for f in range(2)
        ]
        z = np.float64(np.mean([e.mean(axis=0) for e in each], axis=0))
        return (z[:, 1] - z[:, 0]).mean()

    weights = topic.looked_at(one)
    assert weights.shape == (T, 4)
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-6)
    for t, k in ((20, 0), (40, 3)):
        step = np.zeros((T, 4), np.float32)
        step[t] = -0.01 / 4
        step[t, k] += 0.01
        slope = (evidence(x + step) - evidence(x - step)) / 0.02
        assert slope == pytest.approx(weights[t, k], rel=0.1, abs=2e-3)


def test_filters_that_speak_most_at_one_place_are_all_shown():
    one = arm(topic.Config(members=1, folds=2))
    W = one.params["softmax"]["kernel"]
    says = np.zeros((*W.shape[:2], W.shape[2] // one.config.width, one.config.width, 2))
    says[:, :, 3, :, 1] = 1.0  # every filter speaks most in the fourth stretch
    one.params["softmax"]["kernel"] = says.reshape(W.shape)
    shown = topic.motifs(one)
    assert len(shown) == topic.SHOWN
    assert {name.split(": ")[1] for name in shown} == {"from -38 to -35"}


def test_errors_are_counted_and_published_ones_are_for_the_real_set():
    one = arm(topic.Config(network="mlp", members=1, width=2, folds=2), accuracy=1 - 7 / 106)
    assert topic.errors(one) == 7
    with pytest.raises(NotAsked, match="dna_promoters"):
        topic.as_published(Results({"cnn": one}))


def test_letters_are_asked_or_refused_in_one_line(tmp_path: Path):
    asked = planning.Request(
        "dna",
        ("run.steps=1", "width=2", "folds=2", "members=2"),
        ("cnn",),
        workdir=tmp_path / "run",
        command=("x",),
    )
    runner.run(planning.plan(asked))
    told = predicting.ask("predict", asked, "acgtt" * 11 + "ac")
    assert len(told) == 1 and "promoter 0." in told[0]
    for source, words in (("acgt", "4 letters; give 57"), ("x" * 57, "letter 1 is 'x'")):
        with pytest.raises(UserError, match=words) as refusal:
            predicting.ask("predict", asked, source)
        assert "\n" not in str(refusal.value)
