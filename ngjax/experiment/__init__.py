"""What an experiment is, and what it finds; `runner` and `publish` run it and tell of it."""

from ngjax.experiment.catalogue import discover, load
from ngjax.experiment.results import NotAsked, Results, Verdict
from ngjax.experiment.spec import Answer, Experiment, Learned, Picture, Text

__all__ = [
    "Answer",
    "Experiment",
    "Learned",
    "NotAsked",
    "Picture",
    "Results",
    "Text",
    "Verdict",
    "discover",
    "load",
]
