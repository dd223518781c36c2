r"""The layers that networks are made of: Dense, Conv and batch normalisation (notes 2.6 and 4.2).

Parameters are named and laid out as Linen's own layers name them ("kernel", "bias", "scale"), so
that either reads the other's checkpoints. `dtype` is the type of the computation: when None, the
promoted type of inputs and parameters.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import lax

from ngjax.ops.batch_norm import scaled, statistics
from ngjax.ops.convolve import convolve
from ngjax.ops.depthwise import depthwise_convolve
from ngjax.ops.initializers import Initializer, he, zeros
from ngjax.ops.product import product
from ngjax.types import Array, UserError

SHORT_LINE = 16  # numbers that a CPU adds at once: a loop over fewer is no quicker than over one


class Dense(nn.Module):
    """Fully connected layer: z = a W + b (notes 1.6; one example a row, so W is transposed).

    Attributes:
        features: units n[l].
        kernel_init: start of W [n[l-1], n[l]].
        bias_init: start of b [n[l]].
        use_bias: False where batch normalisation follows, which takes b away (notes 2.6).
        dtype: type of the computation.
    """

    features: int
    kernel_init: Initializer = he()
    bias_init: Initializer = zeros()
    use_bias: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, a: Array) -> Array:
        """Maps a [..., n[l-1]] to z [..., n[l]]."""
        kernel = self.param("kernel", self.kernel_init, (a.shape[-1], self.features))
        bias = self.param("bias", self.bias_init, (self.features,)) if self.use_bias else None
        a, kernel, bias = promote_dtype(a, kernel, bias, dtype=self.dtype)
        return _add_bias(product(a, kernel), bias)


class Conv(nn.Module):
    """Convolution layer: z = a * w + b, one bias a filter (notes 4.2).

    (f_H f_W n_c[l-1] / groups + 1) n_c[l] parameters. See `ngjax.ops.convolve` for the sum and the
    forms.

    Attributes:
        features: filters n_c[l].
        kernel: sides (f_H, f_W) of the filters, or one side for both.
        stride: step of the filter.
        padding: "SAME", "VALID", or zeros at either end.
        groups: parts the channels fall into, each filter seeing one of them (AlexNet's two GPUs).
        kernel_init: start of w [f_H, f_W, n_c[l-1] / groups, n_c[l]].
        bias_init: start of b [n_c[l]].
        use_bias: False where batch normalisation follows.
        form: how it is computed; "auto" chooses.
        dtype: type of the computation.
    """

    features: int
    kernel: int | tuple[int, int] = 3
    stride: int = 1
    padding: str | int = "SAME"
    groups: int = 1
    kernel_init: Initializer = he()
    bias_init: Initializer = zeros()
    use_bias: bool = True
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(self, a: Array) -> Array:
        """Maps a [B, H, W, n_c[l-1]] to z [B, H', W', n_c[l]]."""
        sides = (self.kernel, self.kernel) if isinstance(self.kernel, int) else self.kernel
        if a.shape[-1] % self.groups or self.features % self.groups:
            raise UserError(
                f"Conv: {a.shape[-1]} channels and {self.features} filters do not fall into "
                f"{self.groups} groups"
            )
        shape = (*sides, a.shape[-1] // self.groups, self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", self.bias_init, (self.features,)) if self.use_bias else None
        a, kernel, bias = promote_dtype(a, kernel, bias, dtype=self.dtype)
        parts = [
            convolve(part, filters, stride=self.stride, padding=self.padding, form=self.form)
            for part, filters in zip(
                jnp.split(a, self.groups, axis=-1),
                jnp.split(kernel, self.groups, axis=-1),
                strict=True,
            )
        ]
        z = parts[0] if self.groups == 1 else jnp.concatenate(parts, axis=-1)  # [B, H', W', n_c[l]]
        return _add_bias(z, bias)


class DepthwiseConv(nn.Module):
    """Depthwise convolution, one filter a channel; see `ngjax.ops.depthwise`. f_H f_W C parameters.

    Attributes:
        kernel: side of the filters.
        stride: step of the filter.
        padding: "SAME", "VALID", or zeros at either end.
        kernel_init: start of w [f, f, C]; its fan-in is f f.
        form: how it is computed; "auto" chooses.
        dtype: type of the computation.
    """

    kernel: int = 3
    stride: int = 1
    padding: str | int = "SAME"
    kernel_init: Initializer = he()
    form: str = "auto"
    dtype: Any = None

    @nn.compact
    def __call__(self, a: Array) -> Array:
        """Maps a [B, H, W, C] to z [B, H', W', C]."""
        f, C = self.kernel, a.shape[-1]

        def start(key: Array, shape: tuple[int, ...]) -> Array:
            return self.kernel_init(key, (f * f, C)).reshape(shape)

        kernel = self.param("kernel", start, (f, f, C))
        a, kernel = promote_dtype(a, kernel, dtype=self.dtype)
        return depthwise_convolve(
            a, kernel, stride=self.stride, padding=self.padding, form=self.form
        )


def _add_bias(z: Array, bias: Array | None) -> Array:
    """z + b. Lines of few channels are one axis: additions go along it, and so does db's sum."""
    if bias is None:
        return z
    shape, lift = z.shape, (1,) * (z.ndim - 1) + (-1,)
    if z.ndim == 4 and shape[-1] < SHORT_LINE:
        return (z.reshape(*shape[:2], -1) + jnp.tile(bias, (1, 1, shape[2]))).reshape(shape)
    return z + bias.reshape(lift)


class BatchNorm(nn.Module):
    r"""Batch normalisation (notes 2.6; Ioffe & Szegedy 2015), one mean and variance a channel.

        mu = (1/m) sum z        sigma^2 = (1/m) sum (z - mu)^2
        z_norm = (z - mu) / sqrt(sigma^2 + epsilon)        z_tilde = gamma z_norm + beta

    m counts the whole mini-batch (the notes print n once), every place of an image, every device:
    in training the sums run over `AXIS`, which must be bound, by the engine or outside it by
    `jax.vmap(..., axis_name=AXIS)` of length 1. At test time mu and sigma^2 are exponentially
    weighted averages over the mini-batches, in the collection "batch_stats". gamma and beta let a
    unit have any variance and mean; it is z_norm that is standardised. (The notes spell "Loffe".)

    Attributes:
        momentum: weight of the past in the averages, the notes' beta of section 2.4.
        epsilon: keeps the root off zero.
        scale_init: start of gamma ("scale"); zeros start a residual block as the identity.
        dtype: type of the result; the statistics are float32 at least.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    scale_init: Initializer = nn.initializers.ones
    dtype: Any = None

    @nn.compact
    def __call__(self, z: Array, *, train: bool, mask: Array | None = None) -> Array:
        """Normalises z [B, ..., C]; `mask` [B] is zero for examples that do not count."""
        C = z.shape[-1]
        gamma = self.param("scale", self.scale_init, (C,))
        beta = self.param("bias", nn.initializers.zeros, (C,))
        mean = self.variable("batch_stats", "mean", jnp.zeros, (C,), jnp.float32)
        var = self.variable("batch_stats", "var", jnp.ones, (C,), jnp.float32)
        result = promote_dtype(z, gamma, beta, dtype=self.dtype)[0].dtype
        z = z.astype(jnp.promote_types(z.dtype, jnp.float32))
        mu, sigma2 = mean.value, var.value
        if train and not self.is_initializing():
            mu, sigma2 = statistics(z, mean.value, mask)
            for average, now in ((mean, mu), (var, sigma2)):
                new = self.momentum * average.value + (1 - self.momentum) * now
                average.value = new.astype(average.value.dtype)
        slope = gamma * lax.rsqrt(sigma2 + self.epsilon)
        return scaled(z, mu, slope, beta).astype(result)
