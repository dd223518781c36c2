"""The drawn tasks of long lags: every example is what the papers say, and comes once."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.data.series import long_lags

T = 100


def drawn(draw, count=2000):
    keys = jax.random.split(jax.random.key(0), count)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(lambda key: draw(key, T)))(keys))


def test_adding_asks_for_the_sum_of_the_two_marked_numbers():
    inputs, targets = drawn(long_lags.adding)
    values, marks = inputs[..., 0], inputs[..., 1]
    assert set(np.unique(marks)) == {0.0, 1.0}
    assert (marks[:, : T // 2].sum(axis=1) == 1).all()
    assert (marks[:, T // 2 :].sum(axis=1) == 1).all()
    np.testing.assert_allclose((values * marks).sum(axis=1), targets, rtol=1e-6)
    assert values.min() >= 0 and values.max() <= 1
    assert targets.var() == pytest.approx(long_lags.ADDING_VARIANCE, rel=0.1)
    assert marks[:, :2].any() and marks[:, T // 2 - 1].any() and marks[:, -1].any()  # all places


def test_temporal_order_asks_for_the_pair_in_its_order():
    inputs, targets = drawn(long_lags.temporal_order)
    assert (inputs.sum(axis=2) == 1).all()
    symbols = np.array(long_lags.SYMBOLS)[inputs.argmax(axis=2)]
    for row, target in zip(symbols, targets, strict=True):
        text = "".join(row)
        assert text[0] == "E" and text[-1] == "B" and not set(text[1:-1]) & set("EB")
        pair = [(place, symbol) for place, symbol in enumerate(text) if symbol in "XY"]
        assert 10 <= pair[0][0] < 20 and 50 <= pair[1][0] < 60 and len(pair) == 2
        assert pair[0][1] + pair[1][1] == long_lags.ORDERS[target]
    assert np.bincount(targets, minlength=4).min() > 400


def test_training_never_repeats_and_evaluation_always_does():
    def draw(key):
        return long_lags.adding(key, 10)

    sources = long_lags.endless(draw), long_lags.fixed(draw, 6, seed=3)
    train, test = (dataclasses.replace(one, batch=jax.jit(one.batch)) for one in sources)
    places = {"index": jnp.arange(6), "slot": jnp.arange(6)[::-1]}
    one, other = (train.batch(None, places, jax.random.key(k))["targets"] for k in (0, 1))
    assert len({*one.tolist(), *other.tolist()}) == 12
    one, other = (test.batch(None, places, jax.random.key(k))["targets"] for k in (0, 1))
    assert one.tolist() == other.tolist()
    again = long_lags.fixed(draw, 6, seed=4).batch(None, places, jax.random.key(0))["targets"]
    assert not set(again.tolist()) & set(one.tolist())
    half = {name: value[3:] for name, value in places.items()}  # as a second device sees it
    rest = train.batch(None, half, jax.random.key(0))["inputs"]
    whole = train.batch(None, places, jax.random.key(0))["inputs"]
    np.testing.assert_array_equal(rest, whole[3:])
