"""Notes 2.4: mini-batches, exponentially weighted averages, decays of the learning rate."""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.losses import squared_loss
from ngjax.notes.walk import walk
from ngjax.ops import activations, backprop
from ngjax.optim import Optimizer, average, ewa, schedules
from ngjax.train.settings import Intervals, Run
from ngjax.types import shuffled

ALPHA = 0.2  # alpha_0 of the notes' examples


def _each_once() -> Any:
    batches = shuffled(5000, 1000, seed=0, epoch=0)
    return [len(np.unique(batches)), len(batches)]


def _mean_of_a_batch() -> Any:
    loss = squared_loss(np.ones((1000, 2)), np.zeros((1000, 2))).sum(axis=1)  # one each
    return loss.sum() / len(loss)


def _shape_of_a_batch() -> Any:
    layer = backprop.Layer(np.ones((3, 2)), np.ones((3, 1)))
    identity = activations.ACTIVATIONS["identity"]
    A, _ = backprop.forward([layer], np.ones((2, 8)), [identity])
    return A.shape


def _regression() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noisy examples of a line and the best w."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(256, 2))
    Y = X @ np.array([[1.0], [-2.0]]) + generator.normal(size=(256, 1))
    return X, Y, np.linalg.lstsq(X, Y, rcond=None)[0]


def _path(optimizer: Optimizer, batch_size: int, steps: int) -> np.ndarray:
    """Every w on the way down the regression, in mini-batches of each epoch's own order."""
    X, Y, _ = _regression()
    epochs = -(-steps * batch_size // len(X))
    order = np.concatenate([shuffled(len(X), batch_size, 0, epoch) for epoch in range(epochs)])

    def slope(w: jax.Array, t: jax.Array) -> jax.Array:
        here = jnp.asarray(order)[t]
        return jax.grad(lambda w: squared_loss(X_[here] @ w, Y_[here]).mean())(w)

    X_, Y_ = jnp.asarray(X), jnp.asarray(Y)
    return np.asarray(walk(optimizer, slope, np.zeros((2, 1)), steps))


def _rises() -> Any:
    """How often the whole cost (batch) or the mini-batch's own cost goes up in 200 updates."""
    X, Y, _ = _regression()
    whole = [((X @ w - Y) ** 2).mean() / 2 for w in _path(Optimizer(learning_rate=0.05), 256, 200)]
    noisy = [((X @ w - Y) ** 2).mean() / 2 for w in _path(Optimizer(learning_rate=0.05), 8, 200)]
    return {
        "batch": int((np.diff(whole) > 0).sum()),
        "mini_gt0": bool((np.diff(noisy) > 0).any()),
        "trend": noisy[-1] < noisy[0],
    }


@functools.cache
def _wandering() -> tuple[float, float]:
    """Mean distance to the best w over the last 1000 updates of batch size 1: constant, decayed."""
    _, _, best = _regression()
    constant = Optimizer(learning_rate=0.1)
    decayed = Optimizer(learning_rate=0.1, schedule="inverse_time", decay_rate=0.02)
    ends = (_path(rule, 1, 10_000)[-1000:] for rule in (constant, decayed))
    near, nearer = (np.linalg.norm(w - best, axis=(1, 2)).mean() for w in ends)
    return float(near), float(nearer)


@functools.cache
def _weights(beta: float, T: int) -> np.ndarray:
    """The weight of theta_{t-k} in v_t for k = 0, 1 ...: averages of unit impulses."""
    return np.asarray(ewa(np.eye(T), beta)[-1, ::-1])


def _lag(beta: float, k: int) -> float:
    """The weight k values back as a share of the newest's: beta^k."""
    weights = _weights(beta, 100)
    return weights[k] / weights[0]


def _recursion() -> Any:
    weights = _weights(0.9, 100)
    return [*weights[:3], weights.sum()]


def _fed_back() -> Any:
    """The corrected average, and what comes of feeding corrected values back, as printed."""
    one, v = jnp.ones([]), jnp.zeros([])
    printed = []
    for t in (1, 2, 3):
        v = average.corrected(average.average(v, one, 0.9), 0.9, jnp.array(t))
        printed.append(v)
    return {"right": ewa(np.ones(3), 0.9, bias_correction=True), "printed": printed}


def _window(beta: float) -> float:
    """The number of equal weights, each as heavy as the newest, that would sum to the same."""
    weights = _weights(beta, 1500)
    return weights.sum() / weights[0]


def _smooth_and_stair() -> Any:
    epochs = np.arange(1, 21)
    root = np.diff([schedules.inverse_square_root()(t) for t in epochs])
    stair = np.diff([schedules.staircase(0.5, every=5)(t) for t in epochs])
    return {
        "smooth": bool((root != 0).all()),
        "stair": bool((stair == 0).sum() == 16 and (stair < 0).sum() == 3),
    }


CHECKS = MappingProxyType(
    {
        "minibatch-count": lambda: Intervals.of(Run(batch_size=1000), 5_000_000).steps_per_epoch,
        "minibatch-index-notation": _each_once,
        "minibatch-cost": _mean_of_a_batch,
        "minibatch-bias-index": _shape_of_a_batch,
        "minibatch-cost-noisy": _rises,
        "sgd-never-converges": lambda: {
            "floor": _wandering()[0] > 1e-3,
            "decay_helps": _wandering()[0] > 5 * _wandering()[1],
        },
        "ewa-recursion": _recursion,
        "ewa-0.9-10": lambda: _lag(0.9, 10),
        "ewa-epsilon": lambda: [_lag(0.9, 10), schedules.exponential(1 - 0.9)(1 / 0.9)],
        "ewa-0.98": lambda: [_lag(0.98, 50), _lag(0.98, 10)],
        "ewa-window": lambda: [_window(0.9), _window(0.98)],
        "ewa-v3-index": lambda: ewa(np.array([1.0, 2.0, 3.0]), 0.9),
        "bias-correction-when": lambda: ewa(np.ones(100), 0.9)[np.array([0, 99])],
        "bias-correction-formula": _fed_back,
        "lr-decay-formula": lambda: ALPHA * schedules.inverse_time()(1),
        "lr-decay-table": lambda: ALPHA * schedules.inverse_time()(np.array([1, 2, 3])),
        "lr-exponential-decay": lambda: ALPHA * schedules.exponential()(10),
        "lr-sqrt-decay": lambda: ALPHA * schedules.inverse_square_root()(4),
        "lr-staircase": _smooth_and_stair,
        "lr-decay-helps-converge": lambda: _wandering()[0] > 5 * _wandering()[1],
    }
)
