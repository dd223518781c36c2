"""Published weights as our parameter trees; nothing is ever unpickled."""

from ngjax.pretrained.convert import load
from ngjax.pretrained.preprocess import PREPROCESS, Preprocess, preprocess

__all__ = ["PREPROCESS", "Preprocess", "load", "preprocess"]
