r"""Many to one: what a sentence says, good or bad; a bag of words, RNNs and a CNN compared.

    e<t> = E[word<t>],    z = W pool(cell(e<1>), ..., cell(e<T>)) + b,    y_hat = softmax(z)

Notes 5.2 (many to one) and 5.8 (word embeddings; the course's sentiment example). The bag of words
averages the vectors e<t> and so forgets their order: "completely lacking in good taste, good
service, and good ambience" has three times "good". The default set is written by a fixed seed, and
in 3 of 10 of its sentences the order of the words alone decides. A word that training has not seen
`least` times shares one vector with all such words.

    python launch.py --experiment=sentiment
    python launch.py --experiment=sentiment --mode=predict --input="the food was not good"
    python launch.py --experiment=sentiment --arms=cnn --data.name=rt_polarity --folds=10 \
        --embedding=100 --width=100
    python launch.py --experiment=sentiment --data.name=emojify --vectors=glove.6B.50d.txt
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from scipy.special import softmax

from ngjax import cross_validation, data, optim, supervised
from ngjax.data import written
from ngjax.experiment import Answer, Experiment, Learned, NotAsked, Picture, Results, Text
from ngjax.experiment.naming_lines import name_lines
from ngjax.experiment.results import Arm
from ngjax.models.many_to_one import Average, Recurrent
from ngjax.models.text_cnn import TextCNN
from ngjax.ops.bucket import in_bucket, widths_for
from ngjax.ops.dropout import Dropout
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Sum, Task, UserError

TOLD = 6  # mistakes and words of a class that the report tells
KEPT = 8  # arms whose answers are held while a report is written
OFTEN = 5  # times a word must occur in training for its pull to be told
RECURRENT = ("gru", "lstm", "bidirectional-max", "bidirectional-mean")


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    network: Literal["bag", "rnn", "gru", "lstm", "cnn"] = "gru"  # what reads the word vectors
    bidirectional: bool = False  # rnn, gru, lstm: a second layer from the end (notes 5.6)
    pooling: Literal["last", "max", "mean"] = "last"  # rnn, gru, lstm: of the states over time
    width: int = 64  # units of a layer; filters of each of cnn's widths
    windows: tuple[int, ...] = (3, 4, 5)  # cnn: words that a filter sees
    embedding: int = 64  # features of a word vector, where no file brings them
    scale: float = 0.1  # deviation of the word vectors at the start
    least: int = 2  # times a word must occur in training to have a vector of its own
    vectors: str = ""  # file of published vectors, a word and its numbers a line
    most: int = 100_000  # words read from that file, the first ones
    tune: bool = False  # train the published vectors too
    dropout: float = 0.5  # share of pooled features dropped, before softmax (Kim 2014)
    dropout_words: float = 0.0  # share of the word vectors' features dropped
    shortest: int = 16  # words of the narrowest batch; wider ones are twice, four times as wide
    folds: int = 0  # cross-validation: parts that are left out by turns; 0: one test set
    data: data.Data = data.Data(name="written_reviews")
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=2e-3, clip_norm=1.0, schedule="cosine"
    )
    run: Run = Run(epochs=10, batch_size=50)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        for name in ("width", "embedding", "least", "most", "shortest"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        if not self.windows or min(self.windows) < 1:
            raise ValueError(f"windows: must be words, 1 or more, got {self.windows}")
        for name in ("dropout", "dropout_words"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: must be in [0, 1), got {getattr(self, name)}")
        if self.folds < 0 or self.folds == 1:
            raise ValueError(f"folds: must be 0, or 2 and more, got {self.folds}")
        if self.tune and not self.vectors:
            raise ValueError("tune: give the file that --vectors names, too")


class Held(NamedTuple):
    """The sentences as numbers."""

    words: data.Vocabulary  # all words of set and file; its size is the number of padding
    sentences: Mapping[str, tuple[tuple[str, ...], ...]]  # part -> its sentences
    arrays: Mapping[str, Mapping[str, np.ndarray]]  # part -> inputs int32 [m, T], targets [m]
    number: np.ndarray  # [V + 1] or, by fold, [F, V + 1]: word -> its row of E
    rows: int  # of E; the last one is that of all other words
    vectors: np.ndarray | None  # E as the file has it, [rows, D]
    dealt: cross_validation.Folds | None
    classes: tuple[str, ...]
    notes: str


def held(config: Config) -> Held:
    """The set of a config; with folds, all its parts are one, "all"."""
    return _held(config.data, config.vectors, config.most, config.least, config.folds)


@functools.lru_cache(maxsize=2)
def _held(which: data.Data, vectors: str, most: int, least: int, folds: int) -> Held:
    found = data.load(which, kinds=("sentences",))
    parts = {n: s for n in ("train", "dev", "test") if len(s := getattr(found, n))}
    sentences = {name: part.inputs for name, part in parts.items()}
    targets = {name: part.targets for name, part in parts.items()}
    if folds:
        sentences = {"all": tuple(s for part in sentences.values() for s in part)}
        targets = {"all": np.concatenate(list(targets.values()))}
    brought, E = data.read_vectors(Path(vectors), most) if vectors else ((), None)
    tokens = [word for part in sentences.values() for words in part for word in words]
    words = data.Vocabulary.of_words([*tokens, *brought], special=(data.UNK,))
    longest = max(len(s) for part in sentences.values() for s in part)
    arrays = {
        name: {"inputs": encoded(words, part, longest), "targets": targets[name]}
        for name, part in sentences.items()
    }
    dealt = None
    if folds:
        dealt = cross_validation.folds(targets["all"], folds, which.split_seed)
        length = np.array([len(s) for s in sentences["all"]])
        by_length = np.argsort(length[dealt.train], axis=1, kind="stable")  # [F, n]
        dealt = dealt._replace(train=np.take_along_axis(dealt.train, by_length, axis=1))
    if vectors:
        place = {word: row for row, word in reversed(list(enumerate(brought)))}
        number = np.array([place.get(word, len(brought)) for word in (*words.tokens, "")])
        number[-1], E = len(brought), np.concatenate([E, np.zeros_like(E[:1])])
    else:
        inputs = arrays["all" if folds else "train"]["inputs"]
        seen = inputs[dealt.train] if dealt else inputs[None]  # [F, n, T]
        number = np.stack([numbered(rows, len(words), least) for rows in seen])  # [F, V + 1]
        number = np.where(number < 0, number.max() + 1, number)
        number = number if dealt else number[0]
    rows = int(number.max()) + 1
    number = np.int32(number)
    return Held(words, sentences, arrays, number, rows, E, dealt, found.classes, found.notes)


def numbered(inputs: np.ndarray, padding: int, least: int) -> np.ndarray:
    """Word -> its row, int [V + 1], of those that occur `least` times; of all others -1."""
    counts = np.bincount(inputs.ravel(), minlength=padding + 1)
    known = (counts >= least) & (np.arange(padding + 1) < padding)
    return np.where(known, np.cumsum(known) - 1, -1)


def encoded(words: data.Vocabulary, sentences: Sequence[Sequence[str]], width: int) -> np.ndarray:
    """Sentences as numbers of words, int32 [m, T], the size of the vocabulary behind the end."""
    return data.padded([words.encode(s) for s in sentences], width, len(words))[0]


def network(config: Config, classes: int) -> nn.Module:
    """What reads word vectors: (e [B, T, D], mask [B, T]) -> (logits [B, K], activations)."""
    if config.network == "bag":
        return Average(classes)
    if config.network == "cnn":
        return TextCNN(classes, config.windows, config.width)
    return Recurrent(classes, config.network, config.width, config.bidirectional, config.pooling)


def build(config: Config) -> Task:
    """The Task."""
    found = held(config)
    model, padding = network(config, len(found.classes)), len(found.words)
    frozen = found.vectors is not None and not config.tune
    D = config.embedding if found.vectors is None else found.vectors.shape[1]

    def init(key: Array) -> tuple[Params, Any]:
        first, second = jax.random.split(key)
        params = dict(model.init(first, jnp.zeros((1, 1, D)), jnp.ones((1, 1)))["params"])
        if found.vectors is None:
            E = config.scale * jax.random.normal(second, (found.rows, D))
            params["E"] = E.at[-1].set(0)  # where training has no unknown word it stays neutral
        elif not frozen:
            params["E"] = jnp.asarray(found.vectors)
        return params, {}

    def logits(params: Params, batch: Batch, context: Context) -> Array:
        inputs, held_ = batch["inputs"], context.constants
        E = held_["E"] if frozen else params["E"]
        inner = {name: leaf for name, leaf in params.items() if name != "E"}
        dropout = dropout_words = None
        if context.train and config.dropout:
            dropout = Dropout(context.key, batch["slot"], context.hyper["dropout"])
        if context.train and config.dropout_words:
            dropout_words = Dropout(context.key, batch["slot"], context.hyper["dropout_words"])

        def answers(inputs: Array) -> Array:
            e = E[held_["number"][inputs]]  # [B, T, D]
            e = e if dropout_words is None else dropout_words(0, e)
            return model.apply({"params": inner}, e, inputs < padding, dropout)[0]  # [B, K]

        length = (inputs < padding).sum(axis=1)
        return in_bucket(answers, widths_for(inputs.shape[1], config.shortest), length, inputs)

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        z = logits(params, batch, context)
        cost, told = supervised.classify(z, batch["targets"], batch["mask"])
        return cost, Aux(extra, told)

    def source(name: str) -> Any:
        part = found.arrays[name]
        return data.resident(data.Split(part["inputs"], part["targets"]), prefix=name)

    constants: dict[str, Any] = {**found.arrays, "number": found.number}
    first = "train" if found.dealt is None else "all"
    length = (found.arrays[first]["inputs"] < padding).sum(axis=1)
    if found.dealt:
        length = length[found.dealt.train[0]]  # in every fold a place has about this length
    task = Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer)
        | {"dropout": config.dropout, "dropout_words": config.dropout_words},
        train=dataclasses.replace(source(first), order=data.by_length(length)),
        evals={name: source(name) for name in ("dev", "test") if name in found.arrays},
        constants=constants | ({"E": found.vectors} if frozen else {}),
        predict=lambda params, extra, batch, context: logits(params, batch, context),
    )
    if not found.dealt:
        return task
    own = {"number": found.number} if found.number.ndim == 2 else {}
    return cross_validation.cross_validated(task, found.dealt, own)


class Judged(NamedTuple):
    """Test sentences and what an arm thinks of them."""

    sentences: tuple[tuple[str, ...], ...]
    targets: np.ndarray  # [m]
    shares: np.ndarray  # [m, K] probabilities

    @property
    def right(self) -> np.ndarray:
        """[m] bool."""
        return self.shares.argmax(axis=1) == self.targets


@functools.lru_cache(maxsize=KEPT)
def judged(arm: Arm) -> Judged:
    """An arm's answers to every test sentence: with folds, each from the fold that left it out."""
    found = held(arm.config)
    z = np.float64(arm.predict("test")[0])
    name = "all" if found.dealt else "test"
    z = found.dealt.gathered(z) if found.dealt else z
    return Judged(found.sentences[name], found.arrays[name]["targets"], softmax(z, axis=1))


class Read(NamedTuple):
    """What an arm makes of single words, and of the course's sentence as it is read."""

    words: tuple[str, ...]  # frequent ones of the set
    pull: np.ndarray  # [V, K]: how far each word, as a sentence, moves the logits
    forming: np.ndarray  # [T, K]: probabilities after each word of LACKING


@functools.lru_cache(maxsize=KEPT)
def read(arm: Arm) -> Read:
    """Ask an arm; with folds, the mean of all networks answers."""
    found = held(arm.config)
    padding, part = len(found.words), next(iter(found.arrays.values()))["inputs"]
    counts = np.bincount(part.ravel(), minlength=padding + 1)[:padding]
    often = np.flatnonzero(counts >= min(OFTEN, np.sort(counts)[-2 * TOLD :].min()))
    words = tuple(w for w in (found.words.tokens[k] for k in often) if w != data.UNK)
    prefixes = [written.LACKING[:t] for t in range(1, len(written.LACKING) + 1)]
    inputs = encoded(found.words, [*([w] for w in words), *prefixes], part.shape[1])

    @jax.jit
    def logits(params: Params, constants: Any, inputs: Array) -> Array:
        context = Context(None, 0, {}, constants)
        return arm.task.predict(params, {}, {"inputs": inputs}, context)  # [m, K]

    z, rows = np.float64(logits(arm.params, arm.task.constants, inputs)), len(words)
    pull = z[:rows] - z[:rows].mean(axis=1, keepdims=True)
    return Read(words, pull, softmax(z[rows:], axis=1))


def written_only(results: Results) -> None:
    """Raises NotAsked for other sets than the default one."""
    if results.only.config.data.name != "written_reviews":
        raise NotAsked("the sentences are not of written_reviews")


def by_kind(arm: Arm) -> dict[str, float]:
    """Kind of a written review -> share of test sentences judged right."""
    told = judged(arm)
    kinds = np.array([written.kind_of(words) for words in told.sentences])
    present = [kind for kind in written.KINDS if (kinds == kind).any()]
    return {kind: float(told.right[kinds == kind].mean()) for kind in present}


def order_matters(results: Results) -> tuple[bool, str]:
    """Notes 5.8: an average of vectors forgets the order of words; recurrent networks do not."""
    written_only(results)
    found = {name: by_kind(results[name]) for name in ("bag", *RECURRENT)}
    share = {name: kinds.get("contrast", 0.0) for name, kinds in found.items()}
    told = ", ".join(f"{name} {value:.1%}" for name, value in share.items())
    held_ = share["bag"] < 0.65 and min(share[name] for name in RECURRENT) > 0.9
    return held_, f"of sentences with a good and a bad half: {told}"


def lacking_in_good(results: Results) -> tuple[bool, str]:
    """Course, 5.8: "completely lacking in good taste, good service, ..." fools a bag of words."""
    written_only(results)
    good = {name: read(results[name]).forming[-1, 1] for name in ("bag", *RECURRENT)}
    told = ", ".join(f"{name} {value:.2f}" for name, value in good.items())
    return good["bag"] > 0.5 > max(good[name] for name in RECURRENT), f"P(good): {told}"


def kim(results: Results) -> tuple[bool, str]:
    """Kim 2014: filters over 3, 4 and 5 words, vectors drawn: 76.1 % of rt-polarity, ten folds."""
    config = results["cnn"].config
    if config.data.name != "rt_polarity" or config.folds != 10 or config.vectors:
        raise NotAsked("needs --data.name=rt_polarity --folds=10, without --vectors")
    found = results["cnn"]["test/accuracy"]
    return found >= 0.76, f"{found:.2%} of all sentences, each by the network that left it out"


def figures(results: Results) -> Iterator[Picture]:
    """Accuracy by arm and by kind of sentence, words that pull, an opinion as it forms."""
    from ngjax.report import figures as draw

    first, names = results.only, list(results)
    score = {name: arm["test/accuracy"] for name, arm in results.items()}
    spread = {name: arm.spread("test/accuracy") for name, arm in results.items()}
    yield Picture(
        "accuracy",
        "Share of test sentences judged right.",
        draw.bars(score, spread, xlabel="accuracy", best=max(score, key=score.get)),
    )
    classes = held(first.config).classes
    if first.config.data.name == "written_reviews":
        kinds = {name: by_kind(arm) for name, arm in results.items()}
        columns = list(kinds[first.name])
        yield Picture(
            "kinds",
            "Share judged right by kind of sentence: where order decides, a bag of words guesses.",
            draw.bars(
                {f"{kind}, {name}": kinds[name][kind] for kind in columns for name in names},
                xlabel="accuracy",
            ),
        )
        good = [read(arm).forming[:, 1] for arm in results.values()]
        yield Picture(
            "lacking",
            "P(good) as the sentence is read, from left to right, by each arm.",
            draw.heatmap(np.stack(good), names, written.LACKING),
        )
    if len(classes) == 2:
        words, z, _ = read(first)
        order = np.argsort(z[:, 1])
        told = [*order[::-1][: 2 * TOLD], *order[: 2 * TOLD][::-1]]
        yield Picture(
            "pulls",
            f"Words that pull arm {first.name} most, each read alone: towards {classes[1]} to the "
            f"right, {classes[0]} to the left.",
            draw.bars({words[k]: z[k, 1] - z[k, 0] for k in told}, xlabel="difference of logits"),
        )
    else:
        told = judged(first)
        matrix = np.zeros((len(classes), len(classes)), int)
        np.add.at(matrix, (told.targets, told.shares.argmax(axis=1)), 1)
        yield Picture("confusion", f"Arm {first.name} on test.", draw.confusion(matrix, classes))


def texts(results: Results) -> Iterator[Text]:
    """By arm: the words that pull most, the surest mistakes."""
    found = held(results.only.config)
    for name, arm in results.items():
        words, z, _ = read(arm)
        rows = [
            f"{k:10}{'  '.join(words[w] for w in np.argsort(-z[:, place])[: 2 * TOLD])}"
            for place, k in enumerate(found.classes)
        ]
        yield Text(f"Arm {name}: words that alone pull most", "\n".join(rows))
        told = judged(arm)
        wrong = np.flatnonzero(~told.right)
        surest = wrong[np.argsort(-told.shares[wrong].max(axis=1), kind="stable")][:TOLD]
        rows = [
            f"{found.classes[told.targets[i]]:>9} taken for "
            f"{found.classes[told.shares[i].argmax()]} ({told.shares[i].max():.2f}): "
            f"{' '.join(told.sentences[i])}"
            for i in surest
        ]
        title = f"Arm {name}: the surest of {len(wrong):,} mistakes in {len(told.right):,}"
        yield Text(title, "\n".join(rows) or "none")
    yield Text("Data", found.notes)


def answer(learned: Learned, source: str) -> Answer:
    """The class of a text, or of every line of a file."""
    found = held(learned.config)
    number = found.number.reshape(-1, found.number.shape[-1]).min(axis=0)  # the best of the folds

    def encode(line: str) -> tuple[str, ...]:
        words = data.words_of(line)
        if not words:
            raise UserError("holds no words; give a sentence")
        if (number[found.words.encode(words)] == found.rows - 1).all():
            raise UserError("none of its words has a vector; use words of the training set")
        return words

    def inputs(sentences: list[Any]) -> np.ndarray:
        return encoded(found.words, sentences, max(map(len, sentences)))

    return name_lines(learned, source, encode=encode, inputs=inputs, classes=found.classes)


EXPERIMENT = Experiment(
    notes="5.2, 5.8",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms={
        "bag": ("network=bag",),
        "gru": ("network=gru",),
        "lstm": ("network=lstm",),
        "bidirectional-max": ("network=gru", "bidirectional=true", "pooling=max"),
        "bidirectional-mean": ("network=gru", "bidirectional=true", "pooling=mean"),
        "cnn": ("network=cnn",),
    },
    smoke=(
        "run.steps=4",
        "width=4",
        "embedding=4",
        "data.limit=60",
        "run.batch_size=8",
        "shortest=64",
    ),
    claims={
        "order-matters": order_matters,
        "lacking-in-good": lacking_in_good,
        "kim-2014": kim,
    },
    figures=figures,
    texts=texts,
    predict=answer,
    terms=("sequence models",),
)
