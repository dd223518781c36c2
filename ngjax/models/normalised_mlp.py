"""The fully connected network with batch normalisation (notes 2.6; Ioffe & Szegedy 2015)."""

from __future__ import annotations

from flax import linen as nn

from ngjax.models.layers import BatchNorm, Dense
from ngjax.ops.activations import ACTIVATIONS
from ngjax.ops.initializers import he, xavier
from ngjax.types import Array


class NormalisedMLP(nn.Module):
    r"""Hidden layers whose scores z are normalised before the activation, then a linear one.

        z[l] = W[l] a[l-1]    z_tilde[l] = gamma[l] z_norm[l] + beta[l]    a[l] = g(z_tilde[l])

    b[l] is left out of the hidden layers: the mean takes it away, and beta[l] has its place (the
    notes keep both). With `normalise` false it is the plain network, z[l] = W[l] a[l-1] + b[l].
    In training `AXIS` must be bound, as `BatchNorm` says.

    Attributes:
        sizes: units of each layer, n[1] ... n[L]; the last one is K.
        activation: a name of `ops.activations.ACTIVATIONS`, for the hidden layers.
        normalise: batch normalisation in the hidden layers.
        use_bias: keep b[l] beside beta[l], as the notes' list of parameters does.
        momentum: weight of the past in the averages of mu and sigma^2 used at test time.
    """

    sizes: tuple[int, ...]
    activation: str = "tanh"
    normalise: bool = True
    use_bias: bool = False
    momentum: float = 0.9

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool = False, mask: Array | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """Maps inputs [B, ...] to (logits [B, K], scores "z1" ... and activations "a1" ...).

        Args:
            x: inputs.
            train: normalise by this mini-batch's own mean and variance, and average them.
            mask: [B], zero for examples that do not count in them.
        """
        a = x.reshape(x.shape[0], -1)  # [B, n0]
        (g, _), out = ACTIVATIONS[self.activation], {}
        start = he() if self.activation in ("relu", "leaky_relu") else xavier()
        bias = self.use_bias or not self.normalise
        for layer, units in enumerate(self.sizes[:-1], 1):
            dense = Dense(units, kernel_init=start, use_bias=bias, name=f"dense{layer}")
            z = out[f"z{layer}"] = dense(a)  # [B, n[l]]
            if self.normalise:
                norm = BatchNorm(momentum=self.momentum, name=f"norm{layer}")
                z = norm(z, train=train, mask=mask)
            a = out[f"a{layer}"] = g(z)
        last = len(self.sizes)
        z = Dense(self.sizes[-1], kernel_init=xavier(), name=f"dense{last}")(a)  # [B, K]
        out[f"a{last}"] = z
        return z, out
