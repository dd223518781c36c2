import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from ngjax.ops import bias_variance as ops
from ngjax.ops.linear_model import legendre


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def draws(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_variance_is_numpys():
    values = draws((50, 3)) + 2
    np.testing.assert_allclose(ops.variance(values), values.var(axis=0), rtol=1e-12)


def test_the_expanded_square_is_the_square():
    y, f_hat = draws((50, 3)), draws((50, 3), 1) + 1
    square = ((y - f_hat) ** 2).mean(axis=0)
    np.testing.assert_allclose(ops.expected_square(y, f_hat), square, rtol=1e-12)


def test_the_parts_are_the_mean_square_to_the_truth():
    f_hat, f = draws((50, 4)) + np.arange(4), draws(4, 1)
    parts = ops.decompose(f_hat, f)
    np.testing.assert_allclose(parts.bias_squared, (f_hat.mean(axis=0) - f) ** 2, rtol=1e-12)
    whole = ((f_hat - f) ** 2).mean(axis=0)
    np.testing.assert_allclose(parts.bias_squared + parts.variance, whole, rtol=1e-12)


def test_noise_has_the_deviation_asked_for_and_the_mean_f():
    y = np.asarray(ops.noisy(jax.random.key(0), jnp.array([2.0, -1.0]), 0.5, 100_000))
    np.testing.assert_allclose(y.mean(axis=0), [2, -1], atol=0.01)
    np.testing.assert_allclose(y.std(axis=0), 0.5, rtol=0.01)
    assert abs(np.corrcoef(y.T)[0, 1]) < 0.02


def test_every_draw_is_fitted_at_every_degree_as_scikit_learn_fits_it():
    x, y, degrees = np.linspace(-1, 1, 9), draws((4, 9)), (0, 1, 5)
    basis = np.asarray(legendre(jnp.asarray(x), 6))
    w = np.asarray(ops.refitted(basis, jnp.asarray(y), jnp.array(degrees)))
    assert w.shape == (3, 4, 7)
    for d, of_degree in zip(degrees, w, strict=True):
        there = LinearRegression(fit_intercept=False).fit(basis[:, : d + 1], y.T).coef_
        np.testing.assert_allclose(of_degree[:, : d + 1], there, atol=1e-12)
        assert (np.abs(of_degree[:, d + 1 :]) < 1e-12).all()


def test_variance_of_least_squares_is_its_closed_form():
    """Var[f_hat(x)] = sigma^2 phi(x)^T (Phi^T Phi)^-1 phi(x), at any degree."""
    x = jnp.linspace(-1, 1, 12)
    basis = legendre(x, 3)
    y = ops.noisy(jax.random.key(1), jnp.sin(x), 0.3, 40_000)
    f_hat = ops.refitted(basis, y, jnp.array([3]))[0] @ basis.T
    closed = 0.3**2 * np.diag(basis @ np.linalg.inv(basis.T @ basis) @ basis.T)
    found = ops.decompose(f_hat, jnp.sin(x))
    np.testing.assert_allclose(found.variance, closed, rtol=0.04)
    fit = basis @ np.linalg.lstsq(basis, jnp.sin(x))[0]  # the mean fit is the fit of the mean
    np.testing.assert_allclose(found.bias_squared, (jnp.sin(x) - fit) ** 2, atol=1e-4)
