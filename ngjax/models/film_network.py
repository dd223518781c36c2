"""Networks that read a film: a ConvNet for its frames, and what is made of them (notes 5.1)."""

from __future__ import annotations

from typing import Literal

from flax import linen as nn

from ngjax.models.layers import Conv, Dense
from ngjax.models.recurrent import LSTM
from ngjax.ops.activations import relu
from ngjax.ops.initializers import xavier
from ngjax.types import Array, UserError

Reading = Literal["one_frame", "mean", "channels", "sequence"]


class FilmNetwork(nn.Module):
    """Film [B, T, H, W, C] to class scores, many-to-one (notes 5.1; Donahue et al. 2015).

    Every frame goes through the same ConvNet: two strided convolutions and a full connection.

        one_frame   the first frame alone
        mean        the mean of the frames' features: which frames there were, not in which order
        channels    the frames side by side as channels of one picture, one ConvNet for all
        sequence    an LSTM over the frames' features, its last state

    Attributes:
        classes: K.
        reading: which of the four.
        filters: of the two convolutions.
        features: of a frame.
        width: units of the LSTM.
    """

    classes: int
    reading: Reading = "sequence"
    filters: tuple[int, int] = (8, 16)
    features: int = 32
    width: int = 32

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, dict[str, Array]]:
        """(film [B, T, H, W, C]) -> (scores [B, K], activations by name).

        Raises:
            UserError: no such way of reading.
        """
        if self.reading not in ("one_frame", "mean", "channels", "sequence"):
            raise UserError(f"reading: {self.reading!r} is none of one_frame, mean, channels, ...")
        B, T, H, W, C = x.shape
        if self.reading == "one_frame":
            x = x[:, :1]
        elif self.reading == "channels":
            x = x.transpose(0, 2, 3, 1, 4).reshape(B, 1, H, W, T * C)
        steps = x.shape[1]  # 1 or T
        a = x.reshape(B * steps, *x.shape[2:])
        for layer, filters in enumerate(self.filters, 1):
            a = relu(Conv(filters, 3, stride=2, name=f"conv{layer}")(a))  # [B T, H/2, W/2, n_c]
        a = a.reshape(B, steps, -1)
        seen = relu(Dense(self.features, name="frame")(a))  # [B, T, D]
        read = seen.mean(axis=1)  # [B, D]
        if self.reading == "sequence":
            lstm = LSTM(self.width, name="lstm")
            read = lstm(lstm.initial_carry(B, seen.dtype), seen)[1][:, -1]  # [B, n]
        scores = Dense(self.classes, kernel_init=xavier(), name="softmax")(read)
        return scores, {"frame": seen, "read": read}
