import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from ngjax.ops import normalise as module
from ngjax.ops.normalise import normalise, standardise


def test_by_hand():
    """x = 1, 3, 5: mu = 3, sigma^2 = 8/3; the print's sum without the square gives 3."""
    train = np.array([[1.0], [3.0], [5.0]])
    mu, sigma = standardise(train)
    np.testing.assert_allclose([mu.item(), sigma.item() ** 2], [3, 8 / 3], rtol=1e-6)
    x = normalise(train, mu, sigma)
    np.testing.assert_allclose([x.mean(), x.var()], [0, 1], atol=1e-6)
    assert abs((train - 3).var() / sigma.item() ** 4 - 0.375) < 1e-6  # divided by sigma^2 instead


def test_as_scikit_learn(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    generator = np.random.default_rng(0)
    train = generator.normal(50, [0.1, 3, 1000], (40, 3))
    dev = generator.normal(50, [0.1, 3, 1000], (5, 3))
    scaler = StandardScaler().fit(train)
    mu, sigma = standardise(train)
    assert mu.shape == sigma.shape == (1, 3)
    assert mu.dtype == sigma.dtype == np.float64
    np.testing.assert_allclose(sigma[0], scaler.scale_, rtol=1e-6)
    found = normalise(jnp.asarray(dev, jnp.float32), mu, sigma)
    np.testing.assert_allclose(found, scaler.transform(dev), atol=2e-4)


def test_a_feature_that_never_varies_becomes_zero():
    train = np.array([[0.1, 1], [0.1, 2], [0.1, 3]], np.float32)
    mu, sigma = standardise(train)
    assert sigma[0, 0] == 1
    np.testing.assert_array_equal(normalise(train, mu, sigma)[:, 0], 0)


def test_channels_of_bytes():
    images = np.zeros((4, 2, 2, 3), np.uint8)
    images[..., 1] = 200
    images[:2, ..., 2] = 100
    mu, sigma = standardise(images, axis=(0, 1, 2))
    np.testing.assert_array_equal(mu.ravel(), [0, 200, 50])
    np.testing.assert_array_equal(sigma.ravel(), [1, 1, 50])
    x = normalise(jnp.array(images), mu, sigma)
    assert x.dtype == jnp.float32
    np.testing.assert_array_equal(x[0, 0, 0], [0, 0, 1])
    np.testing.assert_array_equal(x[3, 1, 1], [0, 0, -1])


@pytest.mark.parametrize(("shape", "axis"), [((0, 3), 0), ((4, 3), 1)])
def test_nothing_to_average(shape, axis):
    with pytest.raises(ValueError, match="nothing to average"):
        standardise(np.zeros(shape), axis)
