"""Networks that were taught elsewhere, or never, as what tells two pictures apart (notes 4.15)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ngjax.models import perceptual
from ngjax.models.mobilenet import MobileNet
from ngjax.models.vgg import VGG
from ngjax.pretrained.convert import load
from ngjax.pretrained.place import place
from ngjax.pretrained.preprocess import PREPROCESS, Preprocess
from ngjax.types import Array, UserError

PUBLISHED = "mobilenet_v1_imagenet"  # of the data catalogue
NETWORKS = {  # name -> layers of style, and of content: shallow, middle, deep
    "random": (
        ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2"),
        {"shallow": "conv1_1", "middle": "conv3_1", "deep": "conv4_2"},
    ),
    "mobilenet": (
        ("conv1", "conv_pw_1", "conv_pw_3", "conv_pw_5", "conv_pw_6"),
        {"shallow": "conv1", "middle": "conv_pw_5", "deep": "conv_pw_6"},
    ),
    "vgg19": (
        ("conv1_1", "conv2_1", "conv3_1", "conv4_1"),
        {"shallow": "conv1_1", "middle": "conv4_2", "deep": "conv5_1"},
    ),
}
MOBILE_BLOCKS = 11  # the deepest that is looked at


class Frozen(NamedTuple):
    """A network that is looked into."""

    module: nn.Module  # pictures -> (..., maps by name)
    variables: Mapping[str, Any]
    how: Preprocess  # pixels 0 ... 255 as it was shown them
    sees: Mapping[str, int]  # layer -> pixels a side that a unit sees

    def fits(self, layer: str, pixels: np.ndarray, source: str, knob: str) -> None:
        """Nothing, where a unit of the layer sees no more than there is of a picture [H, W, 3].

        Raises:
            UserError: no such layer, or the picture is smaller; names `source` and `knob`.
        """
        if layer not in self.sees:
            raise UserError(f"--{knob}={layer}: the network has {', '.join(self.sees)}")
        H, W = pixels.shape[:2]
        if min(H, W) < self.sees[layer]:
            raise UserError(
                f"{source}: {W} x {H} pixels, and a unit of {layer} sees {self.sees[layer]} a "
                f"side; give a larger picture or --size, or --{knob} without {layer}"
            )

    def maps(self, variables: Any, x: Array) -> dict[str, Array]:
        """All maps of pictures x [B, H, W, 3] with pixels 0 ... 1."""
        mean, deviation = (np.asarray(v, x.dtype).reshape(1, 1, 1, 3) for v in self.how[1:3])
        z = 255 * x[..., :: -1 if self.how.flip else 1] / self.how.scale
        return self.module.apply(variables, (z - mean) / deviation)[1]


RANDOM = Preprocess(255.0, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))  # for random weights


@functools.lru_cache(maxsize=2)
def frozen(
    name: str,
    weights: str = "",
    *,
    pool: str = "average",
    width: float = 1.0,
    seed: int = 0,
    directory: str = "",
) -> Frozen:
    """A network of `NETWORKS`.

    Args:
        name: "random", "mobilenet" or "vgg19".
        weights: of the last two: a file, or a model of the hub; empty: the catalogue's MobileNet.
        pool: of random and vgg19: "average" or "max".
        width: of random: share of VGG-19's filters.
        seed: draws the random weights.
        directory: where the catalogue's folders lie.

    Raises:
        UserError: no weights, or such as are not of this network.
    """
    if name == "mobilenet":
        mobile = MobileNet(0, blocks=MOBILE_BLOCKS)
        variables = load(mobile, place(weights or PUBLISHED, directory), (224, 224, 3))
        sees = perceptual.receptive_fields(perceptual.mobilenet_windows(MOBILE_BLOCKS))
        return Frozen(mobile, variables, PREPROCESS["mobilenet"], sees)
    if name == "random":
        module = perceptual.Maps("19", pool, width, last="conv4_2")
        sees = perceptual.receptive_fields(perceptual.vgg_windows("19", module.last))
        x = jnp.zeros((1, 32, 32, 3))
        drawn = jax.jit(module.init)(jax.random.key(seed), x)
        drawn = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), drawn)
        return Frozen(module, drawn, RANDOM, sees)
    if not weights:
        raise UserError(
            "--network=vgg19: needs --weights: imagenet-vgg-verydeep-19.mat, Keras' .h5, a "
            ".safetensors, or timm/vgg19.tv_in1k"
        )
    full = ("fc6", "fc7", "fc8")
    variables = load(VGG("19"), weights, (224, 224, 3), leave=full)
    how = "caffe" if Path(weights).suffix in (".mat", ".h5") else "torch"
    module = perceptual.Maps("19", pool, last="conv5_4")
    sees = perceptual.receptive_fields(perceptual.vgg_windows("19", module.last))
    return Frozen(module, variables, PREPROCESS[how], sees)
