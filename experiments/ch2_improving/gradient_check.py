r"""Gradient checking: any trained experiment of the catalogue against central differences.

    dtheta_approx[i] = (J(.., theta_i + epsilon, ..) - J(.., theta_i - epsilon, ..)) / (2 epsilon)
    ratio = ||dtheta_approx - dtheta|| / (||dtheta_approx|| + ||dtheta||)

Notes 2.3. The print forgets epsilon in the first quotient, and calls both sides dtheta[i]. With
epsilon = 1e-7, which needs float64, a ratio of 1e-7 is fine and one above 1e-5 suspicious. Checked
is the gradient that the engine hands to the rule, penalties included, on one small batch of the
experiment in its smallest form: at random weights, and again after some training.

    python launch.py --experiment=gradient_check
    python launch.py --experiment=gradient_check --task=lenet --task_arm=notes
    python launch.py --experiment=gradient_check --task=language_model --knobs=cell=gru,depth=2
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import config as cfg
from ngjax import data, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text, discover, load
from ngjax.ops import backprop
from ngjax.ops.activations import ACTIVATIONS
from ngjax.ops.gradient_check import GradientCheck, gradient_check, one_sided, two_sided
from ngjax.train.probe import Probe, probe
from ngjax.types import Task, UserError

FINE, SUSPICIOUS, BUG = 1e-7, 1e-5, 1e-3  # of the ratio; the notes name the first two
CHUNK = 8  # differences in one vectorised evaluation
SHAPE = (6, 5, 1)  # the network whose slopes are written by hand
FAULTS = MappingProxyType(
    {  # fault -> (where it is planted, what becomes of that slope)
        "none": ("", lambda slope: slope),
        "a sign flipped": ("layer1/W", lambda slope: -slope),
        "a factor 2": ("layer2/b", lambda slope: 2 * slope),
        "one entry zero": ("layer1/W", lambda slope: slope.at[0, 3].set(0)),
    }
)


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    task: str = "logistic_regression"  # the experiment that is checked
    task_arm: str = ""  # which arm of it; empty: its first
    knobs: tuple[str, ...] = ()  # what else is turned on it: width=8,optimizer.l2=0.1
    after: int = 0  # updates made before the check
    l2: float = 0.0  # penalty of the checked chain; 0: its own
    batch: int = 16  # examples in J
    sample: int = 160  # parameters drawn for the check
    epsilon: float = 1e-7  # half the width of a difference

    def __post_init__(self) -> None:
        """Refuse what no check can be."""
        for name in ("batch", "sample"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        for name in ("after", "l2"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must be 0 or more, got {getattr(self, name)}")
        if self.epsilon <= 0:
            raise ValueError(f"epsilon: must be above 0, got {self.epsilon}")


def checked(config: Config) -> tuple[Task, Any]:
    """The experiment's Task in its smallest form, in float64, and its Run.

    Raises:
        UserError: no such experiment, arm or knob, or one that trains nothing.
    """
    trained = [name for name in discover() if name != "gradient_check"]
    if config.task not in trained:
        raise UserError(f"--task={config.task}: no such experiment{_near(config.task, trained)}")
    experiment = load(config.task)
    if not experiment.build:
        raise UserError(f"--task={config.task}: trains nothing, so there is no gradient to check")
    arm = config.task_arm or next(iter(experiment.arms))
    if arm not in experiment.arms:
        near = _near(arm, experiment.arms)
        raise UserError(f"--task_arm={arm}: {config.task} has no such arm{near}")
    ours = (f"run.batch_size={config.batch}", "run.dtype=float64", "run.accumulate=1")
    layers = (*experiment.smoke, *experiment.arms[arm], *ours, *config.knobs)
    try:
        asked = cfg.override(experiment.config, layers)
    except UserError as error:
        raise UserError(f"--knobs, for {config.task}: {error}") from None
    task = experiment.build(asked)
    if config.l2 and task.hyper.keys() & {"l2", "learning_rate"}:  # the chain is of `optim.make`
        task = dataclasses.replace(task, hyper={**task.hyper, "l2": config.l2})
    return task, asked.run


def refuse_noise(held: Probe, config: Config) -> None:
    """A loss that draws anew has no differences: J(theta + epsilon) is under another mask.

    Raises:
        UserError: it does; with the knob that makes it so.
    """
    knob = held.draws()
    if knob is None:
        return
    why = "draws anew at every evaluation, so a difference of two of them is noise (notes 2.3)"
    how = f"give --knobs={knob}=0" if knob else "choose another --task"
    turned = f"at {knob}={float(held.state.hyper[knob]):g} " if knob else ""
    raise UserError(f"--task={config.task}: its loss {turned}{why}; {how}")


def run(config: Config, seed: int) -> Mapping[str, Any]:
    """The ratio of the experiment's gradient, and its worst components by name."""
    task, settings = checked(config)
    held = probe(task, settings, seed, config.after)
    refuse_noise(held, config)
    with held.precision():
        batch, params = held.batch(), held.state.params
        slopes = jax.jit(held.gradient)(params)
        ask = {"epsilon": config.epsilon, "sample": config.sample, "seed": seed, "chunk": CHUNK}
        whole = gradient_check(lambda theta: held.cost(theta, batch), params, slopes, **ask)
        found = {
            "ratio": whole.ratio,
            "checked": whole.checked,
            "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
            "cost": float(jax.jit(held.cost)(params, batch)),
            "penalty": float(held.penalty(params)),
            "worst": whole.worst,
        }
        if found["penalty"]:  # what happens to one who forgets it
            bare = gradient_check(lambda theta: held.loss(theta, batch), params, slopes, **ask)
            found["ratio_without_penalty"] = bare.ratio
    return found


@functools.cache
def by_hand() -> Mapping[str, GradientCheck]:
    """The backward pass of notes 1.6 on 64 tumours: as it is, and with a fault planted in it."""
    held = data.load(data.Data(name="breast_cancer"))
    generator = np.random.default_rng(0)
    with jax.enable_x64(True):
        X = jnp.asarray(supervised.scaled(held, "train")[:64, : SHAPE[0]].T)  # [n_x, m]
        Y = jnp.asarray(np.float64(held.train.targets[:64])[None])  # [1, m]
        theta = {
            f"layer{number}": backprop.Layer(
                jnp.asarray(generator.normal(size=(n, before)) / np.sqrt(before)),
                jnp.asarray(0.1 * generator.normal(size=(n, 1))),
            )
            for number, (before, n) in enumerate(itertools.pairwise(SHAPE), 1)
        }
        names = [ACTIVATIONS["tanh"], ACTIVATIONS["sigmoid"]]

        def cost(theta: Any) -> jax.Array:
            return backprop.binary_cost(backprop.forward(list(theta.values()), X, names)[0], Y)

        A, caches = backprop.forward(list(theta.values()), X, names)
        slopes = dict(zip(theta, backprop.backward(backprop.binary_dA(A, Y), caches), strict=True))
        return {
            fault: gradient_check(cost, theta, _spoilt(slopes, place, change))
            for fault, (place, change) in FAULTS.items()
        }


def _spoilt(slopes: Mapping[str, backprop.Layer], place: str, change: Any) -> dict[str, Any]:
    """The slopes with one of them changed."""
    layer, _, field = place.partition("/")
    if not place:
        return dict(slopes)
    spoilt = slopes[layer]._replace(**{field: change(getattr(slopes[layer], field))})
    return {**slopes, layer: spoilt}


def errors(dtype: str, epsilons: np.ndarray) -> dict[str, np.ndarray]:
    """How far both differences of theta^3 at 1 are from 3, [E] each, in a precision."""
    one, three = np.ones((), dtype), np.asarray(3, dtype)
    steps = epsilons.astype(dtype)
    cubed = lambda theta: theta * theta * theta  # noqa: E731
    return {
        "two-sided": np.abs(np.float64(two_sided(cubed, one, steps) - three)),
        "one-sided": np.abs(np.float64(one_sided(cubed, one, steps) - three)),
    }


def cubic(results: Results) -> tuple[bool, str]:
    """Notes 2.3: theta^3 at 1 with epsilon 0.01 is 3.0001 two-sided (and 3.0301 one-sided)."""
    del results
    off = errors("float64", np.array([0.01]))
    two, one = off["two-sided"][0], off["one-sided"][0]
    told = f"{3 + two:.6f} two-sided, {3 + one:.6f} one-sided"
    return abs(two - 1e-4) < 1e-9 and abs(one - 0.0301) < 1e-9, told


def orders(results: Results) -> tuple[bool, str]:
    """Notes 2.3: half of epsilon is a quarter of the two-sided error, half of the one-sided one."""
    del results
    off = errors("float64", np.array([0.01, 0.005]))
    by = {name: float(e[0] / e[1]) for name, e in off.items()}
    told = ", ".join(f"{name} {factor:.3f}" for name, factor in by.items())
    return abs(by["two-sided"] - 4) < 0.02 and abs(by["one-sided"] - 2) < 0.02, f"divided by {told}"


def needs_float64(results: Results) -> tuple[bool, str]:
    """Notes 2.3: epsilon = 1e-7 serves; in float64 to six digits, in float32 not to one."""
    del results
    off = {name: errors(name, np.array([1e-7]))["two-sided"][0] / 3 for name in _PRECISIONS}
    told = ", ".join(f"{error:.1e} in {name}" for name, error in off.items())
    return bool(off["float64"] < 1e-6 and off["float32"] > 0.1), f"relative error {told}"


def finds_faults(results: Results) -> tuple[bool, str]:
    """Notes 2.3: right slopes have a ratio of 1e-7 or less, planted faults above 1e-3, by name."""
    del results
    found = by_hand()
    told = ", ".join(f"{fault} {check.ratio:.1e}" for fault, check in found.items())
    planted = {fault: check for fault, check in found.items() if fault != "none"}
    named = all(c.worst[0].name.startswith(FAULTS[f][0]) for f, c in planted.items())
    least = min(check.ratio for check in planted.values())
    return found["none"].ratio < FINE and least > BUG and named, f"ratio with fault: {told}"


def right_at_start(results: Results) -> tuple[bool, str]:
    """Notes 2.3: the gradient is right at random weights: its ratio is below 1e-5."""
    return _right(results, "start")


def right_after_training(results: Results) -> tuple[bool, str]:
    """Notes 2.3: and right again after some training: its ratio is below 1e-5."""
    return _right(results, "trained")


def _right(results: Results, name: str) -> tuple[bool, str]:
    arm = results[name]
    told = f"{arm.config.task}: ratio {arm['ratio']:.1e} over {arm['checked']:.0f} parameters"
    return arm["ratio"] < SUSPICIOUS, told


def penalty_counts(results: Results) -> tuple[bool, str]:
    """Notes 2.3: the regulariser belongs into J; without it the right gradient looks wrong."""
    arm = results["penalised"]
    if not arm["penalty"]:
        raise NotAsked(f"{arm.config.task} has no penalty, or only weights that are zero")
    with_, without = arm["ratio"], arm["ratio_without_penalty"]
    told = f"ratio {with_:.1e} with the penalty in J, {without:.1e} without"
    return with_ < SUSPICIOUS < without, told


_PRECISIONS = ("float64", "float32")


def figures(results: Results) -> Iterator[Picture]:
    """The V of the errors, the digits that agree with and without a fault."""
    from ngjax.report import figures as draw

    epsilons = np.logspace(-1, -12, 45)
    series = {
        f"{side}, {dtype}": np.where(off > 0, off, np.nan)
        for dtype in _PRECISIONS
        for side, off in errors(dtype, epsilons).items()
    }
    yield Picture(
        "error-against-epsilon",
        "Differences of theta^3 at 1: a smaller epsilon helps (epsilon^2 two-sided, epsilon "
        "one-sided) until rounding takes over, in float32 far too soon for 1e-7.",
        draw.lines(
            epsilons,
            series,
            xlabel="epsilon",
            ylabel="distance from the slope 3",
            log_x=True,
            log_y=True,
        ),
    )
    yield Picture(
        "planted-faults",
        "Digits to which a written gradient agrees with its differences: the notes' backward pass "
        "as it is, and with a fault planted; fewer than 5 are suspicious.",
        draw.bars(
            {fault: -math.log10(check.ratio) for fault, check in by_hand().items()},
            xlabel="digits that agree, -log10 of the ratio",
            best="none",
        ),
    )
    yield Picture(
        "checked-task",
        f"The same of {results.only.config.task}, as the engine computes its gradient.",
        draw.bars(
            {name: -math.log10(max(arm["ratio"], 1e-16)) for name, arm in results.items()},
            xlabel="digits that agree, -log10 of the ratio",
        ),
    )


def texts(results: Results) -> Iterator[Text]:
    """The worst components by name."""
    for name, arm in results.items():
        found = next(iter(arm.found.values()))
        title = f"{arm.config.task} at {name}, {found['checked']} of {found['parameters']}"
        yield Text(f"Worst components: {title} parameters", table(found["worst"]))
    for fault, check in by_hand().items():
        yield Text(f"Worst components: by hand, fault: {fault}", table(check.worst))


def table(worst: Any) -> str:
    """Components as a table."""
    wide = max(len(part.name) for part in worst)
    head = f"{'':{wide}}{'difference':>18}{'gradient':>18}{'apart':>12}"
    rows = (
        f"{part.name:{wide}}{part.approximation:18.10f}{part.gradient:18.10f}"
        f"{abs(part.approximation - part.gradient):12.1e}"
        for part in worst
    )
    return "\n".join([head, *rows])


def _near(name: str, known: Any) -> str:
    return cfg.nearest(name, known) or f"; choose from {', '.join(known)}"


EXPERIMENT = Experiment(
    notes="2.3",
    config=Config(),
    run=run,
    arms={
        "start": (),
        "trained": ("after=50",),
        "penalised": ("after=50", "l2=0.1"),
    },
    smoke=("sample=16", "batch=8"),
    claims={
        "gradcheck-cubic": cubic,
        "gradcheck-order": orders,
        "gradcheck-needs-float64": needs_float64,
        "gradcheck-ratio": finds_faults,
        "right-at-the-start": right_at_start,
        "right-after-training": right_after_training,
        "the-regulariser-counts": penalty_counts,
    },
    figures=figures,
    texts=texts,
    terms=("gradient check",),
)
