"""Recurrent layers by the names that configs call them."""

from __future__ import annotations

from ngjax.models.recurrent import GRU, LSTM, RNN
from ngjax.types import UserError

CELLS = {"rnn": RNN, "gru": GRU, "lstm": LSTM}


def cell_named(cell: str) -> type[RNN | GRU | LSTM]:
    """The layer of that name.

    Raises:
        UserError: there is none.
    """
    if cell not in CELLS:
        raise UserError(f"cell: {cell!r} is none of {', '.join(CELLS)}")
    return CELLS[cell]
