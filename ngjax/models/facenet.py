r"""FaceNet (notes 4.14; Schroff, Kalenichenko & Philbin 2015): an encoding on the unit sphere.

    x -> inception modules -> W a + b -> f(x) = (W a + b) / ||W a + b||,    ||f(x)|| = 1

Two photographs go through the same weights (a siamese network) and are compared by
||f(x1) - f(x2)||^2, or, as a yes-or-no question (DeepFace; Taigman et al. 2014), by

    y_hat = sigmoid(b - sum_k w_k |f_k(x1) - f_k(x2)|),        w_k >= 0

The paper's network is an Inception of 224x224 pixels and 7.5 million parameters; this one is for
grey faces of 24 to 64 pixels a side and some hundreds of photographs. The notes cite the Inception
paper as [14] for it; FaceNet's own authors are not in their references.
"""

from __future__ import annotations

import functools
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from ngjax.models.inception import Inception, Unit, Widths
from ngjax.models.layers import Dense
from ngjax.ops.distance import unit
from ngjax.ops.initializers import xavier
from ngjax.ops.pool import max_pool
from ngjax.types import Array

MODULES = {  # filters of the branches at width 1
    "a": Widths(16, 24, 32, 4, 8, 8),
    "b": Widths(32, 32, 48, 8, 24, 16),
    "c": Widths(48, 48, 64, 8, 24, 24),
}
COSINE_SCALE = 16.0  # of the softmax over people: cosines alone leave it nearly flat


class FaceNet(nn.Module):
    """An encoding of images.

    Attributes:
        size: D, numbers of the encoding.
        people: outputs of a softmax over training people, from cosines; 0: none.
        logistic: also learn w and b of the yes-or-no form.
        width: factor of all filters.
        stem: step of the first convolution: 2 for 56 pixels a side.
        dtype: type of the computation.
    """

    size: int = 64
    people: int = 0
    logistic: bool = False
    width: float = 1.0
    stem: int = 2
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, H, W, C] to (f [B, D] of length one, activations by name).

        With `people` the activation "cosines" [B, people] are the softmax's scores; with
        `logistic` "weights" [D] and "bias" [] are w and b.
        """
        out: dict[str, Array] = {}
        pool = functools.partial(max_pool, window=3, stride=2, padding="SAME")
        conv = Unit(self._scaled(16), 3, self.stem, batch_norm=True, dtype=self.dtype, name="conv1")
        a = out["conv1"] = conv(x, train)  # [B, H/2, W/2, 16]
        for name, widths in MODULES.items():
            module = Inception(
                Widths(*map(self._scaled, widths)),
                batch_norm=True,
                dtype=self.dtype,
                name=f"inception_{name}",
            )
            a = out[f"inception_{name}"] = pool(module(a, train))  # halves H and W
        a = a.reshape(a.shape[0], -1)  # where a thing is in the face matters: no average
        z = Dense(self.size, kernel_init=xavier(), dtype=self.dtype, name="encode")(a)
        f = unit(z)  # [B, D]
        if self.people:
            kernel = self.param("people", xavier(), (self.size, self.people))
            out["cosines"] = COSINE_SCALE * f @ unit(kernel.astype(f.dtype).T).T
        if self.logistic:
            out["weights"] = jnp.abs(self.param("weights", nn.initializers.ones, (self.size,)))
            out["bias"] = self.param("bias", nn.initializers.ones, ())
        return f, out

    def _scaled(self, filters: int) -> int:
        return max(1, round(self.width * filters))
