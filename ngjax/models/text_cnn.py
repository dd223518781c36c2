"""A convolutional network over the words of a sentence (Kim 2014)."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import variance_scaling

from ngjax.models.layers import Dense
from ngjax.ops.dropout import Dropout
from ngjax.ops.initializers import Initializer, xavier, zeros
from ngjax.types import Array


class TextCNN(nn.Module):
    r"""Filters over h words at a time, the largest answer of each over the sentence, softmax.

        c_t = relu(w . [e<t>; ...; e<t+h-1>] + b),    c = max_t c_t,    z = W dropout([c, ...]) + b

    A window may stand over the ends by up to h - 1 places, where it sees zeros, as Kim pads; one
    that touches no word does not count, so padding changes nothing. All filters of all widths are
    one product of the words with the kernels' slices, summed along shifted diagonals: the same
    numbers as a convolution.

    Attributes:
        classes: K.
        widths: h, in words; Kim's 3, 4, 5.
        filters: of each width; Kim's 100.
    """

    classes: int
    widths: tuple[int, ...] = (3, 4, 5)
    filters: int = 100
    kernel_init: Initializer = variance_scaling(2.0, "fan_in", "normal", in_axis=(0, 1))

    @nn.compact
    def __call__(
        self, e: Array, mask: Array, dropout: Dropout | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """(e [B, T, D], mask [B, T]) -> (logits [B, K], {"pooled": [B, widths * filters]})."""
        B, T, D = e.shape
        F, real = self.filters, mask > 0
        kernels = [self.param(f"conv{h}_kernel", self.kernel_init, (h, D, F)) for h in self.widths]
        biases = [self.param(f"conv{h}_bias", zeros(), (F,)) for h in self.widths]
        slices = jnp.concatenate(kernels).swapaxes(0, 1).reshape(D, -1)  # [D, sum(h) * F]
        e = jnp.where(real[..., None], e, 0)
        seen = (e.reshape(B * T, D) @ slices).reshape(B, T, sum(self.widths), F)
        pooled, first = [], 0
        for h, b in zip(self.widths, biases, strict=True):
            z = sum(
                jnp.pad(seen[:, :, first + u], ((0, 0), (h - 1 - u, u), (0, 0))) for u in range(h)
            )  # [B, T + h - 1, F]: a window that begins at t - h + 1
            touches = sum(jnp.pad(real.astype(e.dtype), ((0, 0), (h - 1 - u, u))) for u in range(h))
            z = jnp.where(touches[..., None] > 0, z, jnp.finfo(z.dtype).min)
            pooled.append(nn.relu(z.max(axis=1) + b[None, :]))  # [B, F]; relu and max commute
            first += h
        pooled = jnp.concatenate(pooled, axis=-1)  # [B, widths * F]
        a = pooled if dropout is None else dropout(1, pooled)
        z = Dense(self.classes, kernel_init=xavier(), name="softmax")(a)  # [B, K]
        return z, {"pooled": pooled}
