"""Wide layers parted over a second mesh axis: the same run, in less memory of each device."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from small import network, parabola

from ngjax import config as cfg
from ngjax import optim
from ngjax.experiment import device_count
from ngjax.experiment.catalogue import load
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.population import Population
from ngjax.train.probe import probe
from ngjax.train.program import Program
from ngjax.train.record import Hooks
from ngjax.train.settings import Run
from ngjax.types import UserError

RUN = {"epochs": 2, "batch_size": 48, "dtype": "float64"}
LAYOUTS = [(2, 2), (4, 2), (8, 4)]  # devices, of a row: one row, two rows, two of four


def wide(split=None, **parts):
    adam = optim.Optimizer(rule="adam", weight_decay=0.1, clip_norm=0.5)
    task = network(lambda h, pace: optim.make(adam)(optim.hyper(adam) | h, pace), **parts)
    return dataclasses.replace(task, split={"w1": 1, "w2": 0} if split is None else split)


def program(task, devices, row=1, **run):
    return Program(task, Run(**{**RUN, **run, "model_devices": row}), dev.select(devices))


def same(one, other, rtol):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-14)


@pytest.fixture(scope="module")
def on_one():
    made = program(wide(dropout=0.4, norm=True, carry=True), 1, ema=0.9, accumulate=2)
    return fit(made, 0), made


@pytest.mark.parametrize(("devices", "row"), LAYOUTS)
def test_a_row_makes_the_run_of_one_device(devices, row, on_one):
    """Batch norm, dropout, a carry, averaged weights, clipping over all: nothing tells."""
    one, alone = on_one
    made = program(alone.task, devices, row, ema=0.9, accumulate=2)
    out = fit(made, 0)
    same(one.state, out.state, rtol=1e-10)
    for name, value in one.metrics.items():
        np.testing.assert_allclose(out.metrics[name], value, rtol=1e-10)
    outputs, batch = made.predict(made.place(one.state), "dev")
    expected, _ = alone.predict(alone.place(one.state), "dev")
    np.testing.assert_allclose(outputs, expected, rtol=1e-10)
    np.testing.assert_array_equal(batch["index"], np.arange(len(outputs)))


@pytest.mark.parametrize(("devices", "row"), LAYOUTS)
def test_a_device_holds_its_part_before_and_after_a_step(devices, row):
    """48 + 8 of the 57 parameters and of each of Adam's two averages are cut in `row`."""
    made = program(wide(), devices, row, ema=0.9)
    state, feed = made.place(made.initial(0)), made.feed(0)
    for _ in range(2):
        for device in range(devices):

            def held(tree, device=device):
                leaves = (x.addressable_shards[device].data for x in jax.tree.leaves(tree))
                return sum(leaf.size for leaf in leaves if leaf.dtype == np.float64)

            assert held(state.params) == 56 // row + 1
            assert held(state.opt_state) == 2 * (56 // row + 1)
            assert held(state.ema["params"]) == 56 // row + 1
        assert made.held["parameters"] == (56 // row + 1) * 8
        slots = dev.put(feed.slots(), made.devices)
        state, _ = made.train(state, slots, feed.stretch(0, 1))


def test_checkpoints_know_no_rows(tmp_path):
    """Begun on one device, gone on in two rows of two, ended in a row of four."""
    task = wide(dropout=0.4)
    once = fit(program(task, 1, steps=9), 0)
    for steps, devices, row in ((3, 1, 1), (6, 4, 2), (9, 4, 4)):
        last = fit(program(task, devices, row, steps=steps), 0, folder=tmp_path)
    same(once.state, last.state, rtol=1e-10)


def losses(devices, row, dtype):
    """The loss of each of AlexNet's first 20 updates, its dropout on; the program."""
    experiment = load("alexnet")
    typed = ("dropout=0.5", "width=0.25", "field=16", "data.limit=400", "run.steps=20")
    typed += ("run.log_every=1", f"run.dtype={dtype}", f"run.model_devices={row}")
    config = cfg.override(experiment.config, typed)
    task = dataclasses.replace(experiment.build(config), evals={})
    made, told = Program(task, config.run, dev.select(devices)), []
    fit(made, 0, hooks=Hooks(write=lambda *row: told.append(row[-1]["train/loss"])))
    return np.array(told), made


@pytest.mark.parametrize(
    ("dtype", "layouts", "within"),
    [("float64", ((2, 2), (4, 2)), 1e-12), ("float32", ((4, 2),), 1e-5)],
)
def test_alexnet_is_one_network_on_two_devices(dtype, layouts, within):
    one, whole = losses(1, 1, dtype)
    assert one.shape == (20,) and np.ptp(one) > 0.1
    shapes = jax.eval_shape(whole.task.init, jax.random.key(0))[0]
    halved = (*shapes["fc6"].values(), shapes["fc7"]["kernel"])  # of the bytes of fc6 and fc7
    saved = sum(leaf.size for leaf in halved) // 2 * np.dtype(dtype).itemsize
    for devices, row in layouts:
        told, made = losses(devices, row, dtype)
        np.testing.assert_allclose(told, one, rtol=within)
        assert whole.held["parameters"] - made.held["parameters"] == saved
        assert whole.held["optimizer"] - made.held["optimizer"] == saved  # momentum's average


def test_a_probe_of_one_device_and_a_search_one_by_one_take_any_run():
    run = Run(**RUN, model_devices=2, shard_optimizer=False)
    assert probe(wide(), run).drawn["index"].shape == (48,)
    members = Population(program(wide(), 2, 2))
    assert members.chosen(8) == "sequential"
    with pytest.raises(UserError, match=r"--population=map: .*model_devices.*; use sequential"):
        Population(program(wide(), 2, 2), "map")


@pytest.mark.parametrize(
    ("task", "devices", "row", "line"),
    [
        (wide(), 3, 2, "--run.model_devices=2: 3 devices make no such rows; give --devices=4"),
        (wide(), 3, 3, "--run.model_devices=3: the 8 of w1 do not divide by 3"),
        (parabola(), 2, 2, "--run.model_devices=2: this experiment names no parameters to split"),
    ],
    ids=["devices", "units", "nothing"],
)
def test_what_cannot_be_split_is_refused_in_a_line(task, devices, row, line):
    with pytest.raises(UserError, match=f"^{line}"):
        program(task, devices, row, batch_size=0)


def test_devices_that_nobody_counted_make_whole_rows():
    task = wide()
    arms = {"": type("Arm", (), {"run": Run(batch_size=21, model_devices=2)})}
    assert (
        device_count.sharing({"": task}, arms, dev.select(8)) == 6
    )  # three rows of two, 7 examples each
