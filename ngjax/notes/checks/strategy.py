"""Notes 3: metrics to judge by, human level, avoidable bias and variance."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from ngjax import strategy

CLASSIFIERS = {  # the course's table
    "A": {"accuracy": 0.90, "milliseconds": 80},
    "B": {"accuracy": 0.92, "milliseconds": 95},
    "C": {"accuracy": 0.95, "milliseconds": 1500},
}
DOCTORS = {"typical person": 0.03, "doctor": 0.01, "experienced doctor": 0.007, "team": 0.005}


def _classifier() -> str:
    """By the trade-off and by the limit: both must name the same one."""
    worth = {
        name: strategy.accuracy_less_time(c["accuracy"], c["milliseconds"] / 1000)
        for name, c in CLASSIFIERS.items()
    }
    limited = strategy.choose(CLASSIFIERS, "accuracy", at_most={"milliseconds": 100})
    return limited if limited == max(worth, key=worth.__getitem__) else "they disagree"


def _gaps() -> Any:
    found = strategy.diagnose(train=0.05, dev=0.06, human=0.005)
    return [found.avoidable_bias, found.variance] if found.larger == "bias" else "not the bias"


CHECKS = MappingProxyType(
    {
        "f1-harmonic": lambda: strategy.f1(0.95, 0.90),
        "accuracy-minus-half-time": _classifier,
        # the best of all thresholds
        "human-level-curve": lambda: min(
            strategy.threshold_error(float(t)) for t in np.linspace(-2, 2, 401)
        ),
        "medical-bayes-proxy": lambda: strategy.bayes_proxy(DOCTORS)[1],
        "avoidable-bias-variance": _gaps,
    }
)
