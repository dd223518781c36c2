import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import log_loss

from ngjax.losses import (
    cross_entropy,
    cross_entropy_of_probabilities,
    smoothed_cross_entropy,
    soft_cross_entropy,
)

Z = np.random.default_rng(0).standard_normal((5, 4)) * 3
LABELS = np.array([0, 3, 1, 1, 2])
ONE_HOT = np.eye(4)[LABELS]


def test_worked_examples_of_the_notes():
    y, y_hat = jnp.asarray([[0, 1, 0, 0]]), jnp.asarray([[0.3, 0.2, 0.1, 0.4]])
    np.testing.assert_allclose(cross_entropy_of_probabilities(y_hat, y), [1.60944], rtol=1e-5)
    np.testing.assert_allclose(soft_cross_entropy(jnp.log(y_hat), y), [1.60944], rtol=1e-5)
    z = jnp.asarray([[5.0, 2.0, -1.0, 3.0]])  # softmax [.842, .042, .002, .114]
    np.testing.assert_allclose(cross_entropy(z, jnp.asarray([0])), [-np.log(0.842)], atol=5e-4)


def test_smoothed_labels_are_a_mixture_with_all_classes():
    for smoothing in (0.0, 0.1, 0.7):
        y = (1 - smoothing) * ONE_HOT + smoothing / 4
        expected = -(y * log_softmax(Z, axis=1)).sum(1)
        found = smoothed_cross_entropy(jnp.asarray(Z), jnp.asarray(LABELS), smoothing)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_three_forms_agree_with_scipy_and_scikit_learn():
    expected = -log_softmax(Z, axis=1)[np.arange(5), LABELS]
    np.testing.assert_allclose(expected.mean(), log_loss(LABELS, np.exp(log_softmax(Z, axis=1))))
    with jax.enable_x64(True):
        z, labels, one_hot = map(jnp.asarray, (Z, LABELS, ONE_HOT))
        np.testing.assert_allclose(cross_entropy(z, labels), expected, rtol=1e-12)
        np.testing.assert_allclose(soft_cross_entropy(z, one_hot), expected, rtol=1e-12)
        y_hat = jax.nn.softmax(z)
        np.testing.assert_allclose(
            cross_entropy_of_probabilities(y_hat, one_hot), expected, rtol=1e-12
        )


def test_slope_is_y_hat_minus_y():
    with jax.enable_x64(True):
        z, labels = jnp.asarray(Z), jnp.asarray(LABELS)
        slope = jax.grad(lambda z: cross_entropy(z, labels).sum())(z)
        np.testing.assert_allclose(slope, jax.nn.softmax(z) - ONE_HOT, rtol=1e-9, atol=1e-12)


def test_a_value_a_token():
    logits, labels = jnp.asarray(Z, jnp.float32).reshape(1, 5, 4), jnp.asarray(LABELS)[None, :]
    losses = cross_entropy(logits, labels)
    assert losses.shape == (1, 5)
    np.testing.assert_allclose(losses[0], cross_entropy(logits[0], labels[0]), rtol=1e-6)


def test_large_scores_are_exact_and_bfloat16_is_widened():
    losses = cross_entropy(jnp.asarray([[1e4, 0.0]]), jnp.asarray([1]))
    np.testing.assert_allclose(losses, [1e4])
    narrow = cross_entropy(jnp.zeros((1, 3), jnp.bfloat16), jnp.asarray([1]))
    assert narrow.dtype == jnp.float32
    np.testing.assert_allclose(narrow, [np.log(3)], rtol=1e-6)


def test_certainty_costs_nothing():
    assert cross_entropy_of_probabilities(
        jnp.asarray([[0.0, 1.0]]), jnp.asarray([[0, 1]])
    ).tolist() == [0]


def test_shapes_that_would_broadcast_should_fail():
    with pytest.raises(ValueError, match="target"):
        cross_entropy(jnp.zeros((3, 4)), jnp.zeros((3, 1), int))
    for loss in (soft_cross_entropy, cross_entropy_of_probabilities):
        with pytest.raises(ValueError, match="target"):
            loss(jnp.zeros((3, 4)), jnp.zeros(4))
