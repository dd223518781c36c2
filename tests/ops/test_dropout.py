"""Dropout: the mean stays, the rate is traced, and the mask follows the example, not the device."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops.dropout import Dropout, adaptive_l2, inverted_dropout

KEY = jax.random.key(3)
drop = jax.jit(inverted_dropout)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_values(rate):
    a = jnp.ones((100, 50, 20))
    dropped = np.asarray(drop(KEY, jnp.arange(100), a, rate))
    kept = dropped > 0
    np.testing.assert_allclose(dropped[kept], 1 / (1 - rate), rtol=1e-6)
    spread = 5 * np.sqrt(rate * (1 - rate) / a.size)  # five standard errors
    assert abs(kept.mean() - (1 - rate)) < spread
    assert abs(dropped.mean() - 1) < spread / (1 - rate)
    assert (kept[0] != kept[1]).any()


def test_traced_ends():
    a = jnp.linspace(-1, 1, 12).reshape(3, 4)
    np.testing.assert_array_equal(drop(KEY, jnp.arange(3), a, 0.0), a)
    slope = jax.grad(lambda a: drop(KEY, jnp.arange(3), a, 1.0).sum())
    for rule in (drop, inverted_dropout):
        np.testing.assert_array_equal(rule(KEY, jnp.arange(3), a, 1.0), jnp.zeros_like(a))
    np.testing.assert_array_equal(slope(a), jnp.zeros_like(a))
    assert drop(KEY, jnp.arange(3), a.astype(jnp.bfloat16), 0.5).dtype == jnp.bfloat16


def test_eight_devices_drop_what_one_drops():
    a, slot = jnp.ones((16, 5)), jnp.arange(16)
    whole = drop(KEY, slot, a, 0.5)
    split = jax.pmap(inverted_dropout, in_axes=(None, 0, 0, None))(
        KEY, slot.reshape(8, 2), a.reshape(8, 2, 5), 0.5
    )
    np.testing.assert_array_equal(split.reshape(16, 5), whole)
    moved = drop(KEY, slot[::-1], a, 0.5)
    np.testing.assert_array_equal(moved[::-1], whole)


def test_each_layer_drops_its_own_units():
    dropout, a = Dropout(KEY, jnp.arange(50), 0.5), jnp.ones((50, 40))
    first, second = np.asarray(dropout(1, a)), np.asarray(dropout(2, a))
    np.testing.assert_array_equal(first, np.asarray(dropout(1, a)))
    same = (first == second).mean()
    assert 0.4 < same < 0.6
    half = Dropout(KEY, jnp.arange(25, 50), 0.5)  # the same examples on another device
    np.testing.assert_array_equal(half(1, a[25:]), first[25:])


@pytest.mark.parametrize("rate", [0.0, 0.14, 0.5])
def test_in_a_linear_model_dropout_is_adaptive_l2_over_all_masks(rate):
    generator = np.random.default_rng(0)
    X, w = generator.normal(size=(4, 5)) * np.arange(1, 6), generator.normal(size=5)
    y, keep = generator.normal(size=4), 1 - rate
    expected = 0.0
    for mask in itertools.product((0, 1), repeat=5):
        chance = keep ** sum(mask) * rate ** (5 - sum(mask))
        expected += chance * ((y - (X * np.array(mask) / keep) @ w) ** 2).sum()
    with jax.enable_x64(True):
        closed = ((y - X @ w) ** 2).sum() + adaptive_l2(jnp.asarray(X), jnp.asarray(w), rate)
    assert closed == pytest.approx(expected, rel=1e-12)
