"""Layers against Linen's own and PyTorch; batch normalisation on one device and on eight."""

from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ngjax.models.layers import BatchNorm, Conv, Dense
from ngjax.types import AXIS

GOLDEN = Path(__file__).parents[1] / "golden" / "ops.npz"


def bound(rule):
    """Binds the devices' axis around a rule of (variables, z), as on one device."""

    def run(variables, *batch):
        one = jax.vmap(rule, in_axes=(None, *(0 for _ in batch)), axis_name=AXIS)
        return jax.tree.map(lambda a: a[0], one(variables, *(b[None] for b in batch)))

    return jax.jit(run)


def normalise(variables, z, mask=None):
    return BatchNorm().apply(variables, z, train=True, mask=mask, mutable=["batch_stats"])


def variables_for(C, dtype=np.float32):
    rng = np.random.default_rng(2)
    return {
        "params": {
            "scale": rng.normal(size=C).astype(dtype),
            "bias": rng.normal(size=C).astype(dtype),
        },
        "batch_stats": {
            "mean": rng.normal(size=C).astype(dtype),
            "var": rng.uniform(0.5, 2, C).astype(dtype),
        },
    }


def loss_and_gradients(apply, variables, z):
    """Output, gradients in params and z, and new statistics of a loss that weighs channels."""

    def loss(params, z):
        y, new = apply({**variables, "params": params}, z)
        weights = jnp.broadcast_to(jnp.arange(1.0, y.shape[-1] + 1), y.shape)
        return (jnp.sin(y) * weights).sum(), (y, new)

    (_, (y, new)), slopes = jax.value_and_grad(loss, (0, 1), has_aux=True)(variables["params"], z)
    return y, slopes, new["batch_stats"]


def test_dense_and_conv_equal_linen():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 7, 6, 3)), jnp.float32)
    pairs = [
        (Dense(4), nn.Dense(4)),
        (Dense(4, use_bias=False), nn.Dense(4, use_bias=False)),
        (Conv(5, (3, 2), stride=2), nn.Conv(5, (3, 2), 2)),
        (Conv(5, 3, padding="VALID"), nn.Conv(5, (3, 3), padding="VALID")),
        (Conv(5, 3, padding=2, use_bias=False), nn.Conv(5, (3, 3), padding=2, use_bias=False)),
    ]
    rng = np.random.default_rng(1)
    for ours, theirs in pairs:
        shapes = [jax.eval_shape(m.init, jax.random.key(0), x) for m in (ours, theirs)]
        assert shapes[0] == shapes[1]
        variables = jax.tree.map(lambda leaf: jnp.float32(rng.normal(size=leaf.shape)), shapes[0])
        z, expected = jax.jit(
            lambda v, x, ours=ours, theirs=theirs: (ours.apply(v, x), theirs.apply(v, x))
        )(variables, x)
        np.testing.assert_allclose(z, expected, atol=1e-5)


@pytest.mark.parametrize("layer", [Dense(2, dtype=jnp.bfloat16), Conv(2, dtype=jnp.bfloat16)])
def test_half_precision(layer):
    x = jnp.ones((1, 4, 4, 3))
    z, variables = jax.eval_shape(layer.init_with_output, jax.random.key(0), x)
    assert z.dtype == jnp.bfloat16
    assert variables["params"]["kernel"].dtype == jnp.float32


def test_he_start():
    kernel = Conv(64).init(jax.random.key(0), jnp.ones((1, 4, 4, 16)))["params"]["kernel"]
    assert abs(float(kernel.var()) / (2 / (3 * 3 * 16)) - 1) < 0.1


@pytest.mark.parametrize("shape", [(6, 4), (4, 3, 5, 4)])
def test_batch_norm_equals_linen(shape):
    with jax.enable_x64(True):
        variables = variables_for(4, np.float64)
        z = jnp.asarray(np.random.default_rng(1).normal(3, 2, shape))
        theirs = nn.BatchNorm(use_running_average=False, momentum=0.9, dtype=jnp.float64)
        flax = jax.jit(
            lambda v, z: loss_and_gradients(
                lambda v, z: theirs.apply(v, z, mutable=["batch_stats"]), v, z
            )
        )(variables, z)
        ours = bound(lambda v, z: loss_and_gradients(normalise, v, z))(variables, z)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-10), ours, flax)
        calm = BatchNorm().apply(variables, z, train=False)
        flax = nn.BatchNorm(use_running_average=True).apply(variables, z)
        np.testing.assert_allclose(calm, flax, atol=1e-10)


def test_batch_norm_equals_torch():
    golden = {k[5:]: v for k, v in np.load(GOLDEN).items() if k.startswith("norm/")}
    with jax.enable_x64(True):
        stats = {"mean": jnp.zeros(3), "var": jnp.ones(3)}

        def run(params, x):
            return normalise({"params": params, "batch_stats": stats}, x)

        def step(params, x, dy):
            y, pull, new = jax.vjp(run, params, x, has_aux=True)
            return y, pull(dy), new["batch_stats"]

        params = {"scale": jnp.asarray(golden["gamma"]), "bias": jnp.asarray(golden["beta"])}
        y, (dparams, dx), new = bound(step)(
            params, jnp.asarray(golden["x"]), jnp.asarray(golden["dy"])
        )
    for ours, name in (
        (y, "y"),
        (dx, "dx"),
        (dparams["scale"], "dgamma"),
        (dparams["bias"], "dbeta"),
        (new["mean"], "mean"),
        (new["var"], "var"),
    ):
        np.testing.assert_allclose(ours, golden[name], atol=1e-10)


def test_batch_norm_by_hand():  # notes 2.6: z = 1, 2, 6 has mu = 3, sigma^2 = (4 + 1 + 9)/3
    variables = {
        "params": {"scale": jnp.array([2.0]), "bias": jnp.array([5.0])},
        "batch_stats": {"mean": jnp.zeros(1), "var": jnp.ones(1)},
    }
    y, new = bound(normalise)(variables, jnp.array([[1.0], [2.0], [6.0]]))
    z_norm = np.array([-2, -1, 3]) / np.sqrt(14 / 3 + 1e-5)
    np.testing.assert_allclose(y[:, 0], 2 * z_norm + 5, rtol=1e-6)
    np.testing.assert_allclose(new["batch_stats"]["mean"], [0.3], rtol=1e-6)
    np.testing.assert_allclose(new["batch_stats"]["var"], [0.9 + 1.4 / 3], rtol=1e-6)


def test_eight_devices_equal_one():
    with jax.enable_x64(True):
        variables = variables_for(4, np.float64)
        z = jnp.asarray(np.random.default_rng(1).normal(3, 2, (16, 3, 4)))
        one = bound(lambda v, z: loss_and_gradients(normalise, v, z))(variables, z)

        def share(v, z):
            y, (dparams, dz), new = loss_and_gradients(normalise, v, z)
            return y, (jax.lax.psum(dparams, AXIS), dz), new

        y, (dparams, dz), new = jax.pmap(share, axis_name=AXIS, in_axes=(None, 0))(
            variables, z.reshape(8, 2, 3, 4)
        )
        first = jax.tree.map(lambda a: a[0], (dparams, new))
        eight = (y.reshape(z.shape), (first[0], dz.reshape(z.shape)), first[1])
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-10), eight, one)


def test_mask_leaves_examples_out():
    variables = variables_for(4)
    z = jnp.asarray(np.random.default_rng(1).normal(3, 2, (6, 3, 4)), jnp.float32)
    mask = jnp.array([1, 1, 0, 1, 0, 1])
    y, new = bound(normalise)(variables, z, mask)
    few, expected = bound(normalise)(variables, z[mask == 1])
    np.testing.assert_allclose(y[mask == 1], few, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), new, expected)
    spread = jax.pmap(normalise, axis_name=AXIS, in_axes=(None, 0, 0), devices=jax.devices()[:2])
    y, new = spread(variables, z.reshape(2, 3, 3, 4), mask.reshape(2, 3).at[1].set(0))
    few, expected = bound(normalise)(variables, z[:2])  # two of one device, none of the other
    np.testing.assert_allclose(y[0, :2], few, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-5), new, expected)


@pytest.mark.parametrize("shape", [(500, 1), (20, 5, 5, 1)])
def test_large_mean_does_not_cancel(shape):
    variables = variables_for(1)
    variables["batch_stats"]["mean"] = np.float32([1e4])
    z = jnp.asarray(1e4 + np.random.default_rng(1).normal(size=shape), jnp.float32)
    _, new = bound(normalise)(variables, z)
    var = (new["batch_stats"]["var"] - 0.9 * variables["batch_stats"]["var"]) / 0.1
    np.testing.assert_allclose(var, [np.var(np.float64(z))], rtol=1e-3)


def test_batch_norm_by_finite_differences():
    """The slopes in z, gamma and beta, of examples that count and of one that does not."""
    with jax.enable_x64(True):
        variables = variables_for(2, np.float64)
        rng = np.random.default_rng(3)
        z, mask, weights = rng.normal(size=(4, 2, 3, 2)), np.array([1, 1, 0, 1]), rng.normal(size=4)
        rule = bound(normalise)

        def loss(params, z):
            y, new = rule({**variables, "params": params}, z, mask)
            told = new["batch_stats"]["mean"].sum() + (new["batch_stats"]["var"] ** 2).sum()
            return (jnp.sin(y) * (mask * weights)[:, None, None, None]).sum() + told

        at = (variables["params"], jnp.asarray(z))
        slopes, back = ravel_pytree(jax.grad(loss, (0, 1))(*at))
        flat = np.asarray(ravel_pytree(at)[0])
        for k in range(len(flat)):
            step = 1e-6 * (np.arange(len(flat)) == k)
            rise = loss(*back(flat + step)) - loss(*back(flat - step))
            np.testing.assert_allclose(slopes[k], rise / 2e-6, atol=1e-7)


def test_statistics_of_half_precision_are_float32():
    z = jnp.full((512, 1), 1.0, jnp.bfloat16).at[0].set(3)
    layer = BatchNorm(dtype=jnp.bfloat16)
    y, new = bound(lambda v, z: layer.apply(v, z, train=True, mutable=["batch_stats"]))(
        variables_for(1), z
    )
    assert y.dtype == jnp.bfloat16
    mean = (new["batch_stats"]["mean"] - 0.9 * variables_for(1)["batch_stats"]["mean"]) / 0.1
    np.testing.assert_allclose(mean, [1 + 2 / 512], rtol=1e-5)  # bfloat16 would say 1
    assert new["batch_stats"]["mean"].dtype == jnp.float32


def test_starting_needs_no_axis():
    variables = BatchNorm().init(jax.random.key(0), jnp.ones((2, 3)), train=True)
    np.testing.assert_array_equal(variables["batch_stats"]["mean"], np.zeros(3))
    np.testing.assert_array_equal(variables["batch_stats"]["var"], np.ones(3))
