r"""The smallest cost there is, J(w) = w^2 - 10w + 25, down to w = 5 by every rule of the house.

    J(w) = w^2 - 10w + 25 = (w - 5)^2,     dJ/dw = 2w - 10,     least at w = 5, where J = 0
    descent:  w := w - alpha dJ/dw;        from w = 0 with alpha = 0.01 the first step is 0.1

Notes 2.7 (which print 2s for 25). The framework needs J alone: its slope is automatic. A Task
without data: the parameter is w, and there are no batches. Rates differ, as the rules take steps of
different kinds: Adam's are about alpha long whatever the slope, RMSProp's as well once s has left
zero, so both decay.

    python launch.py --experiment=quadratic
    python launch.py --experiment=quadratic --arms=adam --optimizer.beta1=0.5
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import optim
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.ops.gradient_check import gradient_check
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Sum, Task

LEAST = 5.0  # the w of least J
NEAR = 1e-3  # how near to it every rule must end


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    start: float = 0.0  # w before the first step
    optimizer: optim.Optimizer = optim.Optimizer(rule="descent", learning_rate=0.01)
    run: Run = Run(steps=1000, log_every=1, evaluate_every=250, dtype="float64")


def J(w: Any) -> Any:  # noqa: N802
    """w^2 - 10w + 25."""
    return w**2 - 10 * w + 25


def dJ_dw(w: Any) -> Any:  # noqa: N802
    """2w - 10, by hand: what automatic differentiation is held against."""
    return 2 * w - 10


def build(config: Config) -> Task:
    """The Task: w is the parameter, and a step reads no batch."""

    def init(key: Array) -> tuple[Params, Any]:
        del key
        return {"w": jnp.asarray(config.start, jnp.result_type(float))}, {}

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        del batch, context
        w, one = params["w"], jnp.ones(())
        cost, slope = jax.value_and_grad(J)(w)
        return (cost, one), Aux(extra, {"w": (w, one), "slope": (slope, one)})

    return Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer),
    )


def path(results: Results, name: str) -> np.ndarray:
    """w before the first step and after each: the log holds what a step started from."""
    arm = results[name]
    if arm.config.run.log_every != 1:
        raise NotAsked("the path needs every step: --run.log_every=1")
    return np.append(arm.history("train/w")[1], float(arm.params["w"]))


def plain_descent(results: Results) -> tuple[np.ndarray, float]:
    """The path of descent and its rate, where it can be followed by hand."""
    config = results["descent"].config
    alpha = config.optimizer.learning_rate
    if config.optimizer != optim.Optimizer(rule="descent", learning_rate=alpha):
        raise NotAsked("by hand there is plain descent alone")
    if config.run.dtype != "float64":
        raise NotAsked("by hand it is worked in float64")
    return path(results, "descent"), alpha


def every_rule_reaches_five(results: Results) -> tuple[bool, str]:
    """Notes 2.7, corrected: J is least at w = 5, where it is 0; every rule ends within 0.001."""
    ends = {name: float(results[name].params["w"]) for name in EXPERIMENT.arms}
    told = ", ".join(f"{name} {w:.6f}" for name, w in ends.items())
    return max(abs(w - LEAST) for w in ends.values()) < NEAR, f"w = {told}"


def first_step_by_hand(results: Results) -> tuple[bool, str]:
    """Notes 2.7: the first step of descent is alpha (10 - 2w): 0.1 from 0 at 0.01."""
    w, alpha = plain_descent(results)
    hand = w[0] - alpha * dJ_dw(w[0])
    return bool(abs(w[1] - hand) < 1e-12), f"w goes from {w[0]:g} to {w[1]:.12g}, by hand {hand:g}"


def whole_path_by_hand(results: Results) -> tuple[bool, str]:
    """Notes 1.3.4: w - 5 shrinks by 1 - 2 alpha at every step of descent (to 1e-9)."""
    w, alpha = plain_descent(results)
    hand = LEAST + (w[0] - LEAST) * (1 - 2 * alpha) ** np.arange(len(w))
    off = float(np.abs(w - hand).max())
    return off < 1e-9, f"off by {off:.0e} over {len(w) - 1} steps"


def slope_is_automatic(results: Results) -> tuple[bool, str]:
    """Notes 2.7: a framework needs J alone: its dJ/dw is 2w - 10, and a difference's (to 1e-6)."""
    arm = results["descent"]
    w, slopes = (arm.history(f"train/{name}")[1] for name in ("w", "slope"))
    off = float(np.abs(slopes - dJ_dw(w)).max())
    with jax.enable_x64(True):
        ratio = gradient_check(J, jnp.asarray(arm.config.start, float), epsilon=1e-5).ratio
    return max(off, ratio) < 1e-6, f"off 2w - 10 by {off:.0e}; gradient check {ratio:.0e}"


def steps_to(w: np.ndarray) -> int | None:
    """The first step from which w stays near 5."""
    far = np.flatnonzero(np.abs(w - LEAST) >= NEAR)
    first = int(far[-1]) + 1 if len(far) else 0
    return first if first < len(w) else None


def lbfgs_in_few(results: Results) -> tuple[bool, str]:
    """On a parabola L-BFGS, which learns its curvature, arrives within five steps."""
    needed = {name: steps_to(path(results, name)) for name in EXPERIMENT.arms}
    told = ", ".join(f"{name} {steps}" for name, steps in needed.items())
    quick = needed["lbfgs"]
    return quick is not None and quick <= 5, f"steps until w stays within {NEAR:g} of 5: {told}"


def figures(results: Results) -> Iterator[Picture]:
    """The way of w, J beside it, and the distance that is left."""
    from ngjax.report import figures as draw

    paths = {name: path(results, name) for name in results}
    shown = min(150, *map(len, paths.values()))
    yield Picture(
        "way-of-w",
        f"w in the first {shown} steps. RMSProp's first ones are long, as s starts at zero; L-BFGS "
        "learns the curvature from its first step.",
        draw.lines(
            np.arange(shown),
            {name: w[:shown] for name, w in paths.items()},
            xlabel="step",
            ylabel="w",
        ),
    )
    steps = max(map(len, paths.values()))
    left = {
        name: np.append(np.maximum(np.abs(w - LEAST), 1e-16), np.full(steps - len(w), np.nan))
        for name, w in paths.items()
    }
    yield Picture(
        "distance-left",
        "How far w is from 5; what is below 1e-16 is drawn there.",
        draw.lines(np.arange(steps), left, xlabel="step", ylabel="|w - 5|", log_y=True),
    )
    w = np.linspace(-1, 11, 121)
    touching = {
        f"slope {dJ_dw(at):+g} at {at:g}".replace("-", "−"): np.where(
            np.abs(w - at) < 1.5, J(at) + dJ_dw(at) * (w - at), np.nan
        )
        for at in (2.0, 9.0)
    }
    yield Picture(
        "cost",
        "J(w): left of 5 the slope is negative and w grows, right of it w shrinks.",
        draw.lines(w, {"J": J(w), **touching}, xlabel="w", ylabel="J"),
    )


def texts(results: Results) -> Iterator[Text]:
    """The first steps of every arm."""
    paths = {name: path(results, name) for name in results}
    rows = ["step" + "".join(f"{name:>14}" for name in paths)]
    for step in range(min(6, *map(len, paths.values()))):
        rows.append(f"{step:4}" + "".join(f"{w[step]:14.6f}" for w in paths.values()))
    yield Text("w after the first steps", "\n".join(rows))


def _rule(rule: str, *more: str) -> tuple[str, ...]:
    return (f"optimizer.rule={rule}", *more)


def _decayed(rule: str) -> tuple[str, ...]:
    return _rule(rule, "optimizer.learning_rate=0.1", "optimizer.schedule=cosine")


EXPERIMENT = Experiment(
    notes="2.7",
    config=Config(),
    build=build,
    objective=("train/loss", "min"),
    arms={
        "descent": _rule("descent"),
        "momentum": _rule("momentum"),
        "rmsprop": _decayed("rmsprop"),
        "adam": _decayed("adam"),
        "lbfgs": _rule("lbfgs"),
    },
    smoke=("run.steps=4",),
    claims={
        "tf-quadratic": every_rule_reaches_five,
        "first-step-by-hand": first_step_by_hand,
        "whole-path-by-hand": whole_path_by_hand,
        "slope-is-automatic": slope_is_automatic,
        "lbfgs-in-few-steps": lbfgs_in_few,
    },
    figures=figures,
    texts=texts,
)
