r"""Bidirectional networks: to label a step, what comes before and after it are both needed.

    ->a<t> = g(->W [->a<t-1>, x<t>] + ->b),    <-a<t> = g(<-W [<-a<t+1>, x<t>] + <-b)
    y_hat<t> = softmax(W_y [->a<t>, <-a<t>] + b_y)

Notes 5.6; Schuster & Paliwal 1997 (whose title the notes give in the singular). Five networks of
as many units: an MLP on a window, a time-delay network (Waibel et al. 1989), a recurrent network, a
recurrent network that answers some steps late, and a bidirectional one. They read handwriting:
real digits in a row, one column of pixels a step, each column to be given its digit. What digit a
first column belongs to is only written in the columns that follow. Right of test columns (seed 0,
8 s an arm on one core): window 89.3 %, time delays 96.3, forward 80.2, late 95.9, both directions
95.9; time delays that span a digit suffice for digits, against the notes. F1 of names in invented
news: window 0.992, time delays 0.968, forward 0.811, late 0.985, both directions 0.986; a window of
two words on either side suffices for them.

    python launch.py --experiment=bidirectional
    python launch.py --experiment=bidirectional --task=tagging
    python launch.py --experiment=bidirectional --task=tagging --sentences.name=conll2003 \
        --data_dir=DIRECTORY
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ngjax import data, losses, metrics, optim
from ngjax.data.text import spelled
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.experiment.results import Arm
from ngjax.models.tagger import Labeller, Sight, Tagger, Words
from ngjax.ops import entities
from ngjax.ops.bucket import in_bucket, widths_for
from ngjax.ops.dropout import Dropout
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Source, Sum, Task

PARTS = ("train", "dev", "test")
INK = 255.0
SHOWN = 5  # rows in the figure


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    task: Literal["digits", "tagging"] = "digits"  # columns of rows of digits, or words' tags
    sight: Sight = "bidirectional"  # what the network sees from a step
    cell: Literal["rnn", "gru", "lstm"] = "gru"  # of the recurrent networks
    width: int = 64  # units that a step is labelled from, both directions together
    reach: int = 2  # steps that the MLP's window spans on either side
    depth: int = 3  # layers of the time-delay network, each over three steps
    delay: int = 0  # steps that a forward network reads on before it answers
    rows: int = 2000  # rows of digits in train; a quarter as many in dev, half in test
    fewest: int = 3  # digits in a row, at least
    most: int = 8  # digits in a row, at most
    row_seed: int = 0  # of the rows: which digits stand side by side
    narrowest: int = 32  # steps of the narrowest width that batches are cut to
    embedding: int = 50  # of task=tagging: features of a word
    filters: int = 30  # of task=tagging: features of a word's spelling
    dropout: float = 0.2  # share of features and units dropped, for a whole sequence
    sentences: data.Data = data.Data(name="invented_news")  # of task=tagging
    data: data.Data = data.Data(name="digits")  # small grey images that rows are made of
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=4e-3, clip_norm=5.0, schedule="cosine"
    )
    run: Run = Run(epochs=40, batch_size=32, evaluate_batch=100)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        for name in ("reach", "depth", "rows", "fewest", "narrowest", "embedding", "filters"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        if self.width < 2:
            raise ValueError(f"width: must be 2 or more, got {self.width}")
        if self.most < self.fewest:
            raise ValueError(f"most: must be {self.fewest} (fewest) or more, got {self.most}")
        for name in ("delay", "row_seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must be 0 or more, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: must be in [0, 1), got {self.dropout}")


class Held(NamedTuple):
    """What is labelled: arrays of every part, and the names of the labels."""

    parts: Mapping[str, Any]  # `Task.constants`
    labels: tuple[str, ...]
    network: nn.Module
    notes: str


def held(config: Config) -> Held:
    """The examples of a config and the network that reads them."""
    how = {"width": config.width, "reach": config.reach, "depth": config.depth}
    how |= {"sight": config.sight, "cell": config.cell, "delay": config.delay}
    if config.task == "digits":
        digits = data.load(config.data, kinds=("images",))
        parts = {
            name: {
                "inputs": (made.columns / INK).astype(np.float32),
                "targets": made.targets,
                "place": made.place,
                "length": made.length,
            }
            for name, made in ((name, handwriting(config, name)) for name in PARTS)
        }
        return Held(parts, digits.classes, Labeller(len(digits.classes), **how), digits.notes)
    corpus = data.load_tagged(data.beside(config.sentences, config.data))
    spelling = data.Spelling.of(corpus.train.inputs, least=2, longest=16)
    words = Words(
        len(spelling.words),
        len(spelling.letters) + 1,
        embedding=config.embedding,
        filters=config.filters,
    )
    network = Tagger(words, Labeller(len(corpus.classes), **how))
    return Held(spelled.constants(corpus, spelling), corpus.classes, network, corpus.notes)


def handwriting(config: Config, part: str) -> data.Rows:
    """The rows of a part."""
    share = {"train": 1, "dev": 4, "test": 2}[part]
    count = max(1, config.rows // share)
    digits = (config.fewest, config.most)
    return data.rows(count, config.row_seed, part, digits=digits, which=config.data)


def source(parts: Mapping[str, Any], name: str) -> Source:
    """A part of the handwriting as batches; "train" comes in batches of like lengths."""
    length = parts[name]["length"]

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        return jax.tree.map(lambda values: values[drawn["index"]], constants[name])

    if name != "train":
        return Source(len(length), batch)
    return Source(len(length), batch, order=data.by_length(length))


def build(config: Config) -> Task:
    """The Task."""
    given = held(config)
    tagging = config.task == "tagging"

    def scored(params: Params, inputs: Array, mask: Array, dropout: Dropout | None = None) -> Array:
        if tagging:  # a tagger knows padding by its missing letters
            return given.network.apply({"params": params}, inputs, dropout)[0]
        x = inputs.astype(jax.tree.leaves(params)[0].dtype)
        return given.network.apply({"params": params}, x, mask, dropout)[0]  # [B, T, K]

    def cut_to(batch: Batch, function: Any, *more: Array) -> Any:
        widths = widths_for(batch["inputs"].shape[1], config.narrowest)
        return in_bucket(function, widths, batch["length"], batch["inputs"], *more)

    def there(batch: Batch) -> Array:
        """[B, T]: 1 at steps, 0 at padding."""
        T = batch["targets"].shape[1]
        return (jnp.arange(T)[None] < batch["length"][:, None]).astype(jnp.float32)

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        dropout = None
        if context.train:
            dropout = Dropout(context.key, batch["slot"], context.hyper["dropout"])
        first = batch.get("place", batch["targets"]) == 0  # [B, T]

        def sums(inputs: Array, targets: Array, mask: Array, first: Array) -> Any:
            z = scored(params, inputs, mask, dropout)
            judged = mask * batch["mask"][:, None]
            told = {"accuracy": metrics.accuracy(z, targets, judged)}
            if not tagging:
                told["first_column"] = metrics.accuracy(z, targets, judged * first)
            return metrics.summed(losses.cross_entropy(z, targets), judged), told

        cost, told = cut_to(batch, sums, batch["targets"], there(batch), first)
        return cost, Aux(extra, told)

    def predict(params: Params, extra: Any, batch: Batch, context: Context) -> Array:
        """The label of every step, int32 [B, T]."""
        T = batch["targets"].shape[1]

        def answered(inputs: Array, mask: Array) -> Array:
            labels = jnp.argmax(scored(params, inputs, mask), axis=-1).astype(jnp.int32)
            return jnp.pad(labels, ((0, 0), (0, T - labels.shape[1])))  # [B, T]

        return cut_to(batch, answered, there(batch))

    def init(key: Array) -> tuple[Params, Any]:
        one = jnp.asarray(given.parts["train"]["inputs"][:1, :2])
        if tagging:
            one = jnp.ones((1, 2, given.parts["words"].shape[1]), jnp.int32)
            return given.network.init(key, one)["params"], {}
        return given.network.init(key, one, jnp.ones((1, 2)))["params"], {}

    make = spelled.source if tagging else source
    return Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer) | {"dropout": config.dropout},
        train=make(given.parts, "train"),
        evals={name: make(given.parts, name) for name in ("dev", "test")},
        constants=given.parts,
        predict=predict,
        score=functools.partial(score, given.labels) if tagging else None,
    )


def score(labels: Sequence[str], tags: Any, batch: Mapping[str, np.ndarray]) -> dict[str, float]:
    """F1 of whole names, of task=tagging."""
    true, found = (
        [[labels[k] for k in row[:n]] for row, n in zip(values, batch["length"], strict=True)]
        for values in (batch["targets"], tags)
    )
    return {"f1": entities.count(true, found)[""].f1}


def measure(arm: Arm) -> str:
    """What the arms of a task are compared by."""
    return "test/f1" if arm.config.task == "tagging" else "test/accuracy"


def measured(results: Results, *names: str) -> dict[str, float]:
    """Arm -> how well it labels test."""
    chosen = {name: results[name] for name in names or results}
    return {name: arm[measure(arm)] for name, arm in chosen.items()}


def told(values: Mapping[str, float]) -> str:
    """Arms with their numbers."""
    return ", ".join(f"{name} {value:.4f}" for name, value in values.items())


def future_is_needed(results: Results) -> tuple[bool, str]:
    """Notes 5.6: a standard network cannot reach what comes; read from both sides it is better."""
    values = measured(results, "bidirectional", "forward")
    return values["bidirectional"] > values["forward"], told(values)


def first_columns(results: Results) -> tuple[bool, str]:
    """Notes 5.6: handwriting is read better with what comes after: a digit's first column most."""
    if results.only.config.task != "digits":
        raise NotAsked("asked of task=digits")
    names = ("bidirectional", "forward")
    first = {name: results[name]["test/first_column"] for name in names}
    gains = [a["bidirectional"] - a["forward"] for a in (first, measured(results, *names))]
    return gains[0] > gains[1] > 0, f"on first columns {told(first)}; gained {gains[0]:.4f}"


def unbounded_is_best(results: Results) -> tuple[bool, str]:
    """Notes 5.6: MLPs and time-delay networks see a fixed span; bidirectional ones see all."""
    values = measured(results, "window", "time_delay", "forward", "bidirectional")
    return max(values, key=values.get) == "bidirectional", told(values)


def delay_helps(results: Results) -> tuple[bool, str]:
    """Notes 5.6: a standard network needs delays to include what comes."""
    values = measured(results, "forward", "delayed")
    return values["delayed"] > values["forward"], told(values)


def figures(results: Results) -> Iterator[Picture]:
    """How well each network labels, where in a digit it errs, and rows as they were read."""
    from ngjax.report import figures as draw

    arm = results.only
    values = measured(results)
    spread = {name: one.spread(measure(one)) for name, one in results.items()}
    tagging = arm.config.task == "tagging"
    yield Picture(
        "compared",
        "F1 of whole names on test." if tagging else "Share of test columns given their digit.",
        draw.bars(
            values,
            spread,
            xlabel="F1" if tagging else "columns right",
            best=max(values, key=values.get),
        ),
    )
    if tagging:
        return
    made = handwriting(arm.config, "test")
    answers = {name: one.predict("test")[0] for name, one in results.items()}
    there = np.arange(made.targets.shape[1]) < made.length[:, None]
    places = np.unique(made.place[there])
    lines = {
        name: [(found == made.targets)[there & (made.place == p)].mean() for p in places]
        for name, found in answers.items()
    }
    yield Picture(
        "places",
        "How often a column is given its digit, by its place in the digit: a network that reads "
        "forward meets the first columns before it has seen what they begin.",
        draw.lines(places + 1, lines, xlabel="column of a digit", ylabel="columns right"),
    )
    yield Picture(
        "rows",
        "Test rows; below, the digit that each column was given, mistakes in colour.",
        draw.labelled_rows(
            [made.columns[i, :n].T for i, n in enumerate(made.length[:SHOWN])],
            {name: found[:SHOWN] for name, found in answers.items()},
            made.targets[:SHOWN],
        ),
    )


def texts(results: Results) -> Iterator[Text]:
    """What each network sees, how large it is and how well it labels."""
    rows = [f"{'arm':16}{'sees':>22}{'parameters':>12}{'accuracy':>10}{'measure':>10}"]
    for name, arm in results.items():
        count = sum(leaf.size for leaf in jax.tree.leaves(arm.params))
        rows.append(
            f"{name:16}{seen(arm.config):>22}{count:12,}{arm['test/accuracy']:10.4f}"
            f"{arm[measure(arm)]:10.4f}"
        )
    yield Text(f"On test; measure is {measure(results.only)}", "\n".join(rows))
    yield Text("Data", held(results.only.config).notes)


def seen(config: Config) -> str:
    """The steps that tell of step t."""
    return {
        "window": f"t - {config.reach} ... t + {config.reach}",
        "time_delay": f"t - {config.depth} ... t + {config.depth}",
        "forward": f"1 ... t + {config.delay}" if config.delay else "1 ... t",
        "backward": "t ... T",
        "bidirectional": "1 ... T",
    }[config.sight]


EXPERIMENT = Experiment(
    notes="5.6",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms={
        "window": ("sight=window",),
        "time_delay": ("sight=time_delay",),
        "forward": ("sight=forward",),
        "delayed": ("sight=forward", "delay=3"),
        "bidirectional": ("sight=bidirectional",),
    },
    smoke=(
        "run.steps=4",
        "width=8",
        "rows=24",
        "data.limit=60",
        "sentences.limit=40",
        "run.batch_size=8",
        "most=3",
        "cell=rnn",
    ),
    claims={
        "future-is-needed": future_is_needed,
        "first-columns-need-it-most": first_columns,
        "bidirectional-is-best": unbounded_is_best,
        "delay-includes-the-future": delay_helps,
    },
    figures=figures,
    texts=texts,
)
