r"""The deep network: L layers, one loop over them, and what depth buys that width does not.

    Z[l] = W[l] A[l-1] + b[l],   A[l] = g[l](Z[l]),   A[0] = X,   yhat = A[L]
    dZ[l] = dA[l] * g[l]'(Z[l]),   dW[l] = (1/m) dZ[l] A[l-1]^T,   dA[l-1] = W[l]^T dZ[l]

Notes 1.6. They print W[4] g[3] where W[4] a[3] is meant, and call the 5-layer network with
n = [2, 3, 5, 4, 2, 1] one of five hidden layers: it has four. The course's "4-layer" network has
three hidden layers; its start, W = randn / sqrt(n[l-1]) and b = 0, is the start here.

Arms are logistic regression (from zero, as its cost is convex), the course's network with one
hidden layer and its deep one. By default they tell odd digits from even ones, which no line does.
So narrow a network can die: of seeds 0 to 7, seed 2 starts with one live unit of the five in the
last hidden layer, loses it, and guesses for ever. On the course's cats the test set is 50
pictures, a picture is 2 %, and one seed tells little:

    python launch.py --experiment=deep_network
    python launch.py --experiment=deep_network --data.name=catvnoncat \
        --optimizer.learning_rate=0.0075 --seeds=10
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.data.question import odd_or_even
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.experiment.results import Arm
from ngjax.models.mlp import MLP
from ngjax.models.table import format_table, layer_table
from ngjax.ops import backprop, initializers, piecewise
from ngjax.ops.activations import ACTIVATIONS
from ngjax.train.settings import Run
from ngjax.train.step import train_step
from ngjax.types import AXIS, Array, Pace, Params, State, Task

WORKED = (2, 3, 5, 4, 2, 1)  # n[0] ... n[5] of the notes' example
COURSE = 0.8  # test accuracy on cats that the course reports of its deep network
AGREE = 1e-12  # of one step's W and b, in float64
FOLDS = 8  # tents are counted up to this depth
BITS = 10  # parities are counted up to this length
SHOWN = 50  # pictures in a figure


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned: the notes' hyper-parameters, against the parameters W and b."""

    hidden: tuple[int, ...] = (20, 7, 5)  # n[1] ... n[L-1]; empty: logistic regression
    data: data.Data = data.Data(name="digits", dev=0.0, test=0.2)
    optimizer: optim.Optimizer = optim.Optimizer(rule="descent", learning_rate=0.1)
    run: Run = Run(steps=2500, batch_size=0)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        if min(self.hidden, default=1) < 1:
            raise ValueError(f"hidden: every layer needs a unit, got {self.hidden}")


def loaded(config: Config) -> data.Dataset:
    """The set with two classes: its own, or odd and even."""
    return odd_or_even(data.load(config.data, kinds=("images", "table")))


def scale_of(held: data.Dataset) -> supervised.Scale:
    """Pixels over 255, a table by the training set's mean and deviation."""
    return "pixels" if held.kind == "images" else "standard"


def course_start(sizes: tuple[int, ...], key: Array) -> Params:
    """W[l] = randn / sqrt(n[l-1]) and b[l] = 0 for n[0] ... n[L]; a single layer starts at zero."""
    rule = initializers.xavier() if len(sizes) > 2 else initializers.zeros()
    return {
        f"a{layer}": {
            "kernel": rule(jax.random.fold_in(key, layer), (fan_in, units)),  # [n[l-1], n[l]]
            "bias": jnp.zeros(units),
        }
        for layer, (fan_in, units) in enumerate(itertools.pairwise(sizes), 1)
    }


def build(config: Config) -> Task:
    """The Task."""
    held = loaded(config)
    sizes = (held.train.inputs[0].size, *config.hidden, 1)
    network = supervised.linen(MLP(sizes[1:]), held)
    return supervised.task(
        held,
        network._replace(init=lambda key: (course_start(sizes, key), {})),
        config.optimizer,
        supervised.decide,
        scale=scale_of(held),
        evals=("train", "dev", "test"),
    )


def in_notes_layout(params: Params) -> list[backprop.Layer]:
    """W[l] (n_l, n_{l-1}) and b[l] (n_l, 1), first layer first."""
    parts = [params[f"a{layer}"] for layer in range(1, len(params) + 1)]
    return [backprop.Layer(part["kernel"].T, part["bias"][:, None]) for part in parts]


def step_by_caches(arm: Arm, layers: list[backprop.Layer]) -> list[backprop.Layer]:
    """One step of descent by the notes' forward and backward functions, on the training set."""
    held = loaded(arm.config)
    x = supervised.scaled(held, "train", scale_of(held)).reshape(len(held.train), -1)
    X, Y = jnp.asarray(x.T), jnp.asarray(np.float64(held.train.targets)[None])
    g = [ACTIVATIONS["relu"]] * (len(layers) - 1) + [ACTIVATIONS["sigmoid"]]
    A, caches = backprop.forward(layers, X, g)
    slopes = backprop.backward(backprop.binary_dA(A, Y), caches)
    alpha = arm.config.optimizer.learning_rate
    return jax.tree.map(lambda theta, slope: theta - alpha * slope, layers, slopes)


def step_by_engine(task: Task, params: Params) -> Params:
    """One step of the engine over the whole training set, in float64."""
    size, pace = task.train.size, Pace(1, 1)
    hyper = {name: jnp.asarray(value, jnp.float64) for name, value in task.hyper.items()}
    key = jax.random.key_data(jax.random.key(0))
    state = State(
        jnp.zeros((), jnp.int32), params, {}, task.tx(hyper, pace).init(params), key, hyper
    )
    whole = jnp.arange(size, dtype=jnp.int32)[None]  # [parts, B]
    drawn = {"index": whole, "slot": whole, "mask": jnp.ones((1, size))}

    def step(_: Array, constants: Any) -> Params:
        return train_step(task, pace, "float64", 0.0, state, constants, drawn)[0].params

    one_device = jax.vmap(step, in_axes=(0, None), axis_name=AXIS)
    moved = jax.jit(one_device)(jnp.zeros(1), jax.tree.map(jnp.asarray, task.constants))
    return jax.tree.map(lambda leaf: leaf[0], moved)


def caches_are_the_engine(results: Results) -> tuple[bool, str]:
    """Notes 1.6: a step by forward and backward with caches is the engine's step (to 1e-12)."""
    off = {}
    for name, arm in results.items():
        if arm.config.optimizer != optim.Optimizer(
            rule="descent", learning_rate=arm.config.optimizer.learning_rate
        ):
            raise NotAsked("by hand there is plain descent alone")
        with jax.enable_x64(True):
            start = arm.task.init(jax.random.key(1))[0]
            start = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), start)
            hand = step_by_caches(arm, in_notes_layout(start))
            engine = in_notes_layout(step_by_engine(arm.task, start))
            apart = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), hand, engine)
            moved = jax.tree.map(
                lambda a, b: float(jnp.abs(a - b).max()), engine, in_notes_layout(start)
            )
        off[name] = max(jax.tree.leaves(apart))
        if min(jax.tree.leaves(moved)) == 0:
            return False, f"a parameter of arm {name} did not move"
    told = ", ".join(f"{value:.1e} ({name})" for name, value in off.items())
    return max(off.values()) < AGREE, f"largest difference in W and b after a step: {told}"


def deeper_is_better(results: Results) -> tuple[bool, str]:
    """The course: each depth tests better than the last, by two standard errors over seeds."""
    arms = [results[name] for name in ("logistic", "2-layer", "4-layer")]

    def better(shallow: Arm, deep: Arm) -> bool:
        variances = [
            arm.spread("test/accuracy") ** 2 / len(arm.outcomes) for arm in (shallow, deep)
        ]
        return deep["test/accuracy"] - shallow["test/accuracy"] > 2 * sum(variances) ** 0.5

    told = ", ".join(
        f"{arm.name} {100 * arm['test/accuracy']:.1f} +- {100 * arm.spread('test/accuracy'):.1f} % "
        f"(lowest {100 * min(arm.values('test/accuracy')):.0f})"
        for arm in arms
    )
    return all(itertools.starmap(better, itertools.pairwise(arms))), f"test accuracy: {told}"


def course_accuracy(results: Results) -> tuple[bool, str]:
    """The course reports 80 % on the test cats: the mean over five seeds or more gets there."""
    arm = results["4-layer"]
    if arm.config.data.name.replace("-", "_") != "catvnoncat" or len(arm.outcomes) < 5:
        raise NotAsked("the figure is one of --data.name=catvnoncat --seeds=5 or more")
    values = np.array(arm.values("test/accuracy"))
    told = (
        f"mean {100 * values.mean():.1f} %, from {100 * values.min():.0f} to "
        f"{100 * values.max():.0f} % over {len(values)} seeds; "
        f"{int((values >= COURSE).sum())} of them reach 80 %"
    )
    return bool(values.mean() >= COURSE), told


def tents(most: int = FOLDS) -> dict[str, np.ndarray]:
    """Folds k = 1 ... most: pieces of the deep network and of the wide one, units and difference.

    Returns:
        name -> [most].
    """
    rows = []
    x = np.linspace(0, 1, 2 ** (most + 1) + 1)[None]  # one grid for all: one shape to compile
    with jax.enable_x64(True):
        for k in range(1, most + 1):
            deep, wide = piecewise.deep_tent(k), piecewise.wide_tent(k)
            apart = piecewise.relu_network(deep, x) - piecewise.relu_network(wide, x)
            pieces = piecewise.linear_pieces(deep, most)
            rows.append(
                {
                    "k": k,
                    "pieces": pieces,
                    "wide pieces": piecewise.linear_pieces(wide, most),
                    "deep units": piecewise.hidden_units(deep),
                    "wide units": piecewise.hidden_units(wide),
                    "at least": piecewise.fewest_wide_units(pieces),
                    "difference": np.abs(apart).max(),
                }
            )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def parities(most: int = BITS) -> dict[str, np.ndarray]:
    """Lengths n = 2 ... most: gates and depth of the tree, terms of two levels, all rows right.

    Returns:
        name -> [most - 1].
    """
    rows, table = [], piecewise.truth_table(most)
    for n in range(2, most + 1):
        parity, gates, depth = piecewise.xor_tree(table[:n])
        right = bool((parity == table[:n].sum(axis=0) % 2).all())
        terms = piecewise.and_terms(n).shape[1]
        rows.append({"n": n, "gates": gates, "depth": depth, "terms": terms, "right": right})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def depth_is_exponential(results: Results) -> tuple[bool, str]:
    """Notes 1.6: what a small deep network computes can take exponentially many units in one."""
    del results
    found = tents()
    k, pieces = found["k"], found["pieces"]
    same = (found["difference"] == 0).all() and (found["wide pieces"] == pieces).all()
    counted = (pieces == 2**k).all() and (found["deep units"] == 2 * k).all()
    told = (
        f"{pieces[-1]} pieces: {found['deep units'][-1]} units in {k[-1]} layers, "
        f"{found['at least'][-1]} at least in one"
    )
    return bool(same and counted and (found["at least"] >= 2**k - 1).all()), told


def parity_is_a_tree(results: Results) -> tuple[bool, str]:
    """The course: XOR of n bits takes n - 1 gates as a tree, 2^(n - 1) terms in two levels."""
    del results
    found = parities()
    n = found["n"]
    holds = found["right"].all() and (found["gates"] == n - 1).all()
    told = (
        f"{n[-1]} bits: {found['gates'][-1]} gates {found['depth'][-1]} deep, "
        f"{found['terms'][-1]} terms"
    )
    return bool(holds and (found["terms"] == 2 ** (n - 1)).all()), told


def figures(results: Results) -> Iterator[Picture]:
    """Cost against iteration, accuracies, tents, parities, and the pictures."""
    from ngjax.report import figures as draw

    yield Picture(
        "cost",
        "Cost against iteration; the band reaches from the lowest seed to the highest.",
        draw.curves({n: arm.rows for n, arm in results.items()}, ["train/loss"], log=["loss"]),
    )
    yield Picture(
        "test-error",
        "Share of the test set that each arm gets wrong in the end, mean and spread over seeds.",
        draw.bars(
            {name: 1 - arm["test/accuracy"] for name, arm in results.items()},
            {name: arm.spread("test/accuracy") for name, arm in results.items()},
            xlabel="test error",
        ),
    )
    x = np.linspace(0, 1, 2**10 + 1)
    folded = {f"{k} layers": piecewise.deep_tent(k) for k in (2, 4)}
    yield Picture(
        "tent-maps",
        "The tent map folded by two ReLU units a layer: each layer doubles the pieces.",
        draw.lines(
            x,
            {name: piecewise.relu_network(net, x[None])[0] for name, net in folded.items()},
            xlabel="x",
            ylabel="t(t(... x))",
        ),
    )
    found = tents()
    yield Picture(
        "depth-against-width",
        "Hidden units that 2^k linear pieces take: two a layer in k layers, or all in one layer.",
        draw.lines(
            found["k"],
            {"k layers": found["deep units"], "one layer, at least": found["at least"]},
            xlabel="k",
            ylabel="hidden units",
            log_y=True,
        ),
    )
    found = parities()
    yield Picture(
        "parity",
        "Parity of n bits: gates of a tree of XORs, and AND-terms of a circuit of two levels.",
        draw.lines(
            found["n"],
            {"tree: XOR gates": found["gates"], "two levels: terms": found["terms"]},
            xlabel="bits",
            ylabel="gates or terms",
            log_y=True,
        ),
    )
    arm = list(results.values())[-1]
    held = loaded(arm.config)
    if held.kind == "images":
        z, batch = arm.predict("test")
        guess, truth = (z[:, 0] > 0).astype(int), np.asarray(batch["targets"])
        order = np.argsort(guess == truth, kind="stable")[:SHOWN]  # mistakes first
        yield Picture(
            "predictions",
            f"Test pictures and what arm {arm.name} took them for; mistakes first, framed.",
            draw.image_grid(
                batch["inputs"][order],
                [held.classes[k] for k in guess[order]],
                wrong=(guess != truth)[order],
                ink=batch["inputs"].shape[-1] == 1,
            ),
        )


def shapes_of(sizes: tuple[int, ...]) -> str:
    """A line a layer: the shapes of the notes, examples being m columns."""
    lines = [f"{'l':>2} {'n[l]':>5}  {'W[l]':>8}  {'b[l]':>7}  {'Z[l], A[l]':>10}  parameters"]
    total = 0
    for layer, (fan_in, units) in enumerate(itertools.pairwise(sizes), 1):
        count = units * fan_in + units
        total += count
        shape, bias, activation = f"({units}, {fan_in})", f"({units}, 1)", f"({units}, m)"
        lines.append(f"{layer:>2} {units:>5}  {shape:>8}  {bias:>7}  {activation:>10}  {count:>10}")
    return "\n".join([*lines, f"{total:>50}"])


def texts(results: Results) -> Iterator[Text]:
    """The worked shapes, the arms' layers and the data."""
    hidden = len(WORKED) - 2
    head = f"n = {list(WORKED)}: {hidden + 1} layers, {hidden} of them hidden"
    yield Text("Shapes of the worked example", f"{head}\n\n{shapes_of(WORKED)}")
    for name, arm in results.items():
        held = loaded(arm.config)
        rows = layer_table(MLP((*arm.config.hidden, 1)), held.train.inputs.shape[1:])
        yield Text(f"Arm {name}: {len(arm.config.hidden)} hidden layers", format_table(rows))
    yield Text("Data", f"{held.notes}\nclasses: {', '.join(held.classes)}")


EXPERIMENT = Experiment(
    notes="1.6",
    config=Config(),
    build=build,
    objective=("train/loss", "min"),
    arms={"logistic": ("hidden=",), "2-layer": ("hidden=7",), "4-layer": ("hidden=20,7,5",)},
    smoke=("run.steps=4",),
    claims={
        "backprop-layer-recursion": caches_are_the_engine,
        "deep-vs-shallow-exponential": depth_is_exponential,
        "parity-tree-is-small": parity_is_a_tree,
        "deeper-tests-better": deeper_is_better,
        "course-80-percent-on-cats": course_accuracy,
    },
    figures=figures,
    texts=texts,
    terms=("deep neural network", "hyperparameters"),
)
