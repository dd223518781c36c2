r"""Descent, momentum, RMSProp, Adam and the decays of the learning rate, on the same network.

    momentum   v = beta v + (1 - beta) dW                 W = W - alpha v
    RMSProp    s = beta s + (1 - beta) dW^2               W = W - alpha dW / (sqrt(s) + eps)
    Adam       both, v / (1 - beta1^t), s / (1 - beta2^t)  W = W - alpha v_hat / (sqrt(s_hat) + eps)

Notes 2.4. The print squares W where dW is meant, and writes the decayed rates of epochs 2 and 3 as
0.67 and 0.5: they are 0.0667 and 0.05. Every arm trains the same network from the same start on
real digits; the second figure sets the rules on an elongated bowl.

Arm `centralised` is how to add a word of your own: `centralise` below is an optax transformation,
and `build` sets it before the house's chain.

    python launch.py --experiment=optimizers
    python launch.py --experiment=optimizers --arms=momentum,adam --seeds=3
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, Picture, Results
from ngjax.models.mlp import MLP
from ngjax.train.settings import Run
from ngjax.types import Array, Pace, Params, Task

BOWL = (1.0, 25.0)  # curvatures of the elongated bowl, along and across
START = (-8.0, 1.6)
BOWL_STEPS = 40
BOWL_RULES = {
    "descent": optim.Optimizer(rule="descent", learning_rate=0.075),
    "momentum": optim.Optimizer(rule="momentum", learning_rate=0.075),
    "rmsprop": optim.Optimizer(rule="rmsprop", learning_rate=0.3, beta2=0.9),
    "adam": optim.Optimizer(rule="adam", learning_rate=0.6),
}
RULES = ("batch", "mini_batch", "stochastic", "momentum", "rmsprop", "adam")
COURSE = ("descent", "momentum", "adam")
DECAYS = ("inverse_time", "exponential", "inverse_sqrt", "staircase", "manual")


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    hidden: tuple[int, ...] = (64, 32)  # units of the hidden layers
    centralised: bool = False  # subtract each unit's mean gradient first (Yong et al. 2020)
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=1e-3)
    run: Run = Run(epochs=15, batch_size=64)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if min(self.hidden, default=1) < 1:
            raise ValueError(f"hidden: every layer needs a unit, got {self.hidden}")


def centralise() -> optax.GradientTransformation:
    """dW := dW - mean of dW over the inputs of each unit (Yong et al. 2020).

    A transformation of one's own: it keeps no state, and looks at matrices only.
    """

    def init_fn(params: Params) -> optax.EmptyState:
        del params
        return optax.EmptyState()

    def update_fn(updates: Any, state: optax.EmptyState, params: Params = None) -> Any:
        del params

        def centred(dW: Array) -> Array:
            return dW if dW.ndim < 2 else dW - dW.mean(axis=0, keepdims=True)

        return jax.tree.map(centred, updates), state

    return optax.GradientTransformation(init_fn, update_fn)


def build(config: Config) -> Task:
    """The Task."""
    held = data.load(config.data, kinds=("images", "table"))
    network = supervised.linen(MLP((*config.hidden, len(held.classes))), held)
    scale = "pixels" if held.kind == "images" else "standard"
    task = supervised.task(held, network, config.optimizer, supervised.classify, scale=scale)
    if not config.centralised:
        return task

    def tx(hyper: Any, pace: Pace) -> optax.GradientTransformation:
        return optax.chain(centralise(), task.tx(hyper, pace))

    return dataclasses.replace(task, tx=tx)


def bowl_path(optimizer: optim.Optimizer, steps: int = BOWL_STEPS) -> np.ndarray:
    """The way of a rule over J(w, b) = (w^2 + 25 b^2) / 2, every decay left out.

    Returns:
        [steps + 1, 2].
    """
    tx = optim.make(optimizer)(optim.hyper(optimizer), Pace(1, steps))
    curvature = jnp.asarray(BOWL)

    def step(held: Any, _: None) -> Any:
        point, state = held
        updates, state = tx.update(curvature * point, state, point)
        point = optax.apply_updates(point, updates)
        return (point, state), point

    start = jnp.asarray(START)
    _, path = jax.jit(lambda p: lax.scan(step, (p, tx.init(p)), None, steps))(start)
    return np.concatenate([np.asarray(START)[None], np.asarray(path)])


def epochs_to(results: Results, name: str, accuracy: float) -> float:
    """The first epoch whose dev accuracy is that good; infinite where none is."""
    rows = next(iter(results[name].rows.values()))
    good = (row["epoch"] for row in rows if row.get("dev/accuracy", 0) >= accuracy)
    return next(good, float("inf"))


def small_batches_learn_sooner(results: Results) -> tuple[bool, str]:
    """Notes 2.4: in as many passes over the data, mini-batches get further than whole batches."""
    batch, mini = results["batch"]["dev/loss"], results["mini_batch"]["dev/loss"]
    return mini < batch, f"dev loss {mini:.3f} by mini-batches, {batch:.3f} by whole batches"


def batch_is_smooth(results: Results) -> tuple[bool, str]:
    """Notes 2.4: the cost of batch descent only falls, that of single examples jumps about."""
    rough = {}
    for name in ("batch", "stochastic"):
        cost = results[name].history("train/loss")[1]
        rough[name] = float((np.diff(cost) > 0).mean())
    told = ", ".join(f"{share:.0%} of log lines up ({name})" for name, share in rough.items())
    return rough["batch"] == 0 and rough["stochastic"] > 0.2, told


def adam_is_quick(results: Results) -> tuple[bool, str]:
    """Notes 2.4: RMSProp and Adam reach a given accuracy in fewer passes than plain descent."""
    needed = {name: epochs_to(results, name, 0.9) for name in ("mini_batch", "rmsprop", "adam")}
    told = ", ".join(f"{name} {epochs:.1f}" for name, epochs in needed.items())
    plain = needed.pop("mini_batch")
    return max(needed.values()) < plain, f"epochs to 90 % on dev: {told}"


def correction_matters_early(results: Results) -> tuple[bool, str]:
    """Notes 2.4: bias correction matters in the first steps, not later (their text has it late)."""
    one, other = (results[n].history("train/loss")[1] for n in ("adam", "adam_uncorrected"))
    first, last = abs(one[:5] - other[:5]).mean(), abs(one[-5:] - other[-5:]).mean()
    return bool(first > last), f"losses differ by {first:.3f} at first, by {last:.3f} in the end"


def momentum_damps_the_bowl(results: Results) -> tuple[bool, str]:
    """Notes 2.4: momentum damps the oscillation across an elongated bowl."""
    del results
    across = {}
    for rule in ("descent", "momentum"):
        across[rule] = float(np.abs(np.diff(bowl_path(BOWL_RULES[rule])[:, 1])).sum())
    told = ", ".join(f"{rule} {length:.1f}" for rule, length in across.items())
    return across["momentum"] < across["descent"], f"way travelled across the bowl: {told}"


def adam_wins_on_moons(results: Results) -> tuple[bool, str]:
    """The course's moons, 80, 80 and 94 %: momentum is no better than descent, Adam is, by 2."""
    found = {rule: results[f"moons_{rule}"]["train/accuracy"] for rule in COURSE}
    told = ", ".join(f"{rule} {share:.1%}" for rule, share in found.items())
    alike = abs(found["momentum"] - found["descent"]) < 0.01
    return alike and found["adam"] > found["descent"] + 0.02, f"on the training points: {told}"


def figures(results: Results) -> Iterator[Picture]:
    """Paths over the bowl, and the decays as they were used."""
    from ngjax.report import figures as draw

    for title, names in (("rules", RULES), ("decays", DECAYS)):
        histories = {name: results[name].rows for name in names if name in results}
        if histories:
            yield Picture(
                f"{title}-compared",
                f"The {title}: loss on the training batches and on dev, pass by pass.",
                draw.curves(histories, ["train/loss", "dev/loss"], x="epoch", log=["loss"]),
            )
    paths = {rule: bowl_path(optimizer) for rule, optimizer in BOWL_RULES.items()}
    yield Picture(
        "bowl",
        f"{BOWL_STEPS} steps of each rule over an elongated bowl, 25 times steeper across.",
        draw.contour_paths(
            lambda w, b: (BOWL[0] * w**2 + BOWL[1] * b**2) / 2,
            paths,
            bounds=(-9.0, 3.0, -2.0, 2.0),
            minimum=(0.0, 0.0),
        ),
    )
    decays = {name: arm for name, arm in results.items() if name in DECAYS}
    if decays:
        epochs = next(iter(decays.values())).config.run.epochs
        steps = np.arange(epochs * 20)
        yield Picture(
            "decayed-rates",
            "The learning rate of each decay as a share of its start.",
            draw.lines(
                steps / 20,
                {name: factors(arm.config.optimizer, steps, 20) for name, arm in decays.items()},
                xlabel="epoch",
                ylabel="alpha / alpha0",
            ),
        )
    yield Picture(
        "accuracy",
        "Test accuracy of each arm in the end.",
        draw.bars(
            {name: arm["test/accuracy"] for name, arm in results.items()},
            {name: arm.spread("test/accuracy") for name, arm in results.items()},
            xlabel="test accuracy",
        ),
    )


def factors(optimizer: optim.Optimizer, steps: np.ndarray, steps_per_epoch: int) -> np.ndarray:
    """The decay's factor at each step, [steps]."""
    pace = Pace(steps_per_epoch, int(steps[-1]) + 1)
    schedule = optim.decay(optimizer, optim.hyper(optimizer), pace)
    return np.asarray(jax.vmap(schedule)(jnp.asarray(steps)))


def _rule(rule: str, rate: float, *more: str) -> tuple[str, ...]:
    return (f"optimizer.rule={rule}", f"optimizer.learning_rate={rate}", *more)


def _decay(schedule: str, *more: str) -> tuple[str, ...]:
    return _rule("momentum", 0.2, f"optimizer.schedule={schedule}", *more)


def _course(rule: str) -> tuple[str, ...]:
    """The course's own race: two half moons, rate 0.0007, batches of 64, 50,000 updates.

    Ours learn from 240 of the 300 points and end in a softmax of two, where the course's network
    2-5-2-1 ends in a sigmoid; so descent moves about twice as fast and gets further than its 80 %.
    """
    moons = ("data.name=moons", "data.dev=0.1", "data.test=0.1", "hidden=5,2")
    return _rule(rule, 0.0007, *moons, "run.epochs=16666", "run.batch_size=64")


EXPERIMENT = Experiment(
    notes="2.4",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms={
        "batch": _rule("descent", 0.1, "run.batch_size=0"),
        "mini_batch": _rule("descent", 0.1),
        "stochastic": _rule("descent", 0.01, "run.batch_size=1"),
        "momentum": _rule("momentum", 0.1),
        "rmsprop": _rule("rmsprop", 0.003),
        "rmsprop_corrected": _rule("rmsprop", 0.003, "optimizer.bias_correction=true"),
        "adam": _rule("adam", 0.003),
        "adam_uncorrected": _rule("adam", 0.003, "optimizer.bias_correction=false"),
        "centralised": _rule("adam", 0.003, "centralised=true"),
        "inverse_time": _decay("inverse_time"),
        "exponential": _decay("exponential"),
        "inverse_sqrt": _decay("inverse_sqrt"),
        "staircase": _decay("staircase", "optimizer.decay_every=4"),
        "manual": _decay("manual", "optimizer.manual=5:0.3,10:0.1"),
        **{f"moons_{rule}": _course(rule) for rule in COURSE},
    },
    smoke=("run.steps=3", "hidden=8"),
    claims={
        "mini-batches-learn-sooner": small_batches_learn_sooner,
        "batch-falls-stochastic-jumps": batch_is_smooth,
        "adaptive-rules-are-quick": adam_is_quick,
        "bias-correction-matters-early": correction_matters_early,
        "momentum-damps-oscillation": momentum_damps_the_bowl,
        "course-figures-on-moons": adam_wins_on_moons,
    },
    figures=figures,
    terms=(
        "Adam",
        "RMSProp",
        "momentum",
        "batch gradient descent",
        "mini-batch gradient descent",
    ),
)
