"""Notes 2.4 and 2.7: how many mini-batches an epoch has, their usual sizes; probabilities."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp

from ngjax.ops.activations import softmax
from ngjax.train.feed import evaluation_batches
from ngjax.train.settings import Intervals, Run
from ngjax.types import Source

USUAL = (64, 128, 256, 512, 1024)  # examples in a mini-batch
FEW = 1999  # examples: below 2000 the whole set is one batch


def _extremes() -> Any:
    """Mini-batches that hold 1000 examples once each, the last one short: of 1000, 1 and 64.

    Training drops the short one, and says so; what must see every example keeps it.
    """
    examples = Source(size=1000, batch=lambda constants, drawn, key: {})
    return [len(list(evaluation_batches(examples, size, 1))) for size in (1000, 1, 64)]


def _usual() -> Any:
    """The exponents of the usual sizes, as a run takes them; none if few are no single batch."""
    sizes = [Intervals.of(Run(batch_size=size), 5_000_000).batch_size for size in USUAL]
    alone = Intervals.of(Run(batch_size=0), FEW).steps_per_epoch == 1
    return [math.log2(size) for size in sizes] if alone else None


def _sum_of_probabilities() -> Any:
    """softmax(log y_hat) is y_hat over its sum: by how much it is less is the sum."""
    y_hat = jnp.array([0.3, 0.2, 0.1, 0.4])
    return (y_hat / softmax(jnp.log(y_hat)))[0]


CHECKS = MappingProxyType(
    {
        "batch-extremes": _extremes,
        "batch-size-rule": _usual,
        "softmax-yhat-normalised": _sum_of_probabilities,
    }
)
