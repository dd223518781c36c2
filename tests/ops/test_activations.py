"""Activations against the notes' numbers, finite differences and their own autodiff."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops import activations
from ngjax.ops.activations import ACTIVATIONS


def test_notes_slopes():  # notes 1.5.2, at -10, 0, 10
    z = jnp.array([-10.0, 0.0, 10.0])
    slopes = {name: derivative(z) for name, (_, derivative) in ACTIVATIONS.items()}
    np.testing.assert_allclose(slopes["sigmoid"], [0, 0.25, 0], atol=1e-4)
    np.testing.assert_allclose(slopes["tanh"], [0, 1, 0], atol=1e-6)
    np.testing.assert_array_equal(slopes["relu"], [0, 0, 1])
    np.testing.assert_allclose(slopes["leaky_relu"], [0.01, 1, 1])
    np.testing.assert_array_equal(slopes["identity"], [1, 1, 1])


def test_values():
    z = jnp.array([-2.0, 0.0, 7.0])
    np.testing.assert_array_equal(activations.relu(z), [0, 0, 7])
    np.testing.assert_allclose(activations.leaky_relu(z), [-0.02, 0, 7], rtol=1e-6)
    np.testing.assert_allclose(
        activations.tanh(z), 2 * activations.sigmoid(2 * z) - 1, rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(activations.sigmoid(jnp.array([-1e4, 1e4])), [0, 1])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_is_the_slope(name):
    g, derivative = ACTIVATIONS[name]
    with jax.enable_x64(True):
        z = jnp.array([-3.0, -0.7, -0.02, 0.02, 0.4, 2.5])
        slope = (g(z + 1e-6) - g(z - 1e-6)) / 2e-6
        np.testing.assert_allclose(derivative(z), slope, atol=1e-8)
        zero = jnp.zeros(1)
        np.testing.assert_array_equal(derivative(zero), jax.grad(lambda z: g(z).sum())(zero))


def test_relu_of_sum_is_relu_to_the_last_bit():
    rng = np.random.default_rng(0)
    size = 10.0 ** rng.integers(-9, 9, (2, 999))
    z, shortcut = jnp.float32(rng.normal(size=size.shape) * size)
    shortcut = shortcut.at[:9].set(-z[:9])  # a sum of zero: the kink

    def ends(rule):
        slopes = jax.grad(lambda *a: rule(*a).sum(), (0, 1))
        return jax.jit(lambda *a: (rule(*a), *slopes(*a)))(z, shortcut)

    plain = ends(lambda z, shortcut: activations.relu(z + shortcut))
    jax.tree.map(np.testing.assert_array_equal, ends(activations.relu_of_sum), plain)
    _, moved = jax.jvp(activations.relu_of_sum, (z, shortcut), (z, shortcut))  # flat or linear
    np.testing.assert_allclose(moved, plain[0], rtol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_type_is_kept(name):
    z = jnp.ones(2, jnp.bfloat16)
    assert all(rule(z).dtype == jnp.bfloat16 for rule in ACTIVATIONS[name])


def test_softmax_example():  # notes 2.7: e^z = 148.4, 7.4, .4, 20.1
    z = jnp.array([5.0, 2.0, -1.0, 3.0])
    np.testing.assert_allclose(activations.softmax(z), [0.842, 0.042, 0.002, 0.114], atol=5e-4)
    columns = activations.softmax(jnp.stack([z, -z], axis=1), axis=0)
    np.testing.assert_allclose(columns.sum(0), [1, 1], rtol=1e-6)
    np.testing.assert_allclose(activations.softmax(z + 1e4), activations.softmax(z), atol=1e-4)


def test_softmax_jacobian():
    with jax.enable_x64(True):
        z = jnp.array([[0.3, -1.0, 2.0], [5.0, 4.0, 4.5]])
        softmax = jax.jit(activations.softmax)
        ours = activations.softmax_derivative(softmax(z))
        steps = 1e-6 * np.eye(3)
        for j in range(3):
            up, down = (softmax(z + s * steps[None, j]) for s in (1, -1))
            np.testing.assert_allclose(ours[..., j], (up - down) / 2e-6, atol=1e-9)
