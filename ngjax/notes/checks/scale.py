"""Notes 1.2: which network for which data, and what more data does for the classic learner."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, supervised
from ngjax.data.question import odd_or_even
from ngjax.notes.applications import families
from ngjax.ops.backprop import logistic_descent

FLAT = 0.02  # by which two errors on a plateau may differ


def _plateau() -> Any:
    """Is a digit odd? Logistic regression on half of the digits and on all of them."""
    asked = data.Data(name="digits", dev=0.0, test=0.2)
    held = odd_or_even(data.load(asked))

    def flat(part: str) -> np.ndarray:
        x = supervised.scaled(held, part)
        return x.reshape(len(x), -1)  # [m, n_x]

    x, unseen = flat("train"), jnp.asarray(flat("test"))
    y, truth = np.float64(held.train.targets), held.test.targets

    def error(every: int) -> float:
        X, Y = jnp.asarray(x[::every].T), jnp.asarray(y[None, ::every])
        w, b, _ = logistic_descent(X, Y, 0.1, 500)
        guess = jax.nn.sigmoid(unseen @ w + b)[:, 0] > 0.5
        return float((np.asarray(guess) != truth).mean())

    middle, last = error(every=2), error(every=1)
    return {"linear_last_minus_mid_error_within": abs(last - middle) <= FLAT}


CHECKS = MappingProxyType(
    {
        "architecture-by-application": families,
        "traditional-plateaus-with-data": _plateau,
    }
)
