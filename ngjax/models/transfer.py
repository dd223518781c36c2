"""A backbone that was taught elsewhere and a new head (notes 4.12)."""

from __future__ import annotations

from types import MappingProxyType

import flax.linen as nn

from ngjax.models.layers import Dense
from ngjax.models.mobilenet import MobileNet
from ngjax.ops.initializers import xavier
from ngjax.types import Array

BACKBONES = MappingProxyType(
    {  # name -> what of MobileNet it is
        "small": {"width": 0.5, "blocks": 4},
        "mobilenet": {"width": 1.0, "blocks": 12},  # conv_pw_13 is not among the weights
    }
)
BACKBONE, HEAD = "backbone", "fc"  # parts of the network


class Head(nn.Module):
    """The new softmax alone, z = a W + b, on features [B, C]."""

    classes: int

    @nn.compact
    def __call__(self, a: Array) -> tuple[Array, dict[str, Array]]:
        """Maps features to (logits [B, K], activations by name)."""
        z = Dense(self.classes, kernel_init=xavier(), name=HEAD)(a)
        return z, {HEAD: z}


class Features(nn.Module):
    """The backbone: MobileNet's mean over all places, or the small one's maps laid in a row.

    Attributes:
        which: a name of `BACKBONES`.
    """

    which: str

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, H, W, 3] of bytes to (features [B, C], activations by name)."""
        a, out = backbone(self.which)(x / 127.5 - 1, train=train)
        if self.which == "small":  # so few blocks leave it to the head where things are
            a = out[f"conv_pw_{BACKBONES['small']['blocks']}"].reshape(len(x), -1)
        return a, out


class Whole(nn.Module):
    """Backbone and head.

    Attributes:
        which: a name of `BACKBONES`.
        classes: outputs K.
    """

    which: str
    classes: int

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, H, W, 3] of bytes to (logits [B, K], activations by name)."""
        a, out = Features(self.which, name="features")(x, train=train)
        z = Dense(self.classes, kernel_init=xavier(), name=HEAD)(a)
        return z, {**out, HEAD: z}


def backbone(which: str) -> MobileNet:
    """MobileNet without its classes."""
    return MobileNet(0, **BACKBONES[which], name=BACKBONE)
