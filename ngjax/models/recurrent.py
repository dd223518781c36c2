"""Recurrent layers over time, deep and in both directions (notes 5.1 and 5.4 to 5.7).

Every layer maps (carry, x [B, T, D], mask) to (carry, a [B, T, n]): the carry of one call is the
start of the next, so a long sequence may come in pieces. Inside, time leads: [T, B, ...].

Shapes: B batch, T time, D features of x, n units, G gates (columns of a fused kernel).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import orthogonal

from ngjax.ops import dropout, recurrence
from ngjax.ops.initializers import Initializer, glorot, zeros
from ngjax.types import Array, UserError

Carry = Any  # pytree of arrays [B, n]


class Dropout(dropout.Dropout):
    """Dropout where time leads: between layers, never along time (Zaremba et al. 2014)."""

    def __call__(self, layer: int, a: Array) -> Array:
        """Drop units of a [T, B, n], differently for every layer."""
        a = super().__call__(layer, jnp.swapaxes(a, 0, 1))  # [B, T, n]
        return jnp.swapaxes(a, 0, 1)  # [T, B, n]


class Layer(nn.Module):
    """What every layer over time has; a layer writes `initial_carry` and `through_time`."""

    def initial_carry(self, batch_size: int, dtype: Any = jnp.float32) -> Carry:
        """The state before the first step, a<0> = 0; needs no parameters."""
        raise NotImplementedError

    def through_time(
        self, carry: Carry, x: Array, mask: Array | None = None
    ) -> tuple[Carry, Array]:
        """(carry, x [T, B, D], mask bool [T, B]) -> (carry, a [T, B, n])."""
        raise NotImplementedError

    def __call__(self, carry: Carry, x: Array, mask: Array | None = None) -> tuple[Carry, Array]:
        """Run over whole sequences.

        Args:
            carry: the state before the first step, from `initial_carry` or from the call before.
            x: [B, T, D].
            mask: [B, T], zero or false at padding, which carries the state through unchanged.

        Returns:
            (carry after the last step, a [B, T, n]).
        """
        carry, a = self.through_time(carry, jnp.swapaxes(x, 0, 1), _time_major(mask))
        return carry, jnp.swapaxes(a, 0, 1)  # [B, T, n]

    def step(self, carry: Carry, x: Array) -> tuple[Carry, Array]:
        """One step: (carry, x [B, D]) -> (carry, a [B, n])."""
        carry, a = self.through_time(carry, x[None])  # [1, B, n]
        return carry, a[0]


class _Gated(Layer):
    """The parameters of one cell: its gates' kernels side by side, [in, G*n]."""

    width: int
    input_initializer: Initializer = glorot()
    recurrent_initializer: Initializer = orthogonal()
    hand_written: bool = True  # False: JAX differentiates the loop, also in forward mode

    def _parameters(self, D: int, gates: int, bias: Initializer) -> tuple[Array, Array, Array]:
        n = self.width
        W_ax = self.param("W_ax", _beside(self.input_initializer, gates, n), D)
        W_aa = self.param("W_aa", _beside(self.recurrent_initializer, gates, n), n)
        return W_ax, W_aa, self.param("b_a", bias, (gates * n,))

    def initial_carry(self, batch_size: int, dtype: Any = jnp.float32) -> Carry:
        """Zeros, a<0> [B, n]."""
        return jnp.zeros((batch_size, self.width), dtype)


class RNN(_Gated):
    """Plain recurrent layer: a<t> = tanh(W_aa a<t-1> + W_ax x<t> + b_a), n(n+D+1) parameters.

    Notes 5.1; Elman 1990. Carry: a [B, n].
    """

    @nn.compact
    def through_time(
        self, carry: Array, x: Array, mask: Array | None = None
    ) -> tuple[Array, Array]:
        """(a, x [T, B, D], mask bool [T, B]) -> (a, a<1..T> [T, B, n])."""
        W_ax, W_aa, b_a = self._parameters(x.shape[-1], 1, zeros())
        xW = x @ W_ax + b_a[None, None, :]  # [T, B, n]
        return recurrence.scan_rnn(xW, W_aa, carry, mask, hand_written=self.hand_written)


class GRU(_Gated):
    """Gated recurrent unit, equations in `ngjax.ops.recurrence.gru`. Carry: c = a [B, n].

    `reset` says where the reset gate acts: "before" the candidate's product (notes 5.5; Cho et al.
    2014), 3n(n+D+1) parameters; "after" it (cuDNN, PyTorch), n more for a second bias `b_aa`;
    "none", the simplified unit of notes 5.4, 2n(n+D+1). Columns of the kernels: u, r, c. The update
    gate's bias begins at `update_bias`: below zero, more of the memory stays from the start on.
    """

    reset: Literal["before", "after", "none"] = "before"
    update_bias: float = 0.0

    @nn.compact
    def through_time(
        self, carry: Array, x: Array, mask: Array | None = None
    ) -> tuple[Array, Array]:
        """(c, x [T, B, D], mask bool [T, B]) -> (c, a<1..T> [T, B, n])."""
        if self.reset not in ("before", "after", "none"):
            raise UserError(f"reset: {self.reset!r} is none of before, after, none")
        gates = 2 if self.reset == "none" else 3
        W_ax, W_aa, b_a = self._parameters(x.shape[-1], gates, self._bias)
        xW = x @ W_ax + b_a[None, None, :]  # [T, B, G*n]
        if self.reset == "after":
            b_aa = self.param("b_aa", zeros(), (self.width,))
            return recurrence.scan_gru_reset_after(
                xW, W_aa, b_aa, carry, mask, hand_written=self.hand_written
            )
        scan = recurrence.scan_simplified_gru if self.reset == "none" else recurrence.scan_gru
        return scan(xW, W_aa, carry, mask, hand_written=self.hand_written)

    def _bias(self, key: Array, shape: tuple[int, ...]) -> Array:
        return jnp.zeros(shape).at[: self.width].set(self.update_bias)


class LSTM(_Gated):
    """Long short-term memory, equations in `ngjax.ops.recurrence.lstm`; 4n(n+D+1) parameters.

    Notes 5.5; Hochreiter & Schmidhuber 1997. Carry: (c, a), [B, n] each. Columns of the kernels:
    u, f, o, c. The forget gate's bias begins at `forget_bias`: one keeps the memory from the first
    update on (Gers et al. 2000; Jozefowicz et al. 2015).
    """

    forget_bias: float = 1.0

    def initial_carry(self, batch_size: int, dtype: Any = jnp.float32) -> tuple[Array, Array]:
        """Zeros, (c<0>, a<0>), [B, n] each."""
        shape = (batch_size, self.width)
        return jnp.zeros(shape, dtype), jnp.zeros(shape, dtype)  # two buffers, to be donated

    @nn.compact
    def through_time(
        self, carry: tuple[Array, Array], x: Array, mask: Array | None = None
    ) -> tuple[tuple[Array, Array], Array]:
        """((c, a), x [T, B, D], mask bool [T, B]) -> ((c, a), a<1..T> [T, B, n])."""
        W_ax, W_aa, b_a = self._parameters(x.shape[-1], 4, self._bias)
        xW = x @ W_ax + b_a[None, None, :]  # [T, B, 4n]
        return recurrence.scan_lstm(xW, W_aa, carry, mask, hand_written=self.hand_written)

    def _bias(self, key: Array, shape: tuple[int, ...]) -> Array:
        n = self.width
        return jnp.zeros(shape).at[n : 2 * n].set(self.forget_bias)


class Stacked(Layer):
    """Deep recurrent network (notes 5.7): layer l reads what layer l - 1 emits, a[0]<t> = x<t>.

        a[l]<t> = g(W_a[l] [a[l]<t-1>, a[l-1]<t>] + b_a[l])

    Carry: a tuple, one carry a layer.
    """

    layers: tuple[Layer, ...]

    def initial_carry(self, batch_size: int, dtype: Any = jnp.float32) -> Carry:
        """One initial carry a layer."""
        return tuple(layer.initial_carry(batch_size, dtype) for layer in self.layers)

    def through_time(
        self,
        carry: Carry,
        x: Array,
        mask: Array | None = None,
        dropout: Dropout | None = None,
    ) -> tuple[Carry, Array]:
        """As every layer's; `dropout` falls on what one layer hands to the next."""
        _each_its_own(self.layers)
        a, after = x, []
        for l, (layer, before) in enumerate(zip(self.layers, carry, strict=True)):
            if dropout is not None and l > 0:
                a = dropout(l, a)
            state, a = layer.through_time(before, a, mask)  # [T, B, n]
            after.append(state)
        return tuple(after), a


class Bidirectional(Layer):
    """Two layers that never meet, one from each end (notes 5.6; Schuster & Paliwal 1997).

    Emits [->a<t>, <-a<t>], [B, T, 2n]. Carry: (forward, backward); it is of use at the start only,
    for the backward layer has begun at the end. Padding leaves its state at zero, so each sequence
    is read back from its own end.
    """

    forward: Layer
    backward: Layer

    def initial_carry(self, batch_size: int, dtype: Any = jnp.float32) -> Carry:
        """One initial carry a direction."""
        return tuple(
            layer.initial_carry(batch_size, dtype) for layer in (self.forward, self.backward)
        )

    def through_time(
        self, carry: Carry, x: Array, mask: Array | None = None
    ) -> tuple[Carry, Array]:
        """(carries, x [T, B, D], mask bool [T, B]) -> (carries, a [T, B, 2n])."""
        _each_its_own((self.forward, self.backward))
        ahead, a = self.forward.through_time(carry[0], x, mask)
        flipped = None if mask is None else mask[::-1]
        back, a_back = self.backward.through_time(carry[1], x[::-1], flipped)
        return (ahead, back), jnp.concatenate([a, a_back[::-1]], axis=-1)  # [T, B, 2n]


def _time_major(mask: Array | None) -> Array | None:
    return None if mask is None else jnp.swapaxes(mask, 0, 1).astype(bool)


def _beside(initializer: Initializer, gates: int, n: int) -> Callable[[Array, int], Array]:
    """Draw each gate's kernel by itself, so its fan-out is n, and set them side by side."""

    def init(key: Array, rows: int) -> Array:
        keys = jax.random.split(key, gates)
        kernels = [initializer(k, (rows, n)) for k in keys]
        return jnp.concatenate(kernels, axis=1)  # [rows, G*n]

    return init


def _each_its_own(layers: tuple[Layer, ...]) -> None:
    if len({id(layer) for layer in layers}) < len(layers):
        raise UserError("layers: one layer stands twice and would share its weights; make two")
