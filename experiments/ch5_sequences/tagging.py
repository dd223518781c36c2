r"""Name entities: which words of a sentence are names of what; both sides of a word tell.

    x<t> = [E[word<t>], spelling<t>],  a<t> = [->a<t>, <-a<t>],  y_hat<t> = softmax(W_y a<t> + b_y)

Notes 5 and 5.6. "Teddy Roosevelt" is a name and "Teddy bears" are not: what tells comes later, so
a network that reads in one direction must guess. Dictionary words have vectors, all words are
spelled by a convolution over their letters (Ma & Hovy 2016); no vectors are brought from elsewhere.
`--crf=true` scores tags together (Lafferty et al. 2001). F1 counts whole names, as conlleval does.

    python launch.py --experiment=tagging
    python launch.py --experiment=tagging --data.name=conll2003 --data_dir=DIRECTORY \
        --run.epochs=12 --optimizer.learning_rate=2e-3
    python launch.py --experiment=tagging --mode=predict --input="Anna Baker flew to Milton ."

Measured with seed 0 on one core, F1 on test: invented news 0.992, forward alone 0.828, without
letters 0.981 (90 s an arm); CoNLL-2003 0.816, 0.724, 0.764 (157, 153 and 82 s). Tags scored
together bring CoNLL-2003 from 0.817 to 0.837 (on another machine, one seed).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, metrics, optim
from ngjax.data.text import spelled
from ngjax.experiment import Answer, Experiment, Learned, Picture, Results, Text
from ngjax.experiment.results import Arm
from ngjax.models.tagger import Labeller, Tagger, Words, potentials
from ngjax.ops import crf, entities
from ngjax.ops.bucket import in_bucket, widths_for
from ngjax.ops.dropout import Dropout
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Sum, Task, UserError

NOTES = "Harry Potter and Hermione Granger invented a new spell ."  # notes 5; the print lost "new"
NOTES_MARKS = (1, 1, 0, 1, 1, 0, 0, 0, 0)  # of its nine words
OWN = {  # sentences of no data set -> kind of the name that each word belongs to, or -
    NOTES: "PER PER - PER PER - - - - -",
    "Teddy Roosevelt spoke on Friday .": "PER PER - - - -",
    "Teddy bears are on sale in Milton .": "- - - - - - LOC -",
}
SHOWN = 8  # sentences of the test set in the figure
TOKEN = re.compile(r"\w+(?:[.'&-]\w+)*|[^\w\s]")  # of a user's sentence: words, and single signs


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    sight: Literal["bidirectional", "forward", "backward"] = "bidirectional"  # what a word sees
    cell: Literal["rnn", "gru", "lstm"] = "lstm"  # which recurrence
    width: int = 200  # units that a word is tagged from, both directions together
    embedding: int = 100  # features of a word's vector
    filters: int = 50  # features of a word's spelling; 0: letters are not read
    letter: int = 25  # features of a letter
    longest: int = 16  # letters read of a word; of a longer one the first and the last half
    narrowest: int = 8  # words that the smallest of the widths, each twice another, holds
    least: int = 2  # a word is in the dictionary if train holds it so often
    crf: bool = False  # score tags together: a conditional random field behind the network
    dropout: float = 0.5  # share of features and units dropped, for a whole sentence
    word_dropout: float = 0.05  # share of training words read as unknown: letters alone remain
    data: data.Data = data.Data(name="invented_news")
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=4e-3, clip_norm=5.0, schedule="cosine"
    )
    run: Run = Run(epochs=15, batch_size=32, evaluate_batch=64, patience=6, weights="best")

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        for name, least in (
            ("width", 2),
            ("embedding", 1),
            ("letter", 1),
            ("longest", 2),
            ("narrowest", 1),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: must be {least} or more, got {getattr(self, name)}")
        for name in ("filters", "least"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must be 0 or more, got {getattr(self, name)}")
        for name in ("dropout", "word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: must be in [0, 1), got {getattr(self, name)}")


@functools.lru_cache(maxsize=2)
def spelling(which: data.Data, least: int, longest: int) -> data.Spelling:
    """Dictionary and alphabet of the training set."""
    return data.Spelling.of(data.load_tagged(which).train.inputs, least, longest)


def read_as(config: Config) -> data.Spelling:
    """Likewise, of a config."""
    return spelling(config.data, config.least, config.longest)


def network(config: Config, held: data.Dataset) -> Tagger:
    """The network of a config."""
    known = read_as(config)
    words = Words(
        len(known.words), len(known.letters) + 1, config.embedding, config.letter, config.filters
    )
    labeller = Labeller(len(held.classes), config.sight, config.cell, config.width, crf=config.crf)
    return Tagger(words, labeller)


def build(config: Config) -> Task:
    """The Task."""
    held = data.load_tagged(config.data)
    known = read_as(config)
    model = network(config, held)
    constants = spelled.constants(held, known)
    unknown = known.words.number[data.UNK]

    def scored(params: Params, inputs: Array, dropout: Dropout | None = None) -> Array:
        return model.apply({"params": params}, inputs, dropout)[0]  # [B, T, K]

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        inputs, dropout = batch["inputs"], None
        if context.train:
            dropout = Dropout(context.key, batch["slot"], context.hyper["dropout"])
            inputs = forgotten(
                inputs, unknown, dropout._replace(rate=context.hyper["word_dropout"])
            )

        def cut(inputs: Array, targets: Array) -> tuple[Sum, Sum]:
            """Sums that know no width."""
            z = scored(params, inputs, dropout)
            mask = (inputs[..., 1] > 0) * batch["mask"][:, None]  # [B, T]
            right = metrics.accuracy(z, targets, mask)
            if not config.crf:
                return metrics.summed(losses.cross_entropy(z, targets), mask), right
            each = crf.negative_log_likelihood(
                potentials(params["labeller"]), z, targets, inputs[..., 1] > 0
            )
            return (metrics.summed(each, batch["mask"])[0], right[1]), right

        widths = widths_for(inputs.shape[1], config.narrowest)
        total, right = in_bucket(cut, widths, batch["length"], inputs, batch["targets"])
        return total, Aux(extra, {"accuracy": right})

    def predict(params: Params, extra: Any, batch: Batch, context: Context) -> Array:
        """The number of every word's tag, int32 [B, T]."""
        T = batch["inputs"].shape[1]

        def cut(inputs: Array) -> Array:
            z, mask = scored(params, inputs), inputs[..., 1] > 0
            if config.crf:
                tags = crf.viterbi(potentials(params["labeller"]), z, mask)
            else:
                tags = jnp.argmax(z, axis=-1).astype(jnp.int32)
            return jnp.pad(tags, ((0, 0), (0, T - tags.shape[1])))  # [B, T]

        length = (batch["inputs"][..., 1] > 0).sum(axis=1)
        return in_bucket(cut, widths_for(T, config.narrowest), length, batch["inputs"])

    return Task(
        init=lambda key: (model.init(key, jnp.ones((1, 2, 1 + config.longest), int))["params"], {}),
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer)
        | {"dropout": config.dropout, "word_dropout": config.word_dropout},
        train=spelled.source(constants, "train"),
        evals={name: spelled.source(constants, name) for name in ("dev", "test")},
        constants=constants,
        predict=predict,
        score=functools.partial(score, held.classes),
    )


def forgotten(inputs: Array, unknown: int, dropout: Dropout) -> Array:
    """Words [B, T, 1 + L] of which some have lost their number and kept their letters."""
    key = jax.random.fold_in(dropout.key, 2)

    def drawn(slot: Array) -> Array:
        return jax.random.bernoulli(jax.random.fold_in(key, slot), dropout.rate, inputs.shape[1:2])

    lost = jax.vmap(drawn)(dropout.slot)  # [B, T]
    return inputs.at[..., 0].set(jnp.where(lost, unknown, inputs[..., 0]))


def score(classes: Sequence[str], tags: Any, batch: Mapping[str, np.ndarray]) -> dict[str, float]:
    """F1, precision and recall of whole names."""
    counted = count(classes, tags, batch["targets"], batch["length"])[""]
    return {"f1": counted.f1, "precision": counted.precision, "recall": counted.recall}


def count(classes: Sequence[str], tags: Any, targets: Any, length: Any) -> Any:
    """Names there, found and right, by kind; tags and targets int [m, T]."""
    true, found = (
        [[classes[k] for k in row[:n]] for row, n in zip(values, length, strict=True)]
        for values in (targets, tags)
    )
    return entities.count(true, found)


@functools.lru_cache(maxsize=4)
def answering(task: Task) -> Any:
    """`Task.predict` of words outside any data set, compiled once for figures and texts."""
    context = Context(None, 0, task.hyper, None)
    return jax.jit(lambda params, inputs: task.predict(params, {}, {"inputs": inputs}, context))


def tag(
    config: Config, task: Task, params: Params, sentences: Sequence[Sequence[str]]
) -> list[list[str]]:
    """The tags of sentences."""
    known = read_as(config)
    inputs, length = data.padded([known.encode(words) for words in sentences])  # [m, T, 1 + L]
    tags = np.asarray(answering(task)(params, inputs))
    classes = data.load_tagged(config.data).classes
    return [[classes[k] for k in row[:n]] for row, n in zip(tags, length, strict=True)]


def own_tags(arm: Arm) -> list[list[str]]:
    """The tags of the sentences of `OWN`."""
    return tag(arm.config, arm.task, arm.params, [text.split() for text in OWN])


def both_sides(results: Results) -> tuple[bool, str]:
    """Notes 5.6: a bidirectional network tags better than one that reads in one direction."""
    both, one = (results[name]["test/f1"] for name in ("bidirectional", "forward"))
    return both > one, f"F1 on test {both:.4f}, in one direction {one:.4f}"


def spelling_tells(results: Results) -> tuple[bool, str]:
    """Names that the dictionary lacks (UNK, notes 5) are told by their letters."""
    with_letters, without = (results[name]["test/f1"] for name in ("bidirectional", "words"))
    return with_letters > without, f"F1 on test {with_letters:.4f}, without letters {without:.4f}"


def figures(results: Results) -> Iterator[Picture]:
    """F1 of the arms, and tagged sentences."""
    from ngjax.report import figures as draw

    found = {name: arm["test/f1"] for name, arm in results.items()}
    spread = {name: arm.spread("test/f1") for name, arm in results.items()}
    yield Picture(
        "f1",
        "F1 of whole names on test: a name counts where its kind and both its ends are right.",
        draw.bars(found, spread, xlabel="F1", best=max(found, key=found.get)),
    )
    arm = results.only
    held = data.load_tagged(arm.config.data)
    kinds = sorted({tag[2:] for tag in held.classes if tag != entities.OUTSIDE})
    tags, batch = arm.predict("test")
    length = batch["length"]
    wrong = [bool((tags[i, :n] != held.test.targets[i]).any()) for i, n in enumerate(length)]
    chosen = []
    for mistaken in (True, False):
        among = [i for i, n in enumerate(length) if wrong[i] is mistaken and 4 <= n <= 30]
        chosen += among[:: max(1, len(among) // (SHOWN // 2))][: SHOWN // 2]
    sentences = {}
    for i in chosen:
        words = held.test.inputs[i]
        sentences[f"test sentence {i + 1}"] = [
            (word, held.classes[k][2:], held.classes[true] if k != true else "")
            for word, k, true in zip(words, tags[i], held.test.targets[i], strict=False)
        ]
    for (text, truth), said in zip(OWN.items(), own_tags(arm), strict=True):
        what = "of the notes" if text == NOTES else "whose second word decides"
        sentences[f"a sentence {what}, {' '.join(text.split()[:2])} ..."] = [
            (word, given[2:], "" if given[2:] == true.strip("-") else true.replace("-", "O"))
            for word, given, true in zip(text.split(), said, truth.split(), strict=True)
        ]
    yield Picture(
        "sentences",
        f"What arm {arm.name} takes for names: test sentences, with and without mistakes.",
        draw.tagged(sentences, kinds),
    )


def texts(results: Results) -> Iterator[Text]:
    """F1 by kind of name, the notes' sentence with its targets, and where the data is from."""
    held = data.load_tagged(results.only.config.data)
    rows = [f"{'arm':16}{'kind':8}{'precision':>10}{'recall':>10}{'F1':>10}{'names':>8}"]
    for name, arm in results.items():
        tags, batch = arm.predict("test")
        for kind, n in count(held.classes, tags, batch["targets"], batch["length"]).items():
            rows.append(
                f"{name:16}{kind or 'all':8}{n.precision:10.4f}{n.recall:10.4f}{n.f1:10.4f}"
                f"{n.true:8}"
            )
    yield Text("Whole names on test, counted as conlleval does", "\n".join(rows))
    table = {"x<t>": NOTES.split(), "y<t>, the notes'": [*map(str, NOTES_MARKS)]}
    for name, arm in results.items():
        table[f"{name}: y_hat<t>"] = [*map(str, entities.marks(own_tags(arm)[0]))]
        table[f"{name}: tags"] = own_tags(arm)[0]
    wide = max(map(len, table)) + 2
    lines = [
        f"{head:{wide}}{''.join(f'{cell:9}' for cell in cells[: len(NOTES_MARKS)])}".rstrip()
        for head, cells in table.items()
    ]
    yield Text(f"The notes' sentence, T_x = T_y = {len(NOTES_MARKS)}", "\n".join(lines))
    yield Text("Data", f"{held.origin}\n{held.notes}")


def predict(learned: Learned, source: str) -> Answer:
    """The names in a sentence of the user's own."""
    words = TOKEN.findall(source)
    if not words:
        raise UserError(f"--input={source!r}: holds no word; give a sentence")
    (tags,) = tag(learned.config, learned.task, learned.params, [words])
    names = [
        {
            "kind": name.kind,
            "words": " ".join(words[name.start : name.stop]),
            "start": name.start,
            "stop": name.stop,
        }
        for name in entities.entities(tags)
    ]
    told = {"words": words, "tags": tags, "names": names}
    lines = [f"{one['kind']:5} {one['words']}" for one in names] or ["no name found"]
    written = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    return Answer(tuple(lines), {"tags.json": written.encode()})


EXPERIMENT = Experiment(
    notes="5.6, 5",
    config=Config(),
    build=build,
    objective=("dev/f1", "max"),
    arms={
        "bidirectional": (),
        "forward": ("sight=forward",),
        "words": ("filters=0",),
    },
    smoke=(
        "run.steps=4",
        "width=8",
        "embedding=8",
        "data.limit=40",
        "run.batch_size=8",
        "longest=6",
        "letter=4",
        "narrowest=32",
        "cell=rnn",
    ),
    claims={"both-sides-tell": both_sides, "spelling-tells": spelling_tells},
    figures=figures,
    texts=texts,
    predict=predict,
    terms=("many-to-many architecture",),
)
