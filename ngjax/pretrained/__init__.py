"""Published weights as our parameter trees; nothing is ever unpickled."""

from ngjax.pretrained.convert import load
from ngjax.pretrained.perceptual import Frozen, frozen
from ngjax.pretrained.place import place
from ngjax.pretrained.preprocess import PREPROCESS, Preprocess, preprocess

__all__ = ["PREPROCESS", "Frozen", "Preprocess", "frozen", "load", "place", "preprocess"]
