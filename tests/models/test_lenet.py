"""LeNet-5: shapes of the figure, parameters by arithmetic, values by Linen's own layers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.lenet import LeNet5
from ngjax.types import UserError

SHAPES = {  # of the paper's and of the notes' figure
    "1998": {
        "c1": (28, 28, 6),
        "s2": (14, 14, 6),
        "c3": (10, 10, 16),
        "s4": (5, 5, 16),
        "c5": (120,),
        "f6": (84,),
        "output": (10,),
    },
    "notes": {
        "conv1": (28, 28, 8),
        "pool1": (14, 14, 8),
        "conv2": (10, 10, 16),
        "pool2": (5, 5, 16),
        "fc3": (120,),
        "fc4": (84,),
        "softmax": (10,),
    },
}
PARAMETERS = {
    "1998": {
        "c1": (5 * 5 * 1 + 1) * 6,  # 156
        "c3": (5 * 5 * 6 + 1) * 16,  # 2,416: full connection table
        "c5": 5 * 5 * 16 * 120 + 120,  # 48,120
        "f6": 120 * 84 + 84,  # 10,164
        "output": 84 * 10 + 10,  # 850
    },
    "notes": {
        "conv1": (5 * 5 * 3 + 1) * 8,  # 608
        "conv2": (5 * 5 * 8 + 1) * 16,  # 3,216
        "fc3": 400 * 120 + 120,  # 48,120
        "fc4": 120 * 84 + 84,  # 10,164
        "softmax": 84 * 10 + 10,  # 850
    },
}
TOTAL = {"1998": 61_706, "notes": 62_958}
CHANNELS = {"1998": 1, "notes": 3}


def start(variant, **how):
    model = LeNet5(variant, **how)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 32, 32, CHANNELS[variant])).astype(np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    variables = jax.tree.map(lambda leaf: rng.normal(0, 0.1, leaf.shape).astype(leaf.dtype), shapes)
    return model, variables, x


@pytest.mark.parametrize("variant", SHAPES)
def test_shapes_and_parameters(variant):
    model, variables, x = start(variant)
    logits, activations = jax.eval_shape(model.apply, variables, x)
    assert {name: a.shape[1:] for name, a in activations.items()} == SHAPES[variant]
    assert logits.shape == (2, 10)
    found = {
        name: sum(leaf.size for leaf in part.values()) for name, part in variables["params"].items()
    }
    assert found == PARAMETERS[variant]
    assert sum(found.values()) == TOTAL[variant]


@pytest.mark.parametrize(("variant", "gain"), [("1998", 1), ("notes", 2)])
def test_start(variant, gain):  # Xavier for tanh, He for ReLU; b = 0
    model, _, x = start(variant)
    name = {"1998": "c5", "notes": "fc3"}[variant]
    hidden = jax.jit(lambda key: model.init(key, x)["params"][name])(jax.random.key(0))
    assert abs(float(hidden["kernel"].var()) / (gain / 400) - 1) < 0.05
    assert not hidden["bias"].any()


@pytest.mark.parametrize("variant", SHAPES)
def test_forward_pass_by_linen(variant):
    model, variables, x = start(variant, classes=7)
    names = list(SHAPES[variant])
    pool, g = (nn.avg_pool, jnp.tanh) if variant == "1998" else (nn.max_pool, nn.relu)
    a = x
    for name in (names[0], names[2]):
        part = variables["params"][name]
        a = g(nn.Conv(part["bias"].size, (5, 5), padding="VALID").apply({"params": part}, a))
        a = pool(a, (2, 2), (2, 2))
    a = a.reshape(2, -1)
    for name in names[4:]:
        part = variables["params"][name]
        a_last, z = a, a @ part["kernel"] + part["bias"][None]
        a = g(z)
    for form in ("auto", "lax"):
        logits, activations = jax.jit(model.clone(form=form).apply)(variables, x)
        np.testing.assert_allclose(logits, z, atol=1e-4)
        np.testing.assert_array_equal(logits, activations[names[-1]])
        np.testing.assert_allclose(activations[names[-2]], a_last, atol=1e-4)


def test_half_precision():
    model, variables, x = start("1998", dtype=jnp.bfloat16)
    logits, activations = jax.eval_shape(model.apply, variables, x)
    assert {a.dtype for a in (logits, *activations.values())} == {jnp.dtype(jnp.bfloat16)}
    assert {a.dtype for a in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}


def test_refused():
    with pytest.raises(UserError, match="32, 32"):
        LeNet5().init(jax.random.key(0), jnp.ones((1, 28, 28, 1)))
    with pytest.raises(UserError, match="1998 or notes"):
        LeNet5("2012").init(jax.random.key(0), jnp.ones((1, 32, 32, 1)))
