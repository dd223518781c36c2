r"""Word embeddings: words that stand among the same words get like vectors.

    skip-gram   z = theta_o . e_c          a word c tells each word o near it
    CBOW        z = theta_c . mean(e_o)    the words near it tell c
    L = -ln sigmoid(z) - sum_k ln sigmoid(-z_k),   k words from the noise, P(w) ~ count^(3/4)

Notes 5.8; Mikolov et al. 2013. A row of the matrix E is looked up (e = E o for a one-hot o, never
multiplied). A one-hot vector is as far from every other one; what vectors know and one-hot ones do
not is measured on drawn phrases: "orange" is followed by "juice", and so is "apple", which was
never seen with a label. (The notes want "apple" and "juice" near; it is "apple" and "orange".)
--vectors reads published vectors as text, --analogies asks "man is to woman as king is to ...".

Adam updates all V rows: 7 ms a step (skip-gram, V = 10,000, D = 100, 2048 words by Zipf's law, two
cores), 1.2 times that on the 1,600 and 6,400 rows met alone or on tables cut to them, 0.7 with no
moments; at V = 100,000: 95 ms, 1, 0.4, 0.5. Seed 0, one shared core: 9 and 7 s, 195,000 and 239,000
words/s (skip-gram, CBOW). Behind nouns with no labels 16.7 % are right with one-hot vectors (1/6),
100 % with learned ones. On the Penn Treebank 29 and 16 s; of 4,575 known questions 1.6 and 1.8 %.

    python launch.py --experiment=word_embeddings
    python launch.py --experiment=word_embeddings --data.name=ptb --dimension=100 --subsample=1e-4 \
        --run.epochs=6 --run.batch_size=2048 --analogies
    python launch.py --experiment=word_embeddings --vectors=glove.6B.100d.txt --analogies
    python launch.py --experiment=word_embeddings --mode=predict --input=list
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from ngjax import data, losses, metrics, optim
from ngjax.data.text import phrases
from ngjax.experiment import Answer, Experiment, Learned, NotAsked, Picture, Results, Text
from ngjax.ops import alias, similarity
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Sum, Task, UserError

NEAR = 6  # neighbours told of a word
MAPPED = 90  # words of a map, the most frequent but for the first PASSED
NAMED = 3  # nouns of a class on their map
PASSED = 30  # words that stand among all others
FILE = "vectors.txt"


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    method: Literal["skip-gram", "cbow"] = "skip-gram"  # what is told from what
    dimension: int = 64  # D, numbers of a vector
    window: int = 5  # C, words to a side, at most
    negative: int = 5  # k, words from the noise, the same for all neighbours of a word
    noise: float = 0.75  # power of a word's count in the noise
    subsample: float = 1e-3  # t: a word of share f is kept with sqrt(t / f); 0: all are
    words: int = 10_000  # V at most, the most frequent of train
    least: int = 5  # times that a word must stand there
    phrases: int = 4000  # drawn sentences of the apple that is like an orange; 0: leave it out
    asked: tuple[str, ...] = ()  # words whose neighbours are told; none: some of the text's
    analogies: bool = False  # ask the questions of the set word_analogy
    vectors: str = ""  # published vectors beside ours: text, a word and its numbers a line
    most: int = 30_000  # of them, the first ones of the file
    data: data.Data = data.Data(name="python_docs", dev=0.05, test=0.05)
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=5e-3, schedule="cosine")
    run: Run = Run(epochs=15, batch_size=512)

    def __post_init__(self) -> None:
        """Refuse what no vectors can be."""
        for name in ("dimension", "window", "negative", "words", "least", "most"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        for name in ("noise", "subsample", "phrases"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: must be 0 or more, got {getattr(self, name)}")


class Table(NamedTuple):
    """Words and their vectors."""

    words: tuple[str, ...]
    vectors: np.ndarray  # [V, D]

    @property
    def number(self) -> dict[str, int]:
        """Word -> its row."""
        return {word: row for row, word in enumerate(self.words)}


@functools.lru_cache(maxsize=2)
def texts_of(which: data.Data) -> dict[str, list[list[str]]]:
    """The passages of each part."""
    held = data.load(which, kinds=("text",))
    parts = {"train": held.train, "dev": held.dev, "test": held.test}
    return {name: data.passages(part.inputs) for name, part in parts.items() if part.inputs}


def vocabulary(config: Config) -> data.Vocabulary:
    """The words that get vectors."""
    return data.known_words(texts_of(config.data)["train"], config.words, config.least)


def build(config: Config) -> Task:
    """The Task of the text."""
    known = vocabulary(config)
    texts = texts_of(config.data)
    return learn(config, known, {name: data.corpus(texts[name], known) for name in texts})


def learn(config: Config, known: data.Vocabulary, texts: Mapping[str, data.Corpus]) -> Task:
    """The Task: E and Theta, [V, D] each."""
    V, D, k = len(known), config.dimension, config.negative
    counts = np.bincount(texts["train"].ids, minlength=V)
    keep = data.kept(counts, config.subsample)

    def init(key: Array) -> tuple[Params, Any]:
        E = jax.random.uniform(key, (V, D), minval=-0.5 / D, maxval=0.5 / D)
        return {"E": E, "Theta": jnp.zeros((V, D))}, {}

    def skip_gram(params: Params, batch: Batch) -> tuple[Array, Array]:
        e = params["E"][batch["centre"]]  # [B, D]
        z = jnp.einsum("bd,bcd->bc", e, params["Theta"][batch["context"]])  # [B, 2C]
        z_noise = jnp.einsum("bd,bkd->bk", e, params["Theta"][batch["noise"]])  # [B, k]
        return losses.negative_sampling(z, z_noise[:, None]), batch["context_mask"]  # [B, 2C]

    def cbow(params: Params, batch: Batch) -> tuple[Array, Array]:
        mask = batch["context_mask"]
        count = mask.sum(axis=1)  # [B]
        e = jnp.einsum("bc,bcd->bd", mask, params["E"][batch["context"]])  # [B, D]
        e = e / jnp.maximum(count, 1)[:, None]
        z = jnp.einsum("bd,bd->b", e, params["Theta"][batch["centre"]])
        z_noise = jnp.einsum("bd,bkd->bk", e, params["Theta"][batch["noise"]])  # [B, k]
        return losses.negative_sampling(z, z_noise), (count > 0).astype(z.dtype)

    method = {"skip-gram": skip_gram, "cbow": cbow}[config.method]

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        del context
        each, mask = method(params, batch)
        mask = mask * batch["mask"].reshape(-1, *[1] * (mask.ndim - 1))
        return metrics.summed(each, mask), Aux(extra)

    def source(name: str) -> Any:
        train = name == "train"
        return data.neighbours(texts[name], keep, config.window, k, prefix=name, train=train)

    return Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer),
        train=source("train"),
        evals={name: source(name) for name in texts if name != "train"},
        constants={**texts, "keep": keep, "noise": alias.table(counts**config.noise)},
    )


def table_of(config: Config, params: Params) -> Table:
    """The vectors that were learned."""
    return Table(vocabulary(config).tokens, np.asarray(params["E"]))


@functools.lru_cache(maxsize=2)
def published(path: str, most: int) -> Table:
    """The vectors of a file."""
    return Table(*data.read_vectors(Path(path), most))


def tables(results: Results) -> dict[str, Table]:
    """What each arm has learned, and published vectors beside it where they are given."""
    found = {name: table_of(arm.config, arm.params) for name, arm in results.items()}
    config = results.only.config
    if config.vectors:
        found["published"] = published(config.vectors, config.most)
    return found


@functools.lru_cache(maxsize=4)
def drawn_table(method: str, sentences: int) -> Table:
    """Vectors of the drawn sentences' words, learned without a label."""
    said = data.passages(phrases.sentences(sentences, seed=0))
    config = Config(
        method=method, dimension=24, window=4, subsample=0, run=Run(epochs=12, batch_size=256)
    )
    known = data.known_words(said)
    task = learn(config, known, {"train": data.corpus(said, known)})
    state = fit(Program(task, config.run, dev.here(dev.select(1))), seed=0).state
    return Table(known.tokens, np.asarray(state.params["E"]))


class Judged(NamedTuple):
    """Share of phrases whose next word is told."""

    seen: float  # trained on itself: words with labels
    unseen: float  # words that never had one


def next_word(vectors: np.ndarray, words: tuple[str, ...]) -> Judged:
    """Softmax regression on the vectors of three words [V, D], half of the nouns with labels."""
    number = {word: row for row, word in enumerate(words)}
    asked, answers, told = phrases.phrases()
    x = np.stack([vectors[[number[w] for w in three]].ravel() for three in asked])  # [m, 3D]
    fitted = LogisticRegression(C=10.0, max_iter=2000).fit(x[told], answers[told])
    right = fitted.predict(x) == answers
    return Judged(float(right[told].mean()), float(right[~told].mean()))


def judged(method: str, sentences: int) -> dict[str, Judged]:
    """One-hot vectors and learned ones, on the same phrases."""
    if not sentences:
        raise NotAsked("--phrases=0 leaves the drawn phrases out")
    learned = drawn_table(method, sentences)
    e = learned.vectors / learned.vectors.std()
    one_hot = np.eye(len(learned.words))
    return {"one-hot": next_word(one_hot, learned.words), method: next_word(e, learned.words)}


def embedding_generalises(results: Results) -> tuple[bool, str]:
    """Notes 5.8: one-hot codes know no likeness; who knows orange juice knows apple juice."""
    told, holds = {}, True
    for arm in results.values():
        found = judged(arm.config.method, arm.config.phrases)
        told |= {name: share.unseen for name, share in found.items()}
        holds &= found[arm.config.method].unseen >= 0.9 and found["one-hot"].unseen <= 0.4
    each = ", ".join(f"{name} {share:.1%}" for name, share in told.items())
    return holds, f"next word behind nouns without labels: {each}, one of six by chance"


def alike_are_near(results: Results) -> tuple[bool, str]:
    """Notes 5.8: the vectors of like words are near: apple and orange (not apple and juice)."""
    shares = {}
    for arm in results.values():
        if not arm.config.phrases:
            raise NotAsked("--phrases=0 leaves the drawn phrases out")
        learned = drawn_table(arm.config.method, arm.config.phrases)
        e = learned.vectors[[learned.number[w] for w in phrases.WORDS]]
        best = similarity.nearest(e, e, 1, np.arange(len(e))[:, None])[0][:, 0]
        shares[arm.config.method] = float((phrases.CLASSES[best] == phrases.CLASSES).mean())
    told = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
    return min(shares.values()) >= 0.9, f"the nearest noun is of the same class: {told}"


def context_tells(results: Results) -> tuple[bool, str]:
    """Notes 5.8: embeddings are learned from text: near words are told from drawn ones."""
    k = results.only.config.negative
    found = {name: arm["dev/loss"] for name, arm in results.items()}
    told = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
    blind = (k + 1) * math.log((k + 1) / k) + math.log(k)  # -ln 1/(k+1) - k ln k/(k+1)
    return max(found.values()) < blind, f"dev loss {told}; {blind:.3f} without looking at the word"


def analogy_text(found: Table, which: data.Data) -> str:
    """A line a section: questions whose words are all known, and how many of these are right.

    Words are compared in lower case; the first of two spellings is the more frequent one.
    """
    held = data.load(data.Data(name="word_analogy", directory=which.directory))
    number = {word.lower(): row for row, word in reversed([*enumerate(found.words)])}
    asked = [[number.get(w.lower(), -1) for w in question] for question in held.train.inputs]
    ids, section = np.array(asked), held.train.targets  # [Q, 4], [Q]
    known = (ids >= 0).all(axis=1)
    right = np.zeros(len(ids), bool)
    right[known] = similarity.analogies(found.vectors, ids[known, :3]) == ids[known, 3]
    rows = [(name, section == i) for i, name in enumerate(held.classes)]
    lines = [f"{'section':28}{'questions':>10}{'known':>8}{'right':>8}{'of known':>10}"]
    for name, here in (*rows, ("all", section >= 0)):
        count, all_known, answered = here.sum(), known[here].sum(), right[here].sum()
        share = f"{answered / all_known:.1%}" if all_known else "-"
        lines.append(f"{name:28}{count:10,}{all_known:8,}{answered:8,}{share:>10}")
    return "\n".join(lines)


def neighbour_lines(found: Table, asked: tuple[str, ...]) -> Iterator[str]:
    """A line a word: its nearest words and their cosines."""
    rows = np.array([found.number[word] for word in asked], int)
    near, likeness = similarity.nearest(
        found.vectors, found.vectors[rows], min(NEAR, len(found.words) - 1), rows[:, None]
    )
    wide = max(map(len, asked), default=0)
    for word, best, cosines in zip(asked, near, likeness, strict=True):
        told = (f"{found.words[i]} {c:.2f}" for i, c in zip(best, cosines, strict=True))
        yield f"{word:{wide}}  {'  '.join(told)}"


def by_count(config: Config) -> np.ndarray:
    """Rows of the vocabulary, the most frequent word first."""
    known = vocabulary(config)
    ids = data.corpus(texts_of(config.data)["train"], known).ids
    return np.argsort(-np.bincount(ids, minlength=len(known)), kind="stable")


def frequent(config: Config, count: int) -> tuple[str, ...]:
    """The most frequent words of three letters and more behind the first PASSED."""
    tokens = vocabulary(config).tokens
    return tuple(w for i in by_count(config)[PASSED:] if len(w := tokens[i]) > 2)[:count]


def plane(vectors: np.ndarray) -> np.ndarray:
    """The first two principal components of vectors at length one, [n, D] -> [n, 2]."""
    return PCA(2, svd_solver="full").fit_transform(similarity.unit(vectors))


def figures(results: Results) -> Iterator[Picture]:
    """Maps: of the drawn nouns by class, and of frequent words."""
    from ngjax.report import figures as draw

    config = results.only.config
    if config.phrases:
        drawn = drawn_table(config.method, config.phrases)
        e = drawn.vectors[[drawn.number[w] for w in phrases.WORDS]]
        place = np.arange(len(e)) % (len(e) // len(phrases.KINDS))  # in its class
        named = [w if i < NAMED else "" for w, i in zip(phrases.WORDS, place, strict=True)]
        yield Picture(
            "map-nouns",
            "Nouns of the drawn sentences, two principal components; coloured by what follows.",
            draw.points(plane(e), phrases.CLASSES, phrases.ANSWERS, texts=named),
        )
    for name, found in tables(results).items():
        words = [w for w in frequent(config, MAPPED) if w in found.number]
        if len(words) > 2:
            e = found.vectors[[found.number[w] for w in words]]
            yield Picture(
                f"map-{name}",
                f"Frequent words, {name}: two principal components of {e.shape[1]} numbers; named "
                "where the name stands on no more frequent one.",
                draw.points(plane(e), texts=words),
            )


def texts(results: Results) -> Iterator[Text]:
    """What is near what, what an embedding is good for, and the questions."""
    config = results.only.config
    if config.phrases:
        lines = [f"{'vectors':12}{'with labels':>14}{'without':>10}"]
        found: dict[str, Judged] = {}
        for arm in results.values():
            found |= judged(arm.config.method, arm.config.phrases)
        for name, share in found.items():
            lines.append(f"{name:12}{share.seen:14.1%}{share.unseen:10.1%}")
        yield Text("Next word behind nouns that had labels, and that had none", "\n".join(lines))
    asked = config.asked or frequent(config, 4 * NEAR)[::2]
    for name, found in tables(results).items():
        known = tuple(word for word in asked if word in found.number)
        yield Text(f"Nearest words, {name}", "\n".join(neighbour_lines(found, known)))
        if config.analogies:
            yield Text(f"Analogies, {name}", analogy_text(found, config.data))
    held, task = data.load(config.data), build(config)
    count, V = len(task.constants["train"].ids), len(vocabulary(config))
    told = f"{count:,} words of {V:,}; an epoch is {task.train.size:,} of them"
    yield Text("Data", f"{told}\n{held.origin}\n{held.notes}")


def predict(learned: Learned, text: str) -> Answer:
    """The nearest words of one; of three words a b c, what c is to as a is to b; and all vectors.

    Raises:
        UserError: another number of words, or one that has no vector.
    """
    found, words = table_of(learned.config, learned.params), tuple(text.lower().split())
    unknown = [word for word in words if word not in found.number]
    if unknown or len(words) not in (1, 3):
        why = f"{unknown[0]} has no vector" if unknown else f"{len(words)} words"
        raise UserError(f"--input={text}: {why}; give one known word, or three, a is to b as c")
    lines = [*neighbour_lines(found, words[:1])]
    if len(words) == 3:
        ids = np.array([[found.number[word] for word in words]])
        answer = found.words[similarity.analogies(found.vectors, ids)[0]]
        lines = [f"{words[0]} is to {words[1]} as {words[2]} is to {answer}"]
    order = by_count(learned.config)
    by_share = data.vector_lines([found.words[i] for i in order], found.vectors[order])
    return Answer(tuple(lines), {FILE: by_share.encode()})


EXPERIMENT = Experiment(
    notes="5.8",
    config=Config(),
    build=build,
    objective=("dev/loss", "min"),
    arms={"skip-gram": (), "cbow": ("method=cbow",)},
    smoke=("run.steps=4", "data.limit=20000", "dimension=4", "run.batch_size=16", "phrases=0"),
    claims={
        "apple-juice-orange": embedding_generalises,
        "onehot-no-similarity": alike_are_near,
        "context-tells-words": context_tells,
    },
    figures=figures,
    texts=texts,
    predict=predict,
)
