import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import log_loss

from ngjax.losses import binary_cross_entropy, binary_cross_entropy_of_probabilities

FORMS = {
    "logits": lambda y_hat, y: binary_cross_entropy(jnp.log(y_hat) - jnp.log1p(-y_hat), y),
    "y_hat": binary_cross_entropy_of_probabilities,
}


@pytest.mark.parametrize("form", FORMS)
def test_worked_examples_of_the_notes(form):
    losses = FORMS[form](jnp.asarray([0.8, 0.3]), jnp.asarray([1, 0]))
    np.testing.assert_allclose(losses, [0.223144, 0.356675], rtol=1e-5)
    np.testing.assert_allclose(losses.mean(), 0.289909, rtol=1e-5)  # J


@pytest.mark.parametrize("form", FORMS)
def test_mean_is_scikit_learns(form):
    generator = np.random.default_rng(0)
    y_hat, y = generator.uniform(0.01, 0.99, 50), generator.integers(0, 2, 50)
    with jax.enable_x64(True):
        losses = FORMS[form](jnp.asarray(y_hat), jnp.asarray(y))
        np.testing.assert_allclose(losses.mean(), log_loss(y, y_hat), rtol=1e-12)


def test_slope_is_a_minus_y():
    with jax.enable_x64(True):
        z = jnp.asarray([0.4, 0.4])
        slope = jax.grad(lambda z: binary_cross_entropy(z, jnp.asarray([0, 1])).sum())(z)
        np.testing.assert_allclose(slope, [0.598688, -0.401312], atol=5e-7)


def test_scores_far_out_are_exact():
    z, y = jnp.asarray([200.0, -200.0, 200.0]), jnp.asarray([0, 1, 1])
    np.testing.assert_allclose(binary_cross_entropy(z, y), [200, 200, 0], atol=1e-6)
    slope = jax.grad(lambda z: binary_cross_entropy(z, y).sum())(z)
    np.testing.assert_allclose(slope, [1, -1, 0], atol=1e-6)


def test_certainty_costs_nothing_or_everything():
    sure = jnp.asarray([0.0, 1.0, 0.0])
    assert binary_cross_entropy_of_probabilities(sure, jnp.asarray([0, 1, 1])).tolist() == [
        0,
        0,
        np.inf,
    ]


def test_narrow_scores_are_widened():
    assert binary_cross_entropy(jnp.zeros(2, jnp.bfloat16), jnp.zeros(2)).dtype == jnp.float32


@pytest.mark.parametrize("loss", [binary_cross_entropy, binary_cross_entropy_of_probabilities])
def test_shapes_that_would_broadcast_should_fail(loss):
    with pytest.raises(ValueError, match="target"):
        loss(jnp.zeros((3, 1)), jnp.zeros(3))
