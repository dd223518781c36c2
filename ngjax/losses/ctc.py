"""The CTC loss (Graves et al. 2006): -ln of the sum over all paths of a transcript."""

from __future__ import annotations

import jax.numpy as jnp
import optax

from ngjax.losses.shapes import wide
from ngjax.types import Array


def ctc(logits: Array, length: Array, targets: Array) -> Array:
    """-ln P(targets | logits), P summed over all paths that collapse to the targets.

    See `ngjax.ops.ctc` for the rule; this is `optax.ctc_loss` with the blank at 0.

    Args:
        logits: [B, T, V], in float32 at least.
        length: int [B], frames of each clip.
        targets: int [B, N], symbols from 1 on, zeros behind them.

    Returns:
        [B]; about 1e5 where a clip has too few frames for its targets.
    """
    logits = wide(logits)
    past = jnp.arange(logits.shape[1])[None, :] >= length[:, None]  # [B, T]
    return optax.ctc_loss(
        logits, past.astype(logits.dtype), targets, (targets == 0).astype(logits.dtype)
    )
