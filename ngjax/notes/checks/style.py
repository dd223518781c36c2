"""Notes 4.15 and 4.16: the costs of style transfer."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.losses.style import content_cost, gram_matrix, style_cost, style_distance, style_matrix
from ngjax.models.table import layer_table
from ngjax.models.vgg import VGG
from ngjax.optim import Optimizer, hyper, make
from ngjax.train.descend import descend
from ngjax.types import Array, Aux, Batch, Context, Params, Sum, Task

STEPS, RATE = 200, 0.5  # of the descent on pixels


def _volume(seed: int) -> Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=(1, 4, 5, 3)))


def _weighted_layers() -> int:
    """Layers of VGG-19 that have weights."""
    return sum(row.parameters > 0 for row in layer_table(VGG("19"), (224, 224, 3)))


def _content() -> float:
    a_G = jnp.zeros((1, 2, 2, 1))
    return float(content_cost(a_G + 2, a_G)[0])


def _unrolled() -> bool:
    """Whether the cost is the same of volumes [H, W, C] and of matrices [H W, C]."""
    a_C, a_G = _volume(0), _volume(1)
    flat = content_cost(a_C.reshape(1, 20, 1, 3), a_G.reshape(1, 20, 1, 3))
    return bool(jnp.allclose(flat, content_cost(a_C, a_G), rtol=1e-6))


def _descends() -> bool:
    """Whether J falls at each of 200 updates, where the pixels themselves are the features."""
    C, S = _volume(0), _volume(1)

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        G = params["pixels"]
        J = content_cost(C, G)[0] + style_distance(style_matrix(S), style_matrix(G))[0]
        return (J, jnp.ones(())), Aux(extra)

    descent = Optimizer(rule="descent", learning_rate=RATE)
    one_example = {"train": {"targets": np.zeros(1)}}
    task = Task(lambda key: ({"pixels": C}, {}), loss, make(descent), constants=one_example)
    _, told = jax.jit(lambda: descend(task, {"pixels": C}, hyper(descent), STEPS))()
    return bool(jnp.all(jnp.diff(told["loss"]) <= 0) and told["loss"][-1] < told["loss"][0])


def _style() -> float:
    a_S, a_G = (jnp.full((1, 1, 1, 1), a) for a in (2.0, 1.0))
    return float(style_cost(a_S, a_G)[0])


def _gram() -> list[list[float]]:
    A = jnp.array([[1.0, 2.0], [3.0, 4.0]])  # [n_C, n_H n_W], as the notes unroll
    return gram_matrix(A.T.reshape(1, 1, 2, 2))[0].tolist()


def _properties() -> dict[str, object]:
    a = _volume(2)
    G = gram_matrix(a)[0]
    order = np.random.default_rng(3).permutation(20)
    moved = a.reshape(1, 20, 3)[:, order].reshape(1, 4, 5, 3)
    least = jnp.linalg.eigvalsh(G)[0]
    return {
        "shape": list(G.shape),
        "psd": bool(jnp.allclose(G, G.T) and least > -1e-5),
        "perm": bool(jnp.allclose(gram_matrix(moved)[0], G, rtol=1e-5, atol=1e-5)),
    }


CHECKS = MappingProxyType(
    {
        "vgg10-name": _weighted_layers,
        "content-cost": _content,
        "content-unroll": _unrolled,
        "nst-c-plus-s": _descends,
        "style-cost-missing": _style,
        "gram-definition": _gram,
        "gram-shape-psd": _properties,
    }
)
