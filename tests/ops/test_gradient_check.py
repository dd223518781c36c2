import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops.gradient_check import gradient_check, one_sided, two_sided
from ngjax.types import UserError

X = np.random.default_rng(0).standard_normal((20, 4))
Y = np.random.default_rng(1).standard_normal((20, 2))


def params():
    generator = np.random.default_rng(2)
    kernels = {"hidden": (4, 5), "head": (5, 2)}
    return {
        name: {
            "kernel": jnp.asarray(generator.standard_normal(shape)),
            "bias": jnp.asarray(generator.standard_normal(shape[1])),
        }
        for name, shape in kernels.items()
    }


def cost(params):
    a = jnp.tanh(X @ params["hidden"]["kernel"] + params["hidden"]["bias"][None, :])
    z = a @ params["head"]["kernel"] + params["head"]["bias"][None, :]
    penalty = sum(jnp.sum(layer["kernel"] ** 2) for layer in params.values())
    return jnp.mean((z - Y) ** 2) + 0.01 * penalty


def test_a_right_gradient_passes():
    with jax.enable_x64(True):
        for gradient in (None, jax.grad(cost)(params())):
            found = gradient_check(cost, params(), gradient)
            assert found.ratio < 1e-7
            assert found.checked == 4 * 5 + 5 + 5 * 2 + 2
            assert len(found.worst) == 5


@pytest.mark.parametrize("fault", ["sign", "factor", "forgotten"])
def test_a_planted_fault_is_found_and_named(fault):
    with jax.enable_x64(True):
        gradient = jax.grad(cost)(params())
        right = float(gradient["head"]["kernel"][3, 1])
        wrong = {"sign": -right, "factor": 2 * right, "forgotten": 0.0}[fault]
        gradient["head"]["kernel"] = gradient["head"]["kernel"].at[3, 1].set(wrong)
        found = gradient_check(cost, params(), gradient, worst=1)
    assert found.ratio > 1e-3
    (worst,) = found.worst
    assert worst.name == "head/kernel[3, 1]"
    np.testing.assert_allclose(worst.approximation, right, rtol=1e-5)
    assert worst.gradient == wrong


def test_a_sample_is_drawn_by_seed_and_chunks_change_nothing():
    with jax.enable_x64(True):
        gradient = jax.tree.map(jnp.zeros_like, params())
        names = [
            {part.name for part in gradient_check(
                cost, params(), gradient, sample=7, seed=seed, chunk=chunk, worst=7
            ).worst}
            for seed, chunk in ((0, 1), (0, 3), (1, 256))
        ]  # fmt: skip
    assert names[0] == names[1] != names[2]
    assert [len(each) for each in names] == [7, 7, 7]


def test_the_ratio_is_that_of_the_notes():
    with jax.enable_x64(True):
        theta = jnp.asarray([3.0, 4.0])  # J = ||theta||^2 / 2, so dtheta = theta, of length 5
        found = gradient_check(lambda t: jnp.sum(t**2) / 2, theta, 2 * theta)
        np.testing.assert_allclose(found.ratio, 5 / (5 + 10), rtol=1e-6)
        assert gradient_check(lambda t: jnp.sum(0 * t), theta, 0 * theta).ratio == 0


def test_two_sided_differences_are_the_notes_numbers():
    with jax.enable_x64(True):
        found = gradient_check(lambda t: t**3, jnp.float64(1), jnp.float64(3), epsilon=0.01)
    np.testing.assert_allclose(found.worst[0].approximation, 3.0001, rtol=1e-10)  # not 3.0301


def test_float32_should_fail():
    with pytest.raises(UserError, match="float32 and a difference needs float64"):
        gradient_check(lambda t: t**2, jnp.float32(1))


def test_both_differences_of_the_cubic():
    """theta^3 at 1: 3 + epsilon^2 from both sides, 3 + 3 epsilon + epsilon^2 from one."""
    cubed = lambda theta: theta**3  # noqa: E731
    np.testing.assert_allclose(two_sided(cubed, 1.0, 0.01), 3.0001, rtol=1e-12)
    np.testing.assert_allclose(one_sided(cubed, 1.0, 0.01), 3.0301, rtol=1e-12)
    at = np.array([1.0, 2.0])
    np.testing.assert_allclose(one_sided(cubed, at, 0.01), [3.0301, 12.0601], rtol=1e-12)
