"""What the engine promises beside equality: exact evaluation, one compilation, precision, feeds."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small import data, network, parabola

from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.feed import Feed, evaluation_batches
from ngjax.train.program import Program
from ngjax.train.record import Hooks
from ngjax.train.settings import Intervals, Run
from ngjax.types import Source, shuffled


def final(task, devices=1, seed=0, **run):
    return fit(
        Program(task, Run(**{"batch_size": 64, "epochs": 2, **run}), dev.select(devices)), seed
    )


@pytest.mark.parametrize(("devices", "batch"), [(1, 512), (1, 50), (8, 64), (8, 100)])
def test_every_example_is_judged_once(devices, batch):
    """313 examples of weights 0..3, in padded batches: the accuracy NumPy counts."""
    out = final(network(), devices, evaluate_batch=batch)
    held, params = data(), out.state.params
    x, y, m = (held[k][:313] for k in ("x", "y", "weight"))
    right = (np.tanh(x @ params["w1"]) @ params["w2"] + params["b"] > 0) == (y > 0)
    assert out.metrics["dev/accuracy"] == pytest.approx((right * m).sum() / m.sum(), abs=1e-7)


def test_evaluation_batches_hold_each_index_once():
    source = Source(13, lambda constants, drawn, key: drawn)
    seen = [
        index
        for drawn in evaluation_batches(source, 8, 4)
        for index, mask in zip(drawn["index"].ravel(), drawn["mask"].ravel(), strict=True)
        if mask
    ]
    assert sorted(seen) == list(range(13))


def test_predictions_are_rows_in_order_without_padding():
    program = Program(network(), Run(batch_size=64, evaluate_batch=50), dev.select(8))
    host = program.initial(0)
    outputs, batch = program.predict(program.place(host), "dev")
    np.testing.assert_array_equal(batch["index"], np.arange(313))
    expected = data()["x"][batch["index"]] @ host.params["w1"]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_compiled_once_for_all_seeds_lengths_and_rates():
    traced = []
    task = network()

    def counted(*arguments):
        traced.append(1)
        return task.loss(*arguments)

    once = dataclasses.replace(task, loss=counted)
    program = Program(once, Run(steps=37, batch_size=64, evaluate_every=11), dev.select(2))
    fit(program, 0)
    after_first = len(traced)
    fit(program, 1)
    fit(program, 2, hooks=Hooks())
    assert len(traced) == after_first
    state = program.initial(3)
    faster = {**state.hyper, "learning_rate": np.float32(1.0)}
    feed = program.feed(3)
    slots = dev.put(feed.slots(), program.devices)
    moved = [
        dev.first(program.train(program.place(s), slots, feed.stretch(0, n))[0].params)["w2"]
        for s, n in ((state, 1), (state._replace(hyper=faster), 1), (state, 5))
    ]
    assert len(traced) == after_first
    step = state.params["w2"] - moved[0], state.params["w2"] - moved[1]
    np.testing.assert_allclose(step[1], step[0] / 0.3, rtol=1e-4)  # the rate is traced


def test_float64_is_scoped_and_bfloat16_keeps_float32_parameters():
    double = final(network(), dtype="float64")
    assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(double.state.params))
    assert jnp.ones(()).dtype == jnp.float32
    seen = []
    task = network()

    def spy(params, extra, batch, context):
        seen.append((params["w1"].dtype, batch["x"].dtype, batch["mask"].dtype))
        return task.loss(params, extra, batch, context)

    half = final(dataclasses.replace(task, loss=spy), dtype="bfloat16")
    assert set(seen) == {tuple(map(jnp.dtype, ("bfloat16", "bfloat16", "float32")))}
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(half.state.params))
    single = final(network())
    assert half.metrics["train/loss"] == pytest.approx(single.metrics["train/loss"], rel=0.02)
    assert half.metrics["train/loss"] != single.metrics["train/loss"]


def test_averaged_weights_are_bias_corrected():
    """v = 0.9 v + 0.1 w over the parabola's known path w_t = 5 (1 - 0.8^t), then / (1 - 0.9^t)."""
    program = Program(parabola(), Run(steps=4, ema=0.9, dtype="float64"), dev.select(1))
    out = fit(program, 0)
    path = 5 * (1 - 0.8 ** np.arange(1, 5))
    v = 0.0
    for w in path:
        v = 0.9 * v + 0.1 * w
    np.testing.assert_allclose(out.state.ema["params"]["w"], v, rtol=1e-12)
    corrected = v / (1 - 0.9**4)
    judged = dataclasses.replace(
        program.task,
        evals={"dev": Source(1, lambda constants, drawn, key: {})},
        loss=lambda params, extra, batch, context: program.task.loss(params, extra, batch, context),
    )
    out = fit(Program(judged, Run(steps=4, ema=0.9, dtype="float64"), dev.select(1)), 0)
    assert out.metrics["dev/loss"] == pytest.approx((corrected - 5) ** 2, rel=1e-5)


def test_fetched_rows_give_the_run_of_resident_ones():
    double = {"dtype": "float64"}
    resident, fetched = final(network(), 2, **double), final(network(fetch=True), 2, **double)
    for a, b in zip(jax.tree.leaves(resident.state), jax.tree.leaves(fetched.state), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_the_order_is_a_function_of_seed_and_epoch():
    first = shuffled(100, 30, 0, 4)
    assert first.shape == (3, 30) and first.dtype == np.int32
    assert len(set(first.ravel())) == 90
    np.testing.assert_array_equal(first, shuffled(100, 30, 0, 4))
    assert (first != shuffled(100, 30, 0, 5)).any()
    assert (first != shuffled(100, 30, 1, 4)).any()


def test_a_feed_crosses_epochs():
    source = Source(10, lambda constants, drawn, key: drawn)
    feed = Feed(source, 4, seed=0, devices=2, parts=1, most=16)
    drawn = feed.stretch(1, 3).drawn["index"]  # [N, capacity, parts, b]
    assert drawn.shape == (2, 16, 1, 2)
    whole = np.moveaxis(drawn[:, :, 0], 0, 1).reshape(16, 4)
    expected = [shuffled(10, 4, 0, 0)[1], *shuffled(10, 4, 0, 1)]
    np.testing.assert_array_equal(whole[:3], expected)


@pytest.mark.parametrize(
    ("run", "size", "expected"),
    [
        (Run(epochs=10, batch_size=128), 1280, (100, 10, 10)),
        (Run(epochs=100, batch_size=128), 1280, (1000, 10, 50)),
        (Run(steps=7, batch_size=0), 50, (7, 1, 1)),
        (Run(steps=7, evaluate_every=3), None, (7, 1, 3)),
    ],
)
def test_a_plan(run, size, expected):
    plan = Intervals.of(run, size)
    assert (plan.total, plan.steps_per_epoch, plan.evaluate_every) == expected


def test_a_plan_never_runs_past_a_look():
    plan = Intervals.of(Run(steps=20, evaluate_every=6, log_every=4, save_every=9), 100)
    stops, step = [], 0
    while step < plan.total:
        step += plan.stop_after(step, 5)
        stops.append(step)
    assert {6, 9, 12, 18} <= set(stops) and stops[-1] == 20


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"ema": 1.0}, {"patience": -1}, {"steps": -1}])
def test_a_run_refuses_what_cannot_be(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Run(**bad)
