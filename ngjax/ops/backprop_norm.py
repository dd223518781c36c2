r"""Batch normalisation and dropout, forward and backward by hand, in the notes' layout.

Examples are columns, as in `ngjax.ops.backprop`. Batch normalisation (notes 2.6; Ioffe & Szegedy
2015), each unit over the m examples of the mini-batch:

    mu = (1/m) sum_i Z(i),                     sigma^2 = (1/m) sum_i (Z(i) - mu)^2
    Z_norm = (Z - mu) / sqrt(sigma^2 + eps),   Z_tilde = gamma * Z_norm + beta

    dgamma = (1/m) sum_i dZ_tilde * Z_norm,    dbeta = (1/m) sum_i dZ_tilde
    dZ = gamma / sqrt(sigma^2 + eps) * (dZ_tilde - dbeta - Z_norm * dgamma)

The last line follows from mu and sigma^2 being functions of every Z(i): what is left of dZ_tilde
has neither mean nor a part along Z_norm. So a bias b in front of it has the slope zero, and beta
takes its place. The notes leave the backward pass out.

Inverted dropout (notes 2.2.1; Srivastava et al. 2014) with a mask D of zeros and ones, kept from
the forward pass:

    A := A * D / keep,    dA := dA * D / keep

As elsewhere dA and dZ are m times the slope of the cost, which without batch normalisation is the
slope of one example's loss; the 1/m enters with dW, db, dgamma and dbeta.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Norm(NamedTuple):
    """Parameters of a batch normalisation, or the slopes of the cost in them."""

    gamma: jax.Array  # (n_l, 1)
    beta: jax.Array  # (n_l, 1)


class NormCache(NamedTuple):
    """What the backward pass needs of the forward pass."""

    Z_norm: jax.Array  # (n_l, m)
    scale: jax.Array  # gamma / sqrt(sigma^2 + eps), (n_l, 1)


def batch_norm(Z: jax.Array, norm: Norm, epsilon: float = 1e-5) -> tuple[jax.Array, NormCache]:
    """Z_tilde (n_l, m), by the mean and variance of this mini-batch, and the cache.

    Args:
        Z: W^[l] A^[l-1], (n_l, m); two examples or more, for one is its own mean.
        norm: gamma and beta.
        epsilon: keeps the root off zero.
    """
    m = Z.shape[1]
    mu = Z.sum(axis=1, keepdims=True) / m  # (n_l, 1)
    sigma2 = ((Z - mu) ** 2).sum(axis=1, keepdims=True) / m
    root = jnp.sqrt(sigma2 + epsilon)
    Z_norm = (Z - mu) / root  # (n_l, m)
    return norm.gamma * Z_norm + norm.beta, NormCache(Z_norm, norm.gamma / root)


def batch_norm_backward(dZ_tilde: jax.Array, cache: NormCache) -> tuple[jax.Array, Norm]:
    """dZ (n_l, m), and the slopes (dgamma, dbeta), (n_l, 1) each.

    Args:
        dZ_tilde: m times the slope of the cost in Z_tilde, (n_l, m).
        cache: of `batch_norm`.
    """
    m = dZ_tilde.shape[1]
    dgamma = (dZ_tilde * cache.Z_norm).sum(axis=1, keepdims=True) / m
    dbeta = dZ_tilde.sum(axis=1, keepdims=True) / m
    dZ = cache.scale * (dZ_tilde - dbeta - cache.Z_norm * dgamma)
    return dZ, Norm(dgamma, dbeta)


def dropout(A: jax.Array, D: jax.Array, keep: float) -> jax.Array:
    """A * D / keep, which has the mean of A.

    Args:
        A: activations, (n_l, m).
        D: 1 with probability keep, else 0, (n_l, m).
        keep: probability of keeping a unit.
    """
    return A * D / keep


def dropout_backward(dA: jax.Array, D: jax.Array, keep: float) -> jax.Array:
    """dA * D / keep: units that were dropped learn nothing; arguments as in `dropout`."""
    return dA * D / keep
