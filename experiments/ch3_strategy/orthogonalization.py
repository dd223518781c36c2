r"""Orthogonalization: one knob, one effect; six flags, each turned alone, on a small digit reader.

    fits train -> fits dev -> fits test -> is of use:        one set of knobs for each arrow
    train error moves by a bias knob,   dev error - train error by a variance knob

Notes 3.1, and the remedies of 3.3. A television has a knob for each direction; so should a learner.
Arm `underfits` starts from a network that does not fit its training set, arm `overfits` from one
that does and fails on the dev set; in both, each flag is turned alone. Some labels are wrong, of
train and dev alike. The trainings of a rule, over all seeds, are one program: what is turned is
traced.

    python launch.py --experiment=orthogonalization
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from ngjax import config as cfg
from ngjax import data, losses, optim, strategy, supervised
from ngjax.experiment import Experiment, Picture, Results, Text
from ngjax.ops.activations import relu
from ngjax.ops.dropout import inverted_dropout
from ngjax.types import Array, Pace

TURNS: dict[str, tuple[str, Any]] = {  # flag -> (its effect by notes 3.3, factor or new value)
    "steps": ("bias", 2),
    "hidden": ("bias", 4),
    "optimizer.rule": ("bias", "adam"),
    "examples": ("variance", 5),
    "optimizer.l2": ("variance", 0.01),
    "dropout": ("variance", 0.3),
}
ARCHITECTURE = "another architecture"  # the one remedy that the notes name for both
FACTORS = ("steps", "hidden", "examples")
BASE = "as it is"
CLASSES = 10
IDEAS = {  # for the cat classifier that is right nine times of ten (notes 3) -> the flag here
    "collect more data": "examples",
    "collect a more diverse training set": "data.name",
    "train longer": "steps",
    "Adam instead of gradient descent": "optimizer.rule",
    "a bigger network": "hidden",
    "a smaller network": "hidden",
    "dropout": "dropout",
}


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    hidden: int = 6  # units of the one hidden layer
    steps: int = 1000  # updates
    examples: int = 200  # of the training set that are used
    batch: int = 32  # examples of an update, drawn with replacement
    dropout: float = 0.0  # share of hidden units dropped
    mislabelled: float = 0.1  # share of labels, of train and dev, that are drawn anew
    repeats: int = 5  # seeds of every training
    data: data.Data = data.Data(name="digits", dev=0.4, test=0.0)
    optimizer: optim.Optimizer = optim.Optimizer(rule="descent", learning_rate=0.005)


class Setting(NamedTuple):
    """What one training is told, traced."""

    hidden: Any
    steps: Any
    examples: Any
    dropout: Any
    hyper: Mapping[str, Any]


def turned(config: Config) -> dict[str, Config]:
    """The config as it is, and with each flag turned alone."""
    made = {BASE: config}
    for flag, (_, value) in TURNS.items():
        value = value * getattr(config, flag) if flag in FACTORS else value
        made[flag] = cfg.override(config, {flag: value})
    return made


def together(configs: Collection[Config]) -> Setting:
    """Configs of one rule as numbers, each leaf [S]; a penalty that one of them lacks is zero."""
    names = ("hidden", "steps", "examples", "dropout")
    scalars = [optim.hyper(config.optimizer) for config in configs]
    off = dict.fromkeys((name for some in scalars for name in some), 0.0)
    told = [
        Setting(*(getattr(config, name) for name in names), off | some)
        for config, some in zip(configs, scalars, strict=True)
    ]
    return jax.tree.map(lambda *leaf: jnp.asarray(leaf), *told)


class Sizes(NamedTuple):
    """What a program is compiled for."""

    optimizer: optim.Optimizer
    hidden: int
    steps: int
    batch: int


@functools.partial(jax.jit, static_argnums=0)
def errors(
    sizes: Sizes, settings: Setting, draws: Mapping[str, Array], held: Mapping[str, Array]
) -> Array:
    """Train and dev error of every setting and seed.

    Args:
        sizes: the largest of all settings.
        settings: each leaf [S].
        draws: what `drawn` returns; dropout alone is drawn inside.
        held: "train", "dev": images [m, 8, 8, 1], scaled, and "train_y", "dev_y".

    Returns:
        [S, R, 2].
    """
    tx = optim.make(sizes.optimizer)
    m = len(held["train"])

    def logits(params: Any, x: Array, units: Array) -> tuple[Array, Array]:
        z = x.reshape(len(x), -1) @ params["W1"] + params["b1"][None]
        a = relu(z) * units[None]  # [B, n1]
        return a, a @ params["W2"] + params["b2"][None]

    def one(told: Setting, draws: Mapping[str, Array]) -> Array:
        units = (jnp.arange(sizes.hidden) < told.hidden).astype(jnp.float32)
        params = {
            "W1": draws["W1"][:, : sizes.hidden],
            "b1": jnp.zeros(sizes.hidden),
            "W2": draws["W2"][: sizes.hidden] / jnp.sqrt(told.hidden),
            "b2": jnp.zeros(CLASSES),
        }
        order = draws["order"]
        chain = tx(told.hyper, Pace(1, sizes.steps))

        def cost(params: Any, i: Array) -> Array:
            place = (draws["uniform"][i] * told.examples).astype(jnp.int32)  # [B]
            index, dropped = order[place], jax.random.fold_in(draws["key"], i)
            x, slot = held["train"][index], jnp.arange(sizes.batch)
            a, _ = logits(params, x, units)
            a = inverted_dropout(dropped, slot, a, told.dropout)
            z = a @ params["W2"] + params["b2"][None]
            return losses.cross_entropy(z, held["train_y"][index]).mean()

        def step(i: Array, carry: Any) -> Any:
            params, state = carry
            slope = jax.grad(cost)(params, i)
            updates, new = chain.update(slope, state, params)
            now = (optax.apply_updates(params, updates), new)
            return jax.tree.map(lambda n, o: jnp.where(i < told.steps, n, o), now, carry)

        params, _ = lax.fori_loop(0, sizes.steps, step, (params, chain.init(params)))
        used = (jnp.arange(m) < told.examples).astype(jnp.float32)
        wrong = logits(params, held["train"][order], units)[1].argmax(-1) != held["train_y"][order]
        off = logits(params, held["dev"], units)[1].argmax(-1) != held["dev_y"]
        return jnp.stack([(wrong * used).sum() / used.sum(), off.mean()])

    return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(settings, draws)


def drawn(config: Config, seed: int, steps: int, hidden: int, held: data.Dataset) -> dict[str, Any]:
    """What chance decides for each of the seeds, the same for every setting.

    Returns:
        "order" [R, m] of the training examples, "uniform" [R, steps, B] that choose among them,
        "W1" [R, D, n1] of variance 2 / D (He), "W2" [R, n1, K] of variance 1 (its 1 / n1 follows),
        "key" [R] of dropout.
    """
    m, features, each = len(held.train), held.train.inputs[0].size, range(config.repeats)
    generators = [np.random.default_rng((seed, i)) for i in each]
    return {
        "order": np.stack([g.permutation(m) for g in generators]).astype(np.int32),
        "uniform": np.stack([g.random((steps, config.batch), np.float32) for g in generators]),
        "W1": np.stack([_normal(g, features, hidden) * np.sqrt(2 / features) for g in generators]),
        "W2": np.stack([_normal(g, hidden, CLASSES) for g in generators]),
        "key": jax.random.split(jax.random.key(seed), config.repeats),
    }


def _normal(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return generator.standard_normal(shape, np.float32)


def mislabelled(targets: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The labels with that share of them drawn anew, as careless people would leave them."""
    generator = np.random.default_rng(seed)
    wrong = generator.random(len(targets)) < share
    drawn = generator.integers(CLASSES, size=len(targets))
    return np.where(wrong, drawn, targets).astype(np.int32)


def run(config: Config, seed: int) -> dict[str, Any]:
    """Errors of the network as it is, and how each flag moves them."""
    held = data.load(config.data, kinds=("images",), classes=CLASSES)
    numbers = {
        "train": supervised.scaled(held, "train", "pixels").astype(np.float32),
        "dev": supervised.scaled(held, "dev", "pixels").astype(np.float32),
        "train_y": mislabelled(held.train.targets, config.mislabelled, 2 * seed),
        "dev_y": mislabelled(held.dev.targets, config.mislabelled, 2 * seed + 1),
    }
    configs, found = turned(config), {}
    steps, hidden = (max(getattr(c, n) for c in configs.values()) for n in ("steps", "hidden"))
    draws = drawn(config, seed, steps, hidden, held)
    for rule in {c.optimizer.rule for c in configs.values()}:
        group = {name: c for name, c in configs.items() if c.optimizer.rule == rule}
        of = group.values()
        sizes = Sizes(
            next(iter(of)).optimizer,
            max(c.hidden for c in of),
            max(c.steps for c in of),
            config.batch,
        )
        pairs = np.asarray(errors(sizes, together(of), draws, numbers))  # [S, R, 2]
        for name, pair in zip(group, pairs, strict=True):
            found[name] = pair  # [R, 2]
    train, dev = (np.stack([found[name][:, i] for name in configs]) for i in (0, 1))  # [7, R]
    gap = dev - train
    return {
        "train/error": train[0].mean(),
        "dev/error": dev[0].mean(),
        "train": {name: train[i] - train[0] for i, name in enumerate(configs)},
        "gap": {name: gap[i] - gap[0] for i, name in enumerate(configs)},
    }


def moved(results: Results, arm: str, flag: str) -> dict[str, float]:
    """By how much a flag moves "train", the train error, and "gap", in points, over all seeds."""
    found = results[arm].found.values()
    return {
        what: 100 * float(np.concatenate([one[what][flag] for one in found]).mean())
        for what in ("train", "gap")
    }


def told(results: Results, arm: str, effect: str) -> tuple[dict[str, dict[str, float]], str]:
    """The moves of the flags of an effect, and the same in words."""
    flags = [flag for flag, (of, _) in TURNS.items() if of == effect]
    moves = {flag: moved(results, arm, flag) for flag in flags}
    words = (f"{f} {m['train']:+.1f} and {m['gap']:+.1f}" for f, m in moves.items())
    return moves, f"points of train error and of the gap: {', '.join(words)}"


def bias_knobs(results: Results) -> tuple[bool, str]:
    """Notes 3.3: training longer, larger, better lowers train error, more than it opens the gap."""
    moves, words = told(results, "underfits", "bias")
    return all(m["train"] < -abs(m["gap"]) for m in moves.values()), words


def variance_knobs(results: Results) -> tuple[bool, str]:
    """Notes 3.3: data, L2 and dropout close the gap, by more than they raise the train error."""
    moves, words = told(results, "overfits", "variance")
    return all(m["gap"] < -abs(m["train"]) for m in moves.values()), words


def the_wrong_knob(results: Results) -> tuple[bool, str]:
    """Notes 3.1: one has to know what to tune: bias knobs close no gap where nothing underfits."""
    bias, words = told(results, "overfits", "bias")
    variance, _ = told(results, "overfits", "variance")
    wrong, right = (min(m["gap"] for m in moves.values()) for moves in (bias, variance))
    return wrong > right / 2, f"best {wrong:+.1f}, against {right:+.1f}; {words}"


def a_knob_each(results: Results) -> tuple[bool, str]:
    """Notes 3.1: each step of the chain, train, dev, test, real world, has knobs of its own."""
    config = results.only.config
    named = {
        stage: {a.path for a in strategy.advise(config, stage) if a.what != ARCHITECTURE}
        for stage in strategy.STAGES
    }
    apart = len(set().union(*named.values())) == sum(map(len, named.values()))
    return apart and all(named.values()), "; ".join(
        f"{stage}: {', '.join(sorted(flags))}" for stage, flags in named.items()
    )


def figures(results: Results) -> Iterator[Picture]:
    """The television's knobs, and the same with signs and spreads."""
    from ngjax.report import figures as draw

    flags = list(TURNS)
    for name in results:
        moves = {flag: moved(results, name, flag) for flag in flags}
        yield Picture(
            f"knobs-{name}",
            f"Arm {name}: points by which each flag, turned alone, moves train error and gap.",
            draw.heatmap(
                [[abs(moves[flag][what]) for what in ("train", "gap")] for flag in flags],
                [f"{flag} ({TURNS[flag][0]})" for flag in flags],
                ("train", "gap"),
                ylabel="flag (its effect by the notes)",
                xlabel="points moved",
            ),
        )
        arm = results[name]
        values, spread = {}, {}
        for flag in flags:
            for what, words in (("train", "train error"), ("gap", "dev - train")):
                each = 100 * np.concatenate([one[what][flag] for one in arm.found.values()])
                values[f"{flag}: {words}"] = float(each.mean())
                spread[f"{flag}: {words}"] = float(each.std(ddof=min(1, len(each) - 1)))
        yield Picture(
            f"moves-{name}",
            f"Arm {name}: the same moves with their signs, and their spread over seeds.",
            draw.bars(values, spread, xlabel="points"),
        )


def texts(results: Results) -> Iterator[Text]:
    """Every move, and the notes' list of ideas with the stage that each of them mends."""
    for name, arm in results.items():
        rows = [
            f"{'flag':18}{'turned to':>12}{'train error':>14}{'dev - train':>14}   by the notes"
        ]
        made = turned(arm.config)
        for flag, (effect, _) in TURNS.items():
            m, value = moved(results, name, flag), cfg.write(cfg.flatten(made[flag])[flag])
            rows.append(f"{flag:18}{value:>12}{m['train']:>+14.1f}{m['gap']:>+14.1f}   {effect}")
        base = f"as it is: train error {arm['train/error']:.1%}, dev error {arm['dev/error']:.1%}"
        yield Text(f"Arm {name}, in points", "\n".join([base, "", *rows]))
    config = results.only.config
    lines = [f"{'idea':40}{'mends':30}flag here"]
    for idea, flag in IDEAS.items():
        stages = [s for s in strategy.STAGES for a in strategy.advise(config, s) if a.path == flag]
        back = " (turned back)" if "smaller" in idea else ""
        lines.append(f"{idea:40}{stages[0] + back if stages else '-':30}--{flag}")
    yield Text("The cat classifier that is right nine times of ten", "\n".join(lines))


EXPERIMENT = Experiment(
    notes="3.1",
    config=Config(),
    run=run,
    arms={
        "underfits": (),
        "overfits": ("hidden=64", "optimizer.rule=rmsprop"),
    },
    smoke=("repeats=2", "steps=4"),
    claims={
        "orthogonal-chain": a_knob_each,
        "bias-knobs-move-train-error": bias_knobs,
        "variance-knobs-move-the-gap": variance_knobs,
        "the-wrong-knob-does-little": the_wrong_knob,
    },
    figures=figures,
    texts=texts,
    terms=("orthogonalization",),
)
