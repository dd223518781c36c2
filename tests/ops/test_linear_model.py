import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial import legendre as numpy_legendre
from sklearn.linear_model import Lasso, LinearRegression, Ridge

from ngjax.ops.linear_model import lasso, legendre, ridge, soft_threshold


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def regression(m=30, P=6, K=None, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(m, P)) * np.arange(1, P + 1)
    w = generator.normal(size=(P,) if K is None else (P, K))
    return X, X @ w + generator.normal(size=X.shape[:1] + w.shape[1:])


@pytest.mark.parametrize("degree", [0, 1, 2, 7])
def test_legendre_is_numpys(degree):
    x = np.linspace(-1, 1, 11)
    columns = legendre(jnp.asarray(x), degree)
    np.testing.assert_allclose(columns, numpy_legendre.legvander(x, degree), atol=1e-14)


@pytest.mark.parametrize("lambda_", [0.0, 0.7, 30.0])
@pytest.mark.parametrize("targets", [None, 3])
def test_ridge_is_scikit_learns(lambda_, targets):
    X, Y = regression(K=targets)
    there = Ridge(alpha=lambda_, fit_intercept=False).fit(X, Y).coef_.T
    np.testing.assert_allclose(ridge(X, Y, lambda_), there, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("lambda_", [0.7, 30.0])
def test_a_free_column_is_the_intercept(lambda_):
    X, y = regression()
    y = y + 5
    there = Ridge(alpha=lambda_).fit(X, y)
    w = ridge(np.hstack([np.ones((len(X), 1)), X]), y, lambda_, free=1)
    np.testing.assert_allclose(w, [there.intercept_, *there.coef_], rtol=1e-9)


def test_ridge_without_penalty_and_with_dependent_columns_is_the_shortest_solution():
    X, y = regression()
    X = np.hstack([X, X[:, :1]])  # no inverse
    there = LinearRegression(fit_intercept=False).fit(X, y).coef_
    np.testing.assert_allclose(ridge(X, y, 0.0), there, rtol=1e-9)
    assert there[0] == pytest.approx(there[-1])


def test_lambda_may_be_traced():
    X, y = regression()
    several = jax.jit(jax.vmap(lambda lambda_: ridge(X, y, lambda_)))(jnp.array([0.0, 2.0]))
    for found, lambda_ in zip(several, (0.0, 2.0), strict=True):
        np.testing.assert_allclose(found, ridge(X, y, lambda_), rtol=1e-9)


@pytest.mark.parametrize("w, t, want", [(3.0, 1.0, 2.0), (-3.0, 1.0, -2.0), (0.5, 1.0, 0.0)])
def test_soft_threshold_by_hand(w, t, want):
    assert soft_threshold(jnp.asarray(w), t) == want


@pytest.mark.parametrize("lambda_", [0.5, 20.0, 200.0])
def test_lasso_is_scikit_learns(lambda_):
    """Theirs is (1/2m) ||Xw - y||^2 + alpha ||w||_1, so alpha = lambda / 2m."""
    X, y = regression()
    theirs = Lasso(alpha=lambda_ / (2 * len(X)), fit_intercept=False, tol=1e-12, max_iter=10**6)
    there = theirs.fit(X, y).coef_
    here = lasso(X, y, lambda_, steps=5000)
    np.testing.assert_allclose(here, there, atol=1e-7)
    assert ((np.abs(here) < 1e-10) == (there == 0)).all()


def test_a_penalty_that_is_large_enough_leaves_no_weight():
    X, y = regression()
    enough = 2 * np.abs(X.T @ y).max()
    assert (lasso(X, y, 1.001 * enough) == 0).all()
    assert (lasso(X, y, 0.9 * enough) != 0).any()
