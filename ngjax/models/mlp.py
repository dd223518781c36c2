"""The fully connected network (notes 1.5, 1.6): a[l] = g[l](W[l] a[l-1] + b[l])."""

from __future__ import annotations

from flax import linen as nn

from ngjax.models.layers import Dense
from ngjax.ops.activations import ACTIVATIONS
from ngjax.ops.dropout import Dropout
from ngjax.ops.initializers import Initializer, he, xavier
from ngjax.types import Array


class MLP(nn.Module):
    """An (L)-layer network, the input not counted: hidden layers, then a linear one.

    Weights start as the activation wants them (notes 2.3): variance 2 / n[l-1] under ReLU,
    1 / n[l-1] otherwise, so that the variance of z stays what it was.

    Attributes:
        sizes: units of each layer, n[1] ... n[L]; the last one is K.
        activation: a name of `ops.activations.ACTIVATIONS`, for the hidden layers.
        start: of the weights of every layer; None: as above.
    """

    sizes: tuple[int, ...]
    activation: str = "relu"
    start: Initializer | None = None

    @nn.compact
    def __call__(self, x: Array, dropout: Dropout | None = None) -> tuple[Array, dict[str, Array]]:
        """Inputs [B, ...] to (logits [B, K], activations "a1" ... by layer).

        `dropout` falls on every hidden layer (notes 2.2.1).
        """
        a = x.reshape(x.shape[0], -1)  # [B, n0]
        (g, _), out = ACTIVATIONS[self.activation], {}
        start = self.start or (he() if self.activation in ("relu", "leaky_relu") else xavier())
        last = len(self.sizes)
        for layer, units in enumerate(self.sizes[:-1], 1):
            a = g(Dense(units, kernel_init=start, name=f"a{layer}")(a))  # [B, n[l]]
            a = a if dropout is None else dropout(layer, a)
            out[f"a{layer}"] = a
        z = Dense(self.sizes[-1], kernel_init=self.start or xavier(), name=f"a{last}")(a)  # [B, K]
        out[f"a{last}"] = z
        return z, out
