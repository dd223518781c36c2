r"""One number to judge by: precision and recall, F1, averages over groups, time as a limit.

    p = hits / called odd,   r = hits / odd,   F1 = 2 / (1/p + 1/r),   worth = accuracy - 0.5 time

Notes 3.2. Several classifiers learn to tell odd digits from even ones, the digit that was written
playing the part of the country. The print calls running time a satisfying metric and the worth a
cost: the word is satisficing (Simon 1956), and the worth is to be made large.

    python launch.py --experiment=evaluation_metric
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from ngjax import data, losses, optim, strategy, supervised
from ngjax.experiment import Experiment, Picture, Results, Text
from ngjax.models.mlp import MLP
from ngjax.types import Array, Pace, Params

ODD = 1  # the class whose precision and recall are meant
COURSE = {  # the table of the course
    "A": {"accuracy": 0.90, "milliseconds": 80.0},
    "B": {"accuracy": 0.92, "milliseconds": 95.0},
    "C": {"accuracy": 0.95, "milliseconds": 1500.0},
}
LIMIT = 100.0  # milliseconds, of the course's table
CALLS = 30  # of which the median is the running time


class Candidate(NamedTuple):
    """A classifier to be chosen or not."""

    hidden: tuple[int, ...]  # units of its hidden layers
    weight: float  # of an odd example's loss: above 1 it calls more of them odd
    unseen: int = -1  # a digit it never saw in training; -1: it saw all


CANDIDATES = {
    "linear": Candidate((), 1.0),
    "linear, cautious": Candidate((), 0.2),
    "linear, eager": Candidate((), 5.0),
    "small": Candidate((4,), 1.0),
    "medium": Candidate((32,), 1.0),
    "wide": Candidate((768, 768), 1.0),
    "never saw 9": Candidate((32,), 1.0, 9),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    steps: int = 200  # updates of every classifier, each on the whole training set
    share: float = 0.5  # of the slowest one's running time: the most that is allowed
    data: data.Data = data.Data(name="digits", dev=0.4, test=0.0)
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=0.01)


def model(candidate: Candidate) -> MLP:
    """Its network, with one output: z of "odd"."""
    return MLP((*candidate.hidden, 1))


@functools.partial(jax.jit, static_argnums=(0, 1))
def learned(config: Config, names: tuple[str, ...], key: Array, held: Mapping[str, Array]) -> Any:
    """Every candidate's parameters after training, in one program.

    Args:
        config: of the run.
        names: of the candidates.
        key: of their starts.
        held: "x" [m, D], "odd" [m], "digit" [m].
    """
    tx = optim.make(config.optimizer)(optim.hyper(config.optimizer), Pace(1, config.steps))

    def one(candidate: Candidate, key: Array) -> Params:
        network = model(candidate)
        weight = jnp.where(held["odd"] > 0, candidate.weight, 1.0)
        weight = jnp.where(held["digit"] == candidate.unseen, 0.0, weight)  # [m]

        def cost(params: Params) -> Array:
            z = network.apply({"params": params}, held["x"])[0][:, 0]
            return (weight * losses.binary_cross_entropy(z, held["odd"])).sum() / weight.sum()

        def step(_: Any, carry: Any) -> Any:
            params, state = carry
            updates, state = tx.update(jax.grad(cost)(params), state, params)
            return optax.apply_updates(params, updates), state

        params = network.init(key, held["x"][:1])["params"]
        return lax.fori_loop(0, config.steps, step, (params, tx.init(params)))[0]

    keys = jax.random.split(key, len(names))
    return {name: one(CANDIDATES[name], k) for name, k in zip(names, keys, strict=True)}


def run(config: Config, seed: int) -> dict[str, Any]:
    """What every candidate reaches by every metric, on the dev set."""
    held = data.load(config.data, kinds=("images",))
    x = {part: np.float32(supervised.scaled(held, part, "pixels")) for part in ("train", "dev")}
    x = {part: pixels.reshape(len(pixels), -1) for part, pixels in x.items()}
    digit = held.train.targets
    numbers = {"x": x["train"], "odd": np.float32(digit % 2), "digit": digit}
    params = learned(config, tuple(CANDIDATES), jax.random.key(seed), numbers)
    truth = held.dev.targets
    metrics, groups = {}, {}
    for name, candidate in CANDIDATES.items():
        call, at = jax.jit(model(candidate).apply), {"params": params[name]}
        guess = np.asarray(call(at, x["dev"])[0][:, 0] > 0).astype(int)
        each = strategy.scores(strategy.confusion(truth % 2, guess, 2))
        right = guess == truth % 2
        metrics[name] = {
            "precision": each.precision[ODD],
            "recall": each.recall[ODD],
            "F1": each.f1[ODD],
            "accuracy": right.mean(),
            "milliseconds": _milliseconds(lambda call=call, at=at: call(at, x["dev"])[0]),
        }
        groups[name] = {
            shown: float(right[truth == k].mean()) for k, shown in enumerate(held.classes)
        }
    for name, average in strategy.average_over_groups(groups).items():
        metrics[name]["average"] = average
        metrics[name] = {metric: float(value) for metric, value in metrics[name].items()}
    return {"metrics": metrics, "groups": groups}


def _milliseconds(call: Any) -> float:
    """Of one call on the whole dev set, the median of many."""
    took = []
    for _ in range(CALLS):
        start = time.perf_counter()
        jax.block_until_ready(call())
        took.append(1000 * (time.perf_counter() - start))
    return float(np.median(took))


def found(results: Results) -> tuple[dict[str, Any], dict[str, Any]]:
    """(metrics, groups) of the first seed: a choice is made between trained classifiers."""
    one = next(iter(results.only.found.values()))
    return one["metrics"], one["groups"]


def limit(results: Results) -> float:
    """The most milliseconds that are allowed."""
    metrics, _ = found(results)
    slowest = max(m["milliseconds"] for m in metrics.values())
    return results.only.config.share * slowest


def f1_is_harmonic(results: Results) -> tuple[bool, str]:
    """Notes 3.2: F1 = 2 / (1/p + 1/r): 0.924324 at 0.95 and 0.90; never above the plain mean."""
    example = float(strategy.f1(0.95, 0.90))
    metrics, _ = found(results)
    below = all(
        m["F1"] <= (m["precision"] + m["recall"]) / 2
        and m["F1"] >= min(m["precision"], m["recall"])
        for m in metrics.values()
    )
    return abs(example - 2 / (1 / 0.95 + 1 / 0.90)) < 1e-6 and below, f"{example:.6f}"


def one_number_decides(results: Results) -> tuple[bool, str]:
    """Notes 3.2: precision and recall each name another classifier; F1 names one."""
    metrics, _ = found(results)
    best = {m: strategy.choose(metrics, m) for m in ("precision", "recall", "F1")}
    named = ", ".join(f"{metric}: {name}" for metric, name in best.items())
    return best["precision"] != best["recall"] and best["F1"] != best["recall"], named


def average_decides(results: Results) -> tuple[bool, str]:
    """Notes 3.2: the groups disagree on which classifier is best; their average names one."""
    metrics, groups = found(results)
    shown = next(iter(groups.values()))
    best = {g: max(groups, key=lambda name, g=g: groups[name][g]) for g in shown}
    winner = strategy.choose(metrics, "average")
    behind = [g for g in shown if groups[winner][g] < max(each[g] for each in groups.values())]
    words = f"{winner} by the average; {len(set(best.values()))} classifiers are best at some digit"
    return len(set(best.values())) > 1, f"{words}, it is not best at {', '.join(behind) or 'none'}"


def course_table(results: Results) -> tuple[bool, str]:
    """Notes 3.2, the course's table: by accuracy - 0.5 time, and by a limit of 100 ms, it is B."""
    del results
    worth = {
        name: strategy.accuracy_less_time(c["accuracy"], c["milliseconds"] / 1000)
        for name, c in COURSE.items()
    }
    limited = strategy.choose(COURSE, "accuracy", {"milliseconds": LIMIT})
    words = ", ".join(f"{name} {value:.4f}" for name, value in worth.items())
    return limited == max(worth, key=worth.get) == "B", f"worth {words}; within 100 ms: {limited}"


def limit_changes_the_choice(results: Results) -> tuple[bool, str]:
    """Notes 3.2: with time as a satisficing metric another classifier is chosen than without."""
    metrics, _ = found(results)
    free = strategy.choose(metrics, "accuracy")
    limited = strategy.choose(metrics, "accuracy", {"milliseconds": limit(results)})
    told = ", ".join(
        f"{name} {metrics[name]['accuracy']:.1%} in {metrics[name]['milliseconds']:.2f} ms"
        for name in dict.fromkeys((free, limited))
    )
    return free != limited, f"{told}; allowed {limit(results):.2f} ms"


def figures(results: Results) -> Iterator[Picture]:
    """Who is where by precision and recall, and who is how good at what."""
    from ngjax.report import figures as draw

    metrics, groups = found(results)
    yield Picture(
        "precision-and-recall",
        "Each classifier by its precision and its recall of odd digits; the number is its F1.",
        draw.points(
            [[m["recall"], m["precision"]] for m in metrics.values()],
            np.arange(len(metrics)),
            texts=[f"{name} {m['F1']:.3f}" for name, m in metrics.items()],
            labels=("recall", "precision"),
        ),
    )
    shown = list(next(iter(groups.values())))
    yield Picture(
        "groups",
        "Error of each classifier on each digit, which stands for the notes' country.",
        draw.heatmap(
            [[100 * (1 - each[g]) for g in shown] for each in groups.values()],
            list(groups),
            shown,
            xlabel="digit; the shade is the error in percent",
        ),
    )
    yield Picture(
        "running-time",
        f"Milliseconds for the whole dev set; {limit(results):.2f} are allowed.",
        draw.bars({n: m["milliseconds"] for n, m in metrics.items()}, xlabel="milliseconds"),
    )


def texts(results: Results) -> Iterator[Text]:
    """Every metric of every classifier, and whom each metric picks."""
    metrics, _ = found(results)
    names = list(next(iter(metrics.values())))
    rows = [f"{'':20}" + "".join(f"{name:>14}" for name in names)]
    for name, each in metrics.items():
        rows.append(f"{name:20}" + "".join(f"{each[metric]:14.4f}" for metric in names))
    yield Text("Classifiers", "\n".join(rows))
    picks = {
        metric: strategy.choose(metrics, metric) for metric in names if metric != "milliseconds"
    }
    worth = {
        name: {"worth": strategy.accuracy_less_time(m["accuracy"], m["milliseconds"] / 1000)}
        for name, m in metrics.items()
    }
    picks["accuracy - 0.5 x seconds"] = strategy.choose(worth, "worth")
    allowed = {"milliseconds": limit(results)}
    picks[f"accuracy, {limit(results):.2f} ms at most"] = strategy.choose(
        metrics, "accuracy", allowed
    )
    yield Text("Picked", "\n".join(f"{metric:30}{name}" for metric, name in picks.items()))


EXPERIMENT = Experiment(
    notes="3.2",
    config=Config(),
    run=run,
    smoke=("steps=3",),
    claims={
        "f1-harmonic": f1_is_harmonic,
        "one-number-decides": one_number_decides,
        "average-accuracy-metric": average_decides,
        "accuracy-minus-half-time": course_table,
        "satisficing-changes-the-choice": limit_changes_the_choice,
    },
    figures=figures,
    texts=texts,
)
