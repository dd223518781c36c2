"""A function that the compiler takes by itself, so that fusion stops at its border.

XLA fuses a cheap rule into all that read its result, and computes it anew in each. On CPU that is
dear where a reader goes through its input across the lines of memory, as a transpose does. JAX has
no stable word for this; without the experimental one results are the same, and slower.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.experimental.xla_metadata import set_xla_metadata


def outlined(rule: Callable[..., Any], static: tuple[int, ...] = ()) -> Callable[..., Any]:
    """The same rule; on CPU its arguments stand in memory as they come, and its result is written.

    Args:
        rule: a pure function of arrays.
        static: positions of arguments that are no arrays.
    """
    compiled = jax.jit(rule, static_argnums=static)

    @functools.wraps(rule)
    def alone(*arguments: Any) -> Any:
        if jax.default_backend() != "cpu":
            return compiled(*arguments)
        with set_xla_metadata(inlineable="false"):
            return compiled(*arguments)

    return alone
