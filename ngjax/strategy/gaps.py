"""Where the error comes from (notes 2.1 and 3.3).

    avoidable bias = train error - human error          variance = dev error - train error

Human error stands for the Bayes error, which no classifier beats; of several people the best ones
are the nearest to it. The larger of the two gaps is the one to work on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

CUT = 0.02  # a gap above is high; any cut from 1 to 10 points tells the notes' four cases apart


class Diagnosis(NamedTuple):
    """Two gaps, as shares; with no human error known, the bias is counted from 0: at most that."""

    avoidable_bias: float
    variance: float
    human_known: bool
    cut: float

    @property
    def words(self) -> str:
        """As the notes have it: "high bias/low variance" and the like."""
        bias, variance = ("high" if gap > self.cut else "low" for gap in self[:2])
        return f"{bias} bias/{variance} variance"

    @property
    def larger(self) -> str | None:
        """The gap to work on, "bias" or "variance"; None where neither is above 0 or none can tell.

        Without a human error the bias may be smaller than it looks, but not larger.
        """
        if max(self.avoidable_bias, self.variance) <= 0:
            return None
        if self.variance > self.avoidable_bias:
            return "variance"
        return "bias" if self.human_known else None


def diagnose(train: float, dev: float, human: float | None = None, cut: float = CUT) -> Diagnosis:
    """The two gaps of a trained model.

    Args:
        train: error on the training set, a share.
        dev: error on the dev set.
        human: error of people, or the Bayes error; None: not known.
        cut: from where on a gap is high.
    """
    return Diagnosis(train - (human or 0.0), dev - train, human is not None, cut)


def bayes_proxy(errors: Mapping[str, float]) -> tuple[str, float]:
    """Whose error bounds the Bayes error best: (who, the smallest), as Bayes <= each of them.

    Args:
        errors: who -> error.
    """
    who = min(errors, key=errors.__getitem__)
    return who, errors[who]


def threshold_error(threshold: float, mean: float = 1.0, sigma: float = 1.0) -> float:
    """Error of "above the threshold it is the second" on two Gaussians at -mean and +mean.

        [Phi((t - mean) / sigma) + Phi((-t - mean) / sigma)] / 2

    Both classes are equally likely. At t = 0 it is the Bayes error, Phi(-mean / sigma): 0.158655
    for mean = sigma = 1; any other threshold is worse.

    Args:
        threshold: t.
        mean: half the distance of the two.
        sigma: deviation of both.
    """
    return (_phi((threshold - mean) / sigma) + _phi((-threshold - mean) / sigma)) / 2


def _phi(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2
