"""t-SNE against scikit-learn's own parts, float64 differences and numbers worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import squareform
from sklearn.manifold._t_sne import _joint_probabilities
from sklearn.metrics import pairwise_distances

from ngjax.ops import tsne
from ngjax.ops.gradient_check import gradient_check


def drawn(n=40, D=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, D)).astype(np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_distances_are_those_of_scikit_learn(metric):
    x = drawn()
    right = pairwise_distances(x.astype(float), metric=metric)
    right = 2 * right if metric == "cosine" else right**2
    np.testing.assert_allclose(tsne.squared_distances(jnp.asarray(x), metric), right, atol=2e-5)


@pytest.mark.parametrize("perplexity", [2.0, 10.0, 30.0])
def test_every_row_has_the_perplexity(perplexity):
    d2 = tsne.squared_distances(jnp.asarray(drawn()))
    p = np.float64(tsne.conditional(d2, perplexity))
    assert (np.diag(p) == 0).all()
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    entropy = -(p * np.log2(np.where(p > 0, p, 1))).sum(1)
    np.testing.assert_allclose(2**entropy, perplexity, rtol=1e-3)


def test_affinities_are_those_of_scikit_learn():
    x = drawn()
    d2 = pairwise_distances(x, squared=True)
    right = squareform(_joint_probabilities(d2, 10.0, 0))
    np.testing.assert_allclose(tsne.affinities(jnp.asarray(d2), 10.0), right, atol=2e-6)


def test_twins_do_not_divide_by_zero():
    x = np.zeros((6, 2), np.float32)
    assert np.isfinite(tsne.affinities(tsne.squared_distances(jnp.asarray(x)), 3.0)).all()


def worked(n=9, d=3):
    generator = np.random.default_rng(1)
    P = generator.random((n, n))
    P = P + P.T
    np.fill_diagonal(P, 0)
    return jnp.asarray(P / P.sum()), jnp.asarray(generator.normal(size=(n, d)))


def test_the_cost_is_the_divergence_as_its_definition_has_it():
    with jax.enable_x64(True):
        P, y = worked()
        p, points = np.asarray(P), np.asarray(y)
        kernel = np.array([[1 / (1 + ((a - b) ** 2).sum()) for a in points] for b in points])
        np.fill_diagonal(kernel, 0)
        q = kernel / kernel.sum()
        off = ~np.eye(len(p), dtype=bool)
        kl = (p[off] * np.log(p[off] / q[off])).sum()
        found = tsne.cross_entropy(y, P) + tsne.negative_entropy(P)
        assert float(found) == pytest.approx(kl, rel=1e-12)
        by_hand = [
            4 * sum((p[i, j] - q[i, j]) * (a - b) * kernel[i, j] for j, b in enumerate(points))
            for i, a in enumerate(points)
        ]
        np.testing.assert_allclose(tsne.cross_entropy_gradient(y, P), by_hand, rtol=1e-10)


@pytest.mark.parametrize("exaggeration", [1.0, 12.0])
def test_the_gradient_is_that_of_differences_and_of_autodiff(exaggeration):
    with jax.enable_x64(True):
        P, y = worked()
        slope = tsne.cross_entropy_gradient(y, P, exaggeration)
        found = gradient_check(lambda y: tsne.cross_entropy(y, P, exaggeration), y, slope)
        assert found.ratio < 1e-7
        automatic = jax.grad(tsne.cross_entropy)(y, P, exaggeration)
        np.testing.assert_allclose(slope, automatic, rtol=1e-9)


def test_a_distribution_does_not_diverge_from_itself():
    with jax.enable_x64(True):
        y = worked()[1]
        kernel = tsne._kernel(tsne.squared_distances(y))
        Q = kernel / kernel.sum()
        assert float(tsne.cross_entropy(y, Q) + tsne.negative_entropy(Q)) == pytest.approx(0)
        assert float(jnp.abs(tsne.cross_entropy_gradient(y, Q)).max()) < 1e-15
