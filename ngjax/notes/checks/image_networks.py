"""Notes 4.7 to 4.11: the published networks, counted and run in parts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ngjax.models.alexnet import AlexNet
from ngjax.models.inception import MODULES, Inception
from ngjax.models.resnet import Block, ResNet
from ngjax.models.table import Row, layer_table
from ngjax.models.vgg import VGG
from ngjax.ops.activations import relu

DEPTH, WIDTH = 100, 64  # of the stack of notes 4.9
HALF = 0.5  # of He's start, on which the plain stack's gradient vanishes


@functools.cache
def _rows(module: nn.Module, side: int) -> tuple[Row, ...]:
    return tuple(layer_table(module, (side, side, 3)))


def _parameters(module: nn.Module, side: int = 224) -> int:
    return sum(row.parameters for row in _rows(module, side))


def _weighted(module: nn.Module) -> int:
    """Layers that have weights."""
    return sum(row.parameters > 0 for row in _rows(module, 224))


def _depth_of_second_filter() -> int:
    """Maps that a filter of AlexNet's conv2 sees on its own GPU."""
    image = jax.ShapeDtypeStruct((1, 227, 227, 3), jnp.float32)
    params = jax.eval_shape(AlexNet(groups=2).init, jax.random.key(0), image)["params"]
    return params["conv2"]["kernel"].shape[2]


def _block(zero: bool, shortcut: bool = True) -> tuple[Any, Callable[[jax.Array], jax.Array]]:
    """A residual block of 4 channels on one place, with weights drawn or all zero."""
    block = Block(4, shortcut=shortcut)
    a = jnp.ones((1, 3, 3, 4), jnp.float64)
    variables = block.init(jax.random.key(0), a, False)
    if zero:
        variables["params"] = jax.tree.map(jnp.zeros_like, variables["params"])
    return variables["params"], jax.jit(lambda a: block.apply(variables, a, False))


def _identity_slope() -> float:
    """The slope of a block's output in its own input at a > 0, where W = 0 and b = 0."""
    _, apply = _block(zero=True)
    a = jnp.full((1, 3, 3, 4), 0.7)
    return float(jax.grad(lambda a: apply(a)[0, 1, 1, 2])(a)[0, 1, 1, 2])


def _identity() -> dict[str, Any]:
    _, apply = _block(zero=True)
    a = np.random.default_rng(0).normal(size=(1, 3, 3, 4))
    positive = np.abs(a)
    return {
        "pos": float(jnp.abs(apply(positive) - positive).max()),
        "neg_clipped": bool(jnp.all(apply(a) == jnp.maximum(a, 0)) and a.min() < 0),
    }


def _notation() -> dict[str, bool]:
    """Whether the plain block is relu(BN(W2 relu(BN(W1 a)))), and the residual one another."""
    a = np.abs(np.random.default_rng(0).normal(size=(1, 3, 3, 4)))
    params, plain = _block(zero=False, shortcut=False)
    _, residual = _block(zero=False)

    def conv(a: jax.Array, name: str) -> jax.Array:  # fresh statistics: mean 0, variance 1
        kernel = params[name]["kernel"]
        z = jax.lax.conv_general_dilated(
            a, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return z / jnp.sqrt(1 + 1e-5)

    z = conv(relu(conv(a, "conv1")), "conv2")
    return {
        "plain": bool(jnp.allclose(plain(a), relu(z), rtol=1e-6, atol=1e-9)),
        "differs": bool(
            jnp.allclose(residual(a), relu(z + a), rtol=1e-6, atol=1e-9)
            and not jnp.allclose(residual(a), plain(a))
        ),
    }


def _decayed() -> bool:
    """Whether weights that decay by a tenth for 200 steps leave the block its input."""
    block = Block(4)
    a = np.abs(np.random.default_rng(1).normal(size=(1, 3, 3, 4)))
    variables = block.init(jax.random.key(0), jnp.asarray(a), False)
    shrink = 0.9**200
    decayed = jax.tree.map(lambda w: shrink * w, variables["params"])
    after = block.apply({**variables, "params": decayed}, a, False)
    before = block.apply(variables, a, False)
    return bool(jnp.abs(after - a).max() < 1e-6 < jnp.abs(before - a).max())


def _gradients() -> dict[str, bool]:
    """The slope at the input of 100 ReLU layers at half of He's start, plain and residual."""
    scale = HALF * np.sqrt(2 / WIDTH)
    W = scale * np.random.default_rng(0).normal(size=(DEPTH // 2, 2, WIDTH, WIDTH))
    a = np.abs(np.random.default_rng(1).normal(size=WIDTH))

    def size(shortcut: bool) -> float:
        def output(a: jax.Array) -> jax.Array:
            def two(a: jax.Array, pair: jax.Array) -> tuple[jax.Array, None]:
                z = pair[1] @ relu(pair[0] @ a)
                return relu(z + a if shortcut else z), None

            return jnp.sum(jax.lax.scan(two, a, W)[0])

        return float(jnp.linalg.norm(jax.jit(jax.grad(output))(a)))

    return {"plain_vanishes": size(False) < 1e-20, "residual_alive": size(True) > 1e-3}


def _stacked() -> int:
    """Channels of the first Inception module's output."""
    image = jnp.zeros((1, 28, 28, 192), jnp.float32)
    module = Inception(MODULES["3a"])
    (shape, _) = jax.eval_shape(module.init_with_output, jax.random.key(0), image)
    return shape.shape[-1]


def _shortcuts() -> int:
    """Blocks of a network of ten layers between its first and its last: one shortcut every two."""
    blocks = [row for row in _rows(ResNet(18, 10), 224) if "_block" in row.name]
    layers = 18 - 2  # conv1 and fc stand outside
    return 10 // (layers // len(blocks))


CHECKS = MappingProxyType(
    {
        "alexnet-60M": lambda: _parameters(AlexNet(groups=2), 227),
        "alexnet-relu-gpus": _depth_of_second_filter,
        "vgg16-138M": lambda: _parameters(VGG("16")),
        "vgg-layer-count": lambda: [
            _weighted(VGG("16")),
            _weighted(VGG("19")),
            _parameters(VGG("19")),
        ],
        "resnet-block": _identity_slope,
        "resnet-identity": _identity,
        "resnet-notation": _notation,
        "weight-decay-pushes-to-identity": _decayed,
        "resnet-100-layers": _gradients,
        "five-residual-blocks": _shortcuts,
        "inception-concat": _stacked,
    }
)
