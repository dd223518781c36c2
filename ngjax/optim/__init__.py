"""The notes' rules as optax transformations, their decays as optax schedules, and the chain."""

from ngjax.optim.adam import AdamState, scale_by_adam
from ngjax.optim.average import AverageState, ewa, exponentially_weighted_average
from ngjax.optim.chain import Optimizer, decay, hyper, make
from ngjax.optim.clip import clip_by_global_norm
from ngjax.optim.gains import GainsState, scale_by_gains
from ngjax.optim.lbfgs import lbfgs
from ngjax.optim.momentum import scale_by_momentum
from ngjax.optim.parts import by_part
from ngjax.optim.penalty import add_l1, add_l2, add_weight_decay, l2_penalty
from ngjax.optim.rmsprop import RMSPropState, scale_by_rmsprop

__all__ = [
    "AdamState",
    "AverageState",
    "GainsState",
    "Optimizer",
    "RMSPropState",
    "add_l1",
    "add_l2",
    "add_weight_decay",
    "by_part",
    "clip_by_global_norm",
    "decay",
    "ewa",
    "exponentially_weighted_average",
    "hyper",
    "l2_penalty",
    "lbfgs",
    "make",
    "scale_by_adam",
    "scale_by_gains",
    "scale_by_momentum",
    "scale_by_rmsprop",
]
