r"""Human level and Bayes error: learning is fast up to people, slower after, and ends at Bayes.

    avoidable bias = train error - human error,    variance = dev error - train error
    two Gaussians at -1 and +1, deviation 1:       Bayes error Phi(-1) = 0.158655

Notes 3.3. Digits are read by a network whose dev accuracy is drawn against time, under the line of
people; the two Gaussians are told apart by one whose true error is known at every step, as an
integral, so that it can be set against the best error there is.

    python launch.py --experiment=human_level
    python launch.py --experiment=human_level --data.name=fashion_mnist --data.limit=10000
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.scipy.stats import norm

from ngjax import data, losses, optim, strategy, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.models.mlp import MLP
from ngjax.types import Array, Pace, Params

DOCTORS = {  # error of each on the same medical pictures (notes 3.3)
    "a typical person": 0.03,
    "a typical doctor": 0.01,
    "an experienced doctor": 0.007,
    "a team of experienced doctors": 0.005,
}
LINE = 0.6  # where the person of the Gaussians draws the line: nearly right
GRID = np.linspace(-8.0, 8.0, 4001, dtype=np.float32)  # of the integral


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    hidden: tuple[int, ...] = (64,)  # units of the hidden layers of either network
    steps: int = 1000  # updates of either network
    every: int = 2  # updates between two looks
    batch: int = 64  # examples of an update, drawn with replacement
    points: int = 300  # that the network of the Gaussians learns from
    data: data.Data = data.Data(name="digits", test=0.0)
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=5e-4)

    def __post_init__(self) -> None:
        """Refuse what leaves no curve."""
        for name in ("steps", "every", "batch", "points"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def curve(
    config: Config,
    classes: int,
    look: Callable[[Callable[[Array], Array], Mapping[str, Array]], Mapping[str, Array]],
    key: Array,
    held: Mapping[str, Array],
) -> Mapping[str, Array]:
    """Train a network and look at it now and then, all in one program.

    Args:
        config: of the run.
        classes: K.
        look: (inputs -> z [m, K], held) -> numbers.
        key: of the start and of the batches.
        held: "x" [m, D] and "y" [m], and what `look` reads.

    Returns:
        name -> [looks], the first before any update.
    """
    network = MLP((*config.hidden, classes))
    tx = optim.make(config.optimizer)(optim.hyper(config.optimizer), Pace(1, config.steps))
    start, key = jax.random.split(key)
    params = network.init(start, held["x"][:1])["params"]

    def z_of(params: Params) -> Callable[[Array], Array]:
        return lambda x: network.apply({"params": params}, x)[0]

    def step(i: Array, carry: Any) -> Any:
        params, state = carry
        draw = jax.random.fold_in(key, i)
        index = jax.random.randint(draw, (config.batch,), 0, len(held["x"]))

        def cost(params: Params) -> Array:
            z = z_of(params)(held["x"][index])  # [B, K]
            return losses.cross_entropy(z, held["y"][index]).mean()

        updates, state = tx.update(jax.grad(cost)(params), state, params)
        return optax.apply_updates(params, updates), state

    def stretch(carry: Any, first: Array) -> Any:
        now = look(z_of(carry[0]), held)
        return lax.fori_loop(first, first + config.every, step, carry), now

    firsts = jnp.arange(0, config.steps + 1, config.every)
    return lax.scan(stretch, (params, tx.init(params)), firsts)[1]


def judged(z_of: Callable[[Array], Array], held: Mapping[str, Array]) -> dict[str, Array]:
    """Accuracy on train and dev."""
    return {
        "train": (z_of(held["x"]).argmax(-1) == held["y"]).mean(),
        "dev": (z_of(held["dev_x"]).argmax(-1) == held["dev_y"]).mean(),
    }


def true_error(z_of: Callable[[Array], Array], held: Mapping[str, Array]) -> dict[str, Array]:
    """On the points it learns from, and its expectation, the integral over the two Gaussians."""
    x = jnp.asarray(GRID)
    right_class = z_of(x[:, None]).argmax(-1) == 1  # called the class at +1
    wrong = jnp.where(right_class, norm.pdf(x, -1.0), norm.pdf(x, 1.0)) / 2
    return {
        "train": (z_of(held["x"]).argmax(-1) != held["y"]).mean(),
        "true": wrong.sum() * (GRID[1] - GRID[0]),
    }


def run(config: Config, seed: int) -> dict[str, Any]:
    """Both curves."""
    held = data.load(config.data, kinds=("images", "table"))
    parts = {p: np.float32(supervised.scaled(held, p)) for p in ("train", "dev")}
    numbers = {
        "x": parts["train"].reshape(len(held.train), -1),
        "y": held.train.targets,
        "dev_x": parts["dev"].reshape(len(held.dev), -1),
        "dev_y": held.dev.targets,
    }
    key, other = jax.random.split(jax.random.key(seed))
    read = curve(config, len(held.classes), judged, key, numbers)
    generator = np.random.default_rng(seed)
    y = generator.integers(2, size=config.points).astype(np.int32)
    x = np.float32(generator.normal(2.0 * y - 1, 1.0))[:, None]  # [m, 1]
    told = curve(config, 2, true_error, other, {"x": x, "y": y})
    read, told = ({k: np.asarray(v, np.float64) for k, v in c.items()} for c in (read, told))
    return {
        "train/accuracy": read["train"][-1],
        "dev/accuracy": read["dev"][-1],
        "gaussians/error": told["true"][-1],
        "read": read,
        "gaussians": told,
    }


def first(results: Results) -> Mapping[str, Any]:
    """The curves of the first seed."""
    return next(iter(results.only.found.values()))


def steps(results: Results) -> np.ndarray:
    """Updates made at each look."""
    config = results.only.config
    return np.arange(0, config.steps + 1, config.every)


def fast_then_slow(results: Results) -> tuple[bool, str]:
    """Notes 3.3: accuracy climbs fast up to human level; after it, slowly or not at all."""
    error, at = first(results)["gaussians"]["true"], steps(results)
    human = strategy.threshold_error(LINE)
    below = np.flatnonzero(error <= human)
    if not len(below) or not below[0] or below[0] == len(error) - 1:
        raise NotAsked("the network of the Gaussians did not cross human level on its way")
    crossed = below[0]
    before = (error[0] - error[crossed]) / at[crossed]
    after = (error[crossed] - error[crossed:].min()) / (at[-1] - at[crossed])
    words = f"{100 * before:.2f} and {100 * after:.4f} points of error an update"
    return before > 3 * after, f"{words} before and after human level, {human:.1%}"


def nobody_beats_bayes(results: Results) -> tuple[bool, str]:
    """Notes 3.3: no classifier gets below the Bayes error, whatever its error on its own points."""
    told = first(results)["gaussians"]
    bayes = strategy.threshold_error(0.0)
    best, on_train = told["true"].min(), told["train"].min()
    words = f"Bayes {bayes:.6f}, lowest true error {best:.6f}, lowest train error {on_train:.3f}"
    return best > bayes - 1e-4, words


def team_bounds_bayes(results: Results) -> tuple[bool, str]:
    """Notes 3.3: of errors of 3, 1, 0.7 and 0.5 % the last bounds the Bayes error best."""
    del results
    who, error = strategy.bayes_proxy(DOCTORS)
    return error == 0.005, f"{who}: {error:.1%}"


def larger_gap_is_worked_on(results: Results) -> tuple[bool, str]:
    """Notes 3.3: at 0.5, 5 and 6 % avoidable bias is 4.5 points, variance 1: work on the bias."""
    del results
    gaps = strategy.diagnose(train=0.05, dev=0.06, human=0.005)
    told = f"{100 * gaps.avoidable_bias:.1f} and {100 * gaps.variance:.1f} points"
    return gaps.larger == "bias" and abs(gaps.avoidable_bias - 0.045) < 1e-12, told


def digits_slow_down(results: Results) -> tuple[bool, str]:
    """Notes 3.3: the first tenth of the time brings more accuracy than all the rest."""
    accuracy = first(results)["read"]["dev"]
    tenth = len(accuracy) // 10
    early, late = accuracy[tenth] - accuracy[0], accuracy[-1] - accuracy[tenth]
    return early > late, f"{early:+.1%} in the first tenth of the updates, {late:+.1%} in the rest"


def figures(results: Results) -> Iterator[Picture]:
    """Accuracy against time, under the lines that it meets."""
    from ngjax.report import figures as draw

    at, found = steps(results), first(results)
    error = found["gaussians"]
    flat = np.ones(len(at))
    yield Picture(
        "two-gaussians",
        "Accuracy of a network on two Gaussians: what it truly reaches stays below Bayes; on its "
        "own points it may look better. The person draws the line a little off.",
        draw.lines(
            at[1:],
            {
                "own points": 1 - error["train"][1:],
                "Bayes": flat[1:] * (1 - strategy.threshold_error(0.0)),
                "true": 1 - error["true"][1:],
                "person": flat[1:] * (1 - strategy.threshold_error(LINE)),
            },
            xlabel="updates",
            ylabel="accuracy",
            log_x=True,
        ),
    )
    human = data.human_level(results.only.config.data)
    series = {"train": found["read"]["train"], "dev": found["read"]["dev"]}
    if human:
        series["people"] = flat * (1 - human.error)
    yield Picture(
        "learning-curve",
        f"Accuracy on {results.only.config.data.name} as the network learns"
        + (f"; people: {1 - human.error:.1%}." if human else "; nobody asked people."),
        draw.lines(at, series, xlabel="updates", ylabel="accuracy"),
    )


def texts(results: Results) -> Iterator[Text]:
    """The gaps of this run, and how the choice of people changes what to work on."""
    arm = results.only
    human = data.human_level(arm.config.data)
    train, dev = 1 - arm["train/accuracy"], 1 - arm["dev/accuracy"]
    gaps = strategy.diagnose(train, dev, human.error if human else None)
    lines = [
        f"train error {train:.1%}, dev error {dev:.1%}",
        f"human error {human.error:.1%}: {human.source}" if human else "human error: not known",
        f"avoidable bias {gaps.avoidable_bias:+.1%}, variance {gaps.variance:+.1%}: "
        f"{gaps.words}; work on {gaps.larger or 'what cannot be told'}",
    ]
    yield Text("This run", "\n".join(lines))
    who, error = strategy.bayes_proxy(DOCTORS)
    rows = [f"{'human level':32}{'error':>8}{'avoidable bias':>16}{'variance':>10}   work on"]
    for name, level in DOCTORS.items():
        gaps = strategy.diagnose(train=0.007, dev=0.008, human=level)
        rows.append(
            f"{name:32}{level:8.1%}{gaps.avoidable_bias:+16.1%}{gaps.variance:+10.1%}"
            f"   {gaps.larger}"
        )
    rows.append(f"\nBayes error <= {error:.1%}, of {who}: the only one by which the bias shows")
    yield Text("Medical pictures, train error 0.7 %, dev error 0.8 %", "\n".join(rows))


EXPERIMENT = Experiment(
    notes="3.3",
    config=Config(),
    run=run,
    smoke=("steps=20", "hidden=8"),
    claims={
        "human-level-curve": nobody_beats_bayes,
        "fast-up-to-human-level": fast_then_slow,
        "the-curve-flattens": digits_slow_down,
        "medical-bayes-proxy": team_bounds_bayes,
        "avoidable-bias-variance": larger_gap_is_worked_on,
    },
    figures=figures,
    texts=texts,
    terms=("fundamental assumptions",),
)
