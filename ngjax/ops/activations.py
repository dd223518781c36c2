r"""The notes' activation functions and their derivatives (notes 1.5, 1.5.2 and 2.7).

    sigmoid(z) = 1 / (1 + e^-z)        sigma'(z) = a (1 - a)
    tanh(z)                            tanh'(z)  = 1 - a^2
    ReLU(z) = max(0, z)                ReLU'(z)  = 1 for z > 0, else 0
    leaky ReLU(z) = max(0.01 z, z)     slope 1 for z >= 0, else 0.01
    softmax(z) = e^z / sum e^z         da_i/dz_j = a_i (1{i = j} - a_j)

The notes give the first two derivatives by the activation a, the others by z; so do the functions
here. `ACTIVATIONS` holds them all by z. The kinks have no derivative: at z = 0 ReLU takes the
subgradient 0 and leaky ReLU takes 1, which is also what `jax.grad` of them says. (The notes print
that ReLU is flat *near* zero and that leaky ReLU mends it there: ReLU is flat for all z < 0, and
leaky ReLU has slope 0.01 for all z < 0.)
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import jax
import jax.numpy as jnp

from ngjax.types import Array

Pair = tuple[Array, Array]

LEAK = 0.01  # slope of leaky ReLU for z < 0, notes 1.5


def sigmoid(z: Array) -> Array:
    """Sigmoid: a = 1 / (1 + e^-z); a large |z| does not overflow (notes 1.3.2)."""
    return jax.nn.sigmoid(z)


def sigmoid_derivative(a: Array) -> Array:
    """da/dz = a (1 - a), from the activation a (notes 1.5.2)."""
    return a * (1 - a)


def tanh(z: Array) -> Array:
    """Hyperbolic tangent: a = (e^z - e^-z) / (e^z + e^-z) = 2 sigmoid(2z) - 1 (notes 1.5)."""
    return jnp.tanh(z)


def tanh_derivative(a: Array) -> Array:
    """da/dz = 1 - a^2, from the activation a (notes 1.5.2)."""
    return 1 - a**2


def relu(z: Array) -> Array:
    """Rectified linear unit: a = max(0, z) (notes 1.5; Nair & Hinton 2010)."""
    return jax.nn.relu(z)


@jax.custom_jvp
def relu_of_sum(z: Array, shortcut: Array) -> Array:
    """ReLU(z + shortcut), the end of a residual block (notes 4.9), to the last bit.

    Written as max(z, -shortcut) + shortcut: XLA:CPU computes a ReLU anew for all who read it, and
    with it the blocks before, but not a sum of two arrays.
    """
    return jnp.maximum(z, -shortcut) + shortcut


@relu_of_sum.defjvp
def _slope_of_sum(
    primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    a = relu_of_sum(*primals)
    return a, jnp.where(a > 0, tangents[0] + tangents[1], 0)


def relu_derivative(z: Array) -> Array:
    """da/dz = 1 for z > 0 and 0 for z <= 0, from z; the value at 0 is a choice (notes 1.5.2)."""
    return (z > 0).astype(z.dtype)


def leaky_relu(z: Array) -> Array:
    """Leaky ReLU: a = max(0.01 z, z) (notes 1.5; Maas et al. 2013)."""
    return jax.nn.leaky_relu(z, LEAK)


def leaky_relu_derivative(z: Array) -> Array:
    """da/dz = 1 for z >= 0 and 0.01 for z < 0, from z (notes 1.5.2)."""
    return jnp.where(z >= 0, 1.0, LEAK).astype(z.dtype)


def identity(z: Array) -> Array:
    """Identity, a = z: the linear activation of a regression's output (notes 1.5.1)."""
    return z


def identity_derivative(z: Array) -> Array:
    """da/dz = 1."""
    return jnp.ones_like(z)


def softmax(z: Array, axis: int = -1) -> Array:
    """Softmax: a = t / sum t with t = e^z (notes 2.7, where the exponent is z^[L]).

    The largest z is subtracted first: the ratio is the same and nothing overflows.

    Args:
        z: scores.
        axis: the axis of the classes; 0 for the notes' layout, one example a column.

    Returns:
        Probabilities, the shape of z, summing to one over `axis`.
    """
    t = jnp.exp(z - jax.lax.stop_gradient(z.max(axis, keepdims=True)))
    return t / t.sum(axis, keepdims=True)


def softmax_derivative(a: Array) -> Array:
    """The Jacobian da_i/dz_j = a_i (1{i = j} - a_j), from probabilities [..., K]: [..., K, K]."""
    K = a.shape[-1]
    one = jnp.eye(K, dtype=a.dtype).reshape((1,) * (a.ndim - 1) + (K, K))
    return a[..., :, None] * (one - a[..., None, :])  # [..., K, K]


Elementwise = Callable[[Array], Array]

ACTIVATIONS: MappingProxyType[str, tuple[Elementwise, Elementwise]] = MappingProxyType(
    {  # name -> (g, g'), both functions of z
        "sigmoid": (sigmoid, lambda z: sigmoid_derivative(sigmoid(z))),
        "tanh": (tanh, lambda z: tanh_derivative(tanh(z))),
        "relu": (relu, relu_derivative),
        "leaky_relu": (leaky_relu, leaky_relu_derivative),
        "identity": (identity, identity_derivative),
    }
)
