r"""VGG (notes 4.8; Simonyan & Zisserman 2015, "Very deep convolutional networks").

Every convolution is 3x3, stride 1, "same"; every pool is 2x2 with stride 2; filters double.

    16: 64x2, 128x2, 256x3, 512x3, 512x3 -> 7x7x512 -> 4096 -> 4096 -> 1000   138,357,544 parameters
    19: 64x2, 128x2, 256x4, 512x4, 512x4                                      143,667,240
    small: 32, 64, 128x2 -> 128, for images of 28 to 64 pixels
    small5, small8, small11: 32, 64, 128 once, twice, three times -> 128, alike

Two 3x3 convolutions see 5x5, as one 5x5 does, for 18 instead of 25 weights a pair of channels.

(The notes' figure labels a 64-filter convolution "CONV 64" with a 3x3 that is not printed.)
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import flax.linen as nn

from ngjax.models.layers import BatchNorm, Conv, Dense
from ngjax.ops.activations import relu
from ngjax.ops.dropout import Dropout
from ngjax.ops.initializers import xavier
from ngjax.ops.pool import max_pool
from ngjax.types import Array, UserError

BLOCKS = MappingProxyType(  # (convolutions, filters) between two pools
    {
        "11": ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)),
        "13": ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512)),
        "16": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
        "19": ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
        "small": ((1, 32), (1, 64), (2, 128)),
        "small5": ((1, 32), (1, 64), (1, 128)),
        "small8": ((2, 32), (2, 64), (2, 128)),
        "small11": ((3, 32), (3, 64), (3, 128)),
    }
)
UNITS, SMALL_UNITS = (4096, 4096), (128,)  # of the full connections before the last


class VGG(nn.Module):
    """Blocks of 3x3 convolutions, each block pooled, then full connections.

    Attributes:
        depth: "11", "13", "16", "19", "small", "small5", "small8" or "small11".
        classes: outputs K.
        width: factor of all filters and units.
        side: of the filters; 3 in the paper, whose argument is against 5.
        batch_norm: normalise behind every convolution (not in the paper; torchvision's vgg16_bn).
        form: how convolutions are computed (`ngjax.ops.convolve`).
        dtype: type of the computation.
    """

    depth: str = "16"
    classes: int = 1000
    width: float = 1.0
    side: int = 3
    batch_norm: bool = False
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool = False, dropout: Dropout | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, 224, 224, 3] to (logits [B, K], activations "conv1_1" ... by name).

        Raises:
            UserError: no such depth.
        """
        if self.depth not in BLOCKS:
            raise UserError(f"VGG: depth {self.depth!r}: use {', '.join(BLOCKS)}")
        a, out = x, {}

        def scaled(count: int) -> int:
            return max(1, round(self.width * count))

        for block, (convolutions, filters) in enumerate(BLOCKS[self.depth], 1):
            for layer in range(1, convolutions + 1):
                name = f"{block}_{layer}"
                conv = Conv(
                    scaled(filters),
                    self.side,
                    form=self.form,
                    dtype=self.dtype,
                    name=f"conv{name}",
                )
                z = conv(a)  # [B, H, W, filters]
                if self.batch_norm:
                    z = BatchNorm(dtype=self.dtype, name=f"bn{name}")(z, train=train)
                a = out[f"conv{name}"] = relu(z)
            a = out[f"pool{block}"] = max_pool(a)  # [B, H / 2, W / 2, filters]
        a = a.reshape(a.shape[0], -1)  # [B, 7 * 7 * 512]
        units = SMALL_UNITS if self.depth.startswith("small") else UNITS
        for layer, width in enumerate(units, 6):
            a = relu(Dense(scaled(width), dtype=self.dtype, name=f"fc{layer}")(a))
            out[f"fc{layer}"] = a
            a = a if dropout is None else dropout(layer, a)
        last = f"fc{6 + len(units)}"
        head = Dense(self.classes, kernel_init=xavier(), dtype=self.dtype, name=last)
        out[last] = head(a)  # [B, K]
        return out[last], out
