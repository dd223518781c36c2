"""Convolutions one behind another and nothing else: what the table counts them by (notes 4.5)."""

from __future__ import annotations

import flax.linen as nn

from ngjax.models.layers import Conv
from ngjax.types import Array


class Chain(nn.Module):
    """Linear layers in a row; an activation between them would cost no multiplication.

    Attributes:
        layers: first to last; the parts are called "layers_0", "layers_1" ...
    """

    layers: tuple[Conv, ...]

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, H, W, C] to the last activation and all of them by name."""
        out = {}
        for i, layer in enumerate(self.layers):
            x = out[f"layers_{i}"] = layer(x)
        return x, out
