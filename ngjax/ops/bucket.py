"""Batches of sequences cut to a width they need, chosen on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from ngjax.types import Array


def widths_for(longest: int, shortest: int = 8) -> tuple[int, ...]:
    """Widths that double from `shortest` up to `longest`, which is the last one.

    A sequence is then padded to less than twice its length.
    """
    widths = []
    width = shortest
    while width < longest:
        widths.append(width)
        width *= 2
    return (*widths, longest)


def in_bucket(
    function: Callable[..., Any], widths: tuple[int, ...], length: Array, *padded: Array
) -> Any:
    """`function` of padded arrays cut to the first width that holds every sequence.

    All widths are compiled into one program and one of them runs (`lax.switch`), so a batch of
    short sentences costs what short sentences cost and nothing is compiled again. Of use where the
    batches hold sequences of like length: `ngjax.data.by_length`.

    Args:
        function: of the cut arrays; what it returns must have shapes that know no width, as sums
            and final states have, and padding must not change it.
        widths: ascending; the last is the arrays' own T. Static.
        length: int [B], of each sequence.
        padded: arrays [B, T, ...].

    Returns:
        what `function` returns.

    Raises:
        ValueError: the last width is not T, or the widths do not ascend.
    """
    T = padded[0].shape[1]
    if widths[-1] != T or list(widths) != sorted(set(widths)):
        raise ValueError(f"widths {widths}: must ascend and end with {T}")

    if len(widths) == 1:
        return function(*padded)

    def at(width: int) -> Callable[..., Any]:
        return lambda *arrays: function(*(a[:, :width] for a in arrays))  # [B, width, ...]

    place = jnp.searchsorted(jnp.asarray(widths), length.max())  # first width >= the longest
    return lax.switch(place, [at(width) for width in widths], *padded)
