"""The normalised network against NumPy in float64: training, test time, and what b is worth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.mlp import MLP
from ngjax.models.normalised_mlp import NormalisedMLP
from ngjax.types import AXIS

X = np.random.default_rng(0).normal(1.0, 3.0, (16, 5))
EPSILON = 1e-5


def made(**fields):
    """The network 5-4-3-2 and its variables, every one of them moved off its start."""
    model = NormalisedMLP((4, 3, 2), **fields)
    variables = model.init(jax.random.key(0), X)
    generator = np.random.default_rng(1)
    return model, jax.tree.map(lambda x: x + generator.uniform(0.1, 0.5, x.shape), variables)


def trained(model, variables, x, **given):
    def apply(x):
        return model.apply(variables, x, train=True, mutable=["batch_stats"], **given)

    (z, out), after = jax.jit(jax.vmap(apply, axis_name=AXIS))(x[None])
    return jax.tree.map(lambda a: a[0], (z, out, after))


def by_hand(variables, x, statistics):
    """The forward pass; `statistics(layer, z)` gives mu and sigma^2."""
    params, a = jax.tree.map(np.asarray, variables["params"]), x
    for layer in (1, 2):
        z = a @ params[f"dense{layer}"]["kernel"] + params[f"dense{layer}"].get("bias", 0.0)
        mu, sigma2 = statistics(layer, z)
        norm = params[f"norm{layer}"]
        a = np.tanh(norm["scale"] * (z - mu) / np.sqrt(sigma2 + EPSILON) + norm["bias"])
    return a @ params["dense3"]["kernel"] + params["dense3"]["bias"]


@pytest.mark.parametrize("use_bias", [False, True])
def test_training_normalises_by_the_mini_batch(use_bias):
    with jax.enable_x64(True):
        model, variables = made(use_bias=use_bias)
        z, _, _ = trained(model, variables, X)
        wanted = by_hand(variables, X, lambda layer, z: (z.mean(0), z.var(0)))
        np.testing.assert_allclose(z, wanted, rtol=1e-9)


def test_the_averages_move_towards_the_mini_batch_and_serve_at_test_time():
    with jax.enable_x64(True):
        model, variables = made(momentum=0.75)
        _, out, after = trained(model, variables, X)
        old, new = variables["batch_stats"]["norm1"], after["batch_stats"]["norm1"]
        z1 = np.asarray(out["z1"])
        np.testing.assert_allclose(
            new["mean"], 0.75 * old["mean"] + 0.25 * z1.mean(0), rtol=1e-6
        )  # kept in float32
        np.testing.assert_allclose(new["var"], 0.75 * old["var"] + 0.25 * z1.var(0), rtol=1e-6)
        stats = jax.tree.map(np.asarray, variables["batch_stats"])
        z, _ = model.apply(variables, X[:1])  # one example alone
        wanted = by_hand(
            variables,
            X[:1],
            lambda layer, z: (stats[f"norm{layer}"]["mean"], stats[f"norm{layer}"]["var"]),
        )
        np.testing.assert_allclose(z, wanted, rtol=1e-9)


def test_masked_examples_do_not_count():
    with jax.enable_x64(True):
        model, variables = made()
        padded = np.concatenate([X, np.full((4, 5), 99.0)])
        mask = jnp.arange(20) < 16

        def apply(x, mask):
            return model.apply(variables, x, train=True, mask=mask, mutable=["batch_stats"])[0][0]

        z = jax.jit(jax.vmap(apply, axis_name=AXIS))(padded[None], mask[None])[0]
        np.testing.assert_allclose(z[:16], trained(model, variables, X)[0], rtol=1e-9)


def test_b_is_redundant_behind_a_normalisation_and_not_without_it():
    with jax.enable_x64(True):
        for normalise in (True, False):
            model, variables = made(use_bias=True, normalise=normalise)
            before = trained(model, variables, X)[0]
            variables["params"]["dense1"]["bias"] = variables["params"]["dense1"]["bias"] + 3.0
            off = np.abs(trained(model, variables, X)[0] - before).max()
            assert off < 1e-9 if normalise else off > 1e-2


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_without_normalisation_it_is_the_plain_network(activation):
    plain = MLP((4, 3, 2), activation)
    model = NormalisedMLP((4, 3, 2), activation, normalise=False)
    x = np.float32(X)
    variables = plain.init(jax.random.key(0), x)
    renamed = {f"dense{name[1:]}": leaf for name, leaf in variables["params"].items()}
    np.testing.assert_array_equal(
        model.apply({"params": renamed}, x)[0], plain.apply(variables, x)[0]
    )


def test_parameters():
    params = made()[1]["params"]
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    # W without b, gamma, beta; W, b of the last layer
    assert count == (5 * 4 + 2 * 4) + (4 * 3 + 2 * 3) + (3 * 2 + 2)
    assert "bias" not in params["dense1"] and "bias" in params["dense3"]
