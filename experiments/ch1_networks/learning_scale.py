r"""Scale drives deep learning: error against the amount of data, for small and large learners.

    error(m): one learner, trained on m examples, judged on examples it never saw
    sigma'(z) = a (1 - a) <= 1/4,   ReLU'(z) = 1 for z > 0

Notes 1.2. They print that classic learners get "worse and worse" with more data: they get no
better, which is a plateau. They say that a large network does better on small sets too: that is
no theorem, and here is counted draw by draw. They have it that ReLU tends to one (its slope is
one) and that switching "to sigmoid functions from ReLU" helps: it is the other way about.

All learners see the same m examples, drawn anew in every draw, take the same number of steps and
start anew. Arm `linear` is the classic learner, arm `sigmoid` is `medium` with the other
activation. The question is whether a digit is odd, which no linear function of the pixels tells.

    python launch.py --experiment=learning_scale
    python launch.py --experiment=learning_scale --data.name=fashion_mnist --question=class \
        --steps=4000 --draws=2
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from ngjax import data, optim, supervised
from ngjax.data.question import odd_or_even
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.models.mlp import MLP
from ngjax.types import Array, Batch, Context, Pace, UserError

TINY = 50  # examples up to which a set is called tiny
FLAT = 0.02  # by which an error on a plateau may differ between the last two set sizes
GOAL = 0.75  # of the cost of a guess: where the speed of two activations is read
SMOOTH = 25  # steps over which a cost is averaged before it is read
LEARNERS = ("linear", "small", "medium", "large")


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    hidden: tuple[int, ...] = (16, 16)  # units of the hidden layers; empty: a linear learner
    activation: Literal["relu", "sigmoid"] = "relu"  # of the hidden layers
    question: Literal["odd", "class"] = "odd"  # is the class number odd, or which class is it
    smallest: int = 20  # examples of the smallest set
    sizes: int = 7  # set sizes, each as many times the one before
    draws: int = 6  # subsets and starts at every size
    steps: int = 1000  # updates, at every size
    batch_size: int = 64  # examples an update sees, drawn with replacement
    data: data.Data = data.Data(name="digits", dev=0.0, test=0.2)
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="momentum", learning_rate=0.1, schedule="cosine"
    )

    def __post_init__(self) -> None:
        """Refuse what draws no curve."""
        if min(self.hidden, default=1) < 1:
            raise ValueError(f"hidden: every layer needs a unit, got {self.hidden}")
        for name in ("smallest", "draws", "steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        if self.sizes < 3:
            raise ValueError(f"sizes: a curve with a middle takes 3 or more, got {self.sizes}")


def loaded(config: Config) -> data.Dataset:
    """The set, asked the question."""
    held = data.load(config.data, kinds=("images", "table"))
    return odd_or_even(held) if config.question == "odd" else held


def amounts(config: Config, most: int) -> np.ndarray:
    """Set sizes m from the smallest to all, evenly spaced in log m, [sizes]."""
    if config.smallest >= most:
        raise UserError(f"--smallest={config.smallest}: there are {most} examples; give fewer")
    return np.rint(np.geomspace(config.smallest, most, config.sizes)).astype(np.int32)


def run(config: Config, seed: int) -> Mapping[str, Any]:
    """Train at every size, draw by draw, in one compiled program: m is traced.

    Returns:
        "m" [sizes], "errors" on the test set [sizes, draws], "cost" of the batches when training
        on all examples [steps], the mean error at each size and on all, "parameters".
    """
    held = loaded(config)
    if not len(held.test):
        raise UserError("--data.test=0: errors are counted on examples that were held out")
    m = amounts(config, len(held.train))
    made = supervised.task(
        held,
        supervised.linen(MLP((*config.hidden, len(held.classes)), config.activation), held),
        config.optimizer,
        supervised.classify,
        scale="pixels" if held.kind == "images" else "standard",
    )
    scalars = {name: jnp.asarray(value, jnp.float32) for name, value in made.hyper.items()}
    tx = made.tx(scalars, Pace(config.steps, config.steps))

    def cost(params: Any, batch: Batch, constants: Any) -> tuple[Array, Array]:
        context = Context(None, 0, scalars, constants, train=True)
        (total, count), aux = made.loss(params, {}, batch, context)
        right, among = aux.metrics["accuracy"]
        return total / count, 1 - right / among

    def train(m: Array, draw: Array, constants: Any) -> tuple[Array, Array]:
        order_key, start_key, batch_key = jax.random.split(draw, 3)
        order = jax.random.permutation(order_key, len(held.train))
        params, _ = made.init(start_key)

        def step(state: Any, t: Array) -> tuple[Any, Array]:
            params, opt_state = state
            among = jax.random.randint(jax.random.fold_in(batch_key, t), (config.batch_size,), 0, m)
            rows = jax.tree.map(lambda leaf: leaf[order[among]], constants["train"])
            batch = {**rows, "mask": jnp.ones(config.batch_size)}
            (value, _), slope = jax.value_and_grad(cost, has_aux=True)(params, batch, constants)
            updates, opt_state = tx.update(slope, opt_state, params)
            return (optax.apply_updates(params, updates), opt_state), value

        (params, _), values = lax.scan(step, (params, tx.init(params)), jnp.arange(config.steps))
        unseen = {**constants["test"], "mask": jnp.ones(len(held.test))}
        return cost(params, unseen, constants)[1], values

    @jax.jit
    def all_of_them(m: Array, keys: Array, constants: Any) -> tuple[Array, Array]:
        return lax.map(lambda pair: train(*pair, constants), (m, keys))

    keys = jax.random.split(jax.random.key(seed), config.draws)  # the same for every learner
    constants = jax.tree.map(jnp.asarray, _float32(made.constants))
    errors, costs = all_of_them(np.repeat(m, config.draws), jnp.tile(keys, len(m)), constants)
    errors = np.asarray(errors).reshape(len(m), config.draws)
    costs = np.asarray(costs).reshape(len(m), config.draws, config.steps)
    sizes = [leaf.size for leaf in jax.tree.leaves(jax.eval_shape(made.init, keys[0])[0])]
    return {
        "m": m,
        "errors": errors,
        "cost": costs[-1].mean(axis=0),
        **{f"error/{size}": errors[i].mean() for i, size in enumerate(m)},
        "test/error": errors[-1].mean(),
        "parameters": sum(sizes),
    }


def _float32(tree: Any) -> Any:
    """Numbers in double precision as single ones; pixels stay bytes."""
    return jax.tree.map(lambda a: np.float32(a) if a.dtype == np.float64 else a, tree)


def errors_of(results: Results, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(m [sizes], test errors of all seeds and draws [sizes, draws])."""
    found = list(results[name].found.values())
    return found[0]["m"], np.concatenate([one["errors"] for one in found], axis=1)


def cost_of(results: Results, name: str) -> np.ndarray:
    """The cost of the batches on all examples, over seeds and draws, smoothed, [steps - 24]."""
    mean = np.mean([one["cost"] for one in results[name].found.values()], axis=0)
    if len(mean) < SMOOTH:
        raise NotAsked(f"a cost is read over {SMOOTH} steps")
    return np.convolve(mean, np.ones(SMOOTH) / SMOOTH, mode="valid")


def classic_plateaus(results: Results) -> tuple[bool, str]:
    """Notes 1.2, mended: with more data the classic learner's error goes flat: 2 points, not up."""
    m, errors = errors_of(results, "linear")
    before, last = errors.mean(axis=1)[-2:]
    told = f"linear error {before:.3f} on {m[-2]}, {last:.3f} on {m[-1]} examples"
    if "large" in results:
        told += "; large {:.3f} and {:.3f}".format(
            *errors_of(results, "large")[1].mean(axis=1)[-2:]
        )
    return bool(abs(last - before) <= FLAT), told


def networks_go_on(results: Results) -> tuple[bool, str]:
    """Notes 1.2: with much data the larger the network the lower the error, the classic last."""
    last = {name: errors_of(results, name)[1][-1].mean() for name in LEARNERS}
    told = ", ".join(f"{name} {error:.4f}" for name, error in last.items())
    values = list(last.values())
    return all(a > b for a, b in itertools.pairwise(values)), f"error on all: {told}"


def no_order_on_tiny_sets(results: Results) -> tuple[bool, str]:
    """Notes 1.2 have the large network ahead on small sets; on 50 or fewer it loses some draws."""
    m, small = errors_of(results, "small")
    large = errors_of(results, "large")[1]
    linear = errors_of(results, "linear")[1]
    tiny = m <= TINY
    if not tiny.any():
        raise NotAsked(f"no set has {TINY} examples or fewer")
    told, mixed = [], True
    for name, other in (("small", small), ("linear", linear)):
        wins, losses = (int(x[tiny].sum()) for x in (large < other, large > other))
        told.append(f"large beats {name} in {wins} of {other[tiny].size} draws, loses {losses}")
        mixed &= wins > 0 and losses > 0
    return mixed, f"m = {', '.join(map(str, m[tiny]))}: {'; '.join(told)}"


def relu_is_faster(results: Results) -> tuple[bool, str]:
    """Notes 1.2, mended: from sigmoid to ReLU, the cost falls by a quarter in fewer steps."""
    goal = GOAL * np.log(len(loaded(results["sigmoid"].config).classes))  # of a guess: log K
    needed = {}
    for label, name in (("sigmoid", "sigmoid"), ("ReLU", "medium")):
        there = np.flatnonzero(cost_of(results, name) <= goal)
        needed[label] = float(there[0]) if len(there) else np.inf
    told = ", ".join(
        f"{label} after {steps:.0f} steps" if np.isfinite(steps) else f"{label} never"
        for label, steps in needed.items()
    )
    return needed["ReLU"] < needed["sigmoid"], f"cost {goal:.3f} is reached by {told}"


def figures(results: Results) -> Iterator[Picture]:
    """Error against the amount of data, and the two activations."""
    from ngjax.report import figures as draw

    histories = {}
    for name in LEARNERS:
        if name in results:
            m, errors = errors_of(results, name)
            histories[name] = {
                draw_: [
                    {"step": int(size), "examples m": int(size), "test error": float(error)}
                    for size, error in zip(m, column, strict=True)
                ]
                for draw_, column in enumerate(errors.T)
            }
    if histories:
        yield Picture(
            "error-against-data",
            "Test error against the examples trained on: mean over draws, band over all of them.",
            draw.curves(histories, ["test error"], x="examples m", log=["test error"], log_x=True),
        )
    pair = {"ReLU": "medium", "sigmoid": "sigmoid"}
    costs = {label: cost_of(results, name) for label, name in pair.items()}
    yield Picture(
        "sigmoid-against-relu",
        f"Cost of the same network on all examples, averaged over {SMOOTH} steps.",
        draw.lines(
            np.arange(len(costs["ReLU"])),
            costs,
            xlabel="step",
            ylabel="cost J",
            log_y=True,
        ),
    )


def texts(results: Results) -> Iterator[Text]:
    """Mean and spread at every size, and who won on tiny sets."""
    lines = []
    for name, arm in results.items():
        m, errors = errors_of(results, name)
        if not lines:
            lines.append(f"{'m':<10}{'parameters':>11}" + "".join(f"{size:>16}" for size in m))
        spread = errors.std(axis=1, ddof=1) if errors.shape[1] > 1 else 0 * errors[:, 0]
        cells = [f"{a:.3f} +- {b:.3f}" for a, b in zip(errors.mean(axis=1), spread, strict=True)]
        count = f"{arm['parameters']:,.0f}"
        lines.append(f"{name:<10}{count:>11}" + "".join(f"{cell:>16}" for cell in cells))
    yield Text("Test error, mean and spread over draws", "\n".join(lines))
    yield Text("Data", loaded(results.only.config).notes)


EXPERIMENT = Experiment(
    notes="1.2",
    config=Config(),
    run=run,
    objective=("test/error", "min"),
    arms={
        "linear": ("hidden=",),
        "small": ("hidden=4",),
        "medium": ("hidden=16,16",),
        "large": ("hidden=256,256",),
        "sigmoid": ("hidden=16,16", "activation=sigmoid"),
    },
    smoke=("steps=30", "draws=2", "sizes=3"),
    claims={
        "traditional-plateaus-with-data": classic_plateaus,
        "larger-networks-use-more-data": networks_go_on,
        "large-net-better-small-data": no_order_on_tiny_sets,
        "switch-direction-sigmoid-relu": relu_is_faster,
    },
    figures=figures,
    texts=texts,
)
