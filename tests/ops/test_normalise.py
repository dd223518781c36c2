import fractions

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


class Asked:
    """Byte images that note which rows they were asked for, as those on a disk would read them."""

    def __init__(self, images):
        self.images, self.rows = images, []
        self.shape, self.dtype, self.ndim = images.shape, images.dtype, images.ndim

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        self.rows.append(list(range(*index.indices(len(self)))))
        return self.images[index]


@pytest.mark.parametrize("axis", [(0,), (0, 1, 2), (0, 1, 2, 3)])
def test_bytes_are_summed_exactly_in_one_pass(monkeypatch, axis):
    """Against NumPy in float64, and against fractions rounded once: the same bits."""
    monkeypatch.setattr(module, "BYTES", 7 * 24 + 1)
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 2, 3)).astype(np.uint8)
    images[:, 0, 0, 0] = 9  # never varies where each feature has its own numbers
    asked = Asked(images)
    mu, sigma = standardise(asked, axis)
    assert [len(rows) for rows in asked.rows] == [7, 7, 7, 7, 7, 5]
    assert [i for rows in asked.rows for i in rows] == list(range(40))
    x = images.astype(np.float64)
    np.testing.assert_allclose(mu, x.mean(axis, keepdims=True), rtol=1e-13)
    deviation = x.std(axis, keepdims=True)
    np.testing.assert_allclose(sigma, np.where(deviation > 0, deviation, 1), rtol=1e-13)
    left = [a for a in range(4) if a not in axis]
    features = images.transpose(*left, *axis).reshape(mu.size, -1).tolist()
    for row, one_mu, one_sigma in zip(features, mu.ravel(), sigma.ravel(), strict=True):
        mean = fractions.Fraction(sum(row), len(row))
        variance = sum((value - mean) ** 2 for value in row) / len(row)
        assert one_mu == float(mean)
        assert one_sigma == (np.sqrt(float(variance)) if variance else 1)


def test_moments_are_added_over_axes_and_are_of_bytes_alone():
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 2, 3)).astype(np.uint8)
    axes = (0, 1, 2, 3)
    added, direct = module.moments(images).over(axes), module.moments(images, axes)
    assert added.count == direct.count == images.size
    assert added.first.item() == direct.first.item() == int(images.sum())
    assert added.second.item() == direct.second.item() == int((images.astype(int) ** 2).sum())
    with pytest.raises(ValueError, match="float32, expected uint8"):
        module.moments(images.astype(np.float32))


@pytest.mark.parametrize(("shape", "axis"), [((0, 3), 0), ((4, 3), 1)])
def test_nothing_to_average(shape, axis):
    with pytest.raises(ValueError, match="nothing to average"):
        standardise(np.zeros(shape), axis)
