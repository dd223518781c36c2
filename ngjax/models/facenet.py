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
import jax
import jax.numpy as jnp
import numpy as np

from ngjax.models.inception import Inception, Unit, Widths
from ngjax.models.layers import Dense
from ngjax.models.mobilenet import MobileNet
from ngjax.ops.convolve import convolve
from ngjax.ops.distance import unit
from ngjax.ops.edges import turned
from ngjax.ops.initializers import xavier
from ngjax.ops.pool import average_pool, max_pool
from ngjax.types import Array

MODULES = {  # filters of the branches at width 1
    "a": Widths(16, 24, 32, 4, 8, 8),
    "b": Widths(32, 32, 48, 8, 24, 16),
}
COSINE_SCALE = 16.0  # of the softmax over people: cosines alone leave it nearly flat


FIXED = ("edges", "mobilenet")  # networks whose last layer alone learns
BACKBONE = "backbone"  # the part of "mobilenet" that has published weights
BLOCKS = 5  # of MobileNet, whose maps are still of parts and not yet of things
CONTRAST = 0.5  # deviation of the levels that MobileNet is shown, of a range of -1 to 1
GRID = (4, 3)  # places that its maps are averaged to: a face is higher than wide
ANGLES = 8  # of edges
SHARP = 4  # power of the cosine by which an edge answers angles beside its own
CELLS = 7  # of the longer side, in each of which edges are averaged


def edge_maps(x: Array) -> Array:
    """How much edge of every angle each place has: grey [B, H, W, 1] to [B, H, W, ANGLES].

    The slope along an angle is a mixture of Sobel's two (notes 4.1.1), |g| cos(angle); an edge of
    length |g| answers |g| max(cos, 0)^SHARP. Dalal & Triggs 2005 sort edges into bins instead.
    """
    kernel = np.stack([turned(360 * k / ANGLES) for k in range(ANGLES)], -1)[:, :, None] / 8
    slopes = convolve(x, jnp.asarray(kernel, x.dtype), padding="SAME")  # [B, H, W, ANGLES]
    squared = (slopes * slopes).sum(-1, keepdims=True) * (2 / ANGLES) + 1e-6  # |g|^2
    return nn.relu(slopes) ** SHARP * squared ** ((1 - SHARP) / 2)


def features_of_edges(x: Array) -> Array:
    """The root of the mean edge of every cell and angle: images [B, H, W, C] to [B, F]."""
    cell = max(1, max(x.shape[1:3]) // CELLS)
    a = average_pool(edge_maps(x.mean(-1, keepdims=True)), cell)  # [B, H', W', ANGLES]
    return jnp.sqrt(a + 1e-6).reshape(a.shape[0], -1)


def backbone() -> MobileNet:
    """MobileNet's first blocks, nothing of which learns."""
    return MobileNet(0, blocks=BLOCKS, frozen=BLOCKS, name=BACKBONE)


def features_of_maps(a: Array) -> Array:
    """The root of the mean map of every place of a grid: maps [B, H, W, C] to [B, F]."""
    a = jax.image.resize(a, (a.shape[0], *GRID, a.shape[-1]), "linear")  # antialiased: means
    return jnp.sqrt(nn.relu(a) + 1e-6).reshape(a.shape[0], -1)


class FaceNet(nn.Module):
    """An encoding of images.

    Attributes:
        size: D, numbers of the encoding.
        people: outputs of a softmax over training people, from cosines; 0: none.
        logistic: also learn w and b of the yes-or-no form.
        network: "inception": one convolution and the modules; for few people the last layer alone
            learns, from Fisher's start, on the edges by angle and cell ("edges") or on what the
            first blocks of MobileNet, taught on ImageNet, see ("mobilenet").
        modules: inception modules, 1 or 2.
        width: factor of all filters.
        dtype: type of the computation.
    """

    size: int = 64
    people: int = 0
    logistic: bool = False
    network: str = "inception"
    modules: int = 2
    width: float = 1.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> tuple[Array, dict[str, Array]]:
        """Maps images [B, H, W, C] to (f [B, D] of length one, activations by name).

        Where the last layer alone learns, "features" [B, F] is what it reads. With `people`
        "cosines" [B, people] are the softmax's scores; with `logistic` "weights" [D] and "bias" []
        are w and b.
        """
        out: dict[str, Array] = {}
        if self.network == "edges":
            a = out["features"] = unit(features_of_edges(x))
        elif self.network == "mobilenet":
            colour = jnp.broadcast_to(x.mean(-1, keepdims=True), (*x.shape[:3], 3))
            maps = backbone()(CONTRAST * colour)[1][f"conv_pw_{BLOCKS}"]  # [B, H/8, W/8, 256]
            a = out["features"] = unit(features_of_maps(maps))
        else:
            a = self._inception(x, train, out)
        a = a.reshape(a.shape[0], -1)  # where a thing is in the face matters: no mean
        z = Dense(self.size, kernel_init=xavier(), dtype=self.dtype, name="encode")(a)
        f = out["encoding"] = unit(z)  # [B, D]
        if self.people:
            kernel = self.param("people", xavier(), (self.size, self.people))
            out["cosines"] = COSINE_SCALE * f @ unit(kernel.astype(f.dtype).T).T
        if self.logistic:
            out["weights"] = jnp.abs(self.param("weights", nn.initializers.ones, (self.size,)))
            out["bias"] = self.param("bias", nn.initializers.ones, ())
        return f, out

    def _inception(self, x: Array, train: bool, out: dict[str, Array]) -> Array:
        pool = functools.partial(max_pool, window=3, stride=2, padding="SAME")
        conv = Unit(self._scaled(16), 3, batch_norm=True, dtype=self.dtype, name="conv1")
        a = out["conv1"] = pool(conv(x, train))  # [B, H/2, W/2, 16]
        for name, widths in tuple(MODULES.items())[: self.modules]:
            module = Inception(
                Widths(*map(self._scaled, widths)),
                batch_norm=True,
                dtype=self.dtype,
                name=f"inception_{name}",
            )
            a = out[f"inception_{name}"] = pool(module(a, train))  # halves H and W
        return a

    def _scaled(self, filters: int) -> int:
        return max(1, round(self.width * filters))
