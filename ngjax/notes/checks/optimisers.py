"""Notes 2.4: momentum, RMSProp and Adam; 2.7: descent of a parabola; 3.2: splits."""

from __future__ import annotations

import inspect
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ngjax.data.split import held_counts
from ngjax.notes.walk import walk
from ngjax.optim import Optimizer, ewa, scale_by_adam, scale_by_momentum, scale_by_rmsprop
from ngjax.optim.average import corrected


def _states(tx: optax.GradientTransformation, gradient: Any, steps: int) -> list[Any]:
    """The rule's memory after each of the first updates under one gradient."""
    gradient = jnp.asarray(gradient, float)
    state, states = tx.init(gradient), []
    update = jax.jit(tx.update)
    for _ in range(steps):
        _, state = update(gradient, state)
        states.append(state)
    return states


def _one_step(optimizer: Optimizer, gradient: Any) -> jax.Array:
    """How far the first update goes from zero."""
    gradient = np.asarray(gradient, float)
    return -walk(optimizer, lambda w, _: gradient, np.zeros_like(gradient), 1)[0]


def _momentum() -> Any:
    v = [state.v for state in _states(scale_by_momentum(0.9), 1, 2)]
    rule = Optimizer(rule="momentum", learning_rate=0.1, beta1=0.9)
    return [*v, walk(rule, lambda w, _: jnp.ones_like(w), np.zeros(1), 2)[-1, 0]]


def _oscillation() -> Any:
    """A bowl of curvature 25 at alpha = 0.1, and how the average shrinks +1, -1, +1 ..."""

    def end(rule: str) -> float:
        optimizer = Optimizer(rule=rule, learning_rate=0.1, beta1=0.9)
        return abs(walk(optimizer, lambda w, _: 25 * w, np.ones(1), 300)[-1, 0])

    swing = ewa((-1.0) ** np.arange(400), 0.9)
    return {
        "gd_div": bool(end("descent") > 1e6),
        "mom_conv": bool(end("momentum") < 1e-3),
        "amp": abs(swing[-1]),
    }


def _rmsprop_directions() -> bool:
    """The step in each direction as a multiple of the slope, at curvatures 1 and 100."""
    gradient = np.array([1.0, 100.0])
    step = _one_step(Optimizer(rule="rmsprop", learning_rate=0.1), gradient) / gradient
    return step[1] < step[0]


def _denominators() -> Any:
    """Adam's first step with epsilon beside the root, and inside it as printed."""
    adam = Optimizer(rule="adam", learning_rate=1e-3)
    inside, g = optax.adam(1e-3, eps=0.0, eps_root=1e-8), jnp.full(1, 1e-6)
    return [_one_step(adam, [1e-6])[0], -inside.update(g, inside.init(g))[0][0]]


def _corrected_moments() -> Any:
    """v_hat, s_hat and the first step; the moments are the same after every update."""
    states = _states(scale_by_adam(), 2, 5)
    v = np.array([corrected(state.v, 0.9, state.count) for state in states])
    s = np.array([corrected(state.s, 0.999, state.count) for state in states])
    farthest = [x[np.argmax(abs(x - x[0]))] for x in (v, s)]
    return [*farthest, _one_step(Optimizer(rule="adam", learning_rate=1e-3), [2])[0]]


def _defaults() -> Any:
    names = ("beta1", "beta2", "epsilon")
    word = inspect.signature(scale_by_adam).parameters
    config = Optimizer(rule="adam")
    values = [getattr(config, name) for name in names]
    return values if values == [word[name].default for name in names] else None


def _parabola() -> Any:
    """The first step, the end after 1000, and J there, for J = w^2 - 10 w + 25."""
    cost = lambda w: (w**2 - 10 * w + 25).sum()  # noqa: E731
    slope = jax.grad(cost)
    w = walk(Optimizer(learning_rate=0.01), lambda w, _: slope(w), np.zeros(1), 1000)
    return [w[0, 0], w[-1, 0], cost(w[-1])]


def _millions() -> Any:
    dev, test = held_counts(1_000_000, 0.01, 0.01)
    return [1_000_000 - dev - test, dev, test]


CHECKS = MappingProxyType(
    {
        "momentum-update": _momentum,
        "momentum-damps-oscillation": _oscillation,
        "rmsprop-update": lambda: _one_step(  # the same for any slope much larger than epsilon
            Optimizer(rule="rmsprop", learning_rate=0.1, beta2=0.9, epsilon=1e-12), [3, 0.003]
        ),
        "rmsprop-w2-elementwise": lambda: _states(scale_by_rmsprop(0.0), [[1, 2], [3, 4]], 1)[0].s,
        "rmsprop-directions": _rmsprop_directions,
        "adam-second-moment-dw": lambda: _states(scale_by_adam(), 2, 1)[0].s,
        "adam-second-moment-db": lambda: _states(scale_by_adam(), -2, 1)[0].s,
        "adam-denominator": _denominators,
        "adam-bias-correction": _corrected_moments,
        "adam-defaults": _defaults,
        "tf-quadratic": _parabola,
        "splits": _millions,
    }
)
