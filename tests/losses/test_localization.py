import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.losses import localization_logistic, localization_squared

Y = np.array([[0, 9.0, 9, 9, 9, 9, 9, 9], [1, 0.5, 0.7, 0.3, 0.4, 0, 1, 0]])  # the 9s: "?"


def test_squared_by_hand():
    y_hat = np.array([[0.2] + [0.9] * 7, Y[1] + 0.1])
    found = localization_squared(jnp.asarray(y_hat), jnp.asarray(Y))
    np.testing.assert_allclose(found, [0.04, 8 * 0.01], rtol=1e-5)


def test_logistic_by_hand():
    z = np.array([[0.3, 5, 5, 5, 5, 5, 5, 5], [2.0, 0.4, 0.7, 0.3, 0.6, 0.1, 1.5, -1.0]])
    p = 1 / (1 + np.exp(-z[:, 0]))
    c = np.exp(z[1, 5:]) / np.exp(z[1, 5:]).sum()
    right = [-np.log(1 - p[0]), -np.log(p[1]) + 0.1**2 + 0.2**2 - np.log(c[1])]
    found = localization_logistic(jnp.asarray(z), jnp.asarray(Y))
    np.testing.assert_allclose(found, right, rtol=1e-5)


def test_weight_of_the_box():
    z = np.array([Y[1] + 0.1])
    found = localization_squared(jnp.asarray(z), jnp.asarray(Y[1:]), 5.0)
    np.testing.assert_allclose(found, [0.04 + 5 * 0.04], rtol=1e-5)


@pytest.mark.parametrize("loss", [localization_squared, localization_logistic])
def test_what_is_not_asked_has_no_slope(loss):
    z = jnp.asarray(np.random.default_rng(0).normal(size=(2, 8)), jnp.float32)
    slope = jax.grad(lambda z: loss(z, jnp.asarray(Y)).sum())(z)
    assert (slope[0, 1:] == 0).all() and slope[0, 0] != 0 and (slope[1] != 0).all()
    with pytest.raises(ValueError, match="shape"):
        loss(z, jnp.asarray(Y[:, :7]))
