r"""What gates are for: tasks whose answer lies a hundred steps back, and Bach's chorales.

    c<t> = gamma_u * c_tilde + (1 - gamma_u) * c<t-1>:   where gamma_u = 0, memory and gradient stay

Notes 5.4 and 5.5. Plain RNN, simplified GRU, GRU and LSTM at like parameter counts, on

    adding   the sum of two marked numbers among T (Hochreiter & Schmidhuber 1997; drawn)
    order    in which order X and Y came (the same paper's temporal order; drawn)
    music    the next notes of chorales (Chung et al. 2014: 9.10 tanh, 8.54 GRU, 8.67 LSTM, in nats
             a step on test); --mode=sample composes, from nothing or from the notes of --input

    python launch.py --experiment=gates                  # 52 s: 0.170, 0.0001, 0.0001, 0.0011
    python launch.py --experiment=gates --task=order     # 55 s: 25 %, 100 %, 100 %, 100 %
    python launch.py --experiment=gates --task=music --data.name=jsb_chorales \
        --run.batch_size=16 --run.steps=2500             # 84 s: 8.82, 8.75, 8.65, 8.36 nats
        [--mode=sample --input="60,64,67,72 62,65,69,74"]
    # all arms on test, seed 0, one core; the variance of the sums is 0.167
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, metrics, optim, supervised
from ngjax.data.series import long_lags
from ngjax.data.sound import midi, music
from ngjax.experiment import Answer, Experiment, Learned, NotAsked, Picture, Results, Text
from ngjax.experiment.results import Arm
from ngjax.models.recurrent_network import RecurrentNetwork, recurrent_layer, sample_sets, widest
from ngjax.ops import recurrence
from ngjax.ops.bucket import in_bucket
from ngjax.ops.dropout import inverted_dropout
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Metrics, Params, Sum, Task, UserError

CELLS = ("rnn", "simplified_gru", "gru", "lstm")
SIZES = {  # task -> features of an input, numbers of an answer
    "adding": (2, 1),
    "order": (len(long_lags.SYMBOLS), len(long_lags.ORDERS)),
    "music": (music.KEYS, music.KEYS),
}
GATES = {"simplified_gru": "u", "gru": "ur", "lstm": "ufo"}  # as the notes' indices of Gamma
SOLVED = 0.01  # mean squared error that counts as learned adding
CHUNG = {"rnn": 9.10, "gru": 8.54, "lstm": 8.67}  # table 2 of the paper, JSB Chorales, test
FLOOR = 1e-12  # a share of a gradient that is nothing
WIDTHS = (48, 64, 80)  # steps that batches of shorter training pieces are cut to
WATCHED = 64  # examples that a gradient's length is averaged over
SEEDS = {"dev": 1, "test": 2}  # of the drawn evaluation sets


@dataclasses.dataclass(frozen=True)
class Music:
    """What --task=music alone reads."""

    parameters: int = 80_000  # that the recurrent layer may have
    keep: float = 1.0  # sigmoid(keep) of a gated unit's memory stays at first
    dropout: float = 0.3  # share of units that the output does not see, the same ones along a piece
    transpose: int = 0  # training pieces are shifted by up to so many semitones, drawn each time
    samples: int = 4  # pieces that --mode=sample writes
    sampled: int = 64  # steps of each


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    task: Literal["adding", "order", "music"] = "adding"  # what is learned
    cell: Literal["rnn", "simplified_gru", "gru", "lstm"] = "lstm"  # which recurrence
    length: int = 100  # T of adding and order
    parameters: int = 4500  # that the recurrent layer may have in adding and order
    keep: float = 3.0  # sigmoid(keep) of gated memory stays at first; 1 is too little for order
    judged: int = 2000  # examples of the dev set of adding and order, and as many of the test set
    music: Music = Music()
    data: data.Data = data.Data(name="jsb_chorales")
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=5e-3, clip_norm=1.0, schedule="cosine"
    )
    run: Run = Run(steps=3000, batch_size=32, evaluate_every=100, weights="best")

    def __post_init__(self) -> None:
        """Refuse what no task can be."""
        if self.length < 20:
            raise ValueError(f"length: must be 20 or more, got {self.length}")
        if not (0 <= self.music.dropout < 1 and self.music.transpose >= 0):
            raise ValueError("music: dropout must be in [0, 1) and transpose 0 or more")
        counts = (self.parameters, self.judged, self.music.parameters)
        if min(*counts, self.music.samples, self.music.sampled) < 1:
            raise ValueError("parameters, judged, music.samples, .sampled: must be 1 or more")


def network(config: Config) -> RecurrentNetwork:
    """The network of a config, as wide as its parameters allow."""
    features, outputs = SIZES[config.task]
    asked = config.music if config.task == "music" else config
    width = widest(config.cell, features, asked.parameters)
    return RecurrentNetwork(outputs, config.cell, width, config.task == "music", asked.keep)


def start(config: Config, key: Array) -> tuple[Params, Any]:
    """The first parameters."""
    model, x = network(config), jnp.zeros((1, 1, SIZES[config.task][0]))
    return model.init(key, model.initial_carry(1), x)["params"], {}


def build(config: Config) -> Task:
    """The Task."""
    made = music_parts(config) if config.task == "music" else drawn_parts(config)
    return Task(
        init=partial(start, config),
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer) | {"dropout": config.music.dropout},
        **made,
    )


def add_up(z: Array, targets: Array, mask: Array) -> tuple[Sum, Metrics]:
    """The squared loss of a sum, and the squared error: twice as much."""
    total, count = metrics.summed(losses.squared_loss(z[:, 0], targets), mask)
    return (total, count), {"squared_error": (2 * total, count)}


JUDGES = {"adding": add_up, "order": supervised.classify}
DRAWS = {"adding": long_lags.adding, "order": long_lags.temporal_order}


def drawn_parts(config: Config) -> dict[str, Any]:
    """Adding and temporal order: many-to-one, and no training example comes twice."""
    model, draw = network(config), partial(DRAWS[config.task], length=config.length)

    def predict(params: Params, extra: Any, batch: Batch, context: Context) -> Array:
        x = batch["inputs"].astype(params["cell"]["W_aa"].dtype)
        return model.apply({"params": params}, model.initial_carry(len(x), x.dtype), x)[1][0]

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        z = predict(params, extra, batch, context)
        cost, told = JUDGES[config.task](z, batch["targets"], batch["mask"])
        return cost, Aux(extra, told)

    evals = {name: long_lags.fixed(draw, config.judged, seed) for name, seed in SEEDS.items()}
    return {"loss": loss, "predict": predict, "train": long_lags.endless(draw), "evals": evals}


def music_parts(config: Config) -> dict[str, Any]:
    """Music: every step is told from those before it, the first one from nothing."""
    held, model = data.load(config.data, kinds=("music",)), network(config)

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        dtype, kept = params["cell"]["W_aa"].dtype, None
        if context.train:
            ones = jnp.ones((len(batch["rolls"]), model.width), dtype)
            kept = inverted_dropout(context.key, batch["slot"], ones, context.hyper["dropout"])

        def cost(y: Array) -> Sum:
            y = y.astype(dtype)  # [B, T, 88]
            x = jnp.concatenate([jnp.zeros_like(y[:, :1]), y[:, :-1]], axis=1)
            carry = model.initial_carry(len(y), dtype)
            z = model.apply({"params": params}, carry, x, None, kept)[1][0]
            nats = losses.binary_cross_entropy(z, y).sum(axis=-1)  # [B, T]
            inside = jnp.arange(y.shape[1])[None] < batch["length"][:, None]
            return metrics.summed(nats, inside * batch["mask"][:, None])

        longest = batch["rolls"].shape[1]
        widths = (*(w for w in WIDTHS if w < longest and context.train), longest)
        return in_bucket(cost, widths, batch["length"], batch["rolls"]), Aux(extra)

    return {"loss": loss, **music.sources(held, config.music.transpose)}


def only_of(results: Results, task: str) -> None:
    """Claims and figures of another task are not asked."""
    if results.only.config.task != task:
        raise NotAsked(f"asked of --task={task}")


def gates_add(results: Results) -> tuple[bool, str]:
    """Notes 5.4: gates remember over long times: LSTM and GRU learn to add over 100 steps."""
    only_of(results, "adding")
    off = {name: results[name]["test/squared_error"] for name in ("gru", "lstm")}
    told = ", ".join(f"{name} {value:.4f}" for name, value in off.items())
    return max(off.values()) < SOLVED, f"mean squared error on test: {told}"


def plain_forgets(results: Results) -> tuple[bool, str]:
    """Notes 5.4: a plain RNN does not: its gradient vanishes, and it says the mean of all sums."""
    only_of(results, "adding")
    off = results["rnn"]["test/squared_error"]
    told = f"mean squared error {off:.3f}, variance {long_lags.ADDING_VARIANCE:.3f}"
    return off > long_lags.ADDING_VARIANCE / 2, told


def gates_order(results: Results) -> tuple[bool, str]:
    """Hochreiter & Schmidhuber 1997: gated memory learns the temporal order of distant symbols."""
    only_of(results, "order")
    right = {name: results[name]["test/accuracy"] for name in ("rnn", "gru", "lstm")}
    told = ", ".join(f"{name} {value:.1%}" for name, value in right.items())
    return min(right["gru"], right["lstm"]) > 0.99, told


def gradient_reaches_back(results: Results) -> tuple[bool, str]:
    """Notes 5.4: the gradient of a plain RNN vanishes over time, that of gated units less so."""
    if results.only.config.task == "music":
        raise NotAsked("asked of --task=adding and --task=order")
    arms = {name: results[name] for name in ("rnn", "gru", "lstm")}
    share = {name: by_lag(arm.config, arm.params) for name, arm in arms.items()}
    half = results.only.config.length // 2
    left = {name: float(length[half] / length[0]) for name, length in share.items()}
    told = ", ".join(f"{name} {value:.1e}" for name, value in left.items())
    return min(left["gru"], left["lstm"]) > 10 * left["rnn"], f"left after {half} steps: {told}"


def gates_play_better(results: Results) -> tuple[bool, str]:
    """Chung et al. 2014: gated units predict chorales better than tanh, 8.67 nats or less."""
    only_of(results, "music")
    nats = {name: arm["test/loss"] for name, arm in results.items()}
    told = ", ".join(f"{name} {value:.2f}" for name, value in nats.items())
    best = min(results["gru"]["test/loss"], results["lstm"]["test/loss"])
    return best < results["rnn"]["test/loss"] and best <= CHUNG["lstm"], f"nats a step: {told}"


def watched(config: Config, count: int) -> tuple[Array, Array]:
    """The first drawn test examples: inputs [T, B, D], targets [B]."""
    draw = partial(DRAWS[config.task], length=config.length)
    source = long_lags.fixed(draw, count, SEEDS["test"])
    batch = source.batch(None, {"index": jnp.arange(count)}, jax.random.key(0))
    return batch["inputs"].swapaxes(0, 1), batch["targets"]


@partial(jax.jit, static_argnames="config")
def by_lag(config: Config, params: Params) -> Array:
    """How long d loss<T> / d state<T - lag> is under these parameters, [T]."""
    layer = recurrent_layer(config.cell, network(config).width)
    x, targets = watched(config, WATCHED)

    def step(state: Any, x: Array) -> Any:
        return layer.apply({"params": params["cell"]}, state, x, method="step")[0]

    def loss(state: Any) -> Array:
        a = jax.tree.leaves(state)[-1]  # what is emitted: (c, a) of an LSTM
        z = a @ params["output"]["kernel"] + params["output"]["bias"][None]
        return JUDGES[config.task](z, targets, jnp.ones(len(z)))[0][0]

    return recurrence.gradient_by_lag(step, loss, layer.initial_carry(WATCHED), x)


@partial(jax.jit, static_argnames="config")
def gates_of(config: Config, cell: Params) -> tuple[Array, Array]:
    """Where one test sequence is marked, [T], and the gates over it, [T, G - 1, n]."""
    layer = recurrent_layer(config.cell, network(config).width)
    x, _ = watched(config, 1)  # [T, 1, D]
    a = layer.apply({"params": cell}, layer.initial_carry(1), x.swapaxes(0, 1))[1]
    xW = x @ cell["W_ax"] + cell["b_a"][None, None]
    found = recurrence.gates(xW, cell["W_aa"], a.swapaxes(0, 1))[:, 0]
    return x[:, 0, 1] if config.task == "adding" else x[:, 0, 4:6].sum(axis=1), found  # X and Y


def first_params(arm: Arm) -> Params:
    """What the first seed's training began with."""
    return jax.jit(arm.task.init)(jax.random.key(next(iter(arm.outcomes))))[0]


def gate_picture(arm: Arm) -> np.ndarray:
    """Gates of one test sequence, [rows, T]: what is marked on top, then each gate's units."""
    marked, found = map(np.asarray, gates_of(arm.config, arm.params["cell"]))
    rows = [np.tile(marked, (3, 1))]
    for gate in range(found.shape[1]):
        units = found[:, gate].T  # [n, T]
        rows += [np.zeros((2, len(marked))), units[np.argsort(units.mean(axis=1))]]
    return np.concatenate(rows)


def figures(results: Results) -> Iterator[Picture]:
    """Gradient over lag and gates over time; of music, piano rolls."""
    drawn = music_figures if results.only.config.task == "music" else memory_figures
    yield from drawn(results)


def memory_figures(results: Results) -> Iterator[Picture]:
    """How far back the gradient reaches, and what the gates of each arm do."""
    from ngjax.report import figures as draw

    lags, lengths = np.arange(results.only.config.length), {}
    for when, told in (("before", "Before training"), ("after", "After training")):
        for name, arm in results.items():
            params = arm.params if when == "after" else first_params(arm)
            length = np.asarray(by_lag(arm.config, params))
            lengths[name] = np.maximum(length / length[0], FLOOR)
        yield Picture(
            f"gradient_{when}",
            f"{told}: how long the loss's gradient by the state is, so many steps before the end,"
            f" against the last step's. Nothing is drawn below {FLOOR:.0e}.",
            draw.lines(lags, lengths, "lag T - t", "share of its length", log_y=True),
        )
    gated = {name: arm for name, arm in results.items() if arm.config.cell in GATES}
    for name, arm in gated.items():
        rows, units = gate_picture(arm), network(arm.config).width
        names = ["", "marked", *[""] * (len(rows) - 2)]
        for gate, letter in enumerate(GATES[arm.config.cell]):
            names[5 + gate * (units + 2) + units // 2] = f"gamma_{letter}"
        steps = [str(t) if t % 10 == 0 else "" for t in lags]
        yield Picture(
            f"gates_{name}",
            f"Arm {name}: gates of its {units} units over a test sequence, least open ones on top.",
            draw.heatmap(rows, names, steps, xlabel="step t", limits=(0.0, 1.0)),
        )


def music_figures(results: Results) -> Iterator[Picture]:
    """A chorale of the test set, and what each arm composed from nothing."""
    from ngjax.report import figures as draw

    held = data.load(results.only.config.data, kinds=("music",))
    steps = results.only.config.music.sampled
    shown = {"Bach (test set)": held.test.inputs[0][:steps]}
    for name, arm in results.items():
        shown[f"{name}, from nothing"] = composed(arm.config, arm.params, music.roll([]))[0]
    rolls = np.stack([np.pad(roll, ((0, steps - len(roll)), (0, 0))) for roll in shown.values()])
    sounding = np.flatnonzero(rolls.any(axis=(0, 1)))
    images = rolls[:, :, sounding[0] : sounding[-1] + 1].swapaxes(1, 2)[:, ::-1]  # [N, keys, T]
    yield Picture(
        "piano_rolls",
        f"Which keys sound, quarter by quarter: from key {music.LOWEST + sounding[0]} at the bottom"
        f" to key {music.LOWEST + sounding[-1]}.",
        draw.image_grid(np.float32(images), list(shown), columns=2, ink=True),
    )


def composed(config: Config, params: Params, given: np.ndarray) -> np.ndarray:
    """Pieces that go on from `given` [P, 88], bool [samples, sampled, 88], without it."""
    model, options = network(config), config.music
    given = np.concatenate([music.roll([[]]), given])  # before the first step no key sounds
    prompt = jnp.tile(jnp.float32(given)[None], (options.samples, 1, 1))
    return np.asarray(sample_sets(model, params, jax.random.key(0), prompt, options.sampled))


def sample(learned: Learned, source: str) -> Answer:
    """Music as MIDI files, from nothing or from the first notes that --input gives."""
    config: Config = learned.config
    if config.task != "music":
        raise UserError(f"--mode=sample: --task={config.task} composes nothing, --task=music does")
    first = music.first_notes(source) if source else music.roll([])
    lines, files = [], {}
    for n, roll in enumerate(composed(config, learned.params, first), 1):
        steps = music.pitches(np.concatenate([first, roll]))
        name = f"sample{n}.mid"
        files[name] = midi.midi(steps)
        notes = sum(map(len, steps)) / len(steps)
        lines.append(f"{name}: {len(steps)} quarters, {notes:.1f} notes at once")
    return Answer(tuple(lines), files)


def texts(results: Results) -> Iterator[Text]:
    """Sizes and scores, beside the published ones."""
    task = results.only.config.task
    metric = {"adding": "squared_error", "order": "accuracy"}.get(task, "loss")
    last = f"{'published':>11}" if task == "music" else ""
    rows = [f"{'arm':16}{'units':>7}{'parameters':>12}{'test ' + metric:>20}{last}"]
    for name, arm in results.items():
        count = sum(leaf.size for leaf in jax.tree.leaves(arm.params["cell"]))
        last = f"{CHUNG[name]:11.2f}" if task == "music" and name in CHUNG else ""
        row = f"{name:16}{network(arm.config).width:7}{count:12}{arm[f'test/{metric}']:20.4f}"
        rows.append(row + last)
    yield Text(f"Task {task}", "\n".join(rows))
    if task == "music":
        yield Text("Data", data.load(results.only.config.data).notes)


EXPERIMENT = Experiment(
    notes="5.4, 5.5",
    config=Config(),
    build=build,
    objective=("dev/loss", "min"),
    arms={cell: (f"cell={cell}",) for cell in CELLS},
    smoke=("run.steps=4", "run.batch_size=8", "parameters=60", "length=20", "judged=16"),
    claims={
        "gates-add-over-long-times": gates_add,
        "plain-rnn-forgets": plain_forgets,
        "gates-tell-the-order": gates_order,
        "gradient-reaches-back": gradient_reaches_back,
        "gates-play-better": gates_play_better,
    },
    figures=figures,
    texts=texts,
    sample=sample,
    terms=(
        "gate",
        "GRU",
        "long short-term memory",
        "LSTM gates",
        "memory cell",
        "remembering",
        "vanishing gradient problem",
    ),
)
