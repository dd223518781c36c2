"""A text as windows: in parallel streams for truncated backpropagation, or one by one; names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ngjax.types import Array, Batch, Source, UserError


def streams(ids: np.ndarray, batch_size: int, length: int, *, prefix: str = "train") -> Source:
    """B stretches of the text read side by side, `length` tokens a step.

    The text falls into windows of `length` tokens. Row b of every batch walks through its own run
    of S consecutive windows, one a step, so the state after a step is the right one to start the
    next step with (truncated backpropagation through time; `State.carry`). What is over at the end
    of the text, less than B * length tokens, is left out. The order is the same in every epoch.

    Args:
        ids: int [n] token numbers; only their count is kept: `Task.constants[prefix]` holds them.
        batch_size: B, the global batch.
        length: T, tokens a window.
        prefix: where `constants` holds the ids.

    Returns:
        a Source whose batches hold "inputs" [B, T], "targets" [B, T] (the next tokens), "start" [B]
        (true in a row's first window: zero its carry).

    Raises:
        UserError: the text is too short for one window a row.
    """
    if batch_size < 1:
        raise UserError("--run.batch_size=0: a text has rows, not a whole set; give their number")
    steps = (len(ids) - 1) // (batch_size * length)
    if steps < 1:
        raise UserError(
            f"--run.batch_size={batch_size} rows of {length} tokens are longer than the "
            f"text of {len(ids)}; take fewer or shorter rows"
        )

    def order(size: int, batch: int, seed: int, epoch: int) -> np.ndarray:
        if batch != batch_size:
            raise ValueError(f"these streams were cut for {batch_size} rows, not {batch}")
        return np.arange(size, dtype=np.int32).reshape(batch_size, steps).T  # [S, B]

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        places = _places(drawn["index"], length)  # [B, T]
        held = constants[prefix]
        start = drawn["index"] % steps == 0  # [B]
        return {"inputs": held[places], "targets": held[places + 1], "start": start}

    return Source(size=steps * batch_size, batch=batch, order=order)


def windows(ids: np.ndarray, length: int, *, prefix: str) -> Source:
    """Every token of the text predicted exactly once, `length` at a time: for evaluation.

    Args:
        ids: as in `streams`.
        length: T, tokens a window.
        prefix: where `constants` holds the ids.

    Returns:
        a Source whose batches hold "inputs" [B, T], "targets" [B, T] and "token_mask" [B, T], zero
        past the end of the text.

    Raises:
        UserError: the text has no second token to predict.
    """
    count = len(ids) - 1  # predictions
    if count < 1:
        raise UserError(f"{prefix}: a text of {len(ids)} tokens holds none to predict")

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        places = _places(drawn["index"], length)  # [B, T]
        inside = jnp.minimum(places, count - 1)
        held = constants[prefix]
        return {
            "inputs": held[inside],
            "targets": held[inside + 1],
            "token_mask": (places < count).astype(jnp.float32),
        }

    return Source(size=-(-count // length), batch=batch)


def name_rows(rows: np.ndarray, end: int, *, prefix: str) -> Source:
    """Short texts, each read from nothing to its end: one to many (notes 5.2).

    Args:
        rows: int [m, W], `end` first, the tokens of a text, `end` to the end of the row; only their
            shape is kept: `Task.constants[prefix]` holds them.
        end: number of the token that ends a text.
        prefix: where `constants` holds the rows.

    Returns:
        a Source whose batches hold "inputs" [B, W-1], "targets" [B, W-1] and "token_mask"
        [B, W-1], zero behind the end of a text.
    """

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        held = constants[prefix][drawn["index"]]  # [B, W]
        inputs = held[:, :-1]
        inside = (inputs != end).at[:, 0].set(True)
        token_mask = inside.astype(jnp.float32)
        return {"inputs": inputs, "targets": held[:, 1:], "token_mask": token_mask}

    return Source(size=len(rows), batch=batch)


def _places(window: Array, length: int) -> Array:
    return window[:, None] * length + jnp.arange(length)[None, :]  # [B, T]
