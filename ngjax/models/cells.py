"""Recurrent layers by the names that configs call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Literal

from ngjax.models.recurrent import GRU, LSTM, RNN, Layer
from ngjax.types import UserError

Cell = Literal["rnn", "simplified_gru", "gru", "lstm"]
CELLS: Mapping[str, Callable[..., Layer]] = MappingProxyType(
    {"rnn": RNN, "simplified_gru": partial(GRU, reset="none"), "gru": GRU, "lstm": LSTM}
)
KERNELS = MappingProxyType({"rnn": 1, "simplified_gru": 2, "gru": 3, "lstm": 4})  # G


def cell_named(cell: str) -> Callable[..., Layer]:
    """What makes a layer of that name (notes 5.1, 5.4, 5.5) of its width and other fields.

    Raises:
        UserError: there is none.
    """
    if cell not in CELLS:
        raise UserError(f"cell: {cell!r} is none of {', '.join(CELLS)}")
    return CELLS[cell]
