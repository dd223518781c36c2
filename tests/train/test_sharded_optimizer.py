"""Each device keeps its share of what the rule keeps; nothing else of a run changes."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest
from small import network, parabola

from ngjax import optim
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.population import Population
from ngjax.train.program import Program
from ngjax.train.settings import Run
from ngjax.train.shared_rule import cut, joined
from ngjax.types import UserError

RUN = {"epochs": 2, "batch_size": 48, "dtype": "float64"}


def chain(**optimizer):
    config = optim.Optimizer(**optimizer)
    make = optim.make(config)
    return lambda hyper, pace: make(optim.hyper(config) | hyper, pace)


def program(task, devices, shared=True, **run):
    return Program(task, Run(**{**RUN, **run, "shard_optimizer": shared}), dev.select(devices))


def same(one, other, rtol):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-15)


RULES = {
    "momentum, l2 and l1": {"rule": "momentum", "l2": 0.05, "l1": 0.01},
    "rmsprop": {"rule": "rmsprop", "schedule": "inverse_time", "warmup_steps": 3},
    "adam, decoupled decay": {"rule": "adam", "weight_decay": 0.1, "schedule": "cosine"},
    "adam, parts": {"rule": "adam", "parts": ("w2=0", "w1=0.1")},
}


@pytest.mark.parametrize(
    ("rule", "devices"), [*((rule, 8) for rule in RULES), ("adam, parts", 3)]
)  # 3 divide the 48 weights of w1, and no more
def test_a_shared_rule_makes_the_same_run(rule, devices):
    task = network(chain(**RULES[rule]), dropout=0.4, norm=True)
    whole, shared = (
        fit(program(task, devices, on, ema=0.9, accumulate=2), 0) for on in (False, True)
    )
    same(whole.state, shared.state, rtol=1e-12)
    for name, value in whole.metrics.items():
        np.testing.assert_allclose(shared.metrics[name], value, rtol=1e-12)


def test_one_device_has_nothing_to_share():
    task = network(chain(rule="adam"))
    whole, shared = (fit(program(task, 1, on), 0) for on in (False, True))
    assert whole.params_sha256 == shared.params_sha256


def test_a_task_without_batches_shares_too():
    shared = fit(program(parabola(), 2, steps=20, batch_size=0), 0)
    np.testing.assert_allclose(shared.state.params["w"], 5 * (1 - 0.8**20), rtol=1e-12)


@pytest.mark.parametrize(("devices", "moments"), [(1, 114), (2, 58), (3, 40), (8, 16)])
def test_a_device_holds_its_share_of_the_moments(devices, moments):
    """Adam's two averages of 48, 8 and 1 parameters: of the one, which is no 8, all keep all."""
    made = program(network(chain(rule="adam")), devices)
    state = made.place(made.initial(0))
    leaves = jax.tree.leaves(state.opt_state)
    for device in range(devices):
        held = [leaf.addressable_shards[device].data for leaf in leaves]
        assert sum(part.size for part in held if part.dtype == np.float64) == moments
        assert sum(part.nbytes for part in held) == made.held["optimizer"]
    feed = made.feed(0)
    state, _ = made.train(state, dev.put(feed.slots(), made.devices), feed.stretch(0, 1))
    after = [leaf.addressable_shards[0].data for leaf in jax.tree.leaves(state.opt_state)]
    assert sum(part.nbytes for part in after) == made.held["optimizer"]


def test_checkpoints_know_no_devices(tmp_path):
    """Begun whole on one device, gone on shared over 8, ended shared over 3."""
    task = network(chain(rule="adam", weight_decay=0.1), dropout=0.4)
    once = fit(program(task, 1, False, steps=9), 0)
    for steps, devices, shared in ((3, 1, False), (6, 8, True), (9, 3, True)):
        last = fit(program(task, devices, shared, steps=steps), 0, folder=tmp_path)
    same(once.state, last.state, rtol=1e-11)


def test_place_and_fetch_are_inverse():
    made = program(network(chain(rule="adam"), carry=True, norm=True), 8, ema=0.9)
    state = made.initial(3)
    state = state._replace(
        opt_state=jax.tree.map(
            lambda leaf: np.arange(leaf.size, dtype=leaf.dtype).reshape(leaf.shape),
            state.opt_state,
        )
    )
    jax.tree.map(np.testing.assert_array_equal, made.fetch(made.place(state)), state)


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_cut_and_joined_are_inverse_and_keep_the_number_of_axes(parts):
    leaf = np.arange(15.0).reshape(3, 5)
    rows = cut(leaf, parts)
    assert rows.shape == (parts, 1, -(-15 // parts))
    np.testing.assert_array_equal(joined(rows, leaf.shape), leaf)


@pytest.mark.parametrize(
    "tx",
    [
        chain(clip_norm=1.0),
        chain(rule="lbfgs"),
        lambda hyper, pace: optax.chain(optax.trace(0.9), optax.normalize_by_update_norm()),
    ],
    ids=["clipped", "lbfgs", "normalised"],
)
def test_a_rule_that_looks_at_all_parameters_is_refused(tx):
    with pytest.raises(UserError, match=r"--run.shard_optimizer: this rule looks at all"):
        program(network(tx), 2, batch_size=0)


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match="shard_optimizer: goes with model_devices=1 only"):
        Run(shard_optimizer=True, model_devices=2)
    with pytest.raises(UserError, match=r"--population=map: .*shard_optimizer.*; use sequential"):
        Population(program(network(), 2), "map")
