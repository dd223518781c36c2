from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.recurrent import GRU, Bidirectional
from ngjax.ops.bucket import in_bucket, widths_for


def test_widths_double_and_end_with_the_longest():
    assert widths_for(50) == (8, 16, 32, 50)
    assert widths_for(32) == (8, 16, 32)
    assert widths_for(5) == (5,)


@pytest.mark.parametrize(("longest", "width"), [(1, 4), (4, 4), (5, 8), (8, 8), (9, 12)])
def test_the_first_width_that_holds_all_is_taken(longest, width):
    length = jnp.array([1, longest])
    found = in_bucket(lambda x: jnp.float32(x.shape[1]), (4, 8, 12), length, jnp.zeros((2, 12)))
    assert found == width


def test_a_cut_batch_has_the_whole_one_s_value_and_gradient_and_compiles_once():
    layer = Bidirectional(GRU(3, parent=None), GRU(3, parent=None))
    x = jax.random.normal(jax.random.key(0), (2, 12, 4))
    carry = layer.initial_carry(2)
    params = layer.init(jax.random.key(1), carry, x)

    def total(params, length, x, mask):
        _, a = layer.apply(params, layer.initial_carry(2), x, mask)
        return (jnp.sin(a) * mask[:, :, None]).sum()

    traced = []

    @jax.jit
    def cut(params, length):
        traced.append(length)
        mask = (jnp.arange(12)[None, :] < length[:, None]).astype(x.dtype)

        def one(params):
            return in_bucket(lambda *cut: total(params, length, *cut), (4, 8, 12), length, x, mask)

        return jax.value_and_grad(one)(params)

    for lengths in ([3, 2], [3, 8], [12, 1]):
        length = jnp.array(lengths)
        mask = (jnp.arange(12)[None, :] < length[:, None]).astype(x.dtype)
        want = jax.value_and_grad(total)(params, length, x, mask)
        for got, expected in zip(
            jax.tree.leaves(cut(params, length)), jax.tree.leaves(want), strict=True
        ):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    assert len(traced) == 1


@pytest.mark.parametrize("widths", [(4, 8), (8, 4, 12), (4, 4, 12)])
def test_wrong_widths_are_refused(widths):
    with pytest.raises(ValueError, match="must ascend and end with 12"):
        in_bucket(lambda x: x.sum(), widths, jnp.array([1]), jnp.zeros((1, 12)))
