"""Notes 2.3: normalised inputs, vanishing and exploding slopes, initialisation, gradient check."""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.losses import squared_loss
from ngjax.models.layers import BatchNorm
from ngjax.notes.walk import walk
from ngjax.ops import activations as g
from ngjax.ops import backprop, initializers
from ngjax.ops.dropout import inverted_dropout
from ngjax.ops.gradient_check import GradientCheck, gradient_check, one_sided
from ngjax.ops.normalise import normalise, standardise
from ngjax.optim import Optimizer
from ngjax.types import AXIS, UserError

LINEAR = g.ACTIVATIONS["identity"]
SIZES = ((3, 4), (1, 3))  # W^[1], W^[2] of the checked network


def _normalised(z: list[float]) -> np.ndarray:
    """(x - mu) / sigma in float64; `standardise` rounds mu and sigma to float32."""
    x = np.array(z, float)[:, None]
    norm = BatchNorm(epsilon=0.0, parent=None)
    variables = norm.init(jax.random.key(0), x, train=False)

    def apply(x: jax.Array) -> Any:
        return norm.apply(variables, x, train=True, mutable="batch_stats")[0]

    return np.asarray(jax.vmap(apply, axis_name=AXIS)(x[None]))[0, :, 0]


def _divided() -> Any:
    """Variance after division by sigma, and by sigma^2 as printed."""
    x, z = np.array([1.0, 3.0, 5.0]), _normalised([1, 3, 5])
    sigma = (x[2] - x[0]) / (z[2] - z[0])
    return [z.var(), (z / sigma).var()]


def _variance() -> Any:
    """sigma^2 of 1, 3, 5: by how much normalisation draws them together."""
    z = _normalised([1, 3, 5])
    return ((5 - 1) / (z[2] - z[0])) ** 2


def _mean_and_variance() -> Any:
    x = np.array([[-3.0, 10.0], [3.0, 14.0], [-3.0, 14.0], [3.0, 10.0]])  # mu, sigma are exact
    z = normalise(x, *standardise(x))
    return [np.abs(z.mean(axis=0)).max(), z.var(axis=0).min()]


def _rounder_bowl() -> bool:
    """Updates until the loss is 1e-6 of its start, on raw and on normalised inputs."""
    generator = np.random.default_rng(0)
    raw = generator.normal(size=(100, 2)) * np.array([[1.0, 50.0]])

    def updates(X: np.ndarray) -> int:
        Y = X @ np.array([[1.0], [1.0]])
        largest = np.linalg.eigvalsh(X.T @ X / len(X)).max()
        loss = lambda w: squared_loss(X @ w, Y).mean()  # noqa: E731
        slope, start = jax.grad(loss), np.zeros((2, 1))
        rule = Optimizer(learning_rate=float(1 / largest))
        costs = jax.jit(jax.vmap(loss))(walk(rule, lambda w, _: slope(w), start, 20_000))
        return int(np.argmax(np.asarray(costs) < 1e-6 * loss(start))) + 1

    return updates(raw) > 20 * updates(normalise(raw, *standardise(raw)))


def _linear(W: list[np.ndarray], X: np.ndarray) -> jax.Array:
    layers = [backprop.Layer(w, np.zeros((len(w), 1))) for w in W]
    return backprop.forward(layers, X, [LINEAR] * len(W))[0]


def _product() -> bool:
    generator = np.random.default_rng(0)
    W = [generator.normal(size=(3, 3)) for _ in range(4)]
    X = generator.normal(size=(3, 5))
    return np.allclose(_linear(W, X), W[3] @ W[2] @ W[1] @ W[0] @ X, rtol=1e-10)


def _recursion() -> bool:
    generator = np.random.default_rng(0)
    W, X = [generator.normal(size=(3, 3)) for _ in range(2)], generator.normal(size=(3, 5))
    a_1 = np.asarray(_linear(W[:1], X))
    return np.allclose(_linear(W, X), _linear(W[1:], a_1), rtol=1e-12)


def _after_fifty_layers() -> Any:
    x = np.ones((1, 1))
    return [np.log10(_linear([np.full((1, 1), w)] * 50, x))[0, 0] for w in (1.5, 0.5)]


def _draw(rule: initializers.Initializer, *shape: int) -> np.ndarray:
    return np.asarray(rule(jax.random.key(0), shape, float))


def _uniform_and_normal() -> Any:
    """What np.random.rand and np.random.randn draw."""
    flat = np.random.default_rng(0).uniform(size=1_000_000)
    bell = _draw(initializers.normal(1.0), 1000, 1000)
    return [flat.mean(), flat.var(), bell.mean(), bell.var()]


def _scales() -> Any:
    """By how much the rules for tanh scale one and the same draw of randn."""
    randn = _draw(initializers.normal(1.0), 100, 50)
    rules = initializers.xavier(), initializers.glorot()
    return [np.median(_draw(rule, 100, 50) / randn) for rule in rules]


def _cubic(epsilon: float) -> float:
    """The central difference of theta^3 at 1."""
    check = gradient_check(lambda theta: theta[0] ** 3, jnp.ones(1), epsilon=epsilon)
    return check.worst[0].approximation


def _orders() -> Any:
    """By how much half the step divides the error, central and one-sided."""
    one = lambda epsilon: one_sided(lambda theta: theta**3, 1.0, epsilon)  # noqa: E731
    return [(f(0.01) - 3) / (f(0.005) - 3) for f in (_cubic, one)]


@functools.cache
def _network_check(sign: int = 1) -> GradientCheck:
    """The check of a small network; `sign` may spoil the slopes of W^[1]."""
    generator = np.random.default_rng(0)
    X, Y = generator.normal(size=(4, 6)), np.array([[0.0, 1, 1, 0, 1, 0]])
    layers = [backprop.Layer(generator.normal(size=s), np.zeros((s[0], 1))) for s in SIZES]
    layers = jax.tree.map(jnp.asarray, layers)
    names = [g.ACTIVATIONS["tanh"], g.ACTIVATIONS["sigmoid"]]

    def slopes(layers: list[backprop.Layer]) -> list[backprop.Layer]:
        A, caches = backprop.forward(layers, X, names)
        return backprop.backward(backprop.binary_dA(A, Y), caches)

    first, last = jax.jit(slopes)(layers)
    cost = lambda p: backprop.binary_cost(backprop.forward(p, X, names)[0], Y)  # noqa: E731
    return gradient_check(cost, layers, [first._replace(W=sign * first.W), last])


def _ratios() -> Any:
    return {"ok": _network_check().ratio < 1e-7, "bug": _network_check(sign=-1).ratio > 1e-2}


def _precision() -> Any:
    """A step of 1e-7 in both precisions; the library refuses the short one."""
    one, step = np.float32(1), np.float32(1e-7)
    short = ((one + step) ** 3 - (one - step) ** 3) / (2 * step)
    try:
        gradient_check(lambda theta: theta[0] ** 3, jnp.ones(1, "float32"))
        refused = False
    except UserError:
        refused = True
    return {
        "f32_bad": bool(abs(short / 3 - 1) > 0.1) and refused,
        "f64_ok": abs(_cubic(1e-7) / 3 - 1) < 1e-6,
    }


def _dropout_spoils_it() -> Any:
    """Differences under one mask against the gradient under the next."""
    generator = np.random.default_rng(0)
    X, Y = generator.normal(size=(20, 4)), generator.normal(size=(20, 1))
    drop = jax.jit(jax.vmap(lambda key, rate: inverted_dropout(key, np.arange(20), X, rate)))
    keys = jax.random.split(jax.random.key(0), 3)
    dropped = drop(keys, np.array([0.5, 0.5, 0.0]))

    def ratio(here: jax.Array, there: jax.Array) -> float:
        cost = lambda w, X: squared_loss(X @ w, Y).mean()  # noqa: E731
        w = jnp.ones((4, 1))
        return gradient_check(lambda w: cost(w, here), w, jax.grad(cost)(w, there)).ratio

    kept = dropped[2]
    return {"noisy": ratio(*dropped[:2]) > 1e-2 and ratio(kept, kept) < 1e-7}


CHECKS = MappingProxyType(
    {
        "normalise-variance-formula": _variance,
        "normalise-divide": _divided,
        "normalise-zero-mean": _mean_and_variance,
        "normalised-inputs-faster": _rounder_bowl,
        "deep-linear-product": _product,
        "deep-linear-a2-index": _recursion,
        "vanishing-exploding": _after_fifty_layers,
        "init-variance-1-over-n": lambda: (
            _draw(initializers.normal(1.0), 200, 1000) @ _draw(initializers.xavier(), 1000, 50)
        ).var(),
        "init-rand-vs-randn": _uniform_and_normal,
        "xavier-notation": _scales,
        "neuron-weight-superscripts": lambda: backprop.forward(
            [backprop.Layer(np.array([[1.0, 2, 3, 4]]), np.array([[0.5]]))],
            np.ones((4, 1)),
            [LINEAR],
        )[0][0, 0],
        "gradcheck-cubic": lambda: [_cubic(0.01), _cubic(0.01) - 3],
        "gradcheck-missing-eps": lambda: _cubic(0.01),
        "gradcheck-order": _orders,
        "gradcheck-ratio": _ratios,
        "gradcheck-lhs": lambda: _network_check().ratio < 1e-7,
        # all of W^[1], b^[1], W^[2], b^[2] is one theta
        "gradcheck-theta-argument": lambda: (
            _network_check().checked == sum(n * m + n for n, m in SIZES)
        ),
        "gradcheck-needs-float64": _precision,
        "gradcheck-no-dropout": _dropout_spoils_it,
    }
)
