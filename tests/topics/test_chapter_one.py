"""What the first chapter's topics compute by themselves, against what others compute."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from experiments.ch1_networks import deep_network, housing, learning_scale
from ngjax import data
from ngjax.types import Context, UserError


def test_normal_equation_is_linear_regression():
    held = housing.loaded(housing.Config())
    X, y = np.float64(held.train.inputs), np.float64(held.train.targets)
    theta, theirs = housing.normal_equation(X, y), LinearRegression().fit(X, y)
    np.testing.assert_allclose(theta, [theirs.intercept_, *theirs.coef_], rtol=1e-8)


def test_sparse_network_is_the_wiring_by_hand():
    task = housing.build(housing.Config(net="sparse"))
    params, extra = task.init(jax.random.key(3))
    x = np.random.default_rng(0).normal(size=(5, 4))
    numbers = task.constants["scale"]
    inputs = x * numbers["sigma"] + numbers["mu"]
    context = Context(None, 0, {}, task.constants)
    with jax.enable_x64(True):
        got = task.predict(params, extra, {"inputs": inputs}, context)[:, 0]
    W, b = params["a1"]["kernel"], params["a1"]["bias"]
    family = np.maximum(0, x[:, 0] * W[0, 0] + x[:, 1] * W[1, 0] + b[0])
    walkability = np.maximum(0, x[:, 2] * W[2, 1] + b[1])
    school = np.maximum(0, x[:, 2] * W[2, 2] + x[:, 3] * W[3, 2] + b[2])
    v, c = params["a2"]["kernel"][:, 0], params["a2"]["bias"][0]
    np.testing.assert_allclose(
        got, v[0] * family + v[1] * walkability + v[2] * school + c, rtol=1e-5
    )


def test_a_neuron_reads_the_size_alone_and_is_never_negative():
    task = housing.build(housing.Config(net="neuron"))
    params, extra = task.init(jax.random.key(0))
    assert params["a1"]["kernel"].shape == (1, 1)
    context = Context(None, 0, {}, task.constants)
    prices = task.predict(params, extra, {"inputs": np.array([[-1e4], [1e4]])}, context)[:, 0]
    assert prices.min() == 0 < prices.max()


@pytest.mark.parametrize("columns", [(1, 2, 3), (0, 1, 2, -1), (0, 1, 2, 10)])
def test_columns_that_are_not_there_are_refused(columns):
    with pytest.raises((ValueError, UserError), match="columns"):
        housing.loaded(housing.Config(columns=columns))


def test_the_course_start():
    params = deep_network.course_start((400, 100, 1), jax.random.key(0))
    assert float(params["a1"]["kernel"].std()) == pytest.approx(1 / 20, rel=0.02)
    assert float(params["a2"]["kernel"].std()) == pytest.approx(1 / 10, rel=0.3)
    assert not params["a1"]["bias"].any()
    assert not deep_network.course_start((400, 1), jax.random.key(0))["a1"]["kernel"].any()


def test_worked_shapes_have_66_parameters():
    lines = deep_network.shapes_of(deep_network.WORKED).splitlines()
    assert [line.split("  ")[-1].strip() for line in lines[1:]] == [
        "9",
        "20",
        "24",
        "10",
        "3",
        "66",
    ]


def test_amounts_grow_evenly_from_the_smallest_to_all():
    config = learning_scale.Config(smallest=10, sizes=3)
    assert learning_scale.amounts(config, 1000).tolist() == [10, 100, 1000]
    with pytest.raises(UserError, match="smallest"):
        learning_scale.amounts(config, 10)


def test_learners_are_compared_on_the_same_draws_and_another_seed_draws_anew():
    small = learning_scale.Config(hidden=(), sizes=3, draws=2, steps=5, smallest=4)
    once, again = (learning_scale.run(small, 0) for _ in range(2))
    other = learning_scale.run(small, 1)
    np.testing.assert_array_equal(once["errors"], again["errors"])
    assert (once["errors"] != other["errors"]).any()
    assert once["errors"].shape == (3, 2) and once["parameters"] == 64 * 2 + 2
    assert once["test/error"] == once["errors"][-1].mean()


def test_a_linear_learner_with_time_is_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    config = learning_scale.Config(hidden=(), sizes=3, draws=1, steps=3000)
    held = learning_scale.loaded(config)
    flat = [p.inputs.reshape(len(p), -1) / 255 for p in (held.train, held.test)]
    theirs = LogisticRegression(C=100, max_iter=2000).fit(flat[0], held.train.targets)
    error = 1 - theirs.score(flat[1], held.test.targets)
    assert learning_scale.run(config, 0)["test/error"] == pytest.approx(error, abs=0.02)


def test_a_set_too_small_in_classes_keeps_its_own_question():
    held = deep_network.loaded(
        dataclasses.replace(deep_network.Config(), data=data.Data(name="breast_cancer"))
    )
    assert held.classes == ("malignant", "benign")
