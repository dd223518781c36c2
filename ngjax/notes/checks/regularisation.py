"""Notes 2.2: L2 and L1 penalties, dropout, augmentation."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.data import horizontal_flip
from ngjax.losses import binary_cross_entropy_of_probabilities, squared_loss
from ngjax.notes.walk import walk
from ngjax.ops.activations import tanh
from ngjax.ops.dropout import inverted_dropout
from ngjax.optim import Optimizer, add_l1, add_l2, l2_penalty
from ngjax.optim.penalty import everything

LAMBDA, M = 0.7, 10  # the numbers of the entries: lambda, and examples m


def _penalty_gradient(tx: Any, w: np.ndarray) -> jax.Array:
    """What a penalty adds to a gradient of zeros."""
    return tx.update(np.zeros_like(w), tx.init(w), w)[0]


def _l1() -> jax.Array:
    w = np.array([1.0, -2.0, 3.0])  # l1 ||w||_1 is homogeneous: its gradient times w is itself
    return np.dot(_penalty_gradient(add_l1(LAMBDA / (2 * M), everything), w), w)


def _decayed() -> jax.Array:
    optimizer = Optimizer(learning_rate=0.1, l2=LAMBDA / M)
    return walk(optimizer, lambda W, _: 0 * W, np.array([[2.0]]), 1)[0, 0, 0]


def _regularised_cost() -> jax.Array:
    y_hat, y = np.array([0.8, 0.3]), np.array([1.0, 0.0])
    mean = binary_cross_entropy_of_probabilities(y_hat, y).mean()
    return mean + l2_penalty(np.array([[1.0, 2.0]]), 0.4 / 2)


def _regression() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(30, 3))
    return X, X @ np.array([[1.0], [-2.0], [0.5]]) + generator.normal(size=(30, 1))


def _norms() -> bool:
    """Lengths of w after descent with a growing lambda / m."""
    X, Y = _regression()
    slope = jax.grad(lambda w: squared_loss(X @ w, Y).mean())

    def length(l2: float) -> float:
        w = walk(Optimizer(learning_rate=0.1, l2=l2), lambda w, _: slope(w), np.zeros((3, 1)), 300)
        return float(jnp.linalg.norm(w[-1]))

    short = [length(l2) for l2 in (0.01, 1.0, 10.0)]
    return short == sorted(short, reverse=True) and short[0] > 1.5 * short[1]


def _costs_on_the_way() -> Any:
    """From the minimum of the data's cost on: with the penalty J falls, without it rises."""
    X, Y = _regression()
    data = lambda w: squared_loss(X @ w, Y).mean()  # noqa: E731
    start, slope = np.linalg.lstsq(X, Y, rcond=None)[0], jax.grad(data)
    path = walk(Optimizer(learning_rate=0.1, l2=0.5), lambda w, _: slope(w), start, 40)
    data_cost, penalty = jax.jit(jax.vmap(lambda w: (data(w), l2_penalty(w, 0.5))))(path)
    return {
        "total_monotone": bool((np.diff(data_cost + penalty) <= 0).all()),
        "data_rises": bool((np.diff(data_cost) >= 0).all()),
    }


def _kept() -> Any:
    slot = np.arange(1000)
    a = inverted_dropout(jax.random.key(0), slot, np.ones((1000, 1000)), 0.5)
    return [np.mean(np.asarray(a) > 0), np.mean(a)]


def _dropout_is_adaptive_l2() -> bool:
    """Mean loss of linear regression under dropout of inputs, against its closed form."""
    X, Y = _regression()
    w, keep = np.array([[0.5], [-1.0], [2.0]]), 0.8

    def loss(key: jax.Array) -> jax.Array:
        dropped = inverted_dropout(key, np.arange(len(X)), X, 1 - keep)
        return 2 * squared_loss(dropped @ w, Y).sum()  # the entry has no 1/2

    mean = jax.jit(lambda keys: jax.vmap(loss)(keys).mean())
    penalty = (1 - keep) / keep * (X**2).sum(axis=0) @ w**2
    closed = 2 * squared_loss(X @ w, Y).sum() + penalty[0]
    return bool(abs(mean(jax.random.split(jax.random.key(0), 4000)) / closed - 1) < 0.01)


def _flips() -> Any:
    """How many pictures and mirror images flips make of ten, and whether the second undoes."""
    images = np.random.default_rng(0).normal(size=(10, 4, 4, 1))
    mirrored = {image.tobytes() for image in (*images, *images[:, :, ::-1])}
    flip = jax.jit(jax.vmap(jax.vmap(horizontal_flip, (None, 0))))
    keys = jax.random.split(jax.random.key(0), 16)
    once = flip(keys, np.tile(images, (16, 1, 1, 1, 1)))  # [16, 10, H, W, C]
    made = {image.tobytes() for image in np.asarray(once).reshape(-1, 4, 4, 1)}
    twice = flip(keys, once)
    return {"n": len(made & mirrored), "involution": bool((twice == images[None]).all())}


CHECKS = MappingProxyType(
    {
        "l2-penalty": lambda: l2_penalty(np.array([1.0, -2.0, 3.0]), LAMBDA / M, everything),
        "l1-penalty": _l1,
        "l2-deep-cost-limits": lambda: l2_penalty(np.array([[1.0, 2.0], [3.0, 4.0]]), 2.0),
        "l2-grad-term": lambda: _penalty_gradient(
            add_l2(LAMBDA / M, everything), np.array([1.0, -2.0])
        ),
        "weight-decay-factor": _decayed,
        "l2-shrinks-weights": _norms,
        "reg-cost-h-symbol": _regularised_cost,
        "tanh-linear-regime": lambda: tanh(0.1),
        "reg-cost-must-be-plotted": _costs_on_the_way,
        "dropout-keep-half": _kept,
        "dropout-adaptive-l2": _dropout_is_adaptive_l2,
        "flip-doubles-data": _flips,
    }
)
