"""Gradients by hand against automatic differentiation of the fast forms, and worked examples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops.convolve import convolve
from ngjax.ops.convolve_backward import (
    average_pool_backward,
    convolve_backward,
    max_pool_backward,
)
from ngjax.ops.pool import average_pool, max_pool
from ngjax.types import UserError

CONVOLUTIONS = {  # name -> H, W, f_H, f_W, stride, padding, dilation
    "valid": (6, 7, 3, 3, 1, 0, 1),
    "same": (5, 6, 3, 3, 1, 1, 1),
    "stride, rows left over": (8, 7, 3, 2, 2, 0, 1),
    "stride, padded": (7, 6, 4, 3, 3, 2, 1),
    "1x1": (4, 5, 1, 1, 1, 0, 1),
    "dilated": (9, 8, 3, 2, 2, 1, 3),
}
POOLS = {"2/2": (6, 5, 2, 2), "3/2": (7, 6, 3, 2), "2/3": (7, 8, 2, 3), "2/1": (4, 5, 2, 1)}


def close(ours, theirs):
    scale = float(np.abs(theirs).max())
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10 * scale)


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(case):
    H, W, f_H, f_W, *how = CONVOLUTIONS[case]
    rng = np.random.default_rng(1)
    x, w, b = rng.normal(size=(2, H, W, 3)), rng.normal(size=(f_H, f_W, 3, 4)), rng.normal(size=4)

    def layer(x, w, b):
        named = dict(zip(("stride", "padding", "dilation"), how, strict=True))
        return convolve(x, w, form="lax", **named) + b.reshape(1, 1, 1, -1)

    with jax.enable_x64(True):
        z = jax.eval_shape(layer, x, w, b)
        dz = rng.normal(size=z.shape)
        theirs = jax.jit(lambda *a: jax.vjp(layer, *a)[1](jnp.asarray(dz)))(x, w, b)
        for ours, slope in zip(convolve_backward(dz, x, w, *how), theirs, strict=True):
            close(ours, slope)


@pytest.mark.parametrize("case", POOLS)
@pytest.mark.parametrize("kind", ["max", "average"])
def test_pooling(kind, case):
    H, W, window, stride = POOLS[case]
    rng = np.random.default_rng(2)
    x = np.maximum(rng.integers(-3, 4, (2, H, W, 3)), 0).astype(float)  # many ties
    rule, backward = {
        "max": (max_pool, max_pool_backward),
        "average": (average_pool, average_pool_backward),
    }[kind]
    with jax.enable_x64(True):
        y = jax.eval_shape(lambda x: rule(x, window, stride), x)
        dy = rng.normal(size=y.shape)

        def pull(x):
            return jax.vjp(lambda x: rule(x, window, stride), x)[1](jnp.asarray(dy))[0]

        close(backward(dy, x, window, stride), jax.jit(pull)(x))


def test_by_hand():
    x, w = np.arange(9.0).reshape(1, 3, 3, 1), np.array([[1.0, 2], [3, 4]]).reshape(2, 2, 1, 1)
    dz = np.array([[1.0, 0], [0, 10]]).reshape(1, 2, 2, 1)
    dx, dw, db = convolve_backward(dz, x, w)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 2, 0], [3, 14, 20], [0, 30, 40]])
    np.testing.assert_array_equal(dw[:, :, 0, 0], [[40, 51], [73, 84]])
    np.testing.assert_array_equal(db, [11])
    image = np.array([[1.0, 3, 2, 1], [2, 9, 1, 1], [1, 3, 2, 3], [5, 6, 1, 2]])  # notes 4.3
    dy = np.array([[1.0, 2], [3, 4]]).reshape(1, 2, 2, 1)
    dx = max_pool_backward(dy, image.reshape(1, 4, 4, 1), 2, 2)[0, :, :, 0]
    np.testing.assert_array_equal(dx, [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 4], [0, 3, 0, 0]])


@pytest.mark.parametrize(
    "call",
    [
        lambda x, dy: convolve_backward(dy, x, np.ones((3, 3, 1, 1))),
        lambda x, dy: max_pool_backward(dy, x, 2, 1),
        lambda x, dy: average_pool_backward(dy, x, 2, 1),
    ],
)
def test_a_gradient_of_another_shape_is_refused(call):
    with pytest.raises(UserError, match="gradient"):
        call(np.ones((1, 4, 4, 1)), np.ones((1, 1, 1, 1)))
