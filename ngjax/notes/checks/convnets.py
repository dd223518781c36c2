"""Notes 4.4 to 4.15: networks of convolutions, their parameters and what they cost."""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from ngjax.models.chain import Chain
from ngjax.models.layers import Conv
from ngjax.models.lenet import LeNet5
from ngjax.models.mlp import MLP
from ngjax.models.table import Row, layer_table
from ngjax.ops.activations import relu
from ngjax.ops.convolve import convolve, output_size, same_padding
from ngjax.ops.pool import max_pool


def _table(shape: tuple[int, ...], *layers: Conv) -> list[Row]:
    return layer_table(Chain(layers), shape)[1:]


def _lenet() -> list[Row]:
    return layer_table(LeNet5("notes"), (32, 32, 3))


def _parameters(name: str) -> int:
    (row,) = (row for row in _lenet() if row.name == name)
    return row.parameters


def _sides() -> bool:
    """Whether height and width fall and channels rise, layer by layer."""
    images = [row.shape for row in _lenet() if row.shape and len(row.shape) == 3]
    falling = [h for h, _, _ in images] == sorted({h for h, _, _ in images}, reverse=True)
    return falling and [c for _, _, c in images] == sorted(c for _, _, c in images)


def _dense_weights(shape: tuple[int, ...], units: int) -> int:
    """Weights of a dense layer without its biases."""
    (_, row) = layer_table(MLP((units,)), shape)
    return row.parameters - units


def _shifted() -> bool:
    """Whether a shift of the image by a column is a shift of what the filter finds."""
    generator = np.random.default_rng(0)
    x, w = generator.normal(size=(1, 8, 9, 2)), generator.normal(size=(3, 3, 2, 4))
    both = np.concatenate([x[:, :, :-1], x[:, :, 1:]])
    here, there = convolve(both, w, padding="VALID")
    return np.allclose(here[:, 1:], there[:, :-1], rtol=1e-12)


def _field(depth: int) -> int:
    """Numbers of the image that one output of `depth` 3x3 convolutions hangs on, in a row."""

    def middle(x: jax.Array) -> jax.Array:
        for _ in range(depth):
            x = convolve(x, np.ones((3, 3, 1, 1)), padding="SAME")
        return x[0, 5, 5, 0]

    slope = jax.jit(jax.grad(middle))(np.ones((1, 11, 11, 1)))
    return int((slope[0, 5, :, 0] != 0).sum())


def _dependencies() -> int:
    return _field(1) ** 2  # the window is square


def _vgg_sides() -> list[int]:
    """Sides of the maps: 224, then behind each of the five 2x2 pools."""
    sides = [224]
    for _ in range(5):
        sides.append(output_size(sides[-1], 2, 0, 2))
    return sides


def _vgg_tail() -> Any:
    sides = _vgg_sides()
    return [sides[-2], sides[-1], Row("pool5", (sides[-1], sides[-1], 512), 0).size]


def _pixelwise() -> bool:
    """A 1x1 filter against the same dense layer at every pixel."""
    generator = np.random.default_rng(0)
    x, w = generator.normal(size=(2, 6, 6, 32)), generator.normal(size=(1, 1, 32, 5))
    dense = (x.reshape(-1, 32) @ w[0, 0]).reshape(2, 6, 6, 5)
    return np.allclose(convolve(x, w), dense, rtol=1e-10)


def _scaled() -> jax.Array:
    row = np.array([1.0, 2.0, 3.0])[None, None, :, None]
    return convolve(row, np.full((1, 1, 1, 1), 2.0))[0, :, :, 0]


@functools.cache
def _inception() -> tuple[Row, Row, Row]:
    """5x5 to 32 maps directly; by 1x1 to 16 maps first."""
    (direct,) = _table((28, 28, 192), Conv(32, 5, use_bias=False))
    narrow, wide = _table((28, 28, 192), Conv(16, 1, use_bias=False), Conv(32, 5, use_bias=False))
    return direct, narrow, wide


def _costs() -> tuple[int, int]:
    """Multiplications: direct, and with the bottleneck."""
    direct, narrow, wide = _inception()
    return direct.multiplications, narrow.multiplications + wide.multiplications


def _windows_at_once() -> Any:
    """A network of 14x14 run over 16x16, against the network on each of the four crops."""
    generator = np.random.default_rng(0)
    shapes = ((5, 5, 3, 4), (5, 5, 4, 6), (1, 1, 6, 3))
    kernels = [generator.normal(size=shape) for shape in shapes]

    @jax.jit
    def network(x: jax.Array) -> jax.Array:
        x = max_pool(relu(convolve(x, kernels[0], padding="VALID")))
        x = relu(convolve(x, kernels[1], padding="VALID"))
        return convolve(x, kernels[2], padding="VALID")

    image = generator.normal(size=(16, 16, 3))
    crops = np.stack([image[u : u + 14, v : v + 14] for u in (0, 2) for v in (0, 2)])
    at_once = network(image[None])[0]
    one_by_one = network(crops).reshape(at_once.shape)
    return {"shape": at_once.shape, "equal": np.allclose(at_once, one_by_one, rtol=1e-10)}


CHECKS = MappingProxyType(
    {
        "lenet-table-sizes": lambda: [row.size for row in _lenet()],
        "lenet-conv1-params": lambda: _parameters("conv1"),
        "lenet-conv2-params": lambda: _parameters("conv2"),
        "lenet-fc3-params": lambda: _parameters("fc3"),
        "lenet-fc4-params": lambda: _parameters("fc4"),
        "lenet-softmax-params": lambda: _parameters("softmax"),
        "lenet-total-params": lambda: sum(row.parameters for row in _lenet()),
        "digits-10-classes": lambda: _lenet()[-1].size,
        "fewer-h-w-more-channels": _sides,
        "lenet-layer-convention": lambda: sum(row.parameters > 0 for row in _lenet()),
        "dense-alternative-14M": lambda: _dense_weights((32, 32, 3), 28 * 28 * 6),
        "conv-instead-params": lambda: _table((32, 32, 3), Conv(6, 5, padding=0))[0].parameters,
        "filter-5x5x6": lambda: _table((32, 32, 3), Conv(6, 5, padding=0))[0].size,
        "megapixel-dense": lambda: _dense_weights((1000, 1000, 3), output_size(1000, 5) ** 2 * 6),
        "parameter-sharing": _shifted,
        "sparse-connections": _dependencies,
        "alexnet-55": lambda: {
            "conv": output_size(227, 11, 0, 4),
            "as_printed": output_size(227, 3, 0, 4),
            "pool": output_size(55, 3, 0, 2),
        },
        "alexnet-shrink-4": lambda: 227 / output_size(227, 11, 0, 4),
        "vgg-tail-shapes": _vgg_tail,
        "vgg-conv-pool": lambda: [output_size(224, 3, same_padding(3)), _vgg_sides()[1]],
        "vgg-conv64-label": lambda: {
            "alex": output_size(55, 3, 0, 2),
            "vgg": output_size(224, 3, same_padding(3)),
        },
        "one-by-one-scalar": _scaled,
        "one-by-one-volume": lambda: {
            name: _table((6, 6, 32), Conv(filters, 1))[0].shape
            for name, filters in (("one", 1), ("thirtytwo", 32))
        },
        "one-by-one-is-pixelwise-fc": _pixelwise,
        "inception-cost-120M": lambda: [
            _inception()[0].multiplications,
            _inception()[0].parameters,
        ],
        "inception-bottleneck-first": lambda: _inception()[1].multiplications,
        "inception-bottleneck-second": lambda: _inception()[2].multiplications,
        "inception-total-12M": lambda: _costs()[1],
        "inception-ratio": lambda: _costs()[1] / _costs()[0],
        "inception-params-noun": lambda: sum(row.parameters for row in _inception()[1:]),
        "sliding-window-costly": lambda: [output_size(100, 20, 0, s) ** 2 for s in (20, 4, 1)],
        "conv-sliding-equals-crops": _windows_at_once,
        "shallow-vs-deep-features": lambda: [_field(1), _field(2)],
    }
)
