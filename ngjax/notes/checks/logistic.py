"""Notes 1.2 to 1.4: neurons, logistic regression, derivatives, vectorisation, likelihood."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.losses import (
    binary_cross_entropy,
    binary_cross_entropy_of_probabilities,
    squared_loss,
)
from ngjax.models.mlp import MLP
from ngjax.models.table import layer_table
from ngjax.notes.walk import walk
from ngjax.ops import activations as g
from ngjax.ops import backprop
from ngjax.ops.convolve import output_size
from ngjax.ops.gradient_check import gradient_check
from ngjax.optim import Optimizer

LINEAR = g.ACTIVATIONS["identity"]


def _affine(W: Any, X: Any, b: Any) -> jax.Array:
    """Z of one linear layer, by the hand-written forward pass."""
    layer = backprop.Layer(jnp.asarray(W, float), jnp.asarray(b, float))
    return backprop.forward([layer], jnp.asarray(X, float), [LINEAR])[0]


def _central(f: Callable[[Any], jax.Array], at: Any, epsilon: float = 1e-5) -> list[float]:
    """Central differences of f, one a number of `at`, in their order."""
    theta = jnp.asarray(at, float)
    check = gradient_check(f, theta, epsilon=epsilon, worst=theta.size)
    return [part.approximation for part in sorted(check.worst, key=lambda part: part.name)]


def _loss(y_hat: Any, y: Any) -> jax.Array:
    return binary_cross_entropy_of_probabilities(jnp.asarray(y_hat, float), jnp.asarray(y, float))


def _relu_unit() -> Any:
    return g.relu(_affine([[1]], [[0, 1, 2]], [[-1]]))[0]


def _sigmoid_and_relu_slopes() -> Any:
    slope = g.ACTIVATIONS["sigmoid"][1]
    return {
        "sig_max": slope(jnp.linspace(-5, 5, 1001)).max(),
        "sig_at_10": slope(jnp.array(-10.0)),
        "relu": g.relu_derivative(jnp.array(3.0)),
    }


def _twenty_slopes() -> Any:
    z = jnp.full(20, 0.5)
    product = {name: g.ACTIVATIONS[name][1](z).prod() for name in ("relu", "sigmoid")}
    return {"relu_bigger": bool(product["relu"] > product["sigmoid"] <= 0.25**20)}


def _housing_shapes() -> Any:
    params = jax.eval_shape(MLP((3, 1)).init, jax.random.key(0), jnp.zeros((1, 4)))["params"]
    shapes = [part["kernel"].shape[::-1] for part in params.values()]  # ours are transposed
    return {"W1": shapes[0], "W2": shapes[1]}


def _data_matrix() -> Any:
    X = np.zeros((5, 64, 64, 3)).reshape(5, -1).T
    slope = backprop.logistic_vectorised(
        jnp.zeros((X.shape[0], 1)), jnp.array(0.0), X, np.zeros((1, 5))
    )
    A, _ = backprop.forward([backprop.Layer(slope.dw.T, slope.db.reshape(1, 1))], X, [LINEAR])
    return {"X": (slope.dw.shape[0], A.shape[1]), "Y": A.shape}


def _curvatures() -> Any:
    def second(loss: Callable[[jax.Array], jax.Array]) -> jax.Array:
        return jax.jit(jax.grad(jax.grad(loss)))(-3.0)

    y = jnp.array(1.0)
    return {
        "sq_neg": bool(second(lambda w: squared_loss(g.sigmoid(w), y)) < 0),
        "ce_pos": bool(second(lambda w: binary_cross_entropy(w, y)) > 0),
    }


def _one_minimum() -> Any:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(2, 40))
    Y = (X[:1] + generator.normal(size=(1, 40)) > 0).astype(float)  # overlapping classes

    def cost(theta: jax.Array) -> jax.Array:
        return backprop.logistic_vectorised(theta[:2, None], theta[2], X, Y).cost

    starts = generator.normal(size=(5, 3)) * 3
    slope = jax.vmap(jax.grad(cost))
    hessians = jax.jit(jax.vmap(jax.hessian(cost)))(starts)
    ends = walk(Optimizer(learning_rate=1.0), lambda theta, _: slope(theta), starts, 1000)[-1]
    return {
        "min_eig_nonneg": bool(np.linalg.eigvalsh(hessians).min() >= -1e-12),
        "same_solution": bool(np.ptp(ends, axis=0).max() < 1e-6),
    }


def _slope_of_3a() -> Any:
    f = lambda a: 3 * a  # noqa: E731
    return [f(2), f(2.001), f(5), f(5.001), *_central(lambda a: f(a[0]), [2], 0.001)]


def _slope_of_square() -> Any:
    f = lambda a: a**2  # noqa: E731
    at_2, at_5 = (_central(lambda a: f(a[0]), [a], 0.001)[0] for a in (2, 5))
    return [f(2.001), f(5.001), at_2, at_5]


def _logistic_dz() -> Any:
    Y = jnp.array([[0.0, 1.0]])
    a = g.sigmoid(jnp.full((1, 2), 0.4))
    return (backprop.binary_dA(a, Y) * g.sigmoid_derivative(a))[0]


def _loop_gradient() -> Any:
    X = np.array([[1.0, -2.0, 0.5, 3.0], [2.0, 1.0, -1.0, 0.5]])
    Y = np.array([[1.0, 0.0, 1.0, 0.0]])
    w, b = np.array([[0.3], [-0.2]]), 0.1
    _, dw, db = backprop.logistic_loop(w, b, X, Y)

    def matches(dw: np.ndarray) -> bool:
        check = gradient_check(
            lambda p: backprop.logistic_vectorised(p["w"], p["b"], X, Y).cost,
            {"w": jnp.asarray(w), "b": jnp.asarray(b)},
            {"w": jnp.asarray(dw), "b": jnp.asarray(db)},
        )
        return check.ratio < 1e-7

    without_dz = X.mean(axis=1, keepdims=True)
    return {"correct_ok": matches(dw), "printed_ok": matches(without_dz)}


def _matrix_vector() -> Any:
    generator = np.random.default_rng(0)
    A, v = generator.normal(size=(5, 7)), generator.normal(size=(7, 1))
    u = [sum(A[i, j] * v[j, 0] for j in range(7)) for i in range(5)]
    return np.allclose(_affine(A, v, np.zeros((5, 1)))[:, 0], u, rtol=1e-12)


def _columns() -> Any:
    """Whether Z of a whole set is Z of its columns; and its shape."""
    generator = np.random.default_rng(0)
    w, X = generator.normal(size=(3, 1)), generator.normal(size=(3, 4))
    Z = _affine(w.T, X, [[0.5]])
    each = [_affine(w.T, X[:, i : i + 1], [[0.5]])[0, 0] for i in range(4)]
    return Z, np.allclose(Z[0], each, rtol=1e-12)


def _shape_of_columns() -> Any:
    Z, equal = _columns()
    return Z.shape if equal else None


def _ratio_of_costs() -> Any:
    w, X, Y = jnp.zeros((2, 1)), jnp.ones((2, 4)), jnp.array([[0.0, 1.0, 1.0, 0.0]])
    mean = backprop.logistic_vectorised(w, jnp.array(0.0), X, Y).cost
    return binary_cross_entropy(_affine(w.T, X, [[0]]), Y).sum() / mean


def _most_likely() -> Any:
    X = np.array([[-2.0, -1.0, 0.5, 1.0, 3.0]])
    Y = np.array([[0.0, 1.0, 0.0, 1.0, 1.0]])
    grid = np.linspace(-3, 3, 121)

    def likelihood(w: jax.Array) -> jax.Array:
        a = g.sigmoid(w * X)
        return jnp.where(Y == 1, a, 1 - a).prod()

    def cost(w: jax.Array) -> jax.Array:
        return backprop.logistic_vectorised(w.reshape(1, 1), jnp.array(0.0), X, Y).cost

    likely, costs = jax.jit(lambda w: (jax.vmap(likelihood)(w), jax.vmap(cost)(w)))(grid)
    return np.argmax(likely) == np.argmin(costs)


CHECKS = MappingProxyType(
    {
        "relu-is-not-linear-regression": _relu_unit,
        "sigmoid-slow-relu-fast": _sigmoid_and_relu_slopes,
        "relu-converge-to-one": lambda: {
            "value": g.relu(jnp.array(7.0)),
            "grad": g.relu_derivative(jnp.array(7.0)),
        },
        "switch-direction-sigmoid-relu": _twenty_slopes,
        "housing-net-shape": _housing_shapes,
        "nx-12288": lambda: layer_table(MLP((1,)), (64, 64, 3))[0].size,
        # pixels are the places of a 1x1 filter, however deep the image
        "nx-is-values-not-pixels": lambda: output_size(64, 1) ** 2,
        "data-matrix-shapes": _data_matrix,
        "sigmoid-limits": lambda: g.sigmoid(jnp.array([20.0, -20.0, 0.0])),
        "squared-loss-nonconvex-logistic": _curvatures,
        "cross-entropy-cases": lambda: _loss([0.8, 0.8], [1, 0]),
        "cost-formula-print": lambda: backprop.binary_cost(
            jnp.array([[0.8, 0.3]]), jnp.array([[1.0, 0.0]])
        ),
        "cost-formula-missing-bracket": lambda: _loss(0.3, 0),
        "logistic-cost-convex-one-minimum": _one_minimum,
        "gd-moves-toward-minimum": lambda: walk(
            Optimizer(learning_rate=0.1), lambda w, _: 2 * (w - 3), np.array([5.0, 1.0]), 1
        )[0],
        "deriv-3a": _slope_of_3a,
        "deriv-3a-notation": lambda: _central(lambda a: 3 * a[0], [2])[0],
        "deriv-a2": _slope_of_square,
        "deriv-ln": lambda: _central(lambda a: jnp.log(a[0]), [2])[0],
        "compgraph-backward": lambda: _central(lambda p: 3 * (p[0] + p[1] * p[2]), [5, 3, 2]),
        "compgraph-deriv-notation": lambda: _central(lambda v: 3 * v[0], [11])[0],
        "logistic-da": lambda: backprop.binary_dA(jnp.array([[0.7, 0.7]]), jnp.array([[1.0, 0.0]]))[
            0
        ],
        "logistic-dz": _logistic_dz,
        "cost-sum-index": lambda: _loss([0.8, 0.3], [1, 0]).mean(),
        "alg132-dw1": _loop_gradient,
        "alg132-divide-m": lambda: backprop.logistic_loop(
            np.zeros((1, 1)), 0.0, np.ones((1, 4)), np.zeros((1, 4))
        ).dw[0, 0],
        "zt-is-z-plus-equals": lambda: _affine([[1, 2]], [[3], [4]], [[5]])[0, 0],
        "matvec-loop": _matrix_vector,
        "z3-label": lambda: _columns()[1],
        "np-dot-wT": _shape_of_columns,
        "bernoulli-likelihood": lambda: jnp.exp(-_loss([0.8, 0.8], [1, 0])),
        "log-lik-is-minus-loss": lambda: [jnp.log(0.8), _loss(0.8, 1)],
        "labels-prob-log": lambda: [
            jnp.exp(-_loss([0.8, 0.5], [1, 1]).sum()),
            -_loss([0.8, 0.5], [1, 1]).sum(),
        ],
        "mle-cost-missing-1-over-m": _ratio_of_costs,
        "mle-equals-min-cost": _most_likely,
    }
)
