r"""A language model reads characters and writes its own: RNN, GRU and LSTM compared.

    P(y) = prod_t P(y<t> | y<1>, ..., y<t-1>),   perplexity = exp(mean of -ln P(y<t> | ...))

Notes 5.3 (language model, EOS, sampling), 5.4 and 5.5 (GRU, LSTM), 5.7 (depth). Rows of the text
are read side by side in windows of `length` characters; the state at the end of a window is the
start of the next one (truncated backpropagation through time), gradients stop there.

    python launch.py --experiment=language_model
    python launch.py --experiment=language_model --arms=lstm --data.name=tinyshakespeare \
        --data.dev=0.01 --depth=2 --width=256 --embedding=128 --length=96 --dropout=0.2 \
        --run.epochs=9 --optimizer.learning_rate=2e-3 --optimizer.weight_decay=0.1
"""

from __future__ import annotations

import dataclasses
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
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Sum, Task

TEMPERATURES = (0.5, 0.8, 1.0)  # of the samples in the report


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    cell: Literal["rnn", "gru", "lstm"] = "lstm"  # which recurrence
    width: int = 128  # units of a layer, n
    depth: int = 1  # layers (notes 5.7)
    embedding: int = 32  # features of a character's vector
    length: int = 64  # T, characters between two truncations of the gradient
    dropout: float = 0.0  # share of units dropped: word vectors, between layers, before softmax
    judged: int = 2048  # characters of an evaluation window, each started from nothing
    sampled: int = 600  # characters of a sample in the report
    data: data.Data = data.Data(name="python_docs", dev=0.05, test=0.1)
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=8e-3, clip_norm=1.0, schedule="cosine"
    )
    run: Run = Run(epochs=8, batch_size=32)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        for name in ("width", "depth", "embedding", "length", "judged", "sampled"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: must be in [0, 1), got {self.dropout}")


def vocabulary(held: data.Dataset) -> data.Vocabulary:
    """The alphabet, of all parts so that none is unknown, and the token that ends a text."""
    return data.Vocabulary.of_characters(
        held.train.inputs + held.dev.inputs + held.test.inputs, special=(data.EOS,)
    )


def encoded(held: data.Dataset, words: data.Vocabulary) -> dict[str, np.ndarray]:
    """Each part as numbers, int32 [n], ended by EOS (notes 5.3: the end is a token too)."""
    parts = {"train": held.train, "dev": held.dev, "test": held.test}
    end = np.int32([words.number[data.EOS]])
    return {
        name: np.concatenate([words.encode(part.inputs), end])
        for name, part in parts.items()
        if part.inputs
    }


def build(config: Config) -> Task:
    """The Task."""
    held = data.load(config.data, kinds=("text",))
    words = vocabulary(held)
    ids = encoded(held, words)
    model = network(config, words)
    train = data.streams(ids["train"], config.run.batch_size, config.length)

    def logits(params: Params, batch: Batch, context: Context) -> tuple[Any, Array]:
        rows = batch["inputs"].shape[0]
        carry = model.initial_carry(rows, params["E"].dtype)
        if context.carry is not None:  # where a row begins its text anew, so does its state
            keep = ~batch["start"]

            def kept(before: Array, zero: Array) -> Array:
                return jnp.where(keep[:, None], before.astype(zero.dtype), zero)

            carry = jax.tree.map(kept, context.carry, carry)
        dropout = None
        if config.dropout and context.train:
            dropout = Dropout(context.key, batch["slot"], context.hyper["dropout"])
        carry, (z, _) = model.apply({"params": params}, carry, batch["inputs"], dropout=dropout)
        return carry, z  # [B, T, V]

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        carry, z = logits(params, batch, context)
        mask = jnp.broadcast_to(batch["mask"][:, None], batch["targets"].shape)  # [B, T]
        mask = mask * batch.get("token_mask", 1)
        nats = metrics.summed(losses.cross_entropy(z, batch["targets"]), mask)
        right = metrics.accuracy(z, batch["targets"], mask)
        if context.carry is not None:
            carry = jax.tree.map(lambda new, old: new.astype(old.dtype), carry, context.carry)
        return nats, Aux(extra, {"accuracy": right}, carry if context.train else None)

    def init(key: Array) -> tuple[Params, Any]:
        carry, token = model.initial_carry(1), jnp.zeros((1, 1), jnp.int32)
        return model.init(key, carry, token)["params"], {}

    windows = {
        name: data.windows(ids[name], config.judged, prefix=name)
        for name in ("dev", "test")
        if name in ids
    }
    return Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer) | {"dropout": config.dropout},
        train=train,
        evals=windows,
        constants=ids,
        carry=model.initial_carry,
    )


def network(config: Config, words: data.Vocabulary) -> LanguageModel:
    """The network of a config."""
    return LanguageModel(len(words), config.cell, config.width, config.depth, config.embedding)


def gates_beat_plain(results: Results) -> tuple[bool, str]:
    """Notes 5.4: gates remember what a plain RNN forgets, and so predict text better."""
    nats = {name: results[name]["test/loss"] for name in ("rnn", "gru", "lstm")}
    told = ", ".join(f"{name} {value:.3f}" for name, value in nats.items())
    return max(nats["gru"], nats["lstm"]) < nats["rnn"], f"nats per character on test: {told}"


def better_than_counting(results: Results) -> tuple[bool, str]:
    """Notes 5.3: a language model tells likely sentences from unlikely ones, by their context."""
    arm = results.only
    held = data.load(arm.config.data)
    ids = encoded(held, vocabulary(held))
    counts = np.bincount(ids["train"], minlength=ids["test"].max() + 1) + 1.0
    unigram = -np.log(counts / counts.sum())[ids["test"][1:]].mean()
    found = arm["test/loss"]
    return found < 0.8 * unigram, f"{found:.3f} nats, {unigram:.3f} from frequencies alone"


def figures(results: Results) -> Iterator[Picture]:
    """How surprised each arm is, in the end."""
    from ngjax.report import figures as draw

    nats = {name: arm["test/loss"] for name, arm in results.items()}
    spread = {name: arm.spread("test/loss") for name, arm in results.items()}
    yield Picture(
        "surprise",
        "Mean surprise at a character of the test text; e to this power is the perplexity.",
        draw.bars(nats, spread, xlabel="nats per character", best=min(nats, key=nats.get)),
    )


def texts(results: Results) -> Iterator[Text]:
    """Perplexities, and what each arm writes when it is let."""
    rows = [f"{'arm':12}{'nats/character':>16}{'bits/character':>16}{'perplexity':>12}"]
    for name, arm in results.items():
        nats = arm["test/loss"]
        rows.append(f"{name:12}{nats:16.4f}{nats / math.log(2):16.4f}{math.exp(nats):12.3f}")
    yield Text("Surprise on the test text", "\n".join(rows))
    for name, arm in results.items():
        for temperature, text in samples(arm.config, arm.params).items():
            yield Text(f"Arm {name} writes, temperature {temperature}", text)
    yield Text("Data", data.load(results.only.config.data).notes)


def samples(config: Config, params: Params) -> Mapping[float, str]:
    """Temperature -> a text written from nothing: EOS read first, EOS written last if at all."""
    words = vocabulary(data.load(config.data))
    end = words.number[data.EOS]
    model, prompt = network(config, words), jnp.full((1, 1), end, jnp.int32)
    written = {}
    for temperature in TEMPERATURES:
        drawn = sample(
            model, params, jax.random.key(0), prompt, config.sampled, temperature, end=end
        )
        text = words.decode(np.asarray(drawn)[0])
        written[temperature] = text.partition(data.EOS)[0]
    return written


def written(learned: Learned, source: str) -> Answer:
    """--mode=sample: texts that go on from --input, or begin from nothing, one a temperature."""
    config = learned.config
    words = vocabulary(data.load(config.data))
    end, model = words.number[data.EOS], network(config, words)
    prompt = jnp.asarray([[end, *words.encode(source)]], jnp.int32)
    lines, files = [], {}
    for temperature in TEMPERATURES:
        drawn = sample(
            model, learned.params, jax.random.key(0), prompt, config.sampled, temperature, end=end
        )
        text = source + words.decode(np.asarray(drawn)[0]).partition(data.EOS)[0]
        lines += [f"temperature {temperature}:", *text.splitlines()]
        files[f"temperature_{temperature}.txt"] = text.encode()
    return Answer(tuple(lines), files)


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
