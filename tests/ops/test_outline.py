"""An outlined rule is the rule, and the compiler leaves it in one piece."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.ops.outline import outlined


@functools.partial(outlined, static=(1,))
def turned(x, times):
    return times * jnp.sin(x).T


def test_the_rule_and_its_slope_stay():
    x = jnp.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(turned(x, 2), 2 * np.sin(x).T, rtol=1e-6)
    np.testing.assert_allclose(
        jax.vmap(lambda x: turned(x, 2))(x[None])[0], 2 * np.sin(x).T, rtol=1e-6
    )
    slope = jax.grad(lambda x: turned(x, 2).sum())(x)
    np.testing.assert_allclose(slope, 2 * np.cos(x), rtol=1e-6)


def test_nothing_is_fused_into_it():
    def program(rule):
        return jax.jit(lambda x: rule(jnp.exp(x), 2)).lower(jnp.ones((8, 8))).compile().as_text()

    def entry(text):
        return text.partition("ENTRY")[2]

    inside = program(lambda x, times: times * jnp.sin(x).T)
    assert " call(" not in entry(inside)
    assert (" call(" in entry(program(turned))) == (jax.default_backend() == "cpu")
