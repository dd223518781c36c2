r"""The product of a fully connected layer, with a gradient that CPUs are quick at (notes 1.6).

    Z = A W        dA = dZ W^T        dW = A^T dZ = (dZ^T A)^T

One example a row; the notes write one a column. On CPU XLA's product is quick along long rows of
its result, and dW has short ones where a layer has few units: dZ^T A has long ones. XLA would turn
the last form back into the one before it; a barrier between the product and the turn forbids it.
And where rows fall into several axes, as those of images and sequences do, XLA lays dZ out anew
before it multiplies: they are made one axis first.
"""

from __future__ import annotations

from typing import Any

import jax
from jax import lax

from ngjax.types import Array

# Measured on CPU, 32 to 1,024 examples: dW of so few units is 1 to 20 times quicker turned.
FEW_UNITS, OF_INPUTS = 128, 1 / 2


def product(a: Array, w: Array) -> Array:
    """a W.

    Args:
        a: [..., n[l-1]].
        w: [n[l-1], n[l]].

    Returns:
        [..., n[l]].
    """
    inputs, units = w.shape
    few = units <= min(FEW_UNITS, OF_INPUTS * inputs) and jax.default_backend() == "cpu"
    rows = a.reshape(-1, inputs)  # [m, n[l-1]]
    return (rows @ (_gradient_turned(w) if few else w)).reshape(*a.shape[:-1], units)


@jax.custom_jvp
def _gradient_turned(w: Array) -> Array:
    """w itself; what comes back as its gradient is computed with rows and columns exchanged."""
    return w


@_gradient_turned.defjvp
def _turned(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (w,), (w_dot,) = primals, tangents
    return w, lax.optimization_barrier(w_dot.T).T
