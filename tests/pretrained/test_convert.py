"""Published weights in our networks give the logits of PyTorch, of Keras and of the file itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from scipy.io import savemat

from ngjax.models.alexnet import AlexNet
from ngjax.models.inception import GoogLeNet
from ngjax.models.mobilenet import MobileNet
from ngjax.models.resnet import ResNet
from ngjax.models.vgg import VGG
from ngjax.pretrained import PREPROCESS, load, preprocess
from ngjax.types import UserError

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SPEC = importlib.util.spec_from_file_location("golden_pretrained", GOLDEN / "pretrained.py")
torch_side = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(torch_side)
STORED = np.load(GOLDEN / "pretrained.npz")
K, WIDTH = torch_side.CLASSES, torch_side.WIDTH
OURS = {
    "vgg16": VGG("16", K, WIDTH),
    "vgg19": VGG("19", K, WIDTH),
    "vgg16_timm": VGG("16", K, WIDTH),
    "vgg11_bn": VGG("11", K, WIDTH, batch_norm=True),
    "alexnet": AlexNet("2014", K, WIDTH),
    "resnet18": ResNet(18, K, width=WIDTH),
    "resnet50": ResNet(50, K, width=WIDTH),
    "googlenet": GoogLeNet("torchvision", K, WIDTH),
}


def state(name):
    """The weights that the torch side drew, from the names that it stored."""
    pairs = (text.rpartition(":") for text in STORED[f"{name}/shapes"])
    shapes = {key: tuple(map(int, sizes.split(","))) for key, _, sizes in pairs}
    return {key: torch_side.drawn(key, shape) for key, shape in shapes.items()}


def image(name):
    return torch_side.image(224 if name == "alexnet" else torch_side.SIDE)


def logits(model, variables, x):
    return jax.jit(lambda variables, x: model.apply(variables, x)[0])(variables, x)


@pytest.mark.parametrize("name", OURS)
def test_the_logits_are_torchs(name, tmp_path):
    file, x = tmp_path / "model.safetensors", image(name)
    save_file(state(name), file)
    variables = load(OURS[name], str(file), x.shape[1:])
    want = STORED[f"{name}/logits"]
    found = logits(OURS[name], variables, x)
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
    assert want.std() > 1e-2


def test_all_networks_of_the_torch_side_are_compared():
    assert set(OURS) == set(torch_side.NETWORKS)


def vgg_arrays(model, side):
    """Our own variables, random, as (part, leaf) -> array."""
    x = np.zeros((1, side, side, 3), np.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), x)
    return {
        (path[0].key, "/".join(p.key for p in path[1:-1]), path[-1].key): torch_side.drawn(
            jax.tree_util.keystr(path), leaf.shape
        )
        for path, leaf in jax.tree_util.tree_leaves_with_path(variables)
    }


def nested(arrays):
    tree = {}
    for (collection, part, leaf), value in arrays.items():
        here = tree.setdefault(collection, {})
        for step in part.split("/"):
            here = here.setdefault(step, {})
        here[leaf] = value
    return tree


@pytest.mark.parametrize("age", ["old", "new"])
def test_keras_vgg_of_both_ages(age, tmp_path):
    model = VGG("16", K, WIDTH)
    arrays = vgg_arrays(model, 64)
    file = tmp_path / "vgg.h5"
    with h5py.File(file, "w") as held:
        for (_, part, leaf), value in arrays.items():
            layer = {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}.get(part)
            layer = layer or "block{}_conv{}".format(*part.removeprefix("conv").split("_"))
            if age == "new":
                held[f"model_weights/{layer}/{layer}/{leaf}:0"] = value
            else:
                held[f"{layer}/{layer}_{'W' if leaf == 'kernel' else 'b'}_1:0"] = value
    jax.tree.map(np.testing.assert_array_equal, load(model, str(file), (64, 64, 3)), nested(arrays))


def test_keras_resnet_whose_convolutions_have_a_bias(tmp_path):
    model = ResNet(50, K, width=WIDTH, stride_first=True)
    arrays = vgg_arrays(model, 64)
    words = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}
    file, rng = tmp_path / "resnet.h5", np.random.default_rng(0)
    biases = {}
    with h5py.File(file, "w") as held:

        def put(layer, leaf, value):
            held[f"{layer}/{layer}/{leaf}:0"] = value

        for (_, part, leaf), value in arrays.items():
            if part == "fc":
                put("predictions", leaf, value)
                continue
            head, _, last = part.rpartition("/")
            stage = "conv1" if not head else "conv{}_block{}".format(
                int(head[5]) + 1, head.rpartition("block")[2]
            )  # fmt: skip
            kind = "bn" if "bn" in last else "conv"
            number = "0" if "proj" in last else last.removeprefix(kind)
            layer = f"{stage}_{number}_{kind}" if head else f"{stage}_{kind}"
            put(layer, words[leaf] if kind == "bn" else leaf, value)
            if kind == "conv":
                bias = rng.normal(size=value.shape[-1]).astype(np.float32)
                put(layer, "bias", bias)
                biases[layer] = bias
    found = load(model, str(file), (64, 64, 3))
    want = nested(arrays)
    mean = want["batch_stats"]["stage2_block1"]["proj_bn"]["mean"]
    np.testing.assert_allclose(
        found["batch_stats"]["stage2_block1"]["proj_bn"]["mean"],
        mean - biases["conv3_block1_0_conv"],
        rtol=1e-6,
    )
    jax.tree.map(np.testing.assert_array_equal, found["params"], want["params"])


def test_the_courses_mat_file(tmp_path):
    model = VGG("19", K, WIDTH)
    arrays = vgg_arrays(model, 32)
    layers = []
    for part in dict.fromkeys(part for _, part, _ in arrays):
        kernel = arrays["params", part, "kernel"]
        kernel = kernel[None, None] if kernel.ndim == 2 else kernel
        bias = arrays["params", part, "bias"]
        pair = np.empty((1, 2), object)
        pair[0, 0], pair[0, 1] = kernel, bias[:, None]
        layers += [
            {"name": part, "type": "conv", "weights": pair},
            {"name": "relu", "type": "relu"},
        ]
    cells = np.empty((1, len(layers)), object)
    for place, layer in enumerate(layers):
        cells[0, place] = layer
    savemat(tmp_path / "vgg.mat", {"layers": cells})
    found = load(model, str(tmp_path / "vgg.mat"), (32, 32, 3))
    jax.tree.map(np.testing.assert_array_equal, found, nested(arrays))


def test_googles_mobilenet_archive(tmp_path):
    model = MobileNet(0, 0.125, blocks=3)
    arrays = vgg_arrays(model, 32)
    words = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}
    held = {}
    for (_, part, leaf), value in arrays.items():
        if leaf == "kernel" and "_dw_" in part:
            held[f"{part}/depthwise_kernel"] = value[..., None]
        else:
            held[f"{part}/{words[leaf] if part.endswith('_bn') else leaf}"] = value
    np.savez(tmp_path / "mobile.npz", **held)
    found = load(model, str(tmp_path / "mobile.npz"), (32, 32, 3))
    jax.tree.map(np.testing.assert_array_equal, found, nested(arrays))


def test_a_head_of_other_classes_is_left_out(tmp_path):
    file = tmp_path / "model.safetensors"
    save_file(state("resnet18"), file)
    found = load(ResNet(18, K + 1, width=WIDTH), str(file), (64, 64, 3), leave=("fc",))
    assert "fc" not in found["params"] and "conv1" in found["params"]


def test_what_does_not_fit_is_refused_with_the_key(tmp_path):
    file, held = tmp_path / "model.safetensors", state("resnet18")
    save_file(held, file)
    with pytest.raises(UserError, match=r"fc.bias is \(7,\); fc/bias needs \(9,\)"):
        load(ResNet(18, 9, width=WIDTH), str(file), (64, 64, 3))
    save_file({k: v for k, v in held.items() if k != "layer2.0.bn1.weight"}, file)
    with pytest.raises(UserError, match=r"has no layer2.0.bn1.weight, which stage2_block1/bn1"):
        load(ResNet(18, K, width=WIDTH), str(file), (64, 64, 3))
    with pytest.raises(UserError, match="no PyTorch weights are published"):
        load(ResNet(20, K, small=True), str(file), (32, 32, 3))
    file.write_bytes(b"no weights at all")
    with pytest.raises(UserError, match=r"cannot be read as .safetensors"):
        load(ResNet(18, K, width=WIDTH), str(file), (64, 64, 3))
    for name, message in (
        ("gone.safetensors", "no such file"),
        ("a.pth", "is a pickle"),
        ("a.txt", "expected one of"),
        ("a.npz", "not a whole .npz"),
        ("a.h5", "cannot be read as .h5"),
        ("a.mat", "cannot be read as .mat"),
    ):
        if "gone" not in name:
            (tmp_path / name).write_bytes(b"\x80\x04not it")
        with pytest.raises(UserError, match=message) as refusal:
            load(VGG("16", K, WIDTH), str(tmp_path / name), (64, 64, 3))
        assert "\n" not in str(refusal.value)


def test_images_are_prepared_as_torch_prepares_them():
    found = preprocess(STORED["preprocess/photo"], PREPROCESS["torch"], resize=0, crop=56)
    np.testing.assert_allclose(found, STORED["preprocess/x"], rtol=1e-5, atol=1e-5)
    photo = np.random.default_rng(0).integers(0, 256, (90, 133, 3)).astype(np.uint8)
    small = np.asarray(Image.fromarray(photo).resize((94, 64), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(
        preprocess(photo, PREPROCESS["torch"], resize=64, crop=56),
        preprocess(small, PREPROCESS["torch"], resize=0, crop=56),
    )


def test_other_publishers_scale_otherwise():
    photo = np.full((4, 4, 3), (255, 0, 128), np.uint8)
    x = preprocess(photo, PREPROCESS["caffe"], resize=0, crop=0)
    np.testing.assert_allclose(x[0, 0], [128 - 103.939, 0 - 116.779, 255 - 123.68], rtol=1e-6)
    x = preprocess(photo, PREPROCESS["mobilenet"], resize=0, crop=0)
    np.testing.assert_allclose(x[0, 0], [1, -1, 128 / 127.5 - 1], rtol=1e-5, atol=1e-6)
