"""Notes 1.5 and 1.6: shallow and deep networks, activations, hand-written backpropagation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.models.mlp import MLP
from ngjax.models.table import layer_table
from ngjax.notes.walk import walk
from ngjax.ops import activations as g
from ngjax.ops import backprop, initializers, piecewise
from ngjax.ops.gradient_check import gradient_check
from ngjax.optim import Optimizer

Layers = list[backprop.Layer]
DEEP = (2, 3, 5, 4, 2, 1)  # n[0] ... n[5] of notes 1.6


def _layers(sizes: Sequence[int]) -> Layers:
    """Drawn parameters of a network with n[0] ... n[L] = sizes, in the notes' layout."""
    generator = np.random.default_rng(0)
    return [
        backprop.Layer(generator.normal(size=(n, n_before)), generator.normal(size=(n, 1)))
        for n_before, n in itertools.pairwise(sizes)
    ]


def _examples(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    X = generator.normal(size=(n, m))
    return X, (X.sum(axis=0, keepdims=True) > 0).astype(float)


def _forward(layers: Layers, X: np.ndarray, *names: str) -> tuple[jax.Array, list[backprop.Cache]]:
    return backprop.forward(layers, X, [g.ACTIVATIONS[name] for name in names])


def _shape(layers: Layers, X: np.ndarray) -> tuple[int, ...]:
    """Shape of the last Z."""
    names = ["tanh"] * len(layers)
    return jax.eval_shape(lambda: _forward(layers, X, *names)[1][-1].Z).shape


def _fits(layers: Layers, X: np.ndarray) -> bool:
    """Whether the layers take this input at all."""
    try:
        _shape(layers, X)
    except TypeError:
        return False
    return True


def _ratio(sizes: Sequence[int], one_by_one: bool = False) -> float:
    """Gradient check of the hand-written backward pass of a tanh network, sigmoid at the end."""
    X, Y = _examples(sizes[0], 7)
    names = ["tanh"] * (len(sizes) - 2) + ["sigmoid"]

    def slopes(layers: Layers, X: Any, Y: Any) -> Layers:
        A, caches = _forward(layers, X, *names)
        return backprop.backward(backprop.binary_dA(A, Y), caches)

    def summed(layers: Layers) -> Layers:
        """The slopes of each example by itself, i = 1 ... m, averaged."""
        each = jax.vmap(lambda x, y: slopes(layers, x[:, None], y[:, None]), (1, 1))(X, Y)
        return jax.tree.map(lambda leaf: leaf.mean(axis=0), each)

    layers = jax.tree.map(jnp.asarray, _layers(sizes))
    written = jax.jit(summed if one_by_one else lambda p: slopes(p, X, Y))(layers)
    cost = lambda p: backprop.binary_cost(_forward(p, X, *names)[0], Y)  # noqa: E731
    return gradient_check(cost, layers, written).ratio


def _unit_by_unit() -> bool:
    ((W, b),), (X, _) = _layers((3, 4)), _examples(3, 1)
    together, _ = _forward([backprop.Layer(W, b)], X, "sigmoid")
    units = [backprop.Layer(W[j : j + 1], b[j : j + 1]) for j in range(4)]
    each = [_forward([unit], X, "sigmoid")[0][0] for unit in units]
    return np.allclose(together, each, rtol=1e-12)


def _tanh_and_sigmoid() -> Any:
    z = np.linspace(-4, 4, 81)
    shift = np.asarray(g.tanh(z) - g.sigmoid(z))
    return {
        "identity": np.allclose(g.tanh(z), 2 * g.sigmoid(2 * z) - 1, atol=1e-15),
        "pure_shift": bool(np.ptp(shift) < 1e-3),
    }


def _slopes(name: str, *z: float) -> jax.Array:
    return g.ACTIVATIONS[name][1](np.array(z, float))


def _collapse() -> bool:
    (first, second), (X, _) = _layers((3, 4, 1)), _examples(3, 5)
    two, _ = _forward([first, second], X, "identity", "identity")
    one = backprop.Layer(second.W @ first.W, second.W @ first.b + second.b)
    return np.allclose(two, _forward([one], X, "identity")[0], rtol=1e-10)


def _reaches_three() -> bool:
    layer, X = [backprop.Layer(np.ones((1, 1)), np.zeros((1, 1)))], np.array([[3.0, 30.0]])
    linear, squeezed = (_forward(layer, X, name)[0] for name in ("identity", "sigmoid"))
    return bool(linear[0, 0] == 3 and (squeezed <= 1).all())


def _symmetry() -> Any:
    """How far two hidden units are apart after training, from zeros, from 0.3, from a draw."""
    X, Y = _examples(2, 20)

    def start(shape: tuple[int, int]) -> jax.Array:
        key = jax.random.key(0)
        drawn = [rule(key, shape) for rule in (initializers.zeros(), initializers.normal(0.01))]
        return jnp.stack([drawn[0], jnp.full(shape, 0.3), drawn[1]])

    def slope(layers: Layers, _: Any) -> Layers:
        A, caches = _forward(layers, X, "tanh", "sigmoid")
        return backprop.backward_from_dZ(backprop.output_dZ(A, Y), caches)

    layers = [
        backprop.Layer(start((2, 2)), jnp.zeros((3, 2, 1))),
        backprop.Layer(start((1, 2)), jnp.zeros((3, 1, 1))),
    ]
    trained = walk(Optimizer(learning_rate=0.5), jax.vmap(slope, (0, None)), layers, 300)
    W = np.asarray(trained[0].W[-1])  # (3, 2, 2)
    zero, const, drawn = np.abs(W[:, 0] - W[:, 1]).max(axis=1)
    return {"zero": zero, "const": const, "random_breaks": bool(drawn > 1e-3)}


def _saturation() -> Any:
    X = np.random.default_rng(0).normal(size=(100, 200))

    def slope(scale: float) -> float:
        W = initializers.normal(scale)(jax.random.key(0), (50, 100), float)
        _, (cache,) = _forward([backprop.Layer(W, np.zeros((50, 1)))], X, "tanh")
        return float(cache.slope(cache.Z).mean())

    return {"small": slope(0.01) > 0.95, "big": slope(1.0) < 0.2}


def _mlp_rows(sizes: tuple[int, ...], n: int) -> list[Any]:
    return [row for row in layer_table(MLP(sizes), (n,)) if row.parameters]


def _deep_shapes() -> Any:
    params = jax.eval_shape(MLP(DEEP[1:]).init, jax.random.key(0), jnp.zeros((1, 2)))["params"]
    shapes = [part["kernel"].shape[::-1] for part in params.values()]  # ours are transposed
    return {"W": shapes, "params": sum(row.parameters for row in _mlp_rows(DEEP[1:], 2))}


CHECKS = MappingProxyType(
    {
        "a1-superscripts": _unit_by_unit,
        "shallow-shapes": lambda: _shape(_layers((3, 4)), np.ones((3, 1))),
        "layer-count-convention": lambda: len(_mlp_rows((4, 1), 3)),
        "tanh-scaled-shifted-sigmoid": _tanh_and_sigmoid,
        "tanh-beats-sigmoid": lambda: [
            _slopes(name, *np.linspace(-3, 3, 61)).max() for name in ("tanh", "sigmoid")
        ],
        "relu-zero-slope-side": lambda: [_slopes(n, -1.0)[0] for n in ("relu", "leaky_relu")],
        "z2-input": lambda: (
            _fits(_layers((3, 4, 1)), np.ones((3, 1)))
            and not _fits(_layers((3, 4, 1))[1:], np.ones((3, 1)))
        ),
        "linear-activations-collapse": _collapse,
        "linear-output-for-regression": _reaches_three,
        "sigmoid-derivative": lambda: _slopes("sigmoid", -10, 0, 10),
        "tanh-derivative": lambda: _slopes("tanh", -10, 0, 10),
        "relu-derivative": lambda: _slopes("relu", -1, 1),
        "leaky-relu-derivative": lambda: _slopes("leaky_relu", -1, 1),
        "w2-shape": lambda: {
            "right": _shape(_layers((3, 4, 1)), np.ones((3, 6))),
            "as_printed": _shape(_layers((3, 4, 4)), np.ones((3, 6))),
        },
        "nn-cost-sum-limit": lambda: backprop.binary_cost(
            np.full((1, 4), np.exp(-0.5)), np.ones((1, 4))
        ),
        "alg151-superscript": lambda: _ratio((3, 4, 1), one_by_one=True) < 1e-7,
        "shallow-backprop": lambda: _ratio((3, 4, 1)) < 1e-7,
        "dz-chain-print": lambda: [
            backprop.output_dZ(g.sigmoid(0.4), 1.0),
            g.sigmoid(0.4),
            g.ACTIVATIONS["sigmoid"][1](0.4),
        ],
        "zero-init-symmetry": _symmetry,
        "small-init-avoids-saturation": _saturation,
        "nn-diagram-labels": lambda: (
            _fits(_layers((3, 4)), np.ones((3, 1))) and not _fits(_layers((4, 1)), np.ones((3, 1)))
        ),
        "z4-input": lambda: _shape(_layers(DEEP[:5]), np.ones((2, 1))),
        "five-hidden-layers": lambda: len(_mlp_rows(DEEP[1:], 2)[:-1]),
        "deep-shapes": _deep_shapes,
        "deep-z2-bias": lambda: _shape(_layers(DEEP[:3]), np.ones((2, 1))),
        "deep-vs-shallow-exponential": lambda: {
            "pieces": piecewise.linear_pieces(piecewise.deep_tent(6), 6),
            "minterms": piecewise.and_terms(4).shape[1],
        },
        "backprop-layer-recursion": lambda: _ratio(DEEP) < 1e-6,
    }
)
