r"""Local response normalisation (Krizhevsky, Sutskever & Hinton 2012, section 3.3).

    b_c = a_c / (k + alpha sum_{|j - c| <= n/2} a_j^2)^beta

A channel is held down where its neighbours at the same place are strong. AlexNet and GoogLeNet have
it; batch normalisation took its place.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from ngjax.types import Array


def local_response_normalise(
    a: Array, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75
) -> Array:
    """Normalise a [B, H, W, C] over n neighbouring channels; the constants are the paper's.

    PyTorch's LocalResponseNorm divides alpha by n; the paper does not. Computed in float32 at
    least: beside k = 2, bfloat16 would lose most of the sum.
    """
    dtype = a.dtype
    a = a.astype(jnp.promote_types(dtype, jnp.float32))
    window = (1, 1, 1, n)
    near = lax.reduce_window(a * a, 0.0, lax.add, window, (1, 1, 1, 1), "SAME")  # [B, H, W, C]
    return (a / (k + alpha * near) ** beta).astype(dtype)
