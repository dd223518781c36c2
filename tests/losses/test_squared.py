import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax.losses import binary_cross_entropy, squared_loss


def test_numbers_by_hand_and_optax_own():
    y_hat, y = jnp.asarray([0.5, -1.0, 3.0]), jnp.asarray([1.0, 1.0, 3.0])
    np.testing.assert_allclose(squared_loss(y_hat, y), [0.125, 2.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(squared_loss(y_hat, y), optax.losses.l2_loss(y_hat, y))
    np.testing.assert_allclose(jax.grad(lambda a: squared_loss(a, y).sum())(y_hat), y_hat - y)


def test_squared_loss_of_a_sigmoid_is_not_convex_and_the_logistic_is():
    one = jnp.float32(1)
    squared = jax.grad(jax.grad(lambda w: squared_loss(jax.nn.sigmoid(w), one)))
    logistic = jax.grad(jax.grad(lambda w: binary_cross_entropy(w, one)))
    assert squared(-3.0) < 0 < logistic(-3.0)


def test_narrow_predictions_are_widened_and_broadcasting_should_fail():
    assert squared_loss(jnp.zeros(2, jnp.bfloat16), jnp.zeros(2, int)).dtype == jnp.float32
    with pytest.raises(ValueError, match="target"):
        squared_loss(jnp.zeros((3, 1)), jnp.zeros(3))
