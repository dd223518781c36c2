r"""A language model reads a text and writes its own: RNN, GRU and LSTM compared.

    P(y) = prod_t P(y<t> | y<1>, ..., y<t-1>),   perplexity = exp(mean of -ln P(y<t> | ...))

Notes 5.3 (language model, EOS, sampling), 5.4 and 5.5 (GRU, LSTM), 5.7 (depth). Rows of the text
are read side by side in windows of `length` tokens; the state at the end of a window is the start
of the next one (truncated backpropagation through time), gradients stop there. A token is a
character or, with --tokens=words, what stands between white space. Names (a set of that kind) are
read one by one, each from nothing: one to many (notes 5.2). Beside it all an interpolated
Kneser-Ney n-gram, which counts.

    python launch.py --experiment=language_model
    python launch.py --experiment=language_model --arms=lstm --data.name=tinyshakespeare \
        --data.dev=0.01 --depth=2 --width=256 --embedding=128 --length=96 --dropout=0.2 \
        --run.epochs=9 --optimizer.learning_rate=2e-3 --optimizer.weight_decay=0.1

Names of dinosaurs, and the small LSTM of Zaremba et al. 2014 on the Penn Treebank; there the loss
is summed over 20 words, here it is a mean, so a rate of 1 is 20, and a longest gradient of 5 is
1/4. The whole test text is read in one stream. Perplexity on test is 114.8, on dev 119.6 (the
paper: 114.5 on test; seed 0, 50 minutes on one shared CPU core); the 5-gram has 141.2 on test. On
the names, perplexity of a character is 4.60 (LSTM), 4.69 (GRU), 5.18 (RNN), and 4.44 (5-gram); 595
of 600 the LSTM draws are new (36, 31, 21 s on a shared core, seed 0).

    python launch.py --experiment=language_model --data.name=dinos --dropout=0.4 \
        --run.epochs=40 --optimizer.learning_rate=4e-3
    python launch.py --experiment=language_model --arms=lstm --data.name=ptb --tokens=words \
        --depth=2 --width=200 --embedding=200 --length=20 --judged=0 --uniform=0.1 \
        --run.batch_size=20 --run.epochs=13 --optimizer.rule=descent \
        --optimizer.learning_rate=20 --optimizer.clip_norm=0.25 --optimizer.schedule=manual \
        --optimizer.manual=5:0.5,6:0.25,7:0.125,8:0.0625,9:0.03125,10:0.015625,11:0.0078125,12:0.00390625,13:0.001953125
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, metrics, optim
from ngjax.experiment import Answer, Experiment, Learned, Picture, Results, Text
from ngjax.models.language_model import LanguageModel, sample
from ngjax.models.recurrent import Dropout
from ngjax.ops import kneser_ney
from ngjax.train.settings import Run
from ngjax.types import (
    Array,
    Aux,
    Batch,
    Context,
    Metrics,
    Params,
    Source,
    Sum,
    Task,
    UserError,
)

PIECE = 2048  # tokens of a window that are scored at once in evaluation, the state carried on
SHOWN = 24  # names of the report
TEMPERATURES = (0.5, 0.8, 1.0)  # of the samples in the report


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    cell: Literal["rnn", "gru", "lstm"] = "lstm"  # which recurrence
    width: int = 128  # units of a layer, n
    depth: int = 1  # layers (notes 5.7)
    embedding: int = 32  # features of a token's vector
    uniform: float = 0.0  # first weights: even in +-this (Zaremba: 0.1); 0: as the layers have it
    tokens: Literal["characters", "words"] = "characters"  # words: between white space; EOS: a line
    words: int = 10_000  # of tokens=words: V, the most frequent of train
    length: int = 64  # T, tokens between two truncations of the gradient
    dropout: float = 0.0  # share of units dropped: word vectors, between layers, before softmax
    judged: int = 2048  # tokens of an evaluation window, started from nothing; 0: the text is one
    sampled: int = 600  # tokens of a sample in the report; of a set of names: names
    ngram: int = 5  # order of the Kneser-Ney model in the report; 0: none
    data: data.Data = data.Data(name="python_docs", dev=0.05, test=0.1)
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=8e-3, clip_norm=1.0, schedule="cosine"
    )
    run: Run = Run(epochs=8, batch_size=32)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        for name in ("width", "depth", "embedding", "length", "sampled"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        for name in ("judged", "ngram", "uniform"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: must be 0 or more, got {getattr(self, name)}")
        if self.words < 3:
            raise ValueError(f"words: must be 3 or more, EOS and UNK included, got {self.words}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: must be in [0, 1), got {self.dropout}")


def loaded(config: Config) -> data.Dataset:
    """The text, or the names."""
    return data.load(config.data, kinds=("text", "names"))


def vocabulary(config: Config) -> data.Vocabulary:
    """The alphabet, of all parts so that none is unknown; or the words of the training part.

    With the token that ends a text, a line, a name.
    """
    held = loaded(config)
    if config.tokens == "words":
        if held.kind == "names":
            raise UserError(f"--tokens=words: {held.name} holds names; leave it at characters")
        return data.Vocabulary.of_words(data.words_of_lines(held.train.inputs), config.words)
    parts = (held.train.inputs, held.dev.inputs, held.test.inputs)
    text = "".join("".join(part) for part in parts)
    return data.Vocabulary.of_characters(text, special=(data.EOS,))


def encoded(config: Config) -> dict[str, np.ndarray]:
    """Each part as numbers (notes 5.3: the end is a token too).

    A text is int32 [n], names are rows [m, W]: EOS, the characters, EOS to the end of the row.
    """
    held, known = loaded(config), vocabulary(config)
    ids, end = {}, np.int32([known.number[data.EOS]])
    parts = {"train": held.train, "dev": held.dev, "test": held.test}
    present = {name: part.inputs for name, part in parts.items() if len(part)}
    longest = max(len(one) for part in present.values() for one in part)
    for name, inputs in present.items():
        if held.kind == "names":
            rows = [[*end, *known.encode(one), *end] for one in inputs]
            ids[name] = data.padded(rows, longest + 2, int(end[0]))[0].astype(np.int32)  # [m, W]
        elif config.tokens == "words":
            ids[name] = known.encode(data.words_of_lines(inputs))
        else:
            ids[name] = np.concatenate([known.encode(inputs), end])
    return ids


def in_a_row(ids: np.ndarray, end: int) -> np.ndarray:
    """Names [m, W] as one text [n], `end` between them; a text as it is."""
    if ids.ndim == 1:
        return ids
    inside = (ids[:, :-1] != end) | (np.arange(ids.shape[1] - 1) == 0)
    return np.append(ids[:, :-1][inside], end).astype(np.int32)


def build(config: Config) -> Task:
    """The Task."""
    known, ids = vocabulary(config), encoded(config)
    end = known.number[data.EOS]
    model = network(config, known)
    apart = ids["train"].ndim == 2  # names

    def read(params: Params, carry: Any, inputs: Any, dropout: Any = None) -> tuple[Any, Metrics]:
        """(inputs, targets, mask), each [B, T] -> state after them and sums."""
        x, y, mask = inputs
        carry, (z, _) = model.apply({"params": params}, carry, x, dropout=dropout)  # [B, T, V]
        nats = metrics.summed(losses.cross_entropy(z, y), mask)
        return carry, {"nats": nats, "accuracy": metrics.accuracy(z, y, mask)}

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        B, T = batch["inputs"].shape
        carry = model.initial_carry(B, params["E"].dtype)
        if context.carry is not None:  # where a row begins its text anew, so does its state
            keep = ~batch["start"]

            def kept(before: Array, zero: Array) -> Array:
                return jnp.where(keep[:, None], before.astype(zero.dtype), zero)

            carry = jax.tree.map(kept, context.carry, carry)
        dropout = None
        if config.dropout and context.train:
            dropout = Dropout(context.key, batch["slot"], context.hyper["dropout"])
        mask = jnp.broadcast_to(batch["mask"][:, None], (B, T)) * batch.get("token_mask", 1)
        inputs = (batch["inputs"], batch["targets"], mask)
        if context.train or T <= PIECE:
            carry, sums = read(params, carry, inputs, dropout)
        else:
            pieces = jax.tree.map(in_pieces, inputs)
            carry, each = jax.lax.scan(functools.partial(read, params), carry, pieces)
            sums = jax.tree.map(lambda leaf: leaf.sum(axis=0), each)
        if context.carry is not None:
            carry = jax.tree.map(lambda new, old: new.astype(old.dtype), carry, context.carry)
        kept_on = carry if context.carry is not None and context.train else None
        return sums["nats"], Aux(extra, {"accuracy": sums["accuracy"]}, kept_on)

    def init(key: Array) -> tuple[Params, Any]:
        carry, token = model.initial_carry(1), jnp.zeros((1, 1), jnp.int32)
        params = model.init(key, carry, token)["params"]
        return (drawn_evenly(params, key, config.uniform) if config.uniform else params), {}

    def source(name: str) -> Source:
        if apart:
            return data.name_rows(ids[name], end, prefix=name)
        if name == "train":
            return data.streams(ids[name], config.run.batch_size, config.length)
        return data.windows(ids[name], config.judged or len(ids[name]) - 1, prefix=name)

    return Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer) | {"dropout": config.dropout},
        train=source("train"),
        evals={name: source(name) for name in ("dev", "test") if name in ids},
        constants=ids,
        carry=None if apart else model.initial_carry,
    )


def in_pieces(values: Array) -> Array:
    """[B, T] -> [P, B, PIECE], zeros behind the end."""
    B, T = values.shape
    count = -(-T // PIECE)
    whole = jnp.pad(values, ((0, 0), (0, count * PIECE - T)))
    return jnp.swapaxes(whole.reshape(B, count, PIECE), 0, 1)  # [P, B, PIECE]


def drawn_evenly(params: Params, key: Array, reach: float) -> Params:
    """All parameters anew, biases too, uniform in +-reach (Zaremba et al. 2014)."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    return jax.tree.unflatten(
        tree,
        [
            jax.random.uniform(k, leaf.shape, leaf.dtype, -reach, reach)
            for k, leaf in zip(keys, leaves, strict=True)
        ],
    )


def network(config: Config, known: data.Vocabulary) -> LanguageModel:
    """The network of a config."""
    return LanguageModel(len(known), config.cell, config.width, config.depth, config.embedding)


def gates_beat_plain(results: Results) -> tuple[bool, str]:
    """Notes 5.4: gates remember what a plain RNN forgets, and so predict text better."""
    nats = {name: results[name]["test/loss"] for name in ("rnn", "gru", "lstm")}
    told = ", ".join(f"{name} {value:.3f}" for name, value in nats.items())
    return max(nats["gru"], nats["lstm"]) < nats["rnn"], f"nats per token on test: {told}"


def better_than_counting(results: Results) -> tuple[bool, str]:
    """Notes 5.3: a language model tells likely sentences from unlikely ones, by their context."""
    arm = results.only
    known, ids = vocabulary(arm.config), encoded(arm.config)
    end = known.number[data.EOS]
    train, test = (in_a_row(ids[name], end) for name in ("train", "test"))
    counts = np.bincount(train, minlength=len(known)) + 1.0
    unigram = -np.log(counts / counts.sum())[test[1:]].mean()
    found = arm["test/loss"]
    return found < 0.8 * unigram, f"{found:.3f} nats, {unigram:.3f} from frequencies alone"


def counted(config: Config) -> float:
    """Nats per token of the test text under the Kneser-Ney n-gram of the training text."""
    known, ids = vocabulary(config), encoded(config)
    end = known.number[data.EOS]
    lines = config.tokens == "words" or ids["train"].ndim == 2
    train, test = (in_a_row(ids[name], end) for name in ("train", "test"))
    fitted = kneser_ney.fit(train, len(known), config.ngram, end if lines else None)
    return math.log(kneser_ney.perplexity(fitted, test))


def figures(results: Results) -> Iterator[Picture]:
    """How surprised each arm is, in the end."""
    from ngjax.report import figures as draw

    unit = results.only.config.tokens.removesuffix("s")
    nats = {name: arm["test/loss"] for name, arm in results.items()}
    spread = {name: arm.spread("test/loss") for name, arm in results.items()}
    yield Picture(
        "surprise",
        f"Mean surprise at a {unit} of the test text; e to this power is the perplexity.",
        draw.bars(nats, spread, xlabel=f"nats per {unit}", best=min(nats, key=nats.get)),
    )


def texts(results: Results) -> Iterator[Text]:
    """Perplexities, and what each arm writes when it is let."""
    config = results.only.config
    unit = config.tokens.removesuffix("s")
    surprise = {name: arm["test/loss"] for name, arm in results.items()}
    if config.ngram:
        surprise[f"{config.ngram}-gram"] = counted(config)
    rows = [f"{'arm':12}{f'nats/{unit}':>16}{f'bits/{unit}':>16}{'perplexity':>12}"]
    for name, nats in surprise.items():
        rows.append(f"{name:12}{nats:16.4f}{nats / math.log(2):16.4f}{math.exp(nats):12.3f}")
    yield Text("Surprise on the test text", "\n".join(rows))
    names = loaded(config).kind == "names"
    for name, arm in results.items():
        if names:
            yield Text(f"Arm {name} names", names_of(arm.config, arm.params))
            continue
        for temperature, text in samples(arm.config, arm.params).items():
            yield Text(f"Arm {name} writes, temperature {temperature}", text)
    yield Text("Data", loaded(config).notes)


def samples(config: Config, params: Params, begun: str = "") -> Mapping[float, str]:
    """Temperature -> a text that goes on from `begun`, or begins from nothing: EOS is read first.

    It ends where EOS is drawn; words go on behind EOS, which ends a line.
    """
    known = vocabulary(config)
    end, lines = known.number[data.EOS], config.tokens == "words"
    prompt = jnp.asarray([[end, *known.encode(begun)]], jnp.int32)
    model, key, stop = network(config, known), jax.random.key(0), None if lines else end
    texts = {}
    for temperature in TEMPERATURES:
        drawn = sample(model, params, key, prompt, config.sampled, temperature, end=stop)
        more = known.decode(np.asarray(drawn)[0])
        more = more.replace(f" {data.EOS} ", "\n") if lines else more.partition(data.EOS)[0]
        texts[temperature] = known.joiner.join(filter(None, (begun, more)))
    return texts


def names_of(config: Config, params: Params) -> str:
    """Names drawn at temperature one: the first of them, and how many are new."""
    known, held = vocabulary(config), loaded(config)
    end, count = known.number[data.EOS], config.sampled
    prompt = jnp.full((count, 1), end, jnp.int32)
    longest = encoded(config)["train"].shape[1]
    model = network(config, known)
    drawn = sample(model, params, jax.random.key(0), prompt, longest, 1.0, end=end)
    found = [known.decode(row).partition(data.EOS)[0] for row in np.asarray(drawn)]
    other = {*held.dev.inputs, *held.test.inputs}
    new = {name for name in found if name not in {*held.train.inputs}}
    told = (
        f"of {count} names {len(set(found))} are distinct; {len(new)} of these are no training "
        f"names, {len(new & other)} are held-out ones"
    )
    return "\n".join([*found[:SHOWN], "", told])


def written(learned: Learned, source: str) -> Answer:
    """--mode=sample: texts that go on from --input, or begin from nothing, one a temperature."""
    lines, files = [], {}
    for temperature, text in samples(learned.config, learned.params, source).items():
        lines += [f"temperature {temperature}:", *text.splitlines()]
        files[f"temperature_{temperature}.txt"] = text.encode()
    return Answer(tuple(lines), files)


def cores_as_devices(config: Config) -> bool:
    """On two, over characters, 1.2 to 1.5 times as fast; over 10,000 words 0.8 to 1.1 times."""
    return config.tokens == "characters" and config.width >= 128  # narrower ones were not measured


EXPERIMENT = Experiment(
    notes="5.3-5.5, 5.7",
    config=Config(),
    build=build,
    objective=("dev/loss", "min"),
    arms={cell: (f"cell={cell}",) for cell in ("rnn", "gru", "lstm")},
    smoke=(
        "run.steps=4",
        "width=16",
        "data.limit=6000",
        "run.batch_size=8",
        "length=16",
        "sampled=40",
    ),
    claims={
        "gates-remember-longer": gates_beat_plain,
        "context-tells-likely-sentences": better_than_counting,
    },
    figures=figures,
    texts=texts,
    sample=written,
    cores_as_devices=cores_as_devices,
    terms=(
        "sequence models",
        "recurrent neural network",
        "GRU",
        "gate",
        "long short-term memory",
        "LSTM gates",
        "memory cell",
        "remembering",
        "vanishing gradient problem",
    ),
)
