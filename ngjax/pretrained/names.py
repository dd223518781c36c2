"""Tables of names: our parts and those of the published weights, network by network.

A table maps a part of ours ("stage1_block1/conv1") to the prefix of theirs ("layer1.0.conv1").
What the leaves of a part are called and how they lie is the publisher's convention.
"""

from __future__ import annotations

from collections.abc import Mapping

import flax.linen as nn

from ngjax.models.alexnet import AlexNet
from ngjax.models.inception import MODULES, GoogLeNet
from ngjax.models.mobilenet import MobileNet
from ngjax.models.resnet import ResNet
from ngjax.models.vgg import BLOCKS, VGG
from ngjax.types import UserError

Parts = Mapping[str, str]
BRANCHES = {  # of an Inception module, in torchvision
    "one": "branch1",
    "three_reduce": "branch2.0",
    "three": "branch2.1",
    "five_reduce": "branch3.0",
    "five": "branch3.1",
    "pooled": "branch4.1",
}


def torch_parts(model: nn.Module, names: frozenset[str]) -> Parts:
    """The names of torchvision, or of timm where `names`, those in the file, are timm's.

    Raises:
        UserError: no weights of this network are published under these names.
    """
    if isinstance(model, VGG):
        return _vgg(model, timm="head.fc.weight" in names)
    if isinstance(model, AlexNet) and model.variant == "2014":
        convolutions = {f"conv{n}": f"features.{at}" for n, at in enumerate((0, 3, 6, 8, 10), 1)}
        return convolutions | {"fc6": "classifier.1", "fc7": "classifier.4", "fc8": "classifier.6"}
    if isinstance(model, ResNet) and not model.small:
        return {"conv1": "conv1", "bn1": "bn1", "fc": "fc"} | _resnet_blocks(model)
    if isinstance(model, GoogLeNet) and model.variant == "torchvision":
        return _googlenet()
    raise UserError(f"--model.weights: no PyTorch weights are published of {model}")


def _vgg(model: VGG, timm: bool) -> Parts:
    parts, place = {}, 0
    for block, (convolutions, _) in enumerate(BLOCKS[model.depth], 1):
        for layer in range(1, convolutions + 1):
            parts[f"conv{block}_{layer}"] = f"features.{place}"
            parts[f"bn{block}_{layer}"] = f"features.{place + 1}"
            place += 3 if model.batch_norm else 2  # a ReLU stands between
        place += 1  # the pool
    ours = ("fc6", "fc7", "fc8")
    theirs = ("classifier.0", "classifier.3", "classifier.6")
    if timm:
        theirs = ("pre_logits.fc1", "pre_logits.fc2", "head.fc")
    return parts | dict(zip(ours, theirs, strict=True))


def _resnet_blocks(model: ResNet) -> Parts:
    _, stages = model.stages()
    parts = {}
    for stage, (blocks, _) in enumerate(stages, 1):
        for block in range(1, blocks + 1):
            ours, theirs = f"stage{stage}_block{block}", f"layer{stage}.{block - 1}"
            for n in (1, 2, 3):
                parts[f"{ours}/conv{n}"] = f"{theirs}.conv{n}"
                parts[f"{ours}/bn{n}"] = f"{theirs}.bn{n}"
            parts[f"{ours}/proj"] = f"{theirs}.downsample.0"
            parts[f"{ours}/proj_bn"] = f"{theirs}.downsample.1"
    return parts


def _googlenet() -> Parts:
    units = {"conv1": "conv1", "conv2_reduce": "conv2", "conv2": "conv3"}
    units |= {
        f"inception_{name}/{ours}": f"inception{name}.{theirs}"
        for name in MODULES
        for ours, theirs in BRANCHES.items()
    }
    parts = {
        f"{ours}/{leaf}": f"{theirs}.{leaf}"
        for ours, theirs in units.items()
        for leaf in ("conv", "bn")
    }
    return parts | {"fc": "fc"}


def keras_parts(model: nn.Module, names: frozenset[str]) -> Parts:
    """The names of Keras' applications.

    Raises:
        UserError: no weights of this network are published under these names.
    """
    del names
    if isinstance(model, VGG) and not model.batch_norm:
        parts = {
            f"conv{block}_{layer}": f"block{block}_conv{layer}"
            for block, (convolutions, _) in enumerate(BLOCKS[model.depth], 1)
            for layer in range(1, convolutions + 1)
        }
        return parts | {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}
    if isinstance(model, ResNet) and not model.small and model.depth >= 50:
        parts = {"conv1": "conv1_conv", "bn1": "conv1_bn", "fc": "predictions"}
        for stage, (blocks, _) in enumerate(model.stages()[1], 1):
            for block in range(1, blocks + 1):
                ours, theirs = f"stage{stage}_block{block}", f"conv{stage + 1}_block{block}"
                for n in (1, 2, 3):
                    parts[f"{ours}/conv{n}"] = f"{theirs}_{n}_conv"
                    parts[f"{ours}/bn{n}"] = f"{theirs}_{n}_bn"
                parts[f"{ours}/proj"] = f"{theirs}_0_conv"
                parts[f"{ours}/proj_bn"] = f"{theirs}_0_bn"
        return parts
    raise UserError(f"--model.weights: Keras publishes no weights of {model}")


def matconvnet_parts(model: nn.Module, names: frozenset[str]) -> Parts:
    """The names of MatConvNet's VGG, as in the course's imagenet-vgg-verydeep-19.mat.

    Raises:
        UserError: another network.
    """
    del names
    if not (isinstance(model, VGG) and not model.batch_norm):
        raise UserError(f"--model.weights: a .mat file holds a VGG, not {model}")
    return {name: name for name in (*_vgg(model, timm=False),) if not name.startswith("bn")}


def manifest_parts(model: nn.Module, names: frozenset[str]) -> Parts:
    """The names of Google's MobileNet v1, which are ours.

    Raises:
        UserError: another network.
    """
    del names
    if not isinstance(model, MobileNet):
        raise UserError(f"--model.weights: an .npz file holds a MobileNet, not {model}")
    layers = [
        "conv1",
        *(f"conv_{kind}_{n}" for n in range(1, model.blocks + 1) for kind in ("dw", "pw")),
    ]
    return {part: part for layer in layers for part in (layer, f"{layer}_bn")}
