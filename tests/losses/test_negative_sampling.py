"""Negative sampling: numbers by hand, and the slopes of logistic regression."""

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import losses


def test_by_hand():
    """-ln sigmoid(0) - 2 ln sigmoid(0) = 3 ln 2; sigmoid(ln 3) = 3/4, sigmoid(ln 2) = 2/3."""
    z, noise = jnp.log(jnp.array([1.0, 3.0])), jnp.log(jnp.array([[1.0, 1.0], [2.0, 0.5]]))
    want = [3 * np.log(2), -np.log(3 / 4) - np.log(1 / 3) - np.log(2 / 3)]
    np.testing.assert_allclose(losses.negative_sampling(z, noise), want, rtol=1e-6)


def test_slopes_are_the_probability_less_the_label():
    z, noise = jnp.array([0.3, -2.0]), jnp.array([[1.0, -1.0, 0.2], [0.0, 3.0, -4.0]])
    slopes = jax.grad(lambda *args: losses.negative_sampling(*args).sum(), (0, 1))(z, noise)
    np.testing.assert_allclose(slopes[0], 1 / (1 + np.exp(-z)) - 1, rtol=1e-5)
    np.testing.assert_allclose(slopes[1], 1 / (1 + np.exp(-noise)), rtol=1e-5)
    far = losses.negative_sampling(jnp.array(-200.0), jnp.array([200.0]))
    assert far == 400  # no overflow
