r"""Regularisation: L2, L1, dropout, augmentation and early stopping against one over-fit.

    J = (1/m) sum L(y_hat, y) + (lambda / 2m) sum ||W[l]||_F^2,     dW = backprop + (lambda / m) W
    W := (1 - alpha lambda / m) W - alpha backprop                  dropout: a := a * mask / keep

Notes 2.2 and 2.2.1 (headed "Softmax Function", which it is not about); Srivastava et al. 2014.
The print of dW lacks W, the deep J sums the data to n instead of m, and dropout is called adaptive
"without" regularisation: it is an adaptive form of L2 (Wager, Wang & Liang 2013). Every arm trains
the course's network 2-20-3-1 from the same start, on points drawn after the course's football set.

    python launch.py --experiment=regularization
    python launch.py --experiment=regularization --data.name=digits --data.dev=400 \
        --data.test=1200 --hidden=64,32 --run.steps=3000
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, Picture, Results, Text
from ngjax.experiment.results import Arm
from ngjax.models.mlp import MLP
from ngjax.ops.dropout import Dropout, adaptive_l2
from ngjax.optim.penalty import frobenius_norm, l1_penalty, l2_penalty
from ngjax.train.descend import descend
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Sum, Task

ZERO = 1e-3  # a weight below it does nothing: under L1, descent hovers about 0
EXACT = 1e-12  # between two ways to the same weights, in float64
SHORT, LONG = 300, 5000  # updates that compare two rules; that compare J and its part
GENTLE = 0.1  # of the learning rate: J falls in every update only where these are small
SWEPT = (0.0, 0.1, 0.7, 3.0, 10.0, 30.0, 100.0)  # lambdas of the tanh network
SWEEP_STEPS = 5000
MASKS = 500  # dropout masks that an average is taken over
ARMS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "l2": ("l2=0.7",),
    "l1": ("l1=1.0",),
    "dropout": ("dropout=0.14",),
    "augmentation": ("augment=true",),
    "early_stopping": ("run.evaluate_every=100", "run.patience=20", "run.weights=best"),
}


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
        if min(self.l2, self.l1, self.jitter, self.shift) < 0:
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
    return lambda key, x: x + jnp.asarray(width, x.dtype) * jax.random.normal(key, x.shape, x.dtype)


def mlp(config: Config, held: data.Dataset, activation: str = "relu") -> MLP:
    """The network 2-20-3-1, or with K outputs where there are more than two classes."""
    outputs = len(held.classes) if len(held.classes) > 2 else 1
    return MLP((*config.hidden, outputs), activation)


def build(config: Config, activation: str = "relu") -> Task:
    """The Task; beside the cost of the data it tells J, with the penalties."""
    held = loaded(config)
    m = len(held.train)

    def keywords(batch: Batch, context: Context) -> Mapping[str, Any]:
        if not (config.dropout and context.train):
            return {}
        return {"dropout": Dropout(context.key, batch["slot"], context.hyper["dropout"])}

    optimizer = dataclasses.replace(
        config.optimizer,
        l2=config.optimizer.l2 + config.l2 / m,
        l1=config.optimizer.l1 + config.l1 / (2 * m),
    )
    task = supervised.task(
        held,
        supervised.linen(mlp(config, held, activation), held, keywords),
        optimizer,
        supervised.classify if len(held.classes) > 2 else supervised.decide,
        augment=augmenter(config, held),
        evals=("train", "dev", "test"),
        hyper={"dropout": config.dropout},
    )

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        (total, count), aux = task.loss(params, extra, batch, context)
        penalty = l2_penalty(params, context.hyper.get("l2", 0.0))
        penalty += l1_penalty(params, context.hyper.get("l1", 0.0))
        J = total + count * penalty, count
        return (total, count), aux._replace(metrics={**aux.metrics, "J": J})

    return dataclasses.replace(task, loss=loss)


def sparsity(params: Params) -> float:
    """The share of weights that do nothing."""
    W = np.concatenate([np.ravel(layer["kernel"]) for layer in params.values()])
    return float(np.mean(np.abs(W) < ZERO))


def share(arm: Arm) -> float:
    """lambda / m of an arm's L2."""
    return arm.config.l2 / len(loaded(arm.config).train)


def walked(
    task: Task, params: Params, optimizer: optim.Optimizer, steps: int
) -> tuple[Params, dict[str, np.ndarray]]:
    """Updates of the whole training set from `params` on, and what each began with."""
    task = dataclasses.replace(task, tx=optim.make(optimizer))
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.float64, params)
        go = jax.jit(lambda params: descend(task, params, optim.hyper(optimizer), steps))
        return jax.tree.map(np.asarray, go(params))


@functools.cache
def swept(config: Config) -> dict[str, Any]:
    """A tanh network under every lambda of SWEPT at once: parameters, ||W||, slopes, cost."""
    task, held = build(config, "tanh"), loaded(config)
    steps = min(SWEEP_STEPS, config.run.steps)
    with jax.enable_x64(True):
        x = jnp.asarray(supervised.scaled(held, "train"))
        start = jax.tree.map(jnp.float64, task.init(jax.random.key(0))[0])

        def train(lambda_: Array) -> dict[str, Any]:
            hyper = {**task.hyper, "l2": lambda_ / len(x)}
            params, told = descend(task, start, hyper, steps)
            a1 = mlp(config, held, "tanh").apply({"params": params}, x)[1]["a1"]  # [m, n1]
            told = {"slope": (1 - a1**2).mean(), "cost": told["loss"][-1]}
            return told | {"norm": frobenius_norm(params), "params": params}

        return jax.tree.map(np.asarray, jax.jit(jax.vmap(train))(jnp.asarray(SWEPT)))


def gap(results: Results, name: str) -> float:
    """How much better an arm is on what it has seen than on test."""
    return results[name]["train/accuracy"] - results[name]["test/accuracy"]


def narrows_the_gap(results: Results) -> tuple[bool, str]:
    """Notes 2.2: each way of regularising narrows the gap between seen and unseen examples."""
    gaps = {name: gap(results, name) for name in ARMS}
    told = ", ".join(f"{name} {100 * value:.1f}" for name, value in gaps.items())
    none = gaps.pop("none")
    return max(gaps.values()) < none, f"train - test accuracy in points: {told}"


def l2_and_dropout_help(results: Results) -> tuple[bool, str]:
    """Notes 2.2.1: on unseen examples L2 (0.7) and dropout (keeping 0.86) both beat none."""
    none, l2, dropout = (results[name]["test/accuracy"] for name in ("none", "l2", "dropout"))
    told = f"test accuracy none {none:.2%}, L2 {l2:.2%}, dropout {dropout:.2%}"
    return none < min(l2, dropout), told


def dropout_over_l2(results: Results) -> tuple[bool, str]:
    """The course, on its own points: on unseen ones dropout comes out above L2."""
    l2, dropout = (results[name]["test/accuracy"] for name in ("l2", "dropout"))
    return l2 < dropout, f"test accuracy L2 {l2:.2%}, dropout {dropout:.2%}"


def l1_is_sparse(results: Results) -> tuple[bool, str]:
    """Notes 2.2: L1, the alternative, makes most weights vanish, and twice as many as L2 does."""
    vanished = {name: sparsity(results[name].params) for name in ("none", "l2", "l1")}
    told = ", ".join(f"{name} {value:.0%}" for name, value in vanished.items())
    l1 = vanished.pop("l1")
    return l1 > 0.5 and l1 > 2 * max(vanished.values()), f"weights below {ZERO}: {told}"


def early_stopping_stops(results: Results) -> tuple[bool, str]:
    """Notes 3.1: to stop early keeps what dev liked best; a run that goes on gets worse there."""
    none, early = results["none"]["dev/loss"], results["early_stopping"]["dev/loss"]
    steps = max(outcome.steps for outcome in results["early_stopping"].outcomes.values())
    total = results["early_stopping"].config.run.steps
    told = f"dev loss {early:.3f}, stopped after {steps:,} updates; {none:.3f} after {total:,}"
    return early < none and steps < total, told


def l2_is_weight_decay(results: Results) -> tuple[bool, str]:
    """Notes 2.2: L2 in the cost is W := (1 - alpha lambda/m) W - ... by descent, not by Adam."""
    arm = results["l2"]
    start, off = arm.task.init(jax.random.key(0))[0], {}
    for rule, rate in (("descent", arm.config.optimizer.learning_rate), ("adam", 1e-2)):
        fields = ({"l2": share(arm)}, {"weight_decay": share(arm)})
        rules = (optim.Optimizer(rule=rule, learning_rate=rate, **field) for field in fields)
        ends = (walked(arm.task, start, optimizer, SHORT)[0] for optimizer in rules)
        differ = jax.tree.map(lambda one, other: np.abs(one - other).max(), *ends)
        off[rule] = max(jax.tree.leaves(differ))
    told = f"after {SHORT} updates weights differ by {off['descent']:.0e} (descent), "
    return off["descent"] < EXACT < 1e-4 < off["adam"], f"{told}{off['adam']:.1e} (Adam)"


def penalty_turned_on(results: Results) -> tuple[np.ndarray, np.ndarray]:
    """(J, the data's cost) of the tanh network trained without penalty, from there on with one.

    Not of the ReLU network: at its corners J rises now and then by 1e-5, whatever the rate.
    """
    arm = results["l2"]
    config = dataclasses.replace(arm.config, l2=0.0)
    start = jax.tree.map(lambda ends: ends[0], swept(config)["params"])
    rate = GENTLE * config.optimizer.learning_rate
    optimizer = optim.Optimizer(learning_rate=rate, l2=share(arm))
    told = walked(build(config, "tanh"), start, optimizer, LONG)[1]
    return told["J"], told["loss"]


def cost_with_penalty_falls(results: Results) -> tuple[bool, str]:
    """Notes 2.2.1: plot J with its penalty: it falls in every update; the data's part may rise."""
    J, cost = penalty_turned_on(results)
    up = int((np.diff(J) > 0).sum())
    return bool(up == 0 and cost[-1] > cost[0]), (
        f"a penalty turned on: J {J[0]:.4f} to {J[-1]:.4f}, up {up} times of {len(J)}; "
        f"without the penalty {cost[0]:.4f} to {cost[-1]:.4f}"
    )


def dropout_keeps_the_mean(results: Results) -> tuple[bool, str]:
    """Notes 2.2.1, not printed: divided by keep, activations keep their mean; within 1 % here."""
    config, params = results["dropout"].config, results["none"].params
    held, rate = loaded(config), config.dropout
    with jax.enable_x64(True):
        x = jnp.asarray(supervised.scaled(held, "train"))

        def a1(dropout: Dropout | None) -> Array:
            return mlp(config, held).apply({"params": params}, x, dropout)[1]["a1"]

        def dropped(key: Array) -> Array:
            return a1(Dropout(key, jnp.arange(len(x)), rate)).mean()

        keys = jax.random.split(jax.random.key(0), MASKS)
        kept = float(
            jax.jit(lambda keys: jax.lax.map(dropped, keys))(keys).mean() / a1(None).mean()
        )
    told = f"mean over {MASKS} masks is {kept:.4f} of the whole network's"
    return abs(kept - 1) < 0.01, f"{told}, undivided it would be {kept * (1 - rate):.4f}"


def dropout_is_adaptive_l2(results: Results) -> tuple[bool, str]:
    """Notes 2.2.1, corrected: dropout in a linear model is L2, each weight with its own lambda."""
    rate, generator = results["dropout"].config.dropout, np.random.default_rng(0)
    X = generator.normal(size=(20, 8)) * np.arange(1, 9)  # columns of different size
    w, y = generator.normal(size=8), generator.normal(size=20)
    masks = np.array(list(itertools.product((0, 1), repeat=8)))  # [256, 8]: all there are
    chance = np.where(masks, 1 - rate, rate).prod(axis=1)  # [256]
    residuals = y - (masks / (1 - rate) * w) @ X.T  # [256, 20]
    expected = (chance @ residuals**2).sum()
    with jax.enable_x64(True):
        penalty = float(adaptive_l2(jnp.asarray(X), jnp.asarray(w), rate))
    off = abs((((y - X @ w) ** 2).sum() + penalty) / expected - 1)
    return off < EXACT, f"mean over {len(masks)} masks {expected:.6f}, formula off by {off:.0e}"


def large_lambda_is_linear(results: Results) -> tuple[bool, str]:
    """Notes 2.2: a larger lambda drives W towards 0, where tanh is a straight line of slope 1."""
    told = swept(results["none"].config)
    norm, slope = told["norm"], told["slope"]
    holds = (np.diff(norm) < 0).all() and norm[-1] < 0.01 * norm[0] and slope[-1] > 0.99 > slope[0]
    return bool(holds), (
        f"lambda {SWEPT[0]:g} to {SWEPT[-1]:g}: ||W|| {norm[0]:.1f} to {norm[-1]:.1g}, "
        f"mean slope of tanh {slope[0]:.2f} to {slope[-1]:.3f}"
    )


def boundary(arm: Arm) -> Callable[[np.ndarray], np.ndarray]:
    """points [M, 2] -> the class that an arm's network gives each."""

    def decide(x: np.ndarray) -> np.ndarray:
        context = Context(key=None, step=0, hyper={}, constants=arm.task.constants)
        with jax.enable_x64(True):
            z = np.asarray(arm.task.predict(arm.params, {}, {"inputs": jnp.asarray(x)}, context))
        return np.asarray(z[:, 0] > 0 if z.shape[1] == 1 else z.argmax(axis=1)).astype(int)

    return decide


def figures(results: Results) -> Iterator[Picture]:
    """Boundaries, gaps, what lambda does, and J with and without its penalty."""
    from ngjax.report import figures as draw

    held = loaded(results.only.config)
    if held.train.inputs.shape[1:] == (2,):
        panels = {
            f"{name}: {arm['train/accuracy']:.0%}, {arm['test/accuracy']:.0%}": boundary(arm)
            for name, arm in results.items()
        }
        yield Picture(
            "boundaries",
            "The training points and where each arm draws the border; accuracy on train, on test.",
            draw.boundaries(held.train.inputs, held.train.targets, panels),
        )
    yield Picture(
        "gaps",
        "How much better each arm is on the examples it has seen than on the test set.",
        draw.bars(
            {name: 100 * gap(results, name) for name in results},
            xlabel="train - test accuracy, points",
        ),
    )
    told = swept(results.only.config)
    series = {
        "share of ||W||": told["norm"][1:] / told["norm"][0],
        "slope of tanh": told["slope"][1:],
        "cost of the data": told["cost"][1:],
    }
    yield Picture(
        "lambda",
        "A tanh network under a growing lambda: ||W|| as a share of that at lambda = 0, the mean "
        "slope of tanh in the first layer (1: a straight line), and the cost.",
        draw.lines(SWEPT[1:], series, xlabel="lambda", log_x=True),
    )
    J, cost = penalty_turned_on(results)
    yield Picture(
        "cost-and-penalty",
        "Arm l2's penalty turned on in a trained tanh network: J falls, the data's part rises.",
        draw.lines(np.arange(LONG), {"J": J, "cost of the data": cost}, xlabel="update"),
    )


def texts(results: Results) -> Iterator[Text]:
    """Each arm's weights."""
    head = f"{'arm':18}{'||W||_F':>9}{'|w| < 0.001':>13}{'train':>9}{'test':>9}{'updates':>10}"
    with jax.enable_x64(True):
        norms = {name: float(frobenius_norm(arm.params)) for name, arm in results.items()}
    rows = [
        f"{name:18}{norms[name]:9.2f}{sparsity(arm.params):13.0%}"
        f"{arm['train/accuracy']:9.2%}{arm['test/accuracy']:9.2%}"
        f"{next(iter(arm.outcomes.values())).steps:10,}"
        for name, arm in results.items()
    ]
    yield Text("Weights of each arm", "\n".join([head, *rows]))
    held = loaded(results.only.config)
    yield Text("Data", f"{held.origin}: {held.notes}")


EXPERIMENT = Experiment(
    notes="2.2, 2.2.1",
    config=Config(),
    build=build,
    arms=ARMS,
    smoke=("run.steps=4",),
    claims={
        "reg-reduces-overfit": narrows_the_gap,
        "l2-and-dropout-beat-none": l2_and_dropout_help,
        "dropout-beats-l2": dropout_over_l2,
        "l1-sparse": l1_is_sparse,
        "early-stopping": early_stopping_stops,
        "weight-decay-factor": l2_is_weight_decay,
        "reg-cost-must-be-plotted": cost_with_penalty_falls,
        "dropout-keeps-the-mean": dropout_keeps_the_mean,
        "dropout-adaptive-l2": dropout_is_adaptive_l2,
        "l2-shrinks-weights": large_lambda_is_linear,
    },
    figures=figures,
    texts=texts,
    terms=("regularization", "regularization parameter", "dropout"),
)
