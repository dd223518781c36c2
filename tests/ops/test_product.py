"""The product of a layer and its gradients, against NumPy in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops.product import FEW_UNITS, product

SHAPES = [((6, 40), 3), ((2, 3, 40), 20), ((5, 40), 21), ((4, 300), FEW_UNITS), ((1, 8), 1)]


def drawn(shape: tuple[int, ...], units: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    sizes = (shape, (shape[-1], units), (*shape[:-1], units))
    return tuple(rng.standard_normal(size).astype(np.float32) for size in sizes)


@pytest.mark.parametrize(("shape", "units"), SHAPES)
def test_values_and_gradients_are_those_of_the_formulas(shape, units):
    a, w, dz = drawn(shape, units)
    z, back = jax.vjp(product, a, w)
    da, dw = back(dz)
    rows, slopes = a.reshape(-1, shape[-1]).astype(np.float64), dz.reshape(-1, units)
    np.testing.assert_allclose(z, np.float64(a) @ w, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(da, np.float64(dz) @ w.T, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(dw, rows.T @ slopes, rtol=1e-4, atol=1e-4)


def test_second_derivatives_forward_and_over_members():
    a, w, _ = drawn((4, 8), 2)
    cost = lambda w: jnp.sum(jnp.sin(product(a, w)))  # noqa: E731
    plain = lambda w: jnp.sum(jnp.sin(a @ w))  # noqa: E731
    np.testing.assert_allclose(jax.hessian(cost)(w), jax.hessian(plain)(w), atol=1e-5)
    many = np.stack([w, 2 * w])
    np.testing.assert_allclose(
        jax.vmap(jax.grad(cost))(many), jax.vmap(jax.grad(plain))(many), atol=1e-5
    )


def test_the_gradient_of_few_units_is_computed_turned():
    """The compiler would turn it back: this is what the barrier is for."""

    def compiled(units: int) -> str:
        a, w, dz = drawn((64, 96), units)
        dw = jax.jit(lambda a, w, dz: jax.vjp(product, a, w)[1](dz)[1])
        return dw.lower(a, w, dz).compile().as_text()

    assert "f32[10,96]" in compiled(10)  # dZ^T A
    assert "f32[60,96]" not in compiled(60)
