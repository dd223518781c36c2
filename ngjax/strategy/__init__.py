"""Strategy (notes 3): one number to judge by, where the error comes from, which knob to turn.

Splits are `ngjax.data.split`.
"""

from ngjax.strategy.advice import REMEDIES, STAGES, Advice, Remedy, advise
from ngjax.strategy.choice import accuracy_less_time, average_over_groups, choose
from ngjax.strategy.gaps import CUT, Diagnosis, bayes_proxy, diagnose, threshold_error
from ngjax.strategy.scores import Scores, confusion, f1, macro, scores

__all__ = [
    "CUT",
    "REMEDIES",
    "STAGES",
    "Advice",
    "Diagnosis",
    "Remedy",
    "Scores",
    "accuracy_less_time",
    "advise",
    "average_over_groups",
    "bayes_proxy",
    "choose",
    "confusion",
    "diagnose",
    "f1",
    "macro",
    "scores",
    "threshold_error",
]
