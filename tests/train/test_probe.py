"""A Task outside the engine: its cost and its gradient are those of the engine's own update."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small import network, parabola

from ngjax import optim
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.probe import probe
from ngjax.train.program import Program
from ngjax.train.settings import Run

RATE = 0.3
KINDS = {
    "plain": {},
    "norm": {"norm": True},
    "carry": {"carry": True},
    "fetched": {"fetch": True},
    "dropout": {"dropout": 0.4},
    "all": {"norm": True, "carry": True, "dropout": 0.4, "fetch": True},
}


def run(**more):
    return Run(**{"batch_size": 16, "dtype": "float64", **more})


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_what_the_engine_goes_down_by(kind):
    """W after step 4 is W after step 3 less alpha times the probe's gradient there."""
    task = network(**KINDS[kind])
    held = probe(task, run(), seed=1, after=3)
    want = fit(Program(task, run(steps=4), dev.select(1)), 1).state.params
    with held.precision():
        slopes = jax.jit(held.gradient)(held.state.params)
    for name, before in held.state.params.items():
        assert before.dtype == slopes[name].dtype == jnp.float64
        before, slope = np.asarray(before), np.asarray(slopes[name])
        assert np.abs(slope).max() > 1e-3
        np.testing.assert_allclose(before - RATE * slope, want[name], rtol=1e-12)


@pytest.mark.parametrize("kind", ["plain", "all"])
def test_the_gradient_is_that_of_the_cost(kind):
    optimizer = optim.Optimizer(rule="adam", l2=0.2, l1=0.05, weight_decay=0.3)
    hyper = optim.hyper(optimizer) | {"dropout": KINDS[kind].get("dropout", 0.0)}
    task = dataclasses.replace(network(**KINDS[kind]), tx=optim.make(optimizer), hyper=hyper)
    held = probe(task, run(accumulate=2), after=2)  # in one part whatever is asked
    with held.precision():
        batch, params = held.batch(), held.state.params
        slopes = jax.jit(held.gradient)(params)
        other = jax.jit(jax.grad(lambda theta: held.cost(theta, batch)))(params)
        penalty = held.penalty(params)
    for name in params:
        np.testing.assert_allclose(slopes[name], other[name], rtol=1e-9, atol=1e-15)
    w = np.asarray(params["w1"])  # the only one of two axes
    assert penalty == pytest.approx(0.1 * (w**2).sum() + 0.05 * np.abs(w).sum())


@pytest.mark.parametrize(
    ("task", "draws"),
    [
        (network(), None),
        (network(norm=True, carry=True), None),
        (network(dropout=0.4), "dropout"),
        (parabola(), None),
    ],
    ids=["plain", "norm", "dropout", "parabola"],
)
def test_says_of_what_the_loss_draws(task, draws):
    assert probe(task, run()).draws() == draws


def test_a_draw_that_no_scalar_ends_has_no_name():
    def loss(params, extra, batch, context):
        (total, count), aux = network().loss(params, extra, batch, context)
        return (total * (1 + jax.random.uniform(context.key)), count), aux

    assert probe(dataclasses.replace(network(), loss=loss), run()).draws() == ""


def test_no_batch_at_all():
    """J(w) = w^2 - 10 w + 25 at w = 0, and at w = 1 after one step of 0.1."""
    for after, cost, slope in ((0, 25, -10), (1, 16, -8)):
        held = probe(parabola(), run(), after=after)
        with held.precision():
            params, batch = held.state.params, held.batch()
            assert float(held.cost(params, batch)) == pytest.approx(cost)
            assert float(held.gradient(params)["w"]) == pytest.approx(slope)
