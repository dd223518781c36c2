"""Supervised Tasks against numbers worked out beside them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from ngjax import data, optim, supervised
from ngjax.models.layers import BatchNorm, Dense
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.train.settings import Run
from ngjax.types import Context


class Normalised(nn.Module):
    """Batch norm, then one layer."""

    classes: int

    @nn.compact
    def __call__(self, x, *, train=False):
        a = BatchNorm(name="bn")(x, train=train)
        return Dense(self.classes, name="out")(a), {"bn": a}


def wine(**more):
    held = data.load(data.Data(name="wine"))
    network = supervised.linen(Normalised(3), held, lambda batch, context: {"train": context.train})
    return held, supervised.task(held, network, optim.Optimizer(), supervised.classify, **more)


def test_batch_statistics_move_in_training_and_are_read_in_evaluation():
    held, task = wine()
    run = Run(steps=20, batch_size=32)
    out = fit(Program(task, run, dev.select(1)), 0)
    mean = out.state.extra["batch_stats"]["bn"]["mean"]
    assert mean.shape == (13,) and np.abs(mean).max() > 0
    z, batch = Program(task, run, dev.select(1)).predict(
        Program(task, run, dev.select(1)).place(out.state), "test"
    )
    x = supervised.scaled(held, "test")
    stats = out.state.extra["batch_stats"]["bn"]
    bn, dense = out.state.params["bn"], out.state.params["out"]
    a = (x - stats["mean"][None]) / np.sqrt(stats["var"][None] + 1e-5)
    want = (a * bn["scale"][None] + bn["bias"][None]) @ dense["kernel"] + dense["bias"][None]
    np.testing.assert_allclose(z, want, rtol=2e-4, atol=2e-4)
    right = (want.argmax(-1) == held.test.targets).mean()
    assert out.metrics["test/accuracy"] == pytest.approx(right)
    np.testing.assert_array_equal(batch["targets"], held.test.targets)


def test_scaling_is_of_the_training_set_alone():
    held = data.load(data.Data(name="wine"))
    numbers = supervised.scaling(held)
    inputs = np.float64(held.train.inputs)
    np.testing.assert_allclose(numbers["mu"], inputs.mean(0, keepdims=True))
    np.testing.assert_allclose(numbers["sigma"], inputs.std(0, keepdims=True))
    digits = data.load(data.Data(name="digits"))
    assert supervised.scaling(digits)["mu"].shape == (1, 1, 1, 1)
    numbers = supervised.scaling(digits, "pixel_mean")
    np.testing.assert_allclose(numbers["mu"][0], digits.train.inputs.astype(float).mean(0))
    np.testing.assert_allclose(numbers["sigma"], digits.train.inputs.astype(float).std())
    assert numbers["sigma"].shape == (1, 1, 1, 1)
    assert supervised.scaled(digits, "test", "pixels").max() == 1
    assert supervised.scaled(digits, "test", "none").max() == 255


def test_judges_count_what_the_mask_counts():
    mask = jnp.array([1.0, 1.0, 0.0])
    z = jnp.array([[2.0], [-1.0], [jnp.nan]])
    (total, count), told = supervised.decide(z, jnp.array([1, 1, 0]), mask)
    assert total == pytest.approx(np.log1p(np.exp(-2)) + np.log1p(np.exp(1)), rel=1e-6)
    assert count == 2 and told["accuracy"] == (1, 2)
    (total, count), told = supervised.estimate(z, jnp.array([1.0, 1.0, 0.0]), mask)
    assert total == pytest.approx((1 + 4) / 2) and count == 2
    assert told["absolute_error"] == (3, 2)
    scores = jnp.array([[0.0, 1.0], [3.0, 0.0], [jnp.nan, 0.0]])
    (total, _), told = supervised.classify(scores, jnp.array([1, 1, 0]), mask)
    assert total == pytest.approx(np.log1p(np.exp(-1)) + np.log1p(np.exp(3)), rel=1e-6)
    assert told["accuracy"] == (1, 2)


def test_more_scalars_are_traced_beside_the_chains():
    _, task = wine(hyper={"dropout": 0.25})
    assert task.hyper["dropout"] == 0.25 and task.hyper["learning_rate"] == 0.1


def test_bytes_reach_the_network_as_scaled_floats():
    held = data.load(data.Data(name="digits"))
    seen = {}

    def apply(params, extra, batch, context):
        seen["x"] = batch["inputs"]
        return jnp.zeros((len(batch["inputs"]), 10)), extra

    network = supervised.Network(lambda key: ({"w": jnp.zeros((), jnp.bfloat16)}, {}), apply)
    task = supervised.task(held, network, optim.Optimizer(), supervised.classify, scale="pixels")
    params, extra = task.init(jax.random.key(0))
    batch = {"inputs": jnp.asarray(held.train.inputs[:4])}
    context = Context(None, 0, {}, jax.tree.map(jnp.asarray, task.constants))
    assert task.predict(params, extra, batch, context).shape == (4, 10)
    assert seen["x"].dtype == jnp.bfloat16 and seen["x"].max() == 1


class Dropped(nn.Module):
    """An image's first layer after dropout, and its activations by name."""

    @nn.compact
    def __call__(self, x, *, train=False, dropout=None):
        a = x if dropout is None else dropout(1, x)
        z = Dense(3, name="out")(a)
        return z, {"in": a, "out": z}


def test_dropout_is_of_training_alone_and_its_rate_is_a_traced_scalar():
    held = data.load(data.Data(name="wine"))
    network = supervised.linen(Dropped(), held, supervised.training_with_dropout)
    params, extra = network.init(jax.random.key(0))
    batch = {"inputs": jnp.ones((4, 13)), "slot": jnp.arange(4)}

    def outputs(train, rate):
        context = Context(jax.random.key(1), 0, {"dropout": rate}, train=train)
        return np.asarray(network.apply(params, extra, batch, context)[0])

    plain = outputs(train=False, rate=0.5)
    assert (plain == plain[:1]).all()
    np.testing.assert_allclose(outputs(train=True, rate=0.0), plain, rtol=1e-6)
    dropped = outputs(train=True, rate=0.5)
    assert np.abs(dropped - plain).max() > 1e-3
    assert np.unique(dropped[:, 0]).size == 4, "every slot draws its own"


def test_activations_are_those_of_the_scaled_inputs():
    held, task = wine()
    run = Run(steps=3, batch_size=32)
    state = fit(Program(task, run, dev.select(1)), 0).state
    found = supervised.activations(
        Normalised(3), task, state.params, state.extra, held.test.inputs[:5]
    )
    stats = state.extra["batch_stats"]["bn"]
    x = supervised.scaled(held, "test")[:5]
    want = (x - stats["mean"][None]) / np.sqrt(stats["var"][None] + 1e-5)
    want = want * state.params["bn"]["scale"][None] + state.params["bn"]["bias"][None]
    np.testing.assert_allclose(found["bn"], want, rtol=1e-4, atol=1e-5)


def test_activations_come_in_the_order_of_the_layers():
    class Layers(nn.Module):
        @nn.compact
        def __call__(self, x):
            z = Dense(3, name="z")(x)
            return z, {"z": z, "b": -z, "a": z + 1}

    held, _ = wine()
    task = supervised.task(
        held, supervised.linen(Layers(), held), optim.Optimizer(), supervised.classify
    )
    params, extra = task.init(jax.random.key(0))
    found = supervised.activations(Layers(), task, params, extra, held.test.inputs[:2])
    assert list(found) == ["z", "b", "a"]
