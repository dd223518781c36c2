"""One number out of many (notes 3.2): averages, trade-offs, optimising and satisficing metrics.

The print says "satisfying"; a metric that only has to be good enough is *satisficing* (Simon 1956).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping


def average_over_groups(accuracies: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Candidate -> the plain mean of what it reaches in each group (notes 3.2: each country).

    Args:
        accuracies: candidate -> group -> accuracy.
    """
    return {name: statistics.fmean(groups.values()) for name, groups in accuracies.items()}


def accuracy_less_time(accuracy: float, seconds: float, weight: float = 0.5) -> float:
    """accuracy - 0.5 x running time: to be made large, though the notes call it a cost.

    Args:
        accuracy: a share.
        seconds: running time of one answer. The weight is worth what the unit makes it.
        weight: accuracy that one second is worth.
    """
    return accuracy - weight * seconds


def choose(
    candidates: Mapping[str, Mapping[str, float]],
    optimise: str,
    at_most: Mapping[str, float] | None = None,
) -> str:
    """The candidate with the highest optimising metric among those that satisfice.

    Args:
        candidates: name -> metric -> value.
        optimise: the metric to make large; of equals the first wins.
        at_most: satisficing metric -> what it may not exceed.

    Raises:
        ValueError: none is good enough.
    """
    limits = at_most or {}
    enough = [
        name
        for name, metrics in candidates.items()
        if all(metrics[metric] <= limit for metric, limit in limits.items())
    ]
    if not enough:
        told = ", ".join(f"{metric} <= {limit:g}" for metric, limit in limits.items())
        raise ValueError(f"no candidate has {told}")
    return max(enough, key=lambda name: candidates[name][optimise])
