r"""Regularisation: L2, L1, dropout, augmentation and early stopping against one over-fit.

    J = (1/m) sum L(y_hat, y) + (lambda / 2m) sum ||W[l]||_F^2,     dW = backprop + (lambda / m) W
    W := (1 - alpha lambda / m) W - alpha backprop                  dropout: a := a * mask / keep

Notes 2.2 and 2.2.1 (headed "Softmax Function", which it is not about). The print of dW lacks W, its
data sum runs to n instead of m, and it calls dropout adaptive "without" regularisation: it is an
adaptive form of L2 (Srivastava et al. 2014; Wager, Wang & Liang 2013). Every arm trains the course's
network 2-20-3-1 from the same start. The course's football points are not ours to ship: ours are
drawn like them (`data.football`).

    python launch.py --experiment=regularization
    python launch.py --experiment=regularization --data.name=digits --data.limit=300 \
        --hidden=64,32 --run.steps=3000
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, Results
from ngjax.models.mlp import MLP
from ngjax.ops.activations import ACTIVATIONS
from ngjax.ops.dropout import Dropout, adaptive_l2
from ngjax.optim.penalty import l2_penalty
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Pace, Params, Sum, Task

ZERO = (
    1e-3  # a weight below this does nothing: subgradient descent hovers about zero, alpha l1 wide
)
EXACT = 1e-12  # between two ways to the same weights, in float64
SHORT = 300  # updates of a walk that compares two rules or two costs
SWEPT = (0.0, 0.1, 0.7, 2.0, 5.0, 20.0)  # lambdas of the tanh network
SWEEP_STEPS = 5000
MASKS = 500  # dropout masks that an average is taken over


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    hidden: tuple[int, ...] = (20, 3)  # units of the hidden layers
    l2: float = 0.0  # lambda of (lambda / 2m) sum ||W||_F^2
    l1: float = 0.0  # lambda of (lambda / 2m) sum ||W||_1
    dropout: float = 0.0  # 1 - keep_prob, of every hidden layer
    augment: bool = False  # points are jittered, images shifted, anew in every update
    jitter: float = 0.2  # of augmented points: deviation, in deviations of the column
    shift: int = 1  # of augmented images: pixels they are moved by at most
    data: data.Data = data.Data(name="football")
    optimizer: optim.Optimizer = optim.Optimizer(rule="descent", learning_rate=0.3)
    run: Run = Run(steps=30_000, batch_size=0, dtype="float64")

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if min(self.hidden, default=0) < 1:
            raise ValueError(f"hidden: a layer or more of a unit or more, got {self.hidden}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: must be in [0, 1), got {self.dropout}")
        if self.shift < 0 or min(self.l2, self.l1, self.jitter) < 0:
            raise ValueError("l2, l1, jitter and shift must not be negative")


def loaded(config: Config) -> data.Dataset:
    """The set."""
    return data.load(config.data, kinds=("table", "images"))


def augmenter(config: Config, held: data.Dataset) -> data.Augment | None:
    """A small change that leaves the class as it is (notes 2.2.1)."""
    if not config.augment:
        return None
    if held.kind == "images":
        return functools.partial(data.random_crop, padding=config.shift)
    width = config.jitter * held.train.inputs.std(axis=0)  # [D]

    def jittered(key: Array, x: Array) -> Array:
        return x + jnp.asarray(width, x.dtype) * jax.random.normal(key, x.shape, x.dtype)

    return jittered


def network(config: Config, held: data.Dataset, activation: str = "relu") -> supervised.Network:
    """The network 2-20-3-1, or with K outputs where there are more than two classes."""
    outputs = len(held.classes) if len(held.classes) > 2 else 1

    def keywords(batch: Batch, context: Context) -> Mapping[str, Any]:
        if not (config.dropout and context.train):
            return {}
        return {"dropout": Dropout(context.key, batch["slot"], context.hyper["dropout"])}

    return supervised.linen(MLP((*config.hidden, outputs), activation), held, keywords)


def build(config: Config, activation: str = "relu") -> Task:
    """The Task; beside the cost of the data it tells J, the penalties included."""
    held = loaded(config)
    m = len(held.train)
    optimizer = dataclasses.replace(
        config.optimizer,
        l2=config.optimizer.l2 + config.l2 / m,
        l1=config.optimizer.l1 + config.l1 / (2 * m),
    )
    task = supervised.task(
        held,
        network(config, held, activation),
        optimizer,
        supervised.classify if len(held.classes) > 2 else supervised.decide,
        augment=augmenter(config, held),
        evals=("train", "dev", "test"),
        hyper={"dropout": config.dropout},
    )

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        (total, count), aux = task.loss(params, extra, batch, context)
        J = total + count * penalty(params, context.hyper)
        return (total, count), aux._replace(metrics={**aux.metrics, "J": (J, count)})

    return dataclasses.replace(task, loss=loss)


def penalty(params: Params, hyper: Mapping[str, Any]) -> Array:
    """What J has beside the mean loss: (lambda / 2m) of the squared and of the absolute weights."""
    sizes = sum(jnp.abs(W).sum() for W in weights(params))
    return l2_penalty(params, hyper["l2"]) + hyper["l1"] * sizes


def weights(params: Params) -> list[Array]:
    """W[1] ... W[L], without the biases."""
    return [layer["kernel"] for _, layer in sorted(params.items())]


def frobenius(params: Params) -> float:
    """The root of the sum of ||W[l]||_F^2."""
    return float(np.sqrt(sum(np.sum(np.square(W)) for W in weights(params))))


def sparsity(params: Params) -> float:
    """The share of weights that do nothing."""
    return float(np.mean(np.abs(np.concatenate([np.ravel(W) for W in weights(params)])) < ZERO))


class Walk(NamedTuple):
    """Full-batch training by hand: what each update left behind."""

    params: Params  # after the last update
    data_cost: Array  # before each update, [steps]
    J: Array  # with its penalty, [steps]


def walk(
    task: Task, params: Params, optimizer: optim.Optimizer, steps: int, l2: Any = None
) -> Walk:
    """`steps` updates of the whole training set from `params`; `l2`, when given, is traced."""
    held = {name: jnp.asarray(values) for name, values in task.constants["train"].items()}
    m = len(held["targets"])
    batch = {**held, "mask": jnp.ones(m), "slot": jnp.arange(m)}
    hyper = optim.hyper(optimizer) | ({} if l2 is None else {"l2": l2})
    tx = optim.make(optimizer)(hyper, Pace(1, steps))
    context = Context(None, 0, hyper, task.constants)

    def mean(params: Params) -> Array:
        total, count = task.loss(params, {}, batch, context)[0]
        return total / count

    def step(carry: Any, _: None) -> Any:
        params, state = carry
        cost, slope = jax.value_and_grad(mean)(params)
        updates, state = tx.update(slope, state, params)
        told = cost, cost + penalty(params, hyper)
        return (optax.apply_updates(params, updates), state), told

    (end, _), (cost, J) = lax.scan(step, (params, tx.init(params)), None, steps)
    return Walk(end, cost, J)


def walked(arm: Any, params: Params, rule: str, **fields: float) -> Walk:
    """`walk` over an arm's data, in float64."""
    rate = arm.config.optimizer.learning_rate if rule == "descent" else 1e-2
    optimizer = optim.Optimizer(rule=rule, learning_rate=rate, **fields)
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.float64, params)
        go = jax.jit(lambda params: walk(arm.task, params, optimizer, SHORT))
        return jax.tree.map(np.asarray, go(params))


@functools.cache
def swept(config: Config) -> dict[str, np.ndarray]:
    """A tanh network under every lambda of SWEPT at once: its weights, its slopes, its error."""
    task, held = build(config, "tanh"), loaded(config)
    model = network(config, held, "tanh")
    with jax.enable_x64(True):
        x = jnp.asarray(supervised.scaled(held, "train"))
        start = jax.tree.map(jnp.float64, model.init(jax.random.key(0))[0])

        def train(lambda_: Array) -> dict[str, Array]:
            l2 = lambda_ / len(held.train)
            end = walk(task, start, config.optimizer, SWEEP_STEPS, l2)
            W, b = end.params["a1"]["kernel"], end.params["a1"]["bias"]
            a = ACTIVATIONS["tanh"][0](x.reshape(len(x), -1) @ W + b[None])  # [m, n1]
            size = jnp.sqrt(2 * l2_penalty(end.params, 1.0))
            return {"norm": size, "slope": (1 - a**2).mean(), "cost": end.data_cost[-1]}

        told = jax.jit(jax.vmap(train))(jnp.asarray(SWEPT))
        return {name: np.asarray(values) for name, values in told.items()}


def gap(results: Results, name: str) -> float:
    """How much better an arm is on what it has seen than on test."""
    return results[name]["train/accuracy"] - results[name]["test/accuracy"]


def narrows_the_gap(results: Results) -> tuple[bool, str]:
    """Notes 2.2: each way of regularising narrows the gap between seen and unseen examples."""
    gaps = {name: gap(results, name) for name in ARMS}
    told = ", ".join(f"{name} {100 * value:.1f}" for name, value in gaps.items())
    none = gaps.pop("none")
    return max(gaps.values()) < none, f"train - test accuracy in points: {told}"


def dropout_over_l2_over_none(results: Results) -> tuple[bool, str]:
    """The course's order on unseen examples: none, then L2 of 0.7, then dropout keeping 0.86."""
    found = [results[name]["test/accuracy"] for name in ("none", "l2", "dropout")]
    told = "test accuracy none {:.2%}, L2 {:.2%}, dropout {:.2%}".format(*found)
    return found[0] < found[1] < found[2], told


def l1_is_sparse(results: Results) -> tuple[bool, str]:
    """Notes 2.2: L1, the alternative, makes many weights vanish; L2 only makes them small."""
    share = {name: sparsity(results[name].params) for name in ("none", "l2", "l1")}
    told = ", ".join(f"{name} {value:.0%}" for name, value in share.items())
    holds = share["l1"] > 0.3 and share["l1"] > 2 * max(share["none"], share["l2"])
    return holds, f"weights below {ZERO}: {told}"


def early_stopping_stops(results: Results) -> tuple[bool, str]:
    """Notes 3.1: to stop early keeps what dev liked best; the run that goes on gets worse there."""
    none, early = results["none"], results["early_stopping"]
    steps = max(outcome.steps for outcome in early.outcomes.values())
    total = early.config.run.steps
    told = f"dev loss {early['dev/loss']:.3f} of update {steps:,} at most of {total:,}, then "
    return early["dev/loss"] < none["dev/loss"] and steps < total, (f"{told}{none['dev/loss']:.3f}")


def l2_is_weight_decay(results: Results) -> tuple[bool, str]:
    """Notes 2.2: under descent L2 in the cost is W := (1 - alpha lambda/m) W - ...; not under Adam."""
    arm = results["l2"]
    amount = arm.config.l2 / len(loaded(arm.config).train)
    start = arm.task.init(jax.random.key(0))[0]
    off = {}
    for rule in ("descent", "adam"):
        ends = [walked(arm, start, rule, **{w: amount}).params for w in ("l2", "weight_decay")]
        differ = jax.tree.map(lambda one, other: np.abs(one - other).max(), *ends)
        off[rule] = max(jax.tree.leaves(differ))
    told = f"after {SHORT} updates weights differ by {off['descent']:.0e} (descent), "
    return off["descent"] < EXACT < 1e-4 < off["adam"], f"{told}{off['adam']:.1e} (Adam)"


def cost_with_penalty_falls(results: Results) -> tuple[bool, str]:
    """Notes 2.2.1: plot J with its penalty: it falls in every update; the data's part may rise."""
    none, l2 = results["none"], results["l2"]
    way = walked(none, none.params, "descent", l2=l2.config.l2 / len(loaded(l2.config).train))
    up = int((np.diff(way.J) > 0).sum())
    return up == 0 and way.data_cost[-1] > way.data_cost[0], (
        f"from the weights of arm none: J {way.J[0]:.4f} to {way.J[-1]:.4f}, up {up} times; "
        f"without the penalty {way.data_cost[0]:.4f} to {way.data_cost[-1]:.4f}"
    )


def dropout_keeps_the_mean(results: Results) -> tuple[bool, str]:
    """Notes 2.2.1, not printed: divided by keep, activations keep their mean; within 1 % here."""
    arm = results["dropout"]
    rate, held = arm.config.dropout, loaded(arm.config)
    x = jnp.asarray(supervised.scaled(held, "train"), jnp.float32)
    model, params = MLP((*arm.config.hidden, 1)), results["none"].params
    params = {"a1": params["a1"], "a2": params["a2"]} if len(params) > 2 else params
    first = jax.tree.map(jnp.float32, params["a1"])
    a = jax.nn.relu(x.reshape(len(x), -1) @ first["kernel"] + first["bias"][None])  # [m, n1]
    del model

    def mean(key: Array) -> Array:
        return Dropout(key, jnp.arange(len(a)), rate)(1, a).mean()

    kept = jax.jit(jax.vmap(mean))(jax.random.split(jax.random.key(0), MASKS)).mean() / a.mean()
    told = f"mean over {MASKS} masks is {kept:.4f} of the whole network's"
    return bool(abs(kept - 1) < 0.01), f"{told}, undivided it would be {kept * (1 - rate):.4f}"


def dropout_is_adaptive_l2(results: Results) -> tuple[bool, str]:
    """Notes 2.2.1, corrected: dropout in a linear model is an L2 with a lambda a weight; all masks."""
    rate, generator = results["dropout"].config.dropout, np.random.default_rng(0)
    X = generator.normal(size=(20, 8)) * np.arange(1, 9)  # columns of different size
    w, y = generator.normal(size=8), generator.normal(size=20)
    masks = np.array(list(itertools.product((0, 1), repeat=8)))  # [256, 8]
    chance = np.prod(np.where(masks, 1 - rate, rate), axis=1)  # [256]
    residuals = y - (masks / (1 - rate) * w) @ X.T  # [256, 20]: each example draws its own mask
    expected = (chance @ residuals**2).sum()
    with jax.enable_x64(True):
        closed = ((y - X @ w) ** 2).sum() + float(adaptive_l2(jnp.asarray(X), jnp.asarray(w), rate))
    off = abs(closed / expected - 1)
    return off < EXACT, f"mean over {len(masks)} masks {expected:.6f}, off by {off:.0e}"


def large_lambda_is_linear(results: Results) -> tuple[bool, str]:
    """Notes 2.2: a larger lambda drives W towards 0, where tanh is a straight line of slope 1."""
    told = swept(results["none"].config)
    norm, slope = told["norm"], told["slope"]
    holds = (np.diff(norm) < 0).all() and (np.diff(slope) > 0).all()
    return bool(holds and norm[-1] < 0.01 * norm[0] and slope[-1] > 0.99), (
        f"lambda {SWEPT[0]:g} to {SWEPT[-1]:g}: ||W|| {norm[0]:.1f} to {norm[-1]:.1g}, "
        f"mean slope of tanh {slope[0]:.2f} to {slope[-1]:.3f}"
    )


ARMS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "l2": ("l2=0.7",),
    "l1": ("l1=1.0",),
    "dropout": ("dropout=0.14",),
    "augmentation": ("augment=true",),
    "early_stopping": ("run.evaluate_every=50", "run.patience=20", "run.weights=best"),
}

EXPERIMENT = Experiment(
    notes="2.2, 2.2.1",
    config=Config(),
    build=build,
    arms=ARMS,
    smoke=("run.steps=4",),
    claims={
        "reg-reduces-overfit": narrows_the_gap,
        "none-then-l2-then-dropout": dropout_over_l2_over_none,
        "l1-sparse": l1_is_sparse,
        "early-stopping": early_stopping_stops,
        "weight-decay-factor": l2_is_weight_decay,
        "reg-cost-must-be-plotted": cost_with_penalty_falls,
        "dropout-keeps-the-mean": dropout_keeps_the_mean,
        "dropout-adaptive-l2": dropout_is_adaptive_l2,
        "l2-shrinks-weights": large_lambda_is_linear,
    },
    terms=("regularization", "regularization parameter", "dropout"),
)
