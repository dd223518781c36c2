"""The image networks: parameters by arithmetic, shapes of the papers, what a part is worth."""

from __future__ import annotations

import inspect
import math
import pkgutil

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ngjax.models
from ngjax import data, optim, supervised
from ngjax.models.alexnet import AlexNet
from ngjax.models.inception import GoogLeNet, Inception, Widths
from ngjax.models.layers import Conv, DepthwiseConv
from ngjax.models.mobilenet import BLOCKS, MobileNet
from ngjax.models.network_in_network import NetworkInNetwork
from ngjax.models.resnet import Block, ResNet
from ngjax.models.table import layer_table
from ngjax.models.vgg import VGG
from ngjax.ops.dropout import Dropout
from ngjax.train.devices import alone
from ngjax.train.step import summed_gradient
from ngjax.types import Context, UserError


def conv(side, C, F, bias=True):
    return side * side * C * F + F * bias


def dense(n, m):
    return n * m + m


def alexnet(groups):
    half = groups
    return (
        conv(11, 3, 96)
        + conv(5, 96 // half, 256)
        + conv(3, 256, 384)
        + conv(3, 384 // half, 384)
        + conv(3, 384 // half, 256)
        + dense(6 * 6 * 256, 4096)
        + dense(4096, 4096)
        + dense(4096, 1000)
    )


def vgg(*blocks):
    total, C = 0, 3
    for convolutions, F in blocks:
        for _ in range(convolutions):
            total, C = total + conv(3, C, F), F
    return total + dense(7 * 7 * 512, 4096) + dense(4096, 4096) + dense(4096, 1000)


def normed(side, C, F):  # a convolution without bias, gamma and beta
    return conv(side, C, F, bias=False) + 2 * F


def basic(C, F):
    return normed(3, C, F) + normed(3, F, F) + (normed(1, C, F) if C != F else 0)


def bottleneck(C, F):
    inside = normed(1, C, F) + normed(3, F, F) + normed(1, F, 4 * F)
    return inside + (normed(1, C, 4 * F) if C != 4 * F else 0)


def resnet(blocks, block, expansion):
    total, C = normed(7, 3, 64), 64
    for count, F in zip(blocks, (64, 128, 256, 512), strict=True):
        for _ in range(count):
            total, C = total + block(C, F), expansion * F
    return total + dense(C, 1000)


def cifar(n):
    total, C = normed(3, 3, 16), 16
    for F in (16, 32, 64):
        for _ in range(n):  # option A: the shortcut has none
            total, C = total + normed(3, C, F) + normed(3, F, F), F
    return total + dense(64, 10)


TABLE = {  # name -> (module, side, counted here, published)
    "alexnet": (AlexNet(), 227, alexnet(1), 62_378_344),
    "alexnet, two groups": (AlexNet(groups=2), 227, alexnet(2), 60_965_224),
    "alexnet of torchvision": (AlexNet("2014"), 224, None, 61_100_840),
    "vgg 16": (VGG("16"), 224, vgg((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 138_357_544),
    "vgg 19": (VGG("19"), 224, vgg((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)), 143_667_240),
    "resnet 18": (ResNet(18), 224, resnet((2, 2, 2, 2), basic, 1), 11_689_512),
    "resnet 34": (ResNet(34), 224, resnet((3, 4, 6, 3), basic, 1), 21_797_672),
    "resnet 50": (ResNet(50), 224, resnet((3, 4, 6, 3), bottleneck, 4), 25_557_032),
    "resnet 101": (ResNet(101), 224, resnet((3, 4, 23, 3), bottleneck, 4), 44_549_160),
    "resnet 152": (ResNet(152), 224, resnet((3, 8, 36, 3), bottleneck, 4), 60_192_808),
    "resnet 20": (ResNet(20, 10, small=True), 32, cifar(3), 269_722),
    "resnet 32": (ResNet(32, 10, small=True), 32, cifar(5), 464_154),
    "resnet 44": (ResNet(44, 10, small=True), 32, cifar(7), 658_586),
    "resnet 56": (ResNet(56, 10, small=True), 32, cifar(9), 853_018),
    "resnet 110": (ResNet(110, 10, small=True), 32, cifar(18), 1_727_962),
    "plain 20": (ResNet(20, 10, small=True, shortcut=False), 32, cifar(3), 269_722),
    "network in network": (
        NetworkInNetwork(),
        32,
        conv(5, 3, 192)
        + conv(1, 192, 160)
        + conv(1, 160, 96)
        + conv(5, 96, 192)
        + 2 * conv(1, 192, 192)
        + conv(3, 192, 192)
        + conv(1, 192, 192)
        + conv(1, 192, 10),
        966_986,
    ),
    "googlenet": (GoogLeNet(), 224, None, 6_998_552),
    "googlenet with heads": (GoogLeNet(auxiliary=True), 224, None, 13_378_280),
    "googlenet of torchvision": (
        GoogLeNet("torchvision", auxiliary=True),
        224,
        None,
        13_004_888,
    ),
    "mobilenet": (
        MobileNet(),
        224,
        normed(3, 3, 32)
        + sum(
            9 * C + 2 * C + normed(1, C, F)
            for C, (F, _) in zip((32, *(f for f, _ in BLOCKS)), BLOCKS, strict=False)
        )
        + dense(1024, 1000),
        4_231_976,
    ),
}


def shapes(module, side):
    x = jax.ShapeDtypeStruct((2, side, side, 3), jnp.float32)
    (logits, out), variables = jax.eval_shape(module.init_with_output, jax.random.key(0), x)
    return logits, out, variables


@pytest.mark.parametrize("name", TABLE)
def test_parameters_are_those_of_the_paper(name):
    module, side, counted, published = TABLE[name]
    _, _, variables = shapes(module, side)
    found = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"]))
    assert found == published
    assert counted in (None, published)


OTHERS = {  # rooms whose networks give no class to an image
    *("layers", "table", "transfer", "locator", "sliding", "yolo", "facenet", "perceptual"),
    *("recurrent", "recurrent_network", "language_model", "encoder_decoder", "transcriber"),
    *("film_network", "many_to_one", "motif", "shapes", "tagger", "text_cnn"),
}


def test_no_image_network_is_left_out():
    known = {type(module) for module, *_ in TABLE.values()}
    for file in pkgutil.iter_modules(ngjax.models.__path__, "ngjax.models."):
        if file.name.rpartition(".")[2] in OTHERS:
            continue
        home = __import__(file.name, fromlist=["_"])
        networks = {
            cls
            for _, cls in inspect.getmembers(home, inspect.isclass)
            if issubclass(cls, nn.Module)
            and cls.__module__ == file.name
            and "classes" in cls.__dataclass_fields__
            and cls.__name__ != "LeNet5"  # counted in a file of its own
        }
        assert networks <= known


def test_alexnet_has_the_maps_of_the_figure():
    _, out, _ = shapes(AlexNet(), 227)
    assert [out[f"conv{n}"].shape[1:] for n in range(1, 6)] == [
        (55, 55, 96), (27, 27, 256), (13, 13, 384), (13, 13, 384), (13, 13, 256),
    ]  # fmt: skip
    assert out["pool5"].shape[1:] == (6, 6, 256) and out["fc6"].shape[1:] == (4096,)
    assert shapes(AlexNet("2014"), 224)[1]["pool5"].shape[1:] == (6, 6, 256)


def test_the_other_networks_have_the_maps_of_their_tables():
    assert shapes(VGG("16"), 224)[1]["pool5"].shape[1:] == (7, 7, 512)
    out = shapes(ResNet(50), 224)[1]
    assert out["pool1"].shape[1:] == (56, 56, 64)
    assert out["stage4_block3"].shape[1:] == (7, 7, 2048)
    out = shapes(GoogLeNet(auxiliary=True), 224)[1]
    assert out["inception_3a"].shape[1:] == (28, 28, 256)
    assert out["inception_4e"].shape[1:] == (14, 14, 832)
    assert out["inception_5b"].shape[1:] == (7, 7, 1024)
    assert out["aux1"].shape == out["aux2"].shape == (2, 1000)
    assert shapes(MobileNet(0, blocks=12), 224)[0].shape == (2, 1024)


@pytest.mark.parametrize("side", [28, 32, 64])
@pytest.mark.parametrize(
    "module",
    [
        AlexNet("small", 10),
        VGG("small", 10),
        ResNet(8, 10, small=True),
        NetworkInNetwork(10, 0.25),
        GoogLeNet("small", 10, 0.25),
        MobileNet(10, 0.25),
    ],
    ids=lambda module: type(module).__name__,
)
def test_small_images_fit_the_small_forms(module, side):
    assert shapes(module, side)[0].shape == (2, 10)


def drawn(module, *shape, seed=0):
    x = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return jax.jit(module.init)(jax.random.key(seed), x), x


def test_a_block_whose_last_gamma_is_zero_is_the_identity():
    block = Block(8, zero_start=True)
    x = np.maximum(np.random.default_rng(0).normal(size=(2, 6, 6, 8)), 0).astype(np.float32)
    variables = block.init(jax.random.key(0), x, False)
    np.testing.assert_array_equal(block.apply(variables, x, False), x)
    plain = Block(8, zero_start=True, shortcut=False)
    assert not np.asarray(plain.apply(variables, x, False)).any()


def test_option_a_takes_every_second_place_and_pads_channels():
    block = Block(8, stride=2, projection=False, zero_start=True)
    x = np.maximum(np.random.default_rng(0).normal(size=(2, 6, 6, 4)), 0).astype(np.float32)
    variables = block.init(jax.random.key(0), x, False)
    y = np.asarray(block.apply(variables, x, False))
    np.testing.assert_array_equal(y[..., 2:6], x[:, ::2, ::2])
    assert not y[..., :2].any() and not y[..., 6:].any()


@pytest.mark.parametrize(
    "network",
    [ResNet(8, 3, small=True), GoogLeNet("small", 3, width=0.05)],
    ids=["resnet", "inception"],
)
def test_remat_changes_memory_and_nothing_else(network):
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    found = []
    for remat in (False, True):
        model = network.clone(remat=remat)
        variables = jax.jit(model.init)(jax.random.key(0), x)

        def loss(params, model=model, variables=variables):
            both = {**variables, "params": params}
            (z, _), _ = model.apply(both, x, train=True, mutable=["batch_stats"])
            return jnp.sum(z**2)

        slopes = jax.make_jaxpr(alone(jax.grad(loss)))(variables["params"])
        assert ("remat" in str(slopes) or "checkpoint" in str(slopes)) is remat
        found.append(jax.jit(alone(jax.grad(loss)))(variables["params"]))
    assert jax.tree.structure(found[0]) == jax.tree.structure(found[1])
    for one, other in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_groups_see_their_own_channels_alone():
    layer = Conv(6, 3, groups=2)
    variables, x = drawn(layer, 2, 5, 5, 4)
    kernel = variables["params"]["kernel"]
    assert kernel.shape == (3, 3, 2, 6)
    want = jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=2,
    )  # fmt: skip
    np.testing.assert_allclose(jax.jit(layer.apply)(variables, x), want, rtol=1e-5, atol=1e-5)
    with pytest.raises(UserError, match="do not fall into 3 groups"):
        Conv(6, 3, groups=3).init(jax.random.key(0), x)


def test_depthwise_layers_start_with_the_variance_of_their_own_fan_in():
    layer = DepthwiseConv()
    variables, _ = drawn(layer, 1, 4, 4, 4096)
    assert abs(variables["params"]["kernel"].var() / (2 / 9) - 1) < 0.05


def test_inception_stacks_its_branches():
    module = Inception(Widths(2, 3, 4, 1, 2, 3))
    variables, x = drawn(module, 2, 6, 6, 5)
    y = jax.jit(module.apply)(variables, x)
    assert y.shape == (2, 6, 6, 2 + 4 + 2 + 3)
    one = variables["params"]["one"]["conv"]
    want = np.maximum(x @ one["kernel"][0, 0] + one["bias"].reshape(1, 1, 1, -1), 0)
    np.testing.assert_allclose(y[..., :2], want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("module", [AlexNet("small", 5), VGG("small", 5), NetworkInNetwork(5, 0.1)])
def test_dropout_drops_by_key_and_slot_and_rate_zero_drops_nothing(module):
    variables, x = drawn(module, 2, 32, 32, 3)
    slot = jnp.arange(2)

    def scores(seed, rate):
        return dropped(Dropout(jax.random.key(seed), slot, rate))

    dropped = jax.jit(lambda dropout: module.apply(variables, x, dropout=dropout)[0])
    whole = jax.jit(lambda: module.apply(variables, x)[0])()
    np.testing.assert_allclose(scores(0, 0.0), whole, rtol=1e-5, atol=1e-6)
    assert np.abs(scores(0, 0.5) - scores(1, 0.5)).max() > 1e-4
    np.testing.assert_array_equal(scores(0, 0.5), scores(0, 0.5))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (AlexNet("2013"), "variant '2013'"),
        (VGG("17"), "depth '17'"),
        (ResNet(51), "depth 51"),
        (ResNet(21, small=True), "6n"),
        (GoogLeNet("2015"), "variant '2015'"),
        (MobileNet(blocks=14), "blocks 14"),
    ],
)
def test_what_is_not_there_is_refused(module, message):
    with pytest.raises(UserError, match=message):
        shapes(module, 64)


def rows(module, channels=1, side=16):
    return {row.name: row for row in layer_table(module, (side, side, channels))}


@pytest.mark.parametrize(("depth", "times"), [("small5", 1), ("small8", 2), ("small11", 3)])
@pytest.mark.parametrize("side", [3, 5])
def test_vgg_repeats_filters_of_any_side(depth, times, side):
    found, C, want = rows(VGG(depth, 10, width=0.25, side=side)), 1, 0
    for F in (8, 16, 32):
        for _ in range(times):
            want, C = want + conv(side, C, F), F
    assert sum(row.parameters for name, row in found.items() if "conv" in name) == want
    assert found["pool3"].shape == (2, 2, 32)


@pytest.mark.parametrize("cascade", [0, 1, 3])
def test_network_in_network_with_other_layers_behind_its_convolutions(cascade):
    found = rows(NetworkInNetwork(10, 0.25, cascade))
    f, last = cascade, cascade or 1
    want = conv(5, 1, 48)
    want += conv(5, 24, 48) + conv(3, 48, 48) if cascade else conv(5, 48, 48) + conv(3, 48, 48)
    if cascade:
        behind = ((48, 40), (40, 24), (48, 48), (48, 48), (48, 48))
        want += sum(conv(f, C, F) for C, F in behind)
    want += conv(last, 48, 10)
    assert sum(row.parameters for row in found.values()) == want
    assert found["cccp6"].shape == (3, 3, 10)


def test_alexnet_takes_tanh():
    x = jax.random.normal(jax.random.key(0), (2, 16, 16, 1))
    module = AlexNet("small", 5, width=0.1, activation="tanh")
    (_, out), _ = jax.jit(module.init_with_output)(jax.random.key(1), x)
    assert all(-1 <= float(out[name].min()) < 0 for name in ("conv1", "conv5", "fc6", "fc7"))
    assert all(float(out[name].max()) <= 1 for name in ("conv1", "conv5", "fc6", "fc7"))


@pytest.mark.parametrize(
    "model",
    [
        AlexNet("small", 3, width=0.1),
        AlexNet("small", 3, width=0.1, response_norm=True),
        VGG("small5", 3, width=0.1, batch_norm=True),
        ResNet(8, 3, small=True, width=0.25),
        NetworkInNetwork(3, width=0.05),
        GoogLeNet("small", 3, width=0.05),
    ],
    ids=lambda model: type(model).__name__,
)
def test_run_dtype_bfloat16_computes_in_it_and_keeps_float32(model):
    """The engine's knob: parameters, gradients, statistics and the loss's sums stay float32."""
    images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1)).astype(np.uint8)
    split = data.Split(images, np.arange(8, dtype=np.int32) % 3)
    held = data.Dataset("", "", "images", split, split, split, ("a", "b", "c"), "", "", "")
    keywords = supervised.training  # without dropout
    net = supervised.linen(model, held, keywords)
    task = supervised.task(held, net, optim.Optimizer(), supervised.classify)
    params, extra = jax.jit(task.init)(jax.random.key(0))
    slot = jnp.arange(8)
    drawn = {"index": slot, "slot": slot, "mask": jnp.ones(8)}
    constants = jax.tree.map(jnp.asarray, task.constants)
    context = Context(jax.random.key(1), 0, task.hyper, constants, train=True)
    parts = jax.tree.map(lambda leaf: leaf[None], drawn)  # [1, B]

    def slopes(params, dtype):
        return summed_gradient(task, dtype, params, extra, (parts, None), context)

    found = {
        dtype: jax.jit(alone(lambda params, dtype=dtype: slopes(params, dtype)))(params)
        for dtype in ("float32", "bfloat16")
    }
    (_, (exact, _), _), (gradient, (total, count), aux) = found.values()
    for leaf in jax.tree.leaves((gradient, aux.extra, total, count)):
        assert leaf.dtype == jnp.float32
    assert total != exact  # it did compute in another precision
    np.testing.assert_allclose(total, exact, rtol=0.03)
    one, other = (
        jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(found[dtype][0])])
        for dtype in found
    )
    assert one @ other > 0.95 * jnp.linalg.norm(one) * jnp.linalg.norm(other)  # the same way
