"""The costs of style transfer: numbers by hand, loops, float64 differences, no NaN anywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.losses import (
    content_cost,
    gram_matrix,
    style_cost,
    style_distance,
    style_matrix,
    total_variation,
)


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def volume(seed, shape=(2, 4, 5, 3)):
    return np.random.default_rng(seed).normal(size=shape)


def test_content_cost_by_hand():
    a_C = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    a_G = np.array([[0.0, 2.0], [5.0, 1.0]]).reshape(1, 2, 2, 1)
    assert content_cost(jnp.asarray(a_C), jnp.asarray(a_G)) == pytest.approx((1 + 4 + 9) / 16)


def test_gram_matrix_by_hand():
    A = np.array([[1.0, 2.0, 0.0], [3.0, 4.0, -1.0]])  # [n_C, n_H n_W]
    a = jnp.asarray(A.T.reshape(1, 1, 3, 2))
    np.testing.assert_array_equal(gram_matrix(a)[0], [[5, 11], [11, 26]])
    np.testing.assert_allclose(style_matrix(a)[0], np.array([[5, 11], [11, 26]]) / 3)


def test_style_cost_is_the_notes_sum():
    a_S, a_G = volume(0), volume(1)
    B, n_H, n_W, n_C = a_S.shape
    want = np.zeros(B)
    for b in range(B):
        G_S, G_G = np.zeros((n_C, n_C)), np.zeros((n_C, n_C))
        for i in range(n_C):
            for j in range(n_C):
                G_S[i, j] = sum(a_S[b, h, w, i] * a_S[b, h, w, j] for h, w in np.ndindex(n_H, n_W))
                G_G[i, j] = sum(a_G[b, h, w, i] * a_G[b, h, w, j] for h, w in np.ndindex(n_H, n_W))
        want[b] = ((G_S - G_G) ** 2).sum() / (4 * n_C**2 * (n_H * n_W) ** 2)
    np.testing.assert_allclose(style_cost(jnp.asarray(a_S), jnp.asarray(a_G)), want, rtol=1e-12)


def test_pictures_of_two_sizes_compare():
    a = volume(2, (1, 4, 4, 3))
    twice = np.concatenate([a, a], axis=1)
    assert float(style_cost(jnp.asarray(a), jnp.asarray(twice))[0]) == pytest.approx(0, abs=1e-25)


def test_total_variation_by_hand():
    x = jnp.array([[0.0, 1.0], [3.0, 3.0]]).reshape(1, 2, 2, 1)
    assert float(total_variation(x)[0]) == (9 + 4 + 1 + 0) / 4
    assert float(total_variation(jnp.full((1, 3, 4, 3), 0.7))[0]) == 0


COSTS = {
    "content": lambda a: content_cost(jnp.asarray(volume(3)), a).sum(),
    "style": lambda a: style_cost(jnp.asarray(volume(3, (2, 6, 3, 3))), a).sum(),
    "variation": lambda a: total_variation(a).sum(),
}


@pytest.mark.parametrize("name", COSTS)
def test_slopes_are_those_of_differences(name):
    cost, a = jax.jit(COSTS[name]), volume(4)
    slope = jax.grad(COSTS[name])(jnp.asarray(a))
    for place in [(0, 0, 0, 0), (1, 3, 4, 2), (0, 2, 1, 1)]:
        step = np.zeros_like(a)
        step[place] = 1e-5
        numeric = (cost(jnp.asarray(a + step)) - cost(jnp.asarray(a - step))) / 2e-5
        assert float(slope[place]) == pytest.approx(float(numeric), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("name", COSTS)
def test_a_constant_picture_has_finite_slopes(name, value):
    assert np.isfinite(jax.grad(COSTS[name])(jnp.full((2, 4, 5, 3), value))).all()
    same = {"content": content_cost, "style": style_cost}.get(name)
    if same:
        a = jnp.full((1, 2, 2, 3), value)
        assert (jax.grad(lambda b: same(a, b).sum())(a) == 0).all()


@pytest.mark.parametrize("cost", [content_cost, style_distance])
def test_other_shapes_are_refused(cost):
    with pytest.raises(ValueError, match="shape"):
        cost(jnp.zeros((1, 3, 3, 2)), jnp.zeros((1, 3, 3, 1)))


def test_bfloat16_is_summed_in_float32():
    a = jnp.ones((1, 8, 8, 2), jnp.bfloat16)
    assert gram_matrix(a).dtype == jnp.float32 and content_cost(a, a).dtype == jnp.float32
