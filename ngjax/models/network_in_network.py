r"""Network in Network (notes 4.10; Lin, Chen & Yan 2013).

A 1x1 convolution is a full connection over the channels at every place, n_c -> n'_c:

    6x6x32 * (1x1x32) x n'_c -> 6x6xn'_c, then ReLU

Behind every convolution stand two of them ("mlpconv"); the last maps are averaged over the whole
image and are the scores, with no full connection. 966,986 parameters for 10 classes (figure 4 of
the paper, as its authors published it for CIFAR; the ReLU that they set behind the scores is left
out here, for a class whose scores it makes zero everywhere learns nothing).
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn

from ngjax.models.layers import Conv
from ngjax.ops.activations import relu
from ngjax.ops.dropout import Dropout
from ngjax.ops.pool import average_pool, max_pool
from ngjax.types import Array

STAGES = (  # side of the convolution, its filters, those of the two 1x1 convolutions
    (5, 192, 160, 96),
    (5, 192, 192, 192),
    (3, 192, 192, None),  # None: the classes
)


class NetworkInNetwork(nn.Module):
    """Three mlpconv stages and a global average.

    Attributes:
        classes: outputs K.
        width: factor of all filters.
        cascade: side of the two convolutions behind every first one: 1 as in the paper, or another
            that it is compared with; 0 leaves them out but for the last, which makes the scores.
        form: how convolutions are computed (`ngjax.ops.convolve`).
        dtype: type of the computation.
    """

    classes: int = 10
    width: float = 1.0
    cascade: int = 1
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool = False, dropout: Dropout | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, 32, 32, C] to (logits [B, K], activations by name)."""
        del train  # nothing in it knows training but dropout
        a, out, number = x, {}, 0
        for stage, (side, *filters) in enumerate(STAGES, 1):
            for place, count in enumerate(filters):
                number += bool(place)
                name = f"cccp{number}" if place else f"conv{stage}"
                if place and not self.cascade and count is not None:
                    continue
                units = self.classes if count is None else max(1, round(self.width * count))
                f = (self.cascade or 1) if place else side
                layer = Conv(units, f, form=self.form, dtype=self.dtype, name=name)
                a = layer(a)  # [B, H, W, units]
                a = out[name] = a if count is None else relu(a)
            if stage < len(STAGES):
                pool = max_pool if stage == 1 else average_pool
                a = out[f"pool{stage}"] = pool(a, 3, 2)  # [B, 15, 15, 96], [B, 7, 7, 192]
                a = a if dropout is None else dropout(stage, a)
        out["pool3"] = a.mean((1, 2))  # [B, K]
        return out["pool3"], out
