"""An optimizer is a sentence: its config, and the one optax chain made from it.

    optimizer = Optimizer(rule="adam", learning_rate=1e-3, l2=1e-4, schedule="cosine")
    tx = make(optimizer)(hyper(optimizer), Pace(steps_per_epoch=100, total_steps=1000))

Scalars are traced (`hyper`), so a population may vary them in one compiled step.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

import optax
from jax.typing import ArrayLike

from ngjax.optim import schedules
from ngjax.optim.adam import scale_by_adam
from ngjax.optim.clip import clip_by_global_norm
from ngjax.optim.lbfgs import lbfgs
from ngjax.optim.momentum import scale_by_momentum
from ngjax.optim.parts import by_part, parse
from ngjax.optim.penalty import add_l1, add_l2, add_weight_decay
from ngjax.optim.rmsprop import scale_by_rmsprop
from ngjax.types import Pace, UserError

Rule = Literal["descent", "momentum", "rmsprop", "adam", "lbfgs"]
Decay = Literal[
    "constant", "inverse_time", "exponential", "inverse_sqrt", "staircase", "manual", "cosine"
]
Count = Literal["epoch", "step"]
Hyper = Mapping[str, ArrayLike]
_READS = {  # rule -> the scalars that it alone reads
    "descent": (),
    "momentum": ("beta1",),
    "rmsprop": ("beta2", "epsilon"),
    "adam": ("beta1", "beta2", "epsilon"),
}
_WHERE_ON = ("clip_norm", "l2", "l1", "weight_decay")
_DECAY_RATE = {"inverse_time": 1.0, "exponential": 0.95, "inverse_sqrt": 1.0, "staircase": 0.5}
_NOT_LBFGS = ("l1", "weight_decay", "clip_norm", "schedule", "warmup_steps", "parts")
_RANGES = {  # field -> (what it must be, whether it is)
    "learning_rate": (">= 0", lambda x: 0 <= x < math.inf),
    "beta1": ("in [0, 1)", lambda x: 0 <= x < 1),
    "beta2": ("in [0, 1)", lambda x: 0 <= x < 1),
    "epsilon": (">= 0", lambda x: 0 <= x < math.inf),
    "l2": (">= 0", lambda x: 0 <= x < math.inf),
    "l1": (">= 0", lambda x: 0 <= x < math.inf),
    "weight_decay": (">= 0", lambda x: 0 <= x < math.inf),
    "clip_norm": (">= 0", lambda x: 0 <= x < math.inf),
    "decay_rate": ("> 0", lambda x: x is None or 0 < x < math.inf),
    "decay_every": (">= 1", lambda x: x >= 1),
    "warmup_steps": (">= 0", lambda x: x >= 0),
    "memory": (">= 1", lambda x: x >= 1),
}


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """How parameters go down.

    Raises:
        ValueError: "field: what is wrong", for a value out of its range.
    """

    rule: Rule = "descent"  # how a gradient becomes an update; lbfgs: full batches only
    learning_rate: float = 0.1  # alpha_0; lbfgs finds its own
    beta1: float = 0.9  # momentum and adam: weight of the past gradients
    beta2: float = 0.999  # rmsprop and adam: weight of the past squared gradients
    epsilon: float = 1e-8  # rmsprop and adam: added to the root in the denominator
    bias_correction: bool | None = None  # divide averages by 1 - beta^t; none: adam only
    l2: float = 0.0  # lambda / m of the notes: (l2 / 2) ||W||^2 beside the mean loss
    l1: float = 0.0  # l1 ||W||_1 beside the mean loss
    weight_decay: float = 0.0  # decoupled: W shrinks by learning rate x this, behind the rule
    clip_norm: float = 0.0  # longest gradient, all parameters together; 0: any
    schedule: Decay = "constant"  # decay of the learning rate
    decay_rate: float | None = None  # k of inverse_sqrt; none: the notes' 1, 0.95, 1 or 0.5
    decay_every: int = 1  # staircase: epochs a step lasts
    decay_by: Count = "epoch"  # what the decay counts, from one; not cosine
    warmup_steps: int = 0  # updates of linear rise at the start
    manual: tuple[tuple[int, float], ...] = ()  # manual: epoch:factor from it on, 30:0.1,60:0.01
    parts: tuple[str, ...] = ()  # pattern=factor of the learning rate, 0 freezes: conv1=0,head=0.1
    memory: int = 10  # lbfgs: steps remembered

    def __post_init__(self):
        for name, (wanted, holds) in _RANGES.items():
            if not holds(getattr(self, name)):
                raise ValueError(f"{name}: must be {wanted}, not {getattr(self, name)}")
        for name, choices in (("rule", Rule), ("schedule", Decay), ("decay_by", Count)):
            if getattr(self, name) not in typing.get_args(choices):
                raise ValueError(f"{name}: expected one of {', '.join(typing.get_args(choices))}")
        starts = [start for start, _ in self.manual]
        if starts != sorted(set(starts)) or any(not 0 <= f < math.inf for _, f in self.manual):
            raise ValueError("manual: epochs must increase and factors be >= 0")
        if (self.schedule == "manual") != bool(self.manual):
            raise ValueError("manual: give epoch:factor points with schedule=manual, only there")
        for rule in self.parts:
            try:
                parse(rule)
            except ValueError as error:
                raise ValueError(f"parts: {error}") from None


def hyper(optimizer: Optimizer) -> dict[str, float]:
    """The scalars that the chain reads traced: the ones that a population may vary.

    Penalties and clipping are among them only where they are on: at zero they would change nothing,
    and read all gradients or weights once more.
    """
    if optimizer.rule == "lbfgs":
        return {"l2": optimizer.l2}
    names = ["learning_rate", *_READS[optimizer.rule]]
    names += [name for name in _WHERE_ON if getattr(optimizer, name)]
    scalars = {name: getattr(optimizer, name) for name in names}
    if optimizer.schedule in _DECAY_RATE:
        rate = optimizer.decay_rate
        scalars["decay_rate"] = _DECAY_RATE[optimizer.schedule] if rate is None else rate
    return scalars


def make(
    optimizer: Optimizer,
) -> Callable[[Hyper, Pace], optax.GradientTransformationExtraArgs]:
    """Makes (hyper, pace) -> the chain, read from top to bottom in the order of the maths.

    It is what `Task.tx` wants. Penalties and clipping are links where hyper has their scalars. The
    structure of the state hangs on their names alone, and hyper may hold more than is read.

    Raises:
        UserError: a knob that L-BFGS cannot honour; from the chain, mini-batches under L-BFGS and
            a part that names no parameter.
    """
    if optimizer.rule == "lbfgs":
        return _lbfgs(optimizer)

    def tx(hyper: Hyper, pace: Pace) -> optax.GradientTransformationExtraArgs:
        def where_on(link: Callable[..., optax.GradientTransformation], name: str) -> Any:
            return link(hyper[name]) if name in hyper else optax.identity()

        factor = decay(optimizer, hyper, pace)
        chain = optax.chain(
            where_on(clip_by_global_norm, "clip_norm"),
            where_on(add_l2, "l2"),
            where_on(add_l1, "l1"),
            _rule(optimizer, hyper),
            where_on(add_weight_decay, "weight_decay"),
            optax.scale_by_schedule(lambda step: -hyper["learning_rate"] * factor(step)),
        )
        if optimizer.parts:
            chain = by_part(chain, optimizer.parts)
        return optax.with_extra_args_support(chain)

    return tx


def decay(optimizer: Optimizer, hyper: Hyper, pace: Pace) -> optax.Schedule:
    """Updates made -> the factor of the learning rate, warm-up included; what a figure draws."""
    rate = hyper.get("decay_rate")
    by_epoch = {
        "constant": lambda: optax.constant_schedule(1.0),
        "inverse_time": lambda: schedules.inverse_time(rate),
        "exponential": lambda: schedules.exponential(rate),
        "inverse_sqrt": lambda: schedules.inverse_square_root(rate),
        "staircase": lambda: schedules.staircase(rate, optimizer.decay_every),
        "manual": lambda: schedules.manual(optimizer.manual),
    }
    if optimizer.schedule == "cosine":
        schedule = schedules.cosine(pace.total_steps, optimizer.warmup_steps)
    elif optimizer.decay_by == "step":
        schedule = schedules.counted(by_epoch[optimizer.schedule]())
    else:
        schedule = schedules.counted(by_epoch[optimizer.schedule](), pace.steps_per_epoch)
    return schedules.warmup(schedule, optimizer.warmup_steps)


def _rule(optimizer: Optimizer, hyper: Hyper) -> optax.GradientTransformation:
    scalars = [hyper[name] for name in _READS[optimizer.rule]]
    correct = optimizer.bias_correction
    correct = optimizer.rule == "adam" if correct is None else correct
    if optimizer.rule == "descent":
        return optax.identity()
    words = {"momentum": scale_by_momentum, "rmsprop": scale_by_rmsprop, "adam": scale_by_adam}
    return words[optimizer.rule](*scalars, bias_correction=correct)


def _lbfgs(
    optimizer: Optimizer,
) -> Callable[[Hyper, Pace], optax.GradientTransformationExtraArgs]:
    plain = Optimizer()
    for name in _NOT_LBFGS:
        value = getattr(optimizer, name)
        if value != getattr(plain, name):
            raise UserError(
                f"--optimizer.{name}={value}: rule=lbfgs searches its step on the whole loss; "
                f"leave {name} out or take another rule"
            )

    def tx(hyper: Hyper, pace: Pace) -> optax.GradientTransformationExtraArgs:
        if pace.steps_per_epoch > 1:
            raise UserError(
                "--optimizer.rule=lbfgs: searches its step on the whole loss; "
                "give --run.batch_size=0"
            )
        return lbfgs(hyper["l2"], optimizer.memory)

    return tx
