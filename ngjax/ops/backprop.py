r"""Forward and backward passes by hand, in the notes' layout: examples are columns.

Logistic regression (notes 1.3 and 1.4): X (n_x, m), Y (1, m), w (n_x, 1), b a number.

    z = w^T x + b,    a = sigmoid(z),    L = -[y log a + (1 - y) log(1 - a)]
    dz = a - y,       dw = (1/m) X dZ^T,       db = (1/m) sum dZ,       J = (1/m) sum L

A network of L layers (notes 1.5.3 and 1.6): A^[0] = X, W^[l] (n_l, n_{l-1}), b^[l] (n_l, 1).

    Z^[l] = W^[l] A^[l-1] + b^[l],             A^[l] = g^[l](Z^[l])
    dZ^[l] = dA^[l] * g^[l]'(Z^[l]),           dA^[l-1] = W^[l]^T dZ^[l]
    dW^[l] = (1/m) dZ^[l] A^[l-1]^T,           db^[l] = (1/m) sum_i dZ^[l](i)

dA^[L] is the slope of one example's loss; the 1/m of the cost enters with dW and db. (The notes
once print dz = 1 - y, dw without its factor dz, x for the input of layer 2, and W^[2], b^[2] in
layer 1.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Elementwise = Callable[[jax.Array], jax.Array]
Activation = tuple[Elementwise, Elementwise]  # (g, g'), both functions of z


class Slope(NamedTuple):
    """A cost and its gradient."""

    cost: Any  # J, a number
    dw: Any  # (n_x, 1)
    db: Any  # a number


def logistic_loop(w: np.ndarray, b: float, X: np.ndarray, Y: np.ndarray) -> Slope:
    """Algorithm 1.3.2: one example at a time, one feature at a time; slow, to be read.

    L = log(1 + e^z) - y z and a = e^-log(1 + e^-z) are the formulas above, without overflow.

    Args:
        w: weights, (n_x, 1).
        b: bias.
        X: examples, (n_x, m).
        Y: labels 0 or 1, (1, m).
    """
    n_x, m = X.shape
    J, dw, db = 0.0, np.zeros((n_x, 1)), 0.0
    for i in range(m):
        z = b
        for j in range(n_x):
            z += w[j, 0] * X[j, i]
        a = np.exp(-np.logaddexp(0, -z))
        J += np.logaddexp(0, z) - Y[0, i] * z
        dz = a - Y[0, i]
        for j in range(n_x):
            dw[j, 0] += X[j, i] * dz
        db += dz
    return Slope(J / m, dw / m, db / m)


def logistic_vectorised(w: jax.Array, b: jax.Array, X: jax.Array, Y: jax.Array) -> Slope:
    """The same without a loop (notes 1.4): arguments as in `logistic_loop`."""
    m = X.shape[1]
    Z = jnp.dot(w.T, X) + b  # (1, m)
    A = jax.nn.sigmoid(Z)
    dZ = A - Y
    dw = jnp.dot(X, dZ.T) / m  # (n_x, 1)
    return Slope(jnp.sum(jnp.logaddexp(0, Z) - Y * Z) / m, dw, jnp.sum(dZ) / m)


def logistic_descent(
    X: jax.Array,
    Y: jax.Array,
    alpha: float,
    steps: int,
    form: Literal["vectorised", "loop"] = "vectorised",
) -> tuple[Any, Any, Any]:
    """Gradient descent from zero: w := w - alpha dw, b := b - alpha db (notes 1.3.4).

    Args:
        X: examples, (n_x, m); their precision is the computation's.
        Y: labels 0 or 1, (1, m).
        alpha: learning rate.
        steps: updates.
        form: "vectorised" is compiled, "loop" is NumPy with explicit loops.

    Returns:
        w (n_x, 1), b, and the cost before each update, [steps].
    """
    if form == "vectorised":
        with jax.enable_x64(X.dtype == np.float64):  # as exact as the loop
            return _descent(X, Y, alpha, steps)
    w, b, costs = np.zeros((X.shape[0], 1)), 0.0, []
    for _ in range(steps):
        J, dw, db = logistic_loop(w, b, np.asarray(X), np.asarray(Y))
        w, b = w - alpha * dw, b - alpha * db
        costs.append(J)
    return w, b, np.array(costs)


@functools.partial(jax.jit, static_argnames="steps")
def _descent(X: jax.Array, Y: jax.Array, alpha: float, steps: int) -> tuple[Any, Any, Any]:
    def step(carry: Any, _: None) -> tuple[Any, jax.Array]:
        w, b = carry
        J, dw, db = logistic_vectorised(w, b, X, Y)
        return (w - alpha * dw, b - alpha * db), J

    start = jnp.zeros((X.shape[0], 1), X.dtype), jnp.zeros([], X.dtype)
    (w, b), costs = jax.lax.scan(step, start, length=steps)
    return w, b, costs


class Layer(NamedTuple):
    """Parameters of a layer, or the slopes of the cost in them."""

    W: jax.Array  # (n_l, n_{l-1})
    b: jax.Array  # (n_l, 1)


class Cache(NamedTuple):
    """What a layer's backward pass needs of its forward pass."""

    A_previous: jax.Array  # A^[l-1], (n_{l-1}, m)
    W: jax.Array  # (n_l, n_{l-1})
    Z: jax.Array  # (n_l, m)
    slope: Elementwise  # g^[l]'


def forward(
    parameters: Sequence[Layer], X: jax.Array, activations: Sequence[Activation]
) -> tuple[jax.Array, list[Cache]]:
    """A^[L], and a cache a layer.

    Args:
        parameters: the layers.
        X: examples, (n_0, m).
        activations: (g, g') of each layer, such as `activations.ACTIVATIONS["relu"]`.
    """
    A, caches = X, []
    for (W, b), (g, slope) in zip(parameters, activations, strict=True):
        Z = jnp.dot(W, A) + b  # (n_l, m)
        caches.append(Cache(A, W, Z, slope))
        A = g(Z)
    return A, caches


def backward(dA: jax.Array, caches: Sequence[Cache]) -> list[Layer]:
    """The cost's slopes (dW^[l], db^[l]), first layer first.

    Args:
        dA: dL/dA^[L] of each example, (n_L, m): see `binary_dA`.
        caches: of `forward`.
    """
    return backward_from_dZ(dA * caches[-1].slope(caches[-1].Z), caches)


def backward_from_dZ(dZ: jax.Array, caches: Sequence[Cache]) -> list[Layer]:  # noqa: N802
    """The same from dZ^[L] = A^[L] - Y, which holds for sigmoid and softmax and divides by nothing.

    Args:
        dZ: dL/dZ^[L] of each example, (n_L, m): see `output_dZ`.
        caches: of `forward`.
    """
    m, slopes = dZ.shape[1], []
    for layer in reversed(range(len(caches))):
        A_previous, W = caches[layer].A_previous, caches[layer].W
        slopes.append(Layer(jnp.dot(dZ, A_previous.T) / m, dZ.sum(axis=1, keepdims=True) / m))
        if layer > 0:
            dA = jnp.dot(W.T, dZ)  # (n_{l-1}, m)
            dZ = dA * caches[layer - 1].slope(caches[layer - 1].Z)
    return slopes[::-1]


def binary_cost(A: jax.Array, Y: jax.Array) -> jax.Array:
    """J = -(1/m) sum_i [y log a + (1 - y) log(1 - a)], from A^[L] (1, m) (notes 1.3.3)."""
    return -jnp.sum(Y * jnp.log(A) + (1 - Y) * jnp.log1p(-A)) / Y.shape[1]


def binary_dA(A: jax.Array, Y: jax.Array) -> jax.Array:  # noqa: N802
    """dA^[L] = -Y / A + (1 - Y) / (1 - A), where the backward pass starts (notes 1.6)."""
    return -Y / A + (1 - Y) / (1 - A)


def softmax_cost(A: jax.Array, Y: jax.Array) -> jax.Array:
    """J = -(1/m) sum_i sum_j y_j log y_hat_j, from probabilities A^[L] (C, m) (notes 2.7)."""
    return -jnp.sum(Y * jnp.log(A)) / Y.shape[1]


def output_dZ(A: jax.Array, Y: jax.Array) -> jax.Array:  # noqa: N802
    """dZ^[L] = A^[L] - Y: sigmoid and logistic loss, or softmax and cross-entropy (notes 2.7)."""
    return A - Y
