"""The CTC loss against the sum over all paths."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.losses import ctc
from ngjax.ops.ctc import collapse

T, V = 5, 3
Z = np.random.default_rng(0).normal(size=(4, T, V)).astype(np.float32)
LENGTH = np.array([5, 4, 5, 1])
TARGETS = np.array([[1, 2, 0], [1, 1, 0], [2, 0, 0], [0, 0, 0]])


loss = jax.jit(ctc)


def by_hand(z, length, labels):
    p = np.exp(np.float64(z)) / np.exp(np.float64(z)).sum(1, keepdims=True)
    paths = itertools.product(range(V), repeat=length)
    wanted = [path for path in paths if collapse(path) == labels]
    return -math.log(sum(math.prod(p[t, k] for t, k in enumerate(path)) for path in wanted))


def test_it_is_the_sum_over_all_paths():
    found = loss(jnp.asarray(Z), jnp.asarray(LENGTH), jnp.asarray(TARGETS))
    for one, z, n, row in zip(found, Z, LENGTH, TARGETS, strict=True):
        assert float(one) == pytest.approx(by_hand(z, n, tuple(row[row > 0])), rel=1e-5)


def test_neither_value_nor_slope_hang_on_padding():
    def total(z):
        return loss(z, jnp.asarray(LENGTH), jnp.asarray(TARGETS)).sum()

    other = Z.copy()
    other[1, 4:], other[3, 1:] = 7, -3
    assert total(jnp.asarray(other)) == pytest.approx(float(total(jnp.asarray(Z))), rel=1e-6)
    slope = np.asarray(jax.grad(total)(jnp.asarray(other)))
    assert not slope[1, 4:].any() and not slope[3, 1:].any() and np.abs(slope).max() > 0.1
    assert np.allclose(slope.sum(-1), 0, atol=1e-5)  # a softmax's


def test_a_clip_too_short_for_its_words_costs_much():
    twice = np.array([[1, 1, 0]] * 4)  # "a a" needs a blank between
    cost = np.asarray(loss(jnp.zeros((4, T, V)), jnp.array([2, 3, 2, 4]), jnp.asarray(twice)))
    assert (cost[[0, 2]] > 1e4).all() and cost[1] == pytest.approx(3 * math.log(V), rel=1e-5)
    low = jax.eval_shape(ctc, jnp.zeros((1, 3, 3), jnp.bfloat16), LENGTH[:1], TARGETS[:1])
    assert low.dtype == jnp.float32  # a sum of logarithms in bfloat16 would have two digits
