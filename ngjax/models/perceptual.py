r"""Networks that are looked into, not trained: maps of every layer of pictures of any size.

    VGG (notes 4.8, 4.15): its convolutions without the full connections; 19 layers in the notes of
    style transfer, which print VGG-10. Gatys et al. (2015) put averages in the place of its pools.
    MobileNet v1 (Howard et al. 2017): `ngjax.models.mobilenet` without its head.

A unit sees R pixels a side. Behind a window of side f and stride s, where a step of the layer
before is j pixels:

    R := R + (f - 1) j,    j := j s;    R = j = 1 at the picture itself
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import flax.linen as nn

from ngjax.models.layers import Conv
from ngjax.models.mobilenet import BLOCKS as MOBILE_BLOCKS
from ngjax.models.vgg import BLOCKS
from ngjax.ops.activations import relu
from ngjax.ops.pool import average_pool, max_pool
from ngjax.types import Array

POOLS = {"average": average_pool, "max": max_pool}
Window = tuple[str, int, int]  # name of a layer, side of its filter, stride


class Maps(nn.Module):
    """The convolutions of a VGG, with parts named as in `ngjax.models.vgg`.

    Attributes:
        depth: "11", "13", "16", "19" or a small one of `ngjax.models.vgg.BLOCKS`.
        pool: "average" or "max".
        width: factor of all filters.
        last: the layer behind which nothing is computed.
        form: how convolutions are computed (`ngjax.ops.convolve`).
        dtype: type of the computation.
    """

    depth: str = "19"
    pool: str = "average"
    width: float = 1.0
    last: str = "conv5_1"
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, dict[str, Array]]:
        """Maps pictures [B, H, W, 3] to (the last maps, maps "conv1_1" ... by name)."""
        a, out = x, {}
        for block, (convolutions, filters) in enumerate(BLOCKS[self.depth], 1):
            for layer in range(1, convolutions + 1):
                name = f"conv{block}_{layer}"
                width = max(1, round(self.width * filters))
                conv = Conv(width, form=self.form, dtype=self.dtype, name=name)
                a = out[name] = relu(conv(a))  # [B, H, W, filters]
                if name == self.last:
                    return a, out
            a = out[f"pool{block}"] = POOLS[self.pool](a)  # [B, H / 2, W / 2, filters]
        return a, out


def vgg_windows(depth: str, last: str = "") -> tuple[Window, ...]:
    """Every layer of `Maps`, first to last."""
    found: list[Window] = []
    for block, (convolutions, _) in enumerate(BLOCKS[depth], 1):
        found += [(f"conv{block}_{layer}", 3, 1) for layer in range(1, convolutions + 1)]
        found.append((f"pool{block}", 2, 2))
    names = [name for name, _, _ in found]
    return tuple(found[: names.index(last) + 1] if last else found)


def mobilenet_windows(blocks: int = len(MOBILE_BLOCKS)) -> tuple[Window, ...]:
    """Every layer of MobileNet v1, first to last."""
    found: list[Window] = [("conv1", 3, 2)]
    for block, (_, stride) in enumerate(MOBILE_BLOCKS[:blocks], 1):
        found += [(f"conv_dw_{block}", 3, stride), (f"conv_pw_{block}", 1, 1)]
    return tuple(found)


def receptive_fields(windows: Iterable[Window]) -> dict[str, int]:
    """Pixels a side that one unit of each layer sees: grows with depth (notes 4.15.1)."""
    side, step, found = 1, 1, {}
    for name, f, stride in windows:
        side, step = side + (f - 1) * step, step * stride
        found[name] = side
    return found
