import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ngjax.ops import backprop
from ngjax.ops.backprop import Layer

SIGMOID = (jax.nn.sigmoid, lambda z: jax.nn.sigmoid(z) * (1 - jax.nn.sigmoid(z)))
TANH = (jnp.tanh, lambda z: 1 - jnp.tanh(z) ** 2)
RELU = (jax.nn.relu, lambda z: (z > 0).astype(z.dtype))
SOFTMAX = (lambda z: jax.nn.softmax(z, axis=0), None)  # its dZ is A - Y


def logistic_problem(n_x, m, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n_x, m))
    Y = generator.integers(0, 2, (1, m)).astype(float)
    return generator.standard_normal((n_x, 1)), generator.standard_normal(), X, Y


@pytest.mark.parametrize(("n_x", "m"), [(2, 4), (1, 1), (5, 13)])
def test_logistic_loop_is_vectorised_is_autodiff_is_differences(n_x, m):
    w, b, X, Y = logistic_problem(n_x, m)

    def cost(w, b):
        a = 1 / (1 + np.exp(-(w.T @ X + b)))
        return -np.mean(Y * np.log(a) + (1 - Y) * np.log(1 - a))

    loop = backprop.logistic_loop(w, b, X, Y)
    np.testing.assert_allclose(loop.cost, cost(w, b), rtol=1e-12)
    step = 1e-6
    for j in range(n_x):
        e = step * np.eye(n_x)[:, [j]]
        slope = (cost(w + e, b) - cost(w - e, b)) / (2 * step)
        np.testing.assert_allclose(loop.dw[j, 0], slope, rtol=1e-7, atol=1e-9)
    slope = (cost(w, b + step) - cost(w, b - step)) / (2 * step)
    np.testing.assert_allclose(loop.db, slope, rtol=1e-7, atol=1e-9)
    with jax.enable_x64(True):
        vectorised = jax.jit(backprop.logistic_vectorised)(w, b, X, Y)
        auto = jax.grad(lambda w, b: backprop.logistic_vectorised(w, b, X, Y).cost, (0, 1))(w, b)
        for one, other in zip(loop, vectorised, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(auto[0], loop.dw, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(auto[1], loop.db, rtol=1e-10, atol=1e-14)


def test_logistic_worked_examples_of_the_notes():
    for y, dz in ((0.0, 0.598688), (1.0, -0.401312)):  # z = 0.4: dz = a - y, not 1 - y
        slope = backprop.logistic_loop(np.zeros((1, 1)), 0.4, np.ones((1, 1)), np.full((1, 1), y))
        np.testing.assert_allclose([slope.db, slope.dw[0, 0]], [dz, dz], atol=5e-7)
    z = np.log(np.array([[0.8 / 0.2, 0.3 / 0.7]]))  # a = .8, .3
    slope = backprop.logistic_loop(np.ones((1, 1)), 0.0, z, np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(slope.cost, 0.289909, atol=5e-7)


def test_logistic_cost_does_not_overflow():
    X, Y = np.array([[1000.0, -1000.0]]), np.array([[0.0, 1.0]])
    for form in (backprop.logistic_loop, backprop.logistic_vectorised):
        cost, dw, db = form(np.ones((1, 1)), 0.0, X, Y)
        np.testing.assert_allclose([cost, dw[0, 0], db], [1000, 1000, 0])


def test_descent_forms_agree_and_find_scikit_learns_minimum():
    _, _, X, Y = logistic_problem(2, 30, seed=3)
    loop = backprop.logistic_descent(X, Y, 0.5, 20, form="loop")
    vectorised = backprop.logistic_descent(X, Y, 0.5, 20)
    for one, other in zip(loop, vectorised, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    assert vectorised[2].shape == (20,)
    np.testing.assert_allclose(vectorised[2][0], np.log(2), rtol=1e-12)  # w = 0: a = 1/2
    w, b, costs = backprop.logistic_descent(X, Y, 1.0, 2000)
    assert np.all(np.diff(costs) <= 1e-15)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(X.T, Y[0])
    np.testing.assert_allclose(np.ravel(w), model.coef_[0], rtol=1e-6)
    np.testing.assert_allclose(b, model.intercept_[0], rtol=1e-6)


def network(sizes, m, seed=0):
    generator = np.random.default_rng(seed)
    layers = [
        Layer(generator.standard_normal((n, k)), generator.standard_normal((n, 1)))
        for k, n in itertools.pairwise(sizes)
    ]
    return layers, generator.standard_normal((sizes[0], m)), generator


NETWORKS = [((3, 4, 1), 6, (TANH, SIGMOID)), ((2, 3, 5, 4, 2, 1), 7, (TANH, RELU) * 2 + (SIGMOID,))]


@pytest.mark.parametrize(("sizes", "m", "activations"), NETWORKS)
def test_network_by_hand_is_autodiff_is_differences(sizes, m, activations):
    parameters, X, generator = network(sizes, m)
    Y = generator.integers(0, 2, (1, m)).astype(float)

    def cost(parameters):
        return backprop.binary_cost(backprop.forward(parameters, X, activations)[0], Y)

    @jax.jit
    def by_hand(parameters):
        A, caches = backprop.forward(parameters, X, activations)
        short = backprop.backward_from_dZ(backprop.output_dZ(A, Y), caches)
        return backprop.backward(backprop.binary_dA(A, Y), caches), short

    with jax.enable_x64(True):
        parameters = jax.tree.map(jnp.asarray, parameters)
        check_slopes(cost, parameters, *by_hand(parameters))


def test_softmax_network_by_hand_is_autodiff_is_differences():
    parameters, X, generator = network((3, 5, 4), 6)
    Y = np.eye(4)[generator.integers(0, 4, 6)].T

    @jax.jit
    def run(parameters):
        A, caches = backprop.forward(parameters, X, (TANH, SOFTMAX))
        slopes = backprop.backward_from_dZ(backprop.output_dZ(A, Y), caches)
        return backprop.softmax_cost(A, Y), slopes

    with jax.enable_x64(True):
        parameters = jax.tree.map(jnp.asarray, parameters)
        check_slopes(lambda p: run(p)[0], parameters, run(parameters)[1])


def check_slopes(cost, parameters, *by_hand):
    """Against automatic differentiation, and a central difference in a random direction each."""
    auto = jax.jit(jax.grad(cost))(parameters)
    generator, cost = np.random.default_rng(1), jax.jit(cost)
    for slopes in by_hand:
        assert jax.tree.structure(slopes) == jax.tree.structure(parameters)
        for one, other in zip(jax.tree.leaves(slopes), jax.tree.leaves(auto), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)
        for i, leaf in enumerate(jax.tree.leaves(parameters)):
            way = generator.standard_normal(leaf.shape)
            up, down = (moved(parameters, i, s * 1e-6 * way) for s in (1, -1))
            slope = (cost(up) - cost(down)) / 2e-6
            np.testing.assert_allclose(
                np.sum(jax.tree.leaves(slopes)[i] * way), slope, rtol=1e-6, atol=1e-9
            )


def moved(parameters, index, way):
    leaves, structure = jax.tree.flatten(parameters)
    leaves[index] = leaves[index] + way
    return jax.tree.unflatten(structure, leaves)


def test_network_shapes_and_count_of_the_notes():
    parameters, X, _ = network((2, 3, 5, 4, 2, 1), 7)
    assert [W.shape for W, _ in parameters] == [(3, 2), (5, 3), (4, 5), (2, 4), (1, 2)]
    # (2 + 1) 3 + (3 + 1) 5 + (5 + 1) 4 + (4 + 1) 2 + (2 + 1) 1
    assert sum(leaf.size for leaf in jax.tree.leaves(parameters)) == 66
    A, caches = backprop.forward(parameters, X, (TANH,) * 4 + (SIGMOID,))
    assert A.shape == (1, 7)
    assert [cache.Z.shape for cache in caches] == [(3, 7), (5, 7), (4, 7), (2, 7), (1, 7)]


def test_layers_without_activation_collapse_to_one():
    identity = (lambda z: z, jnp.ones_like)
    (first, second), X, _ = network((3, 4, 2), 5)
    one = Layer(second.W @ first.W, second.W @ first.b + second.b)
    with jax.enable_x64(True):
        A, _ = backprop.forward([first, second], jnp.asarray(X), (identity, identity))
        np.testing.assert_allclose(A, one.W @ X + one.b, rtol=1e-12)


def test_a_layer_without_its_activation_should_fail():
    parameters, X, _ = network((3, 4, 1), 2)
    with pytest.raises(ValueError, match="shorter"):
        backprop.forward(parameters, X, (TANH,))
