r"""Learning rate decay: mini-batch descent settles when its steps become smaller.

    inverse time          alpha = alpha_0 / (1 + decay_rate epoch)
    exponential           alpha = 0.95^epoch alpha_0
    inverse square root   alpha = k / sqrt(epoch) alpha_0
    staircase             alpha = 0.5^floor((epoch - 1) / n) alpha_0
    manual                alpha = alpha_0 times what a list says from an epoch on

Notes 2.4. The print gives alpha = 0.67 and 0.5 in epochs 2 and 3, where alpha_0 = 0.2 and a decay
rate of one give 0.1, 0.0667, 0.05; it forgets alpha_0 in the first formula, puts it under the root
in the third, and calls that one a staircase. Cosine and linear warm-up are the field's (Loshchilov
& Hutter 2017; Goyal et al. 2017). All arms start at the same alpha_0, too large to settle at.

    python launch.py --experiment=learning_rate_decay
    python launch.py --experiment=learning_rate_decay --arms=constant,inverse_time --seeds=3
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.models.mlp import MLP
from ngjax.train.settings import Intervals, Run
from ngjax.types import Pace, Task

TABLE = (0.1, 0.2 / 3, 0.05)  # alpha of the notes' epochs 1, 2, 3, corrected
PRINTED = (0.1, 0.67, 0.5)
LAST = 10  # evaluations at the end over which the cost is watched


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    hidden: tuple[int, ...] = (32,)  # units of the hidden layers
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="descent", learning_rate=0.4, l2=3e-3)
    run: Run = Run(epochs=40, batch_size=8, evaluate_every=134)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if min(self.hidden, default=1) < 1:
            raise ValueError(f"hidden: every layer needs a unit, got {self.hidden}")


def build(config: Config) -> Task:
    """The Task; the whole training set is evaluated too, as mini-batches tell it in noise."""
    held = data.load(config.data, kinds=("images", "table"))
    network = supervised.linen(MLP((*config.hidden, len(held.classes))), held)
    return supervised.task(
        held, network, config.optimizer, supervised.classify, evals=("train", "dev", "test")
    )


def alpha(optimizer: optim.Optimizer, steps: np.ndarray, pace: Pace) -> np.ndarray:
    """The learning rate of each update, [steps]."""
    schedule = optim.decay(optimizer, optim.hyper(optimizer), pace)
    return optimizer.learning_rate * np.asarray(jax.vmap(schedule)(jnp.asarray(steps)))


def by_epoch(optimizer: optim.Optimizer, epochs: int) -> np.ndarray:
    """alpha in the epochs 1 ... `epochs`, where an epoch is one update."""
    return alpha(optimizer, np.arange(epochs), Pace(1, epochs))


def ends(results: Results, name: str) -> tuple[float, float]:
    """Mean and deviation of the dev loss over the last evaluations, both averaged over seeds."""
    tails = [results[name].history("dev/loss", seed)[1][-LAST:] for seed in results[name].rows]
    return float(np.mean(tails)), float(np.mean([np.std(tail) for tail in tails]))


def decayed(results: Results) -> list[str]:
    """The arms that decay, of those that ran."""
    names = [name for name in results if name != "constant"]
    if not names:
        raise NotAsked("no arm with a decay was run")
    return names


def settles_lower(results: Results) -> tuple[bool, str]:
    """Notes 2.4: from the same alpha_0 every decay ends at a lower cost, on train and on dev."""
    train, dev = results["constant"]["train/loss"], ends(results, "constant")[0]
    trains = {name: results[name]["train/loss"] for name in decayed(results)}
    devs = {name: ends(results, name)[0] for name in trains}
    holds = max(trains.values()) < train and max(devs.values()) < dev
    told = (
        f"train {train:.4f} constant, {min(trains.values()):.4f} to {max(trains.values()):.4f} "
        f"decayed; dev {dev:.4f} constant, {min(devs.values()):.4f} to {max(devs.values()):.4f}"
    )
    return holds, told


def wobble_ends(results: Results) -> tuple[bool, str]:
    """Notes 2.4: smaller steps circle nearer the minimum: dev loss wobbles at least 5x less."""
    constant = ends(results, "constant")[1]
    wobbles = {name: ends(results, name)[1] for name in decayed(results)}
    told = ", ".join(f"{name} {wobble:.4f}" for name, wobble in wobbles.items())
    holds = max(wobbles.values()) * 5 < constant
    return holds, f"deviation over the last {LAST} evaluations: constant {constant:.4f}, {told}"


def table(results: Results) -> tuple[bool, str]:
    """Notes 2.4, corrected: alpha_0 = 0.2 and a decay rate of one give 0.1, 0.0667, 0.05."""
    del results
    rates = by_epoch(optim.Optimizer(learning_rate=0.2, schedule="inverse_time"), 3)
    told = ", ".join(f"{rate:.4f}" for rate in rates)
    return bool(np.allclose(rates, TABLE, rtol=1e-5)), f"{told}; printed {PRINTED}"


def exponential(results: Results) -> tuple[bool, str]:
    """Notes 2.4: exponential decay, 0.95^epoch alpha_0; 0.1197 in epoch 10 from 0.2."""
    del results
    rate = by_epoch(optim.Optimizer(learning_rate=0.2, schedule="exponential"), 10)[-1]
    return bool(abs(rate - 0.1197474) < 1e-6), f"{rate:.5f}"


def inverse_root(results: Results) -> tuple[bool, str]:
    """Notes 2.4, corrected: k / sqrt(epoch) times alpha_0; half of it in epoch 4."""
    del results
    rate = by_epoch(optim.Optimizer(learning_rate=0.2, schedule="inverse_sqrt"), 4)[-1]
    told = f"{rate:.4f} in epoch 4 from 0.2; as printed it would be 1.118"
    return bool(abs(rate - 0.1) < 1e-6), told


def staircase_is_another(results: Results) -> tuple[bool, str]:
    """Notes 2.4, corrected: k / sqrt(t) falls at every t; the staircase stands still in between."""
    del results
    optimizers = (
        optim.Optimizer(schedule="inverse_sqrt", decay_by="step"),
        optim.Optimizer(schedule="staircase", decay_by="step", decay_every=10),
    )
    falls = [int((np.diff(by_epoch(one, 40)) < 0).sum()) for one in optimizers]
    told = f"of 39 changes k / sqrt(t) falls at {falls[0]}, a staircase at {falls[1]}"
    return falls == [39, 3], told


def figures(results: Results) -> Iterator[Picture]:
    """The rates, the way down, and how much the end wobbles."""
    from ngjax.report import figures as draw

    arm = results.only
    size = len(data.load(arm.config.data, kinds=("images", "table")).train)
    pace = Intervals.of(arm.config.run, size).pace
    steps = np.arange(pace.total_steps)
    yield Picture(
        "rates",
        "The learning rate of each arm. Epochs count from one: inverse time begins at half.",
        draw.lines(
            steps / pace.steps_per_epoch,
            {name: alpha(arm.config.optimizer, steps, pace) for name, arm in results.items()},
            xlabel="epoch",
            ylabel="learning rate alpha",
        ),
    )
    watched = arm.history("dev/loss")[0]
    late = watched >= pace.total_steps / 4
    yield Picture(
        "settling",
        "Dev loss after the first quarter: a constant rate goes on jumping, a decay settles.",
        draw.lines(
            watched[late] / pace.steps_per_epoch,
            {name: arm.history("dev/loss")[1][late] for name, arm in results.items()},
            xlabel="epoch",
            ylabel="dev loss",
        ),
    )
    found = {name: ends(results, name) for name in results}
    yield Picture(
        "end",
        f"Dev loss over the last {LAST} evaluations: mean, and its deviation as the whisker.",
        draw.bars(
            {name: mean for name, (mean, _) in found.items()},
            {name: wobble for name, (_, wobble) in found.items()},
            xlabel="dev loss in the end",
        ),
    )


def texts(results: Results) -> Iterator[Text]:
    """The notes' schedules in numbers, and the data."""
    optimizers = {
        "1 / (1 + epoch)": optim.Optimizer(learning_rate=0.2, schedule="inverse_time"),
        "0.95^epoch": optim.Optimizer(learning_rate=0.2, schedule="exponential"),
        "1 / sqrt(epoch)": optim.Optimizer(learning_rate=0.2, schedule="inverse_sqrt"),
        "0.5^((epoch - 1) // 2)": optim.Optimizer(
            learning_rate=0.2, schedule="staircase", decay_every=2
        ),
    }
    rows = [f"{'epoch':24}" + "".join(f"{epoch:9}" for epoch in range(1, 7))]
    for name, optimizer in optimizers.items():
        rows.append(f"{name:24}" + "".join(f"{rate:9.4f}" for rate in by_epoch(optimizer, 6)))
    rows.append(f"{'printed, first formula':24}" + "".join(f"{rate:9.4f}" for rate in PRINTED))
    yield Text("alpha from alpha_0 = 0.2", "\n".join(rows))
    yield Text("Data", data.load(results.only.config.data).notes)


def _decay(schedule: str, *more: str) -> tuple[str, ...]:
    return (f"optimizer.schedule={schedule}", *more)


EXPERIMENT = Experiment(
    notes="2.4",
    config=Config(),
    build=build,
    arms={
        "constant": (),
        "inverse_time": _decay("inverse_time"),
        "exponential": _decay("exponential", "optimizer.decay_rate=0.9"),
        "inverse_sqrt": _decay("inverse_sqrt"),
        "staircase": _decay("staircase", "optimizer.decay_every=8"),
        "manual": _decay("manual", "optimizer.manual=15:0.3,25:0.1,35:0.03"),
        "cosine": _decay("cosine"),
        "warmup_cosine": _decay("cosine", "optimizer.warmup_steps=500"),
    },
    smoke=("run.steps=4", "hidden=8"),
    claims={
        "lr-decay-helps-converge": settles_lower,
        "decay-ends-the-wobble": wobble_ends,
        "lr-decay-table": table,
        "lr-exponential-decay": exponential,
        "lr-sqrt-decay": inverse_root,
        "lr-staircase": staircase_is_another,
    },
    figures=figures,
    texts=texts,
)
