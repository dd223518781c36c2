r"""How the notes start the weights (notes 1.5.3 and 2.3).

    zeros      W = 0: every unit of a layer stays equal to the others for ever
    normal     W = 0.01 randn: small, so that sigmoid and tanh start off their flat parts
    variance   W = randn sqrt(gain / n[l-1]): z keeps the variance of a, layer after layer
    xavier     gain 1, for tanh                     he   gain 2, for ReLU
    glorot     W = randn sqrt(2 / (n[l-1] + n[l])): the backward pass counts too

Here n[l-1] is the fan-in, the numbers that are summed into one z. Kernels are laid out as Flax has
them: Dense [n[l-1], n[l]] (the notes' W transposed) with fan-in n[l-1], convolution
[f_H, f_W, C, F] with fan-in f_H f_W C. All draw from the normal distribution, as the notes' randn
(they print `rand`, which is uniform on [0, 1) and has mean 1/2); JAX's `he_normal` and
`xavier_normal` are truncated, and its `xavier` is what is `glorot` here.

Each function gives an initializer (key, shape, dtype) -> W.
"""

from __future__ import annotations

from jax.nn import initializers

from ngjax.types import UserError

Initializer = initializers.Initializer


def zeros() -> Initializer:
    """W = 0: right for b; for W it never breaks the symmetry of the units (notes 1.5.3)."""
    return initializers.zeros


def normal(scale: float = 0.01) -> Initializer:
    """W = scale * randn(shape) (notes 1.5.3)."""
    return initializers.normal(scale)


def variance(gain: float = 1.0) -> Initializer:
    """W = randn(shape) * sqrt(gain / n[l-1]), so that Var(w) = gain / n[l-1] (notes 2.3).

    Raises:
        UserError: the gain is not positive.
    """
    if gain <= 0:
        raise UserError(f"initializer: gain {gain} must be positive")
    return initializers.variance_scaling(gain, "fan_in", "normal")


def xavier() -> Initializer:
    """W = randn(shape) * sqrt(1 / n[l-1]), for tanh (notes 2.3; after Glorot & Bengio 2010)."""
    return variance(1.0)


def glorot() -> Initializer:
    """W = randn(shape) * sqrt(2 / (n[l-1] + n[l])) (notes 2.3; Glorot & Bengio 2010)."""
    return initializers.variance_scaling(1.0, "fan_avg", "normal")


def he() -> Initializer:
    """W = randn(shape) * sqrt(2 / n[l-1]), for ReLU (not printed; He et al. 2015)."""
    return variance(2.0)
