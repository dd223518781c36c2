"""Transfer learning: frozen is frozen, few are few, and features are the backbone's."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from scipy.stats import binomtest

from experiments.ch4_convnets import transfer_learning as topic
from ngjax import config as cfg
from ngjax import data, metrics
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.types import UserError

SMALL = cfg.override(topic.Config(), ("pretraining=3", "data.limit=300", "run.steps=3"))


def trained(config):
    return fit(Program(topic.build(config), config.run, jax.devices()[:1]), seed=0).state


@pytest.mark.parametrize("learn", ["last", "all"])
def test_what_is_frozen_stays_and_the_rest_learns(learn):
    config = dataclasses.replace(SMALL, learn=learn)
    before, after = topic.known(config), trained(config)
    now = after.params["features"][topic.BACKBONE]
    then = before["params"][topic.BACKBONE]
    moved = {
        part
        for part in then
        if any((then[part][leaf] != now[part][leaf]).any() for leaf in then[part])
    }
    last = {"conv_dw_4", "conv_dw_4_bn", "conv_pw_4", "conv_pw_4_bn"}
    assert moved == (last if learn == "last" else set(then))
    statistics = after.extra["batch_stats"]["features"]
    jax.tree.map(np.testing.assert_array_equal, statistics, before["batch_stats"])


def test_features_and_a_head_are_the_whole_network():
    images = topic.images_of(SMALL).test.inputs[:70]  # more than one call, and a rest
    variables = topic.known(SMALL)
    head = {"kernel": np.ones((2048, 5), np.float32), "bias": np.arange(5, dtype=np.float32)}
    whole, _ = topic.Whole("small", 5).apply(
        {
            "params": {"features": variables["params"], topic.HEAD: head},
            "batch_stats": {"features": variables["batch_stats"]},
        },
        images,
    )
    found = topic.features(SMALL, images) @ head["kernel"] + head["bias"].reshape(1, 5)
    np.testing.assert_allclose(found, whole, rtol=2e-4)
    assert topic.features(SMALL, images[:0]).shape == (0, 2048)


@pytest.mark.parametrize("per_class", [2, 7])
def test_every_seed_draws_its_own_few_of_each_class(per_class):
    targets = np.repeat(np.arange(3, dtype=np.int32), (4, 20, 30))
    split = data.Split(np.zeros((54, 1)), targets)
    source = data.few(split, per_class)
    assert source.size == min(4, per_class) + 2 * per_class
    seen = {}
    for seed in range(2):
        for epoch in range(2):
            order = source.order(source.size, source.size, seed, epoch)
            assert sorted(np.bincount(targets[order[0]])) == sorted(
                (min(4, per_class), per_class, per_class)
            )
            seen[seed, epoch] = set(order[0].tolist())
    assert seen[0, 0] == seen[0, 1] != seen[1, 0]
    assert data.few(split, 0).size == 54


def test_the_halves_share_no_class():
    first, second = (topic.half(data.load(SMALL.data), which) for which in (0, 1))
    assert first.classes == tuple("01234") and second.classes == tuple("56789")
    assert len(first.train) + len(second.train) == len(data.load(SMALL.data).train)
    assert set(second.train.targets) == set(range(5))
    pair = dataclasses.replace(first, classes=("cat", "dog"))
    with pytest.raises(UserError, match="--backbone=mobilenet"):
        topic.half(pair, 0)


@pytest.mark.parametrize(("right", "count"), [(49, 50), (25, 50), (50, 50), (0, 10)])
def test_the_interval_is_wilsons(right, count):
    want = binomtest(right, count).proportion_ci(method="wilson")
    assert metrics.interval(right / count, count) == pytest.approx((want.low, want.high), abs=1e-4)
