"""Pooling against Flax, PyTorch and the notes' example; ties and odd sides are pinned."""

import functools
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ngjax.ops.pool import average_pool, max_pool
from ngjax.types import UserError

GOLDEN = Path(__file__).parents[1] / "golden" / "ops.npz"
CASES = {  # name -> H, W, window, stride, padding
    "2x2": (6, 8, 2, None, "VALID"),
    "2x2, odd": (7, 5, 2, 2, "VALID"),
    "3x3": (9, 7, 3, None, "VALID"),
    "3x3/2": (9, 8, 3, 2, "VALID"),
    "3x3/1, same": (6, 5, 3, 1, "SAME"),
    "3x3/2, one around": (8, 7, 3, 2, 1),
    "2x2/3": (8, 7, 2, 3, "VALID"),
    "5x5/2": (9, 9, 5, 2, "VALID"),
}


def images(H, W, dtype=np.float64):
    drawn = np.random.default_rng(5).integers(-3, 4, (2, H, W, 3))
    return jnp.asarray(np.maximum(drawn, 0), dtype)  # many ties, as behind a ReLU


def value_and_gradient(rule, x):
    y, pull = jax.vjp(rule, x)
    dy = jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)  # no two alike
    return y, *pull(dy)


def flax_max(x, window, stride, padding):
    padding = padding if isinstance(padding, str) else [(padding, padding)] * 2
    return nn.max_pool(x, (window,) * 2, (stride or window,) * 2, padding)


@pytest.mark.parametrize("case", CASES)
def test_max_equals_flax(case):
    H, W, window, stride, padding = CASES[case]
    ours = functools.partial(max_pool, window=window, stride=stride, padding=padding)
    rules = {
        "theirs": lambda x: flax_max(x, window, stride, padding),
        "dense": functools.partial(ours, form="dense"),
        "lax": functools.partial(ours, form="lax"),
        "auto": ours,
    }

    def all_rules(x):
        found = {name: value_and_gradient(rule, x) for name, rule in rules.items()}
        looped = lax.fori_loop(0, 1, lambda _, x: value_and_gradient(rules["auto"], x)[1], x)
        return found | {"looped": (found["auto"][0], looped)}

    with jax.enable_x64(True):
        found = jax.jit(all_rules)(images(H, W))
        for name, outcome in found.items():
            for a, b in zip(outcome, found["theirs"], strict=True):
                np.testing.assert_allclose(a, b, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("case", ["2x2", "2x2, odd", "3x3", "3x3/2", "2x2/3"])
def test_average_equals_flax(case):
    H, W, window, stride, _ = CASES[case]
    sides = (window,) * 2, (stride or window,) * 2

    def both(x):
        return (
            value_and_gradient(lambda x: average_pool(x, window, stride), x),
            value_and_gradient(lambda x: nn.avg_pool(x, *sides), x),
        )

    with jax.enable_x64(True):
        for a, b in zip(*jax.jit(both)(images(H, W)), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("case", ["2x2", "3x3"])
@pytest.mark.parametrize("kind", ["max", "average"])
def test_torch(kind, case):
    golden = np.load(GOLDEN)
    x, y, dy, dx = (golden[f"{kind}/{case}/{part}"] for part in ("x", "y", "dy", "dx"))
    rule = {"max": max_pool, "average": average_pool}[kind]

    def run(x, dy):
        ours, pull = jax.vjp(lambda x: rule(x, int(case[0]), 2), x)
        return ours, *pull(dy)

    with jax.enable_x64(True):
        ours, slope = jax.jit(run)(jnp.asarray(x), jnp.asarray(dy))
    np.testing.assert_allclose(ours, y, atol=1e-12)
    np.testing.assert_allclose(slope, dx, atol=1e-12)


def test_notes_example():  # the print has 6 in the upper right
    x = jnp.float32([[1, 3, 2, 1], [2, 9, 1, 1], [1, 3, 2, 3], [5, 6, 1, 2]])[None, :, :, None]
    np.testing.assert_array_equal(max_pool(x)[0, :, :, 0], [[9, 2], [6, 3]])
    np.testing.assert_array_equal(average_pool(x)[0, :, :, 0], [[3.75, 1.25], [3.75, 2]])


@pytest.mark.parametrize("window", [2, 3])
@pytest.mark.parametrize("form", ["dense", "lax"])
def test_first_maximum_wins(window, form):
    x = jnp.zeros((1, 4, 4, 1))
    slope = jax.jit(jax.grad(lambda x: max_pool(x, window, 2, form=form).sum()))
    dx = slope(x)[0, :, :, 0]
    first = np.zeros((4, 4))
    first[::2, ::2] = 1
    if window == 3:
        first = np.zeros((4, 4))
        first[0, 0] = 1
    np.testing.assert_array_equal(dx, first)


@pytest.mark.parametrize("how", [(2, 2), (3, 2)])
def test_not_a_number_is_passed_on(how):
    pool = jax.jit(lambda x: max_pool(x, *how, form="dense"))
    for place in range(4):
        x = jnp.zeros((1, 3, 3, 1)).at[0, place // 2, place % 2, 0].set(jnp.nan)
        assert jnp.isnan(pool(x)).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("rule", [max_pool, average_pool])
def test_type_is_kept(rule, dtype):
    x = images(5, 5, dtype)
    for how in ((2, 2), (3, 2)):
        outcome = jax.eval_shape(lambda x, h=how: value_and_gradient(lambda x: rule(x, *h), x), x)
        assert {a.dtype for a in outcome} == {jnp.dtype(dtype)}


def test_refused():
    with pytest.raises(UserError, match="does not fit"):
        max_pool(jnp.ones((1, 2, 2, 1)), 3)
    with pytest.raises(UserError, match="does not fit"):
        average_pool(jnp.ones((1, 2, 2, 1)), 3)
    with pytest.raises(UserError, match="form 'fast'"):
        max_pool(jnp.ones((1, 2, 2, 1)), form="fast")
