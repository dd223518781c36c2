"""A convolutional network that looks for motifs in a sequence of letters."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import variance_scaling

from ngjax.models.layers import Dense
from ngjax.ops.initializers import Initializer, xavier, zeros
from ngjax.types import Array, UserError


class MotifCNN(nn.Module):
    r"""Filters over h letters, the largest answer within each stretch of places, softmax.

        a_t = relu(w . [x<t>; ...; x<t+h-1>] + b)
        m_s = max of a_t in the stretch s t0 <= t < (s + 1) t0,    z = W [m_0, m_1, ...] + b

    A filter is a motif, the stretch where it was found is kept: a promoter's two boxes stand about
    17 letters apart. (A perceptron over all letters must learn a motif anew at every place.)

    Attributes:
        classes: K.
        window: h, letters.
        filters: F.
        stretch: t0, places of a stretch; what is left at the end, less than one, is left out.
    """

    classes: int
    window: int = 6
    filters: int = 16
    stretch: int = 4
    kernel_init: Initializer = variance_scaling(2.0, "fan_in", "normal", in_axis=(0, 1))

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, dict[str, Array]]:
        """x [B, T, A], one-hot letters -> (logits [B, K], {"a": [B, T - h + 1, F]}).

        Raises:
            UserError: a sequence shorter than window and stretch together.
        """
        B, T, A = x.shape
        h, places = self.window, T - self.window + 1
        if places < self.stretch:
            raise UserError(
                f"window: {h} letters and a stretch of {self.stretch} need more than {T}"
            )
        kernel = self.param("motifs", self.kernel_init, (h, A, self.filters))
        b = self.param("bias", zeros(), (self.filters,))
        windows = jnp.concatenate([x[:, u : u + places] for u in range(h)], axis=-1)  # [B, T', hA]
        a = nn.relu(windows @ kernel.reshape(h * A, -1) + b[None, None, :])  # [B, T', F]
        whole = places // self.stretch * self.stretch
        stretches = a[:, :whole].reshape(B, -1, self.stretch, self.filters)
        m = stretches.max(axis=2).reshape(B, -1)  # [B, S * F]
        return Dense(self.classes, kernel_init=xavier(), name="softmax")(m), {"a": a}
