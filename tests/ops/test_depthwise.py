"""Depthwise convolution: by loops, by the compiler, in values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops.convolve import convolve_by_loops
from ngjax.ops.depthwise import FORMS, depthwise_convolve
from ngjax.types import UserError

CASES = [  # H, W, side, stride, padding
    (6, 7, 3, 1, "SAME"),
    (7, 6, 3, 2, "SAME"),
    (8, 8, 3, 2, "SAME"),
    (9, 5, 3, 2, 1),
    (6, 6, 2, 1, "VALID"),
    (5, 5, 5, 1, 2),
]


def drawn(H, W, side, C=4, B=3):
    rng = np.random.default_rng(H * W + side)
    return rng.normal(size=(B, H, W, C)), rng.normal(size=(side, side, C))


@pytest.mark.parametrize(("H", "W", "side", "stride", "padding"), CASES)
@pytest.mark.parametrize("form", FORMS)
def test_every_channel_is_convolved_by_itself(H, W, side, stride, padding, form):
    x, w = drawn(H, W, side)
    with jax.enable_x64(True):
        y = depthwise_convolve(
            jnp.asarray(x), jnp.asarray(w), stride=stride, padding=padding, form=form
        )
    whole = {"SAME": None, "VALID": 0}.get(padding, padding)
    if whole is None:  # TensorFlow's rule: the odd zero at the end
        sizes = [-(-n // stride) for n in (H, W)]
        missing = [
            max((size - 1) * stride + side - n, 0) for size, n in zip(sizes, (H, W), strict=True)
        ]
        x = np.pad(x, ((0, 0), *((m // 2, m - m // 2) for m in missing), (0, 0)))
        whole = 0
    want = np.stack(
        [
            np.stack(
                [convolve_by_loops(image[..., c], w[..., c], stride, whole) for c in range(4)], -1
            )
            for image in x
        ]
    )
    np.testing.assert_allclose(y, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("H", "W", "side", "stride", "padding"), CASES)
def test_gradients_are_the_compilers_in_a_loop_too(H, W, side, stride, padding):
    x, w = drawn(H, W, side)

    def slopes(form):
        def loss(x, w):
            y = depthwise_convolve(x, w, stride=stride, padding=padding, form=form)
            return jnp.sum(jnp.sin(y))

        def step(carry, _):
            dx, dw = jax.grad(loss, (0, 1))(*carry)
            return (carry[0] - 0.1 * dx, carry[1] - 0.1 * dw), None

        return jax.jit(lambda x, w: jax.lax.scan(step, (x, w), None, 2)[0])

    with jax.enable_x64(True):
        for one, other in zip(slopes("lax")(x, w), slopes("shifts")(x, w), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_what_does_not_go_together_is_refused():
    x, w = jnp.zeros((1, 4, 4, 3)), jnp.zeros((3, 3, 2))
    with pytest.raises(UserError, match="equally deep"):
        depthwise_convolve(x, w)
    with pytest.raises(UserError, match="use auto, lax, shifts"):
        depthwise_convolve(x, jnp.zeros((3, 3, 3)), form="fast")
