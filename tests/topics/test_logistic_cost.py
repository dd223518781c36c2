"""The topics on the logistic cost, the graph and loops against what is worked elsewhere."""

import jax
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ngjax.experiment.catalogue import module
from ngjax.ops import graph

likelihood = module("maximum_likelihood")
computation = module("computation_graph")
vectorization = module("vectorization")


@pytest.fixture(scope="module")
def real():
    return likelihood.examples(likelihood.Config(), (1, 0, 4))


def test_descent_ends_where_scikit_learn_does(real):
    x, y = real
    with jax.enable_x64(True):
        cost = likelihood.cost_of("cross_entropy", x, y)
        end = likelihood.descend(cost, np.zeros((1, 4)), likelihood.rate(x), 3000)[-1, 0]
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x[:, :3], y)
    found = np.append(theirs.coef_[0], theirs.intercept_)
    np.testing.assert_allclose(end, found, rtol=1e-4)


def test_the_hessian_is_that_of_the_docstring_and_the_rate_bounds_it(real):
    x, y = real
    theta = np.array([0.5, -1.0, 0.3, 0.2])
    with jax.enable_x64(True):
        hessian = jax.hessian(likelihood.cost_of("cross_entropy", x, y))(theta)
    a = 1 / (1 + np.exp(-x @ theta))
    np.testing.assert_allclose(hessian, x.T @ (x * (a * (1 - a))[:, None]) / len(x), rtol=1e-10)
    assert np.linalg.eigvalsh(hessian)[-1] <= 1 / likelihood.rate(x)


def test_probabilities_of_both_labels_by_hand():
    x, theta = np.array([[0.0], [1.0], [1.0]]), np.array([np.log(4.0)])
    with jax.enable_x64(True):
        p = likelihood.probabilities(theta, x, np.array([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(p, [0.5, 0.8, 0.2], rtol=1e-12)


@pytest.mark.parametrize(("m", "y"), [(1, 1.0), (3, 1.0), (3, 0.0)])
def test_the_graph_of_the_cost_by_hand(m, y):
    X, Y = np.ones((2, m)), np.full((1, m), y)
    J = computation.whole_cost(X, Y)
    values = graph.forward(J, {"w1": 0.0, "w2": 0.0, "b": 0.0})
    slopes = {n.name: s for n, s in graph.backward(J, values).items() if n.name}
    assert values[J] == pytest.approx(np.log(2))
    assert [slopes[name] for name in ("w1", "w2", "b")] == pytest.approx([0.5 - y] * 3)


def test_a_form_that_differs_is_seen():
    forms = {"loop": lambda: [1.0, 2.0], "wrong": lambda: np.array([1.0, 2.5])}
    found = vectorization.compared(forms, 1)
    assert found["off"] == {"loop": 0.0, "wrong": 0.25}
    assert all(seconds > 0 for seconds in found["seconds"].values())
