r"""t-SNE: a map in which points that were neighbours in many dimensions are neighbours in two.

    p_{j|i} = exp(-||x_i - x_j||^2 / 2 sigma_i^2) / sum_k ...,    p_ij = (p_{j|i} + p_{i|j}) / 2n
    q_ij = (1 + ||y_i - y_j||^2)^-1 / sum_{k != l} (1 + ||y_k - y_l||^2)^-1
    C = KL(P || Q),    dC/dy_i = 4 sum_j (p_ij - q_ij) (y_i - y_j) (1 + ||y_i - y_j||^2)^-1

Notes 5.8; van der Maaten & Hinton 2008 (whose title the notes give wrong). The points of the map
are the parameters of a Task without batches. Its optax chain is composed here: a gain for every
coordinate in front of momentum that is raised when the early exaggeration of P ends. The method is
exact, all pairs at every step. Distances between far clusters mean nothing.

    python launch.py --experiment=tsne
    python launch.py --experiment=tsne --arms=plane --source=lenet       # a hidden layer's view
    python launch.py --experiment=tsne --arms=plane --source=vectors --vectors=glove.6B.50d.txt
    python launch.py --experiment=tsne --arms=plane --data.name=fashion_mnist --data.limit=3000
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from ngjax import data, optim, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.experiment.results import Arm
from ngjax.models.lenet import SIDE, LeNet5
from ngjax.ops import tsne
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.train.settings import Intervals, Run
from ngjax.types import Array, Aux, Batch, Context, Pace, Params, Source, Sum, Task, UserError

SMALL = 1e-4  # deviation of the first map: all points near one another
NEIGHBOURS = 5  # of trustworthiness
HIDDEN = "f6"  # the layer of LeNet-5 that is mapped
TOLD = 400  # words on a map


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    source: Literal["data", "lenet", "vectors"] = "data"  # lenet: layer F6 after training on data
    vectors: str = ""  # of source=vectors: a text file, a word and its numbers a line
    most: int = 1500  # of source=vectors: words read, the file's first ones
    dimensions: int = 2  # of the map
    metric: tsne.Metric = "euclidean"  # distance between examples
    perplexity: float = 30.0  # about how many neighbours an example has
    start: Literal["pca", "noise"] = "pca"  # the first map, brought to a deviation of 1e-4
    exaggeration: float = 12.0  # P is multiplied by it at first
    early: int = 250  # updates with exaggeration, at momentum 0.5; then 1 and 0.8
    learning_rate: float = 0.0  # 0: n / 48, 50 at least (Belkina et al. 2019)
    data: data.Data = data.Data(name="digits")
    run: Run = Run(steps=1000, evaluate_every=1000)

    def __post_init__(self) -> None:
        """Refuse what no map can be."""
        if self.dimensions < 1:
            raise ValueError(f"dimensions: must be 1 or more, got {self.dimensions}")
        if not self.perplexity > 1:
            raise ValueError(f"perplexity: must be above 1, got {self.perplexity}")
        for name in ("early", "learning_rate", "most"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: must be >= 0, got {getattr(self, name)}")
        if (self.source == "vectors") != bool(self.vectors):
            raise ValueError("vectors: give the file with source=vectors, only there")


class Examples(NamedTuple):
    """What is mapped."""

    x: np.ndarray  # [n, D] float32
    targets: np.ndarray  # [n], zeros where there are no classes
    names: tuple[str, ...]  # of the classes
    words: tuple[str, ...] = ()  # [n] of source=vectors


def examples(config: Config) -> Examples:
    """All examples of the set, as they are, as LeNet-5 sees them, or vectors of words."""
    return _examples(config.source, config.vectors, config.most, config.data)


@functools.lru_cache(maxsize=2)
def _examples(source: str, vectors: str, most: int, which: data.Data) -> Examples:
    if source == "vectors":
        words, x = data.read_vectors(Path(vectors), most)
        return Examples(x, np.zeros(len(x), np.int32), (), words)
    held = data.load(which, kinds=("images", "table"))
    if source == "lenet":
        held = hidden(which)
    parts = [part for part in (held.train, held.dev, held.test) if len(part)]
    x = np.concatenate([part.inputs for part in parts]).astype(np.float32)
    targets = np.concatenate([part.targets for part in parts])
    return Examples(x.reshape(len(x), -1), targets, held.classes)  # [n, D]


def hidden(which: data.Data) -> data.Dataset:
    """Layer F6 of LeNet-5 [m, 84] in the place of images, after training on one device."""
    held = data.load_images(which, at_least=SIDE)
    network = LeNet5(classes=len(held.classes))
    optimizer = optim.Optimizer(rule="adam", learning_rate=2e-3)
    task = supervised.task(
        held, supervised.linen(network, held), optimizer, supervised.classify, evals=()
    )
    program = Program(task, Run(epochs=15, batch_size=64), dev.here(dev.select(1)))
    state = fit(program, seed=0).state

    def seen(images: np.ndarray) -> np.ndarray:
        made = supervised.activations(network, task, state.params, state.extra, images)
        return np.asarray(made[HIDDEN])

    return data.changed(held, seen)


@functools.lru_cache(maxsize=4)
def components(x: bytes, shape: tuple[int, int], dimensions: int) -> np.ndarray:
    """The first principal components, float32 [n, d]."""
    table = np.frombuffer(x, np.float32).reshape(shape)
    return PCA(dimensions, svd_solver="full").fit_transform(table).astype(np.float32)


def principal(config: Config) -> np.ndarray:
    """The flat map that t-SNE is compared with, and starts from: principal components [n, d]."""
    x = examples(config).x
    return components(x.tobytes(), x.shape, config.dimensions)


def affinities(config: Config) -> Array:
    """P [n, n]."""
    return _affinities(examples(config).x, config.metric, config.perplexity)


@functools.partial(jax.jit, static_argnames="metric")
def _affinities(x: Array, metric: tsne.Metric, perplexity: float) -> Array:
    return tsne.affinities(tsne.squared_distances(x, metric), perplexity)


def build(config: Config) -> Task:
    """The Task: the map y [n, d] is the parameter."""
    held = examples(config)
    n = len(held.x)
    if config.perplexity >= n - 1:
        raise UserError(
            f"--perplexity={config.perplexity:g}: must be below {n - 1}, for {n} points"
        )
    P = affinities(config)
    every = Intervals.of(config.run, None).log_every

    def init(key: Array) -> tuple[Params, Any]:
        if config.start == "pca":
            first = jnp.asarray(principal(config))
            first = first / first[:, 0].std() * SMALL
        else:
            first = SMALL * jax.random.normal(key, (n, config.dimensions))
        # All points are at one place to rounding, where Q is even.
        return {"y": first}, {"cross_entropy": jnp.log(n * (n - 1.0))}

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        """J_e, measured when it is logged: its logarithms cost more than its gradient does."""
        del batch
        y, P, one = params["y"], context.constants["P"], jnp.ones(())
        e = jnp.where(context.step < config.early, context.hyper["exaggeration"], 1.0)
        e = e if context.train else one
        measured = not context.train or (context.step + 1) % every == 0
        J = jax.lax.cond(
            measured,
            lambda: tsne.cross_entropy(jax.lax.stop_gradient(y), P),
            lambda: extra["cross_entropy"],
        )
        slope = tsne.cross_entropy_gradient(jax.lax.stop_gradient(y), P, e)
        zero = jnp.vdot(slope, y - jax.lax.stop_gradient(y))  # its gradient is the slope
        cost = J + context.constants["negative_entropy"]
        return (cost + zero, one), Aux({"cross_entropy": J})

    def predict(params: Params, extra: Any, batch: Batch, context: Context) -> Array:
        del extra, context
        return params["y"][batch["index"]]  # [B, d]

    return Task(
        init=init,
        loss=loss,
        tx=functools.partial(chain, config, n),
        hyper={"exaggeration": config.exaggeration},
        evals={"map": Source(n, lambda constants, drawn, key: {"index": drawn["index"]})},
        constants={"P": P, "negative_entropy": tsne.negative_entropy(P)},
        predict=predict,
        score=functools.partial(score, held),
    )


def chain(config: Config, n: int, hyper: Any, pace: Pace) -> optax.GradientTransformation:
    """Gains, momentum that rises when exaggeration ends, a rate by the number of points."""
    del hyper, pace

    def momentum(step: Array) -> Array:
        return jnp.where(step < config.early, 0.5, 0.8)

    rate = config.learning_rate or max(n / 48, 50)
    trace = optax.inject_hyperparams(optax.trace)(decay=momentum)
    return optax.chain(optim.scale_by_gains(trace), optax.scale(-rate))


def score(held: Examples, y: Any, batch: Any) -> dict[str, float]:
    """What a map is judged by: neighbours kept, and neighbours of another class."""
    found = {"trustworthiness": float(trustworthiness(held.x, y, n_neighbors=NEIGHBOURS))}
    if held.names:
        found["neighbour_error"] = neighbour_error(y, held.targets)
    return found


def neighbour_error(points: np.ndarray, targets: np.ndarray) -> float:
    """Share of points whose nearest other point is of another class."""
    nearest = NearestNeighbors(n_neighbors=1).fit(points).kneighbors(return_distance=False)
    return float((targets[nearest[:, 0]] != targets).mean())


def two(results: Results, name: str) -> Arm:
    """An arm whose examples have classes."""
    if not examples(results[name].config).names:
        raise NotAsked("the examples have no classes")
    return results[name]


def neighbours_stay_near(results: Results) -> tuple[bool, str]:
    """Notes 5.8: similar objects are mapped to near points: 19 of 20 nearest are of one class."""
    error = two(results, "plane")["map/neighbour_error"]
    return error <= 0.05, f"the nearest point is of another class in {error:.2%} of cases"


def better_than_flat(results: Results) -> tuple[bool, str]:
    """Notes 5.8: t-SNE is non-linear: it keeps neighbours that the best plane does not."""
    arm = two(results, "plane")
    held, plane = examples(arm.config), principal(arm.config)
    flat = score(held, plane, None)
    names = ("neighbour_error", "trustworthiness")
    (error, trust), (flat_error, flat_trust) = (
        [values[name] for name in names]
        for values in ({name: arm[f"map/{name}"] for name in names}, flat)
    )
    told = f"error {error:.2%}, trustworthiness {trust:.3f}; PCA {flat_error:.2%}, {flat_trust:.3f}"
    return error < flat_error and trust > flat_trust, told


def space_is_wider_than_a_plane(results: Results) -> tuple[bool, str]:
    """Notes 5.8: two or three dimensions; with three, KL(P || Q) can only be less."""
    plane, space = (results[name]["map/loss"] for name in ("plane", "space"))
    return space < plane, f"KL {plane:.3f} in two dimensions, {space:.3f} in three"


def figures(results: Results) -> Iterator[Picture]:
    """Every map, PCA beside them."""
    from ngjax.report import figures as draw

    arm = results.only
    shown = {name: np.asarray(a.params["y"]) for name, a in results.items()}
    held = examples(arm.config)
    if held.words:
        yield Picture(
            "words",
            f"The map of the file's first {TOLD} words. A name is left out where it would stand on "
            "an earlier one.",
            draw.points(shown[arm.name][:TOLD, :2], texts=held.words[:TOLD]),
        )
        return
    for name, y in {**shown, "pca": principal(arm.config)}.items():
        what = "Principal components" if name == "pca" else f"The map of arm {name}"
        cut = f", the first two of its {y.shape[1]} dimensions" if y.shape[1] > 2 else ""
        axes = y[:, :2] if y.shape[1] > 1 else np.stack([y[:, 0], np.zeros(len(y))], 1)
        yield Picture(
            f"map-{name}",
            f"{what}{cut}: coloured by class, which the method was not told.",
            draw.points(axes, held.targets, held.names),
        )


def texts(results: Results) -> Iterator[Text]:
    """What was mapped."""
    held = examples(results.only.config)
    n, D = held.x.shape
    yield Text("Mapped", f"{n:,} examples of {D} numbers, source {results.only.config.source}")
    if results.only.config.source != "vectors":
        yield Text("Data", data.load(results.only.config.data).origin)


EXPERIMENT = Experiment(
    notes="5.8",
    config=Config(),
    build=build,
    objective=("map/loss", "min"),
    arms={
        "plane": (),
        "space": ("dimensions=3",),
        "cosine": ("metric=cosine",),
        "not-exaggerated": ("exaggeration=1",),
    },
    smoke=("run.steps=20", "data.limit=60", "perplexity=5", "early=10"),
    claims={
        "tsne-neighbours": neighbours_stay_near,
        "better-than-pca": better_than_flat,
        "space-is-wider": space_is_wider_than_a_plane,
    },
    figures=figures,
    texts=texts,
    terms=("t-distributed stochastic neighbor embedding",),
)
