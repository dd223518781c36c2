"""Networks that are looked into: what a unit sees, and maps equal to those of VGG."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.mobilenet import MobileNet
from ngjax.models.perceptual import Maps, mobilenet_windows, receptive_fields, vgg_windows
from ngjax.models.vgg import VGG


def test_receptive_fields_by_hand():
    sees = receptive_fields(vgg_windows("19"))
    assert [sees[name] for name in ("conv1_1", "conv1_2", "pool1", "conv2_1")] == [3, 5, 6, 10]
    assert sees["conv5_1"] == 156
    mobile = receptive_fields(mobilenet_windows())
    assert [mobile[name] for name in ("conv1", "conv_pw_1", "conv_dw_2")] == [3, 7, 11]


def extent(module, variables, side, name, channels=3):
    """Pixels a side that move the middle unit of a layer, by its slope."""
    x = jnp.ones((1, side, side, channels))

    def unit(x):
        maps = module.apply(variables, x)[1][name]
        return maps[0, maps.shape[1] // 2, maps.shape[2] // 2].sum()

    moved = np.flatnonzero(np.abs(jax.jit(jax.grad(unit))(x)[0]).sum((1, 2)))
    return moved[-1] - moved[0] + 1


@pytest.mark.parametrize("name", ["conv1_2", "pool1", "conv2_2", "conv3_1"])
def test_a_unit_of_vgg_sees_so_many_pixels(name):
    module = Maps("19", width=1 / 64, last="conv3_1")
    variables = module.init(jax.random.key(0), jnp.zeros((1, 48, 48, 3)))
    variables = jax.tree.map(lambda w: jnp.abs(w) + 0.01, variables)  # so that no unit is off
    assert extent(module, variables, 48, name) == receptive_fields(vgg_windows("19"))[name]


@pytest.mark.parametrize("name", ["conv1", "conv_pw_1", "conv_pw_3"])
def test_a_unit_of_mobilenet_sees_so_many_pixels(name):
    module = MobileNet(0, width=0.05, blocks=3)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 64, 64, 3)))
    params = jax.tree.map(lambda w: jnp.abs(w) * 0.1 + 0.001, variables["params"])
    variables = {**variables, "params": params}
    assert extent(module, variables, 64, name) == receptive_fields(mobilenet_windows(3))[name]


def test_maps_are_those_of_vgg():
    vgg, maps = VGG("small"), Maps("small", "max", last="conv3_2")
    x = jax.random.normal(jax.random.key(0), (1, 16, 16, 3))
    variables = vgg.init(jax.random.key(1), x)
    params = {name: part for name, part in variables["params"].items() if name[:2] != "fc"}
    own = jax.eval_shape(maps.init, jax.random.key(0), x)["params"]
    assert jax.tree.map(jnp.shape, own) == jax.tree.map(jnp.shape, params)
    want, (last, found) = vgg.apply(variables, x)[1], maps.apply({"params": params}, x)
    assert list(found) == [name for name in want if name[:2] != "fc" and name != "pool3"]
    for name, a in found.items():
        np.testing.assert_array_equal(a, want[name])
    np.testing.assert_array_equal(last, found["conv3_2"])
