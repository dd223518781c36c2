"""Notes 2.6 and 2.7: batch normalisation; softmax and its loss."""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.data import Vocabulary
from ngjax.losses import cross_entropy, cross_entropy_of_probabilities
from ngjax.models.layers import BatchNorm, Dense
from ngjax.ops.activations import sigmoid, softmax
from ngjax.ops.backprop import output_dZ
from ngjax.types import AXIS

Z = (5.0, 2.0, -1.0, 3.0)  # the notes' scores


@functools.partial(jax.jit, static_argnames=("epsilon", "momentum"))
def _train(
    z: Any, gamma: Any, beta: Any, stats: Any, epsilon: float, momentum: float
) -> tuple[jax.Array, Any]:
    norm = BatchNorm(momentum=momentum, epsilon=epsilon, parent=None)

    def apply(z: jax.Array) -> Any:
        variables = {"params": {"scale": gamma, "bias": beta}, "batch_stats": stats}
        return norm.apply(variables, z, train=True, mutable="batch_stats")

    z_tilde, after = jax.vmap(apply, axis_name=AXIS)(z[None])
    return z_tilde[0], jax.tree.map(lambda leaf: leaf[0], after["batch_stats"])


def _norm(
    z: Any, gamma: float = 1.0, beta: float = 0.0, *, epsilon: float = 0.0, stats: Any = None
) -> tuple[np.ndarray, dict[str, jax.Array]]:
    """z_tilde of a mini-batch z [m] or [m, C], and its statistics (no average: momentum 0)."""
    z = np.asarray(z, float)
    z = z[:, None] if z.ndim == 1 else z
    C = z.shape[1]
    stats = stats or {"mean": np.zeros(C, "float32"), "var": np.ones(C, "float32")}
    z_tilde, after = _train(z, np.full(C, gamma), np.full(C, beta), stats, epsilon, 0.0)
    return np.asarray(z_tilde), after


def _batch() -> np.ndarray:
    return np.random.default_rng(0).normal(4.0, 30.0, size=64)


def _formula() -> Any:
    z_norm, _ = _norm(_batch(), epsilon=1e-5)
    z_tilde, _ = _norm(_batch(), 2.0, 5.0, epsilon=1e-5)
    return [z_norm.mean(), z_norm.var(), z_tilde.mean(), z_tilde.std()]


def _identity() -> float:
    z = _batch()
    z_tilde, _ = _norm(z, float(np.sqrt(z.var() + 1e-5)), float(z.mean()), epsilon=1e-5)
    return np.abs(z_tilde[:, 0] - z).max()


def _learnt_moments() -> Any:
    z_tilde, _ = _norm(_batch(), 2.0, 5.0)
    return [z_tilde.mean(), z_tilde.var()]


def _behind_weights() -> Any:
    """Mean and deviation of every unit behind z = W x + b."""
    x = np.random.default_rng(0).normal(size=(64, 3))
    dense = Dense(4, parent=None)
    z = dense.apply(dense.init(jax.random.key(0), x), x)
    z_tilde, _ = _norm(z, 2.0, 0.5)
    means, deviations = z_tilde.mean(axis=0), z_tilde.std(axis=0)
    return {
        "beta": means[np.argmax(abs(means - 0.5))],
        "gamma": deviations[np.argmax(abs(deviations - 2))],
    }


def _apart(first: np.ndarray, second: np.ndarray) -> float:
    return np.abs(_norm(first)[0] - _norm(second)[0]).max()


def _noise() -> float:
    """Variance of the mean of 16 over that of 256, from 20,000 mini-batches each (as channels)."""
    generator = np.random.default_rng(0)
    small, large = (_norm(generator.normal(size=(m, 20_000)))[1]["mean"].var() for m in (16, 256))
    return small / large


def _at_test_time() -> Any:
    """Averages over 1500 mini-batches of N(3, 2^2)."""
    batches = np.random.default_rng(0).normal(3.0, 2.0, size=(1500, 64, 1))
    one, start = np.ones(1), {"mean": np.zeros(1, "float32"), "var": np.ones(1, "float32")}

    def step(stats: Any, z: jax.Array) -> tuple[Any, None]:
        return _train(z, one, 0 * one, stats, 1e-5, 0.99)[1], None

    stats, _ = jax.lax.scan(step, start, batches)
    return [stats["mean"][0], stats["var"][0]]


def _exponentials() -> Any:
    """Each t = e^z and their sum: beside them a score of zero, whose t is one, has its share."""
    a = np.asarray(softmax(np.array([*Z, 0.0])))
    return [*(a[:4] / a[4]), a[:4].sum() / a[4]]


def _decision() -> Any:
    a = softmax(np.array(Z))
    return {
        "arg": a.argmax(),
        "sum": a.sum(),
        "shift": np.allclose(softmax(np.array(Z) + 100), a, rtol=1e-12),
    }


def _slope_of_loss() -> Any:
    """The hand-written dZ, where it is also what differentiation of the loss gives."""
    dz = output_dZ(softmax(np.array(Z)), np.array([0.0, 1, 0, 0]))
    derived = jax.jit(jax.grad(lambda z: cross_entropy(z, np.array(1))))(np.array(Z))
    return dz if np.allclose(dz, derived, atol=1e-12) else None


def _columns() -> Any:
    Y = Vocabulary(tuple("abcd")).one_hot(np.array([1, 2, 0])).T  # (4, m)
    return Y.argmax(axis=0) if (Y.sum(axis=0) == 1).all() else None


CHECKS = MappingProxyType(
    {
        "bn-mean-n": lambda: _norm([1, 2, 6])[1]["mean"][0],
        "bn-formula": _formula,
        "bn-identity": _identity,
        "bn-units-standardised": _learnt_moments,
        "bn-weights-label": _behind_weights,
        "bn-bias-redundant": lambda: _apart(_batch(), _batch() + 7.0),
        "bn-minibatch-stats": lambda: bool(
            _norm(_batch())[1]["mean"] != _norm(2 * _batch())[1]["mean"]
        ),
        "bn-covariate-shift": lambda: _apart(_batch(), 10 * _batch() + 3),
        "bn-noise-regularises": _noise,
        "bn-test-time-ewa": _at_test_time,
        "softmax-example-t": _exponentials,
        "softmax-example-a": lambda: softmax(np.array(Z)),
        "softmax-layer-superscript": lambda: softmax(np.array(Z)[:, None], axis=0).shape,
        "softmax-generalises-logistic": lambda: (
            softmax(np.array([0.7, 0.0]))[0]
            if np.allclose(softmax(np.array([0.7, 0.0]))[0], sigmoid(0.7))
            else None
        ),
        "softmax-argmax-decision": _decision,
        "softmax-loss-example": lambda: cross_entropy_of_probabilities(
            jnp.array([0.3, 0.2, 0.1, 0.4]), jnp.array([0.0, 1.0, 0.0, 0.0])
        ),
        "onehot-Y-matrix": _columns,
        "softmax-dz": _slope_of_loss,
    }
)
