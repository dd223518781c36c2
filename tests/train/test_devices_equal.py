"""One device, two and eight make the same run, whatever the run is made of."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small import data, network, parabola

from ngjax import optim
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.train.settings import Run
from ngjax.types import UserError


def chain(**optimizer):
    config = optim.Optimizer(**optimizer)
    make = optim.make(config)
    return lambda hyper, pace: make(optim.hyper(config) | hyper, pace)


def final(task, devices, seed=0, **run):
    settings = {"epochs": 2, "batch_size": 64, "dtype": "float64", **run}
    return fit(Program(task, Run(**settings), dev.select(devices)), seed)


CASES = {
    "plain": {},
    "dropout, batch norm and carry": {"dropout": 0.4, "norm": True, "carry": True},
    "clipped adam": {
        "tx": lambda h, pace: optax.chain(
            optax.clip_by_global_norm(0.05), optax.adam(h["learning_rate"])
        )
    },
    "frozen and slower parts": {"tx": chain(parts=("w1=0", "w2=0.1"), rule="momentum", l2=0.01)},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("run", [{}, {"accumulate": 4, "ema": 0.9}], ids=["whole", "parts"])
def test_one_two_and_eight_devices_agree(case, run):
    task = network(**CASES[case])
    one, two, eight = (final(task, n, **run) for n in (1, 2, 8))
    for other in (two, eight):
        for a, b in zip(jax.tree.leaves(one.state), jax.tree.leaves(other.state), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
        for name, value in one.metrics.items():
            np.testing.assert_allclose(other.metrics[name], value, rtol=1e-10)


def test_a_frozen_part_stays_and_a_slower_one_moves_less():
    start = Program(network(), Run(dtype="float64"), dev.select(1)).initial(0).params
    ends = {
        parts: final(network(tx=chain(parts=parts)), 8, steps=1).state.params
        for parts in ((), ("w1=0", "w2=0.1"))
    }
    plain, parted = ends.values()
    np.testing.assert_array_equal(parted["w1"], start["w1"])
    assert np.abs(plain["w1"] - start["w1"]).max() > 1e-3
    np.testing.assert_allclose(
        parted["w2"] - start["w2"], 0.1 * (plain["w2"] - start["w2"]), rtol=1e-9
    )


@pytest.mark.parametrize("devices", [1, 8])
def test_early_stopping_is_the_same_on_any_devices(devices):
    run = Run(epochs=100, batch_size=64, evaluate_every=2, patience=3, dtype="float64")
    program = Program(network(dropout=0.4, norm=True), run, dev.select(devices))
    assert fit(program, 3, objective=("dev/loss", "max")).steps == 8


def test_bfloat16_devices_agree_to_its_precision():
    one, eight = (final(network(norm=True), n, dtype="bfloat16") for n in (1, 8))
    assert one.metrics["dev/loss"] == pytest.approx(eight.metrics["dev/loss"], rel=0.02)


def test_float32_devices_agree_to_float_tolerance():
    one, eight = (final(network(dropout=0.4), n, dtype="float32") for n in (1, 8))
    for a, b in zip(jax.tree.leaves(one.state), jax.tree.leaves(eight.state), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_the_gradient_is_of_the_mean_over_all_counted_examples():
    """One step of descent worked in NumPy: unequal counts on eight devices, the mean is global."""
    task = network()
    out = final(task, 8, steps=1)
    held = {k: v.astype(np.float64) for k, v in data().items()}
    start = Program(task, Run(dtype="float64"), dev.select(1)).initial(0).params
    index = task.train.order(320, 64, 0, 0)[0]
    x, y, m = held["x"][index], held["y"][index], held["weight"][index]
    per_device = m.reshape(8, 8).sum(1)
    assert len(set(per_device)) > 3  # counts do differ
    a = np.tanh(x @ start["w1"])
    dz = (1 / (1 + np.exp(-(a @ start["w2"] + start["b"]))) - y) * m / m.sum()
    w2 = start["w2"] - 0.3 * dz @ a
    w1 = start["w1"] - 0.3 * x.T @ (dz[:, None] * start["w2"] * (1 - a**2))
    np.testing.assert_allclose(out.state.params["w2"], w2, rtol=1e-6)
    np.testing.assert_allclose(out.state.params["w1"], w1, rtol=1e-6)


def test_accumulation_changes_nothing_but_memory():
    whole, parts = (final(network(), 2, accumulate=k) for k in (1, 8))
    for a, b in zip(jax.tree.leaves(whole.state), jax.tree.leaves(parts.state), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


def test_lbfgs_searches_the_global_line():
    """Full batch: far down in twelve steps, and the same way on any devices."""

    def tx(hyper, pace):
        del hyper, pace
        return optax.lbfgs()

    one, eight = (final(network(tx=tx), n, steps=12, batch_size=0) for n in (1, 8))
    first = final(network(), 1, steps=1, batch_size=0)
    assert one.metrics["train/loss"] < 0.7 * first.metrics["train/loss"]
    np.testing.assert_allclose(eight.metrics["train/loss"], one.metrics["train/loss"], rtol=1e-6)


def test_lbfgs_solves_the_notes_quadratic():
    out = final(parabola(lambda hyper, pace: optax.lbfgs()), 2, steps=5)
    np.testing.assert_allclose(out.state.params["w"], 5.0, atol=1e-6)


def test_a_task_without_batches_runs_alike_on_all_devices():
    one, eight = (final(parabola(), n, steps=20) for n in (1, 8))
    assert one.state.params["w"] == eight.state.params["w"]
    np.testing.assert_allclose(one.state.params["w"], 5 * (1 - 0.8**20), rtol=1e-12)


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "near"), [(60, 1, "56 or 64"), (4, 1, "8"), (64, 3, "48 or 72")]
)
def test_an_indivisible_batch_is_refused_with_the_nearest(batch_size, accumulate, near):
    run = Run(batch_size=batch_size, accumulate=accumulate)
    with pytest.raises(UserError, match=f"--run.batch_size: {batch_size} .* use {near}$"):
        Program(network(), run, dev.select(8))


def test_more_devices_than_there_are_is_refused():
    with pytest.raises(UserError, match="--devices=9: this machine shows 8 cpu"):
        dev.select(9)


def test_deal_and_undeal_are_inverse():
    leaf = np.arange(48).reshape(24, 2)
    dealt = dev.deal(leaf, 4, 3)
    assert dealt.shape == (4, 3, 2, 2)
    np.testing.assert_array_equal(dev.undeal(dealt), leaf)
    part = dealt[:, 1].reshape(-1, 2)  # part 1 over all devices: the second third of the batch
    np.testing.assert_array_equal(part, leaf[8:16])


def test_alone_binds_the_axis():
    total = dev.alone(lambda x: jax.lax.psum(x, "devices") + 1)(jnp.arange(3.0))
    np.testing.assert_array_equal(total, [1.0, 2.0, 3.0])
