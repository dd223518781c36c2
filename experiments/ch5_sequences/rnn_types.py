r"""Five shapes of recurrent networks, each taught a small task; why a plain network is none.

    one to one      a picture of a digit -> its class                        no time at all
    one to many     a class -> a picture, column after column                T_x = 1
    many to one     a digit, column after column -> its class                T_y = 1
    many to many    a row of digits -> a digit for every column              T_x = T_y
    many to many    a row of digits -> the digits that stand there, EOS      T_x and T_y differ

Notes 5 and 5.2. All five learn from real handwritten digits. The notes say why words are not simply
laid side by side for a plain network: input and output have different lengths, and what is learnt
at one place of a text is not known at another. Two more arms measure that on names in sentences:
`plain` on concatenated one-hot words, `recurrent` on the same words.

    python launch.py --experiment=rnn_types    # 2 min; moved by three places plain loses 29 points
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, metrics, optim
from ngjax.experiment import Experiment, Picture, Results, Text
from ngjax.models import shapes
from ngjax.models.mlp import MLP
from ngjax.models.tagger import Labeller
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Source, Sum, Task

Shape = Literal[
    "one_to_one", "one_to_many", "many_to_one", "equal", "unequal", "plain", "recurrent"
]
PARTS = ("train", "dev", "test")
FIVE = {  # arm -> (what it is called, T_x, T_y, the task)
    "one_to_one": ("one to one", "1", "1", "a picture -> its class"),
    "one_to_many": ("one to many", "1", "8", "a class -> columns of a picture"),
    "many_to_one": ("many to one", "8", "1", "columns of a picture -> its class"),
    "equal": ("many to many, equal", "T_x", "T_x", "columns of a row -> a digit for each"),
    "unequal": ("many to many, unequal", "T_x", "T_y", "columns of a row -> its digits, EOS"),
}
HARRY = "Harry Potter and Hermione Granger invented a new spell"  # the print lost "new"
NUMBERS = {"a": 1, "and": 367, "harry": 4075, "potter": 6830}  # of the notes' dictionary
CATS = "Cats average 15 hours of sleep a day"
INK = 255.0
BEGIN = 0  # of what a transcriber writes: read in front of the first token


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    shape: Shape = "equal"  # which network, on which task
    width: int = 64  # units n; a transcriber has twice as many
    rows: int = 3000  # rows of digits in train; a quarter as many in dev, half in test
    fewest: int = 2  # digits in a row, at least
    most: int = 4  # digits in a row, at most
    row_seed: int = 0  # of the rows: which digits stand side by side
    shift: int = 3  # places by which sentences of plain and recurrent are moved
    sentences: data.Data = data.Data(name="invented_news")  # of plain and recurrent
    data: data.Data = data.Data(name="digits")  # small grey images
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=5e-3, clip_norm=5.0, schedule="cosine"
    )
    run: Run = Run(steps=1500, batch_size=50, evaluate_every=500)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        for name, least in {"width": 2, "rows": 1, "fewest": 1, "shift": 0, "row_seed": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}: must be {least} or more, got {getattr(self, name)}")
        if self.most < self.fewest:
            raise ValueError(f"most: must be {self.fewest} (fewest) or more, got {self.most}")


Answer = Callable[[Batch], Any]  # a batch -> the network's outputs
Told = tuple[Sum, dict[str, Sum]]  # cost and metrics


class Lesson(NamedTuple):
    """What a shape is taught."""

    parts: Mapping[str, Mapping[str, np.ndarray]]  # arrays of train, dev and test
    network: Any
    inputs: Callable[[Batch], tuple[Array, ...]]  # what the network's call takes of a batch
    judge: Callable[[Answer, Batch], Told]


def lesson(config: Config) -> Lesson:
    """The lesson of a config's shape."""
    if config.shape in ("plain", "recurrent"):
        return words(config)
    return rows(config) if config.shape in ("equal", "unequal") else pictures(config)


def classified(z: Array, targets: Array, mask: Array) -> Told:
    """One of K classes, of an example or of every step of the mask."""
    cost = metrics.summed(losses.cross_entropy(z, targets), mask)
    return cost, {"accuracy": metrics.accuracy(z, targets, mask)}


def pictures(config: Config) -> Lesson:
    """Single digits: as a whole, or column by column."""
    held = data.load(config.data, kinds=("images",))
    K, H = len(held.classes), held.train.inputs.shape[1]
    parts = {}
    for name in PARTS:
        part = getattr(held, name)
        columns = np.float32(part.inputs[..., 0]).swapaxes(1, 2) / INK  # [m, W, H]
        parts[name] = {"inputs": columns, "targets": part.targets}
    usual = parts["train"]["inputs"].mean(axis=0)  # [W, H]
    around = float(((parts["train"]["inputs"] - usual) ** 2).sum(axis=(1, 2)).mean())

    def one(batch: Batch) -> Array:
        return jnp.ones(batch["inputs"].shape[:2])  # all columns are there

    def told(answer: Answer, batch: Batch) -> Told:
        z = answer(batch)  # the MLP gives its layers beside
        z = z[0] if isinstance(z, tuple) else z
        return classified(z, batch["targets"], batch["mask"])

    def redrawn(answer: Answer, batch: Batch) -> Told:
        y = jax.nn.sigmoid(answer(batch)[1])
        wrong = ((y - batch["inputs"]) ** 2).sum(axis=(1, 2))  # [B]
        explained = metrics.summed(1 - wrong / around, batch["mask"])
        return metrics.summed(wrong / 2, batch["mask"]), {"explained": explained}

    if config.shape == "one_to_one":
        return Lesson(parts, MLP((config.width, K)), lambda b: (b["inputs"],), told)
    if config.shape == "many_to_one":
        return Lesson(parts, shapes.Reader(K, config.width), lambda b: (b["inputs"], one(b)), told)
    drawer = shapes.Drawer(K, H, config.width)

    def before(batch: Batch) -> tuple[Array, ...]:
        x = batch["inputs"]
        carry = drawer.initial_carry(x.shape[0], x.dtype)
        return carry, batch["targets"], jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]

    return Lesson(parts, drawer, before, redrawn)


def handwriting(config: Config, part: str) -> data.Rows:
    """The rows of a part."""
    count = max(1, config.rows // {"train": 1, "dev": 4, "test": 2}[part])
    digits = (config.fewest, config.most)
    return data.rows(count, config.row_seed, part, digits=digits, which=config.data)


def rows(config: Config) -> Lesson:
    """Rows of digits: a label a column, or the digits that stand there and EOS.

    Tokens of what is written: BEGIN, which is read first, the K digits from 1 on, EOS at K + 1.
    """
    K = len(data.load(config.data, kinds=("images",)).classes)
    parts = {}
    for name in PARTS:
        made = handwriting(config, name)
        place, number = np.arange(config.most + 1), made.number[:, None]
        written = np.pad(made.digits + 1, ((0, 0), (0, 1)))  # [m, most + 1]
        written = np.where(place < number, written, np.where(place == number, K + 1, 0))
        parts[name] = {
            "inputs": np.float32(made.columns) / INK,
            "there": np.float32(np.arange(made.targets.shape[1]) < made.length[:, None]),
            "targets": made.targets,
            "written": written.astype(np.int32),
            "writing": np.float32(place <= number),
        }

    def labelled(answer: Answer, batch: Batch) -> Told:
        mask = batch["there"] * batch["mask"][:, None]
        return classified(answer(batch)[0], batch["targets"], mask)

    def written_down(answer: Answer, batch: Batch) -> Told:
        mask = batch["writing"] * batch["mask"][:, None]
        return classified(answer(batch), batch["written"], mask)

    if config.shape == "equal":
        network = Labeller(K, cell="gru", width=config.width)
        return Lesson(parts, network, lambda b: (b["inputs"], b["there"]), labelled)

    def before(batch: Batch) -> tuple[Array, ...]:
        begun = jnp.pad(batch["written"], ((0, 0), (1, 0)), constant_values=BEGIN)[:, :-1]
        return batch["inputs"], batch["there"], begun

    return Lesson(parts, shapes.Transcriber(K + 2, 2 * config.width), before, written_down)


def words(config: Config) -> Lesson:
    """Names in sentences, also in sentences moved by `shift` empty places."""
    held = data.framed(data.beside(config.sentences, config.data), config.shift)
    sizes = (len(held.words), len(held.classes))
    network = shapes.WordLabeller(*sizes, config.width)
    if config.shape == "plain":
        network = shapes.Concatenated(*sizes, held.parts["train"]["inputs"].shape[1], config.width)

    def judge(answer: Answer, batch: Batch) -> Told:
        def judged(shift: int) -> Told:
            names = ("inputs", "targets", "there")  # what is rolled round is empty
            moved = {name: jnp.roll(batch[name], shift, axis=1) for name in names}
            mask = moved["there"] * batch["mask"][:, None]
            return classified(answer(moved), moved["targets"], mask)

        cost, told = judged(0)
        return cost, {**told, "accuracy_shifted": judged(config.shift)[1]["accuracy"]}

    return Lesson(held.parts, network, lambda b: (b["inputs"], b["there"]), judge)


def build(config: Config) -> Task:
    """The Task."""
    taught = lesson(config)

    def init(key: Array) -> tuple[Params, Any]:
        one = {name: jnp.asarray(v[:1]) for name, v in taught.parts["train"].items()}
        return taught.network.init(key, *taught.inputs(one))["params"], {}

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        def answer(batch: Batch) -> Any:
            return taught.network.apply({"params": params}, *taught.inputs(batch))

        cost, told = taught.judge(answer, batch)
        return cost, Aux(extra, told)

    def source(name: str) -> Source:
        def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
            return jax.tree.map(lambda values: values[drawn["index"]], constants[name])

        return Source(len(taught.parts[name]["inputs"]), batch)

    return Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer),
        train=source("train"),
        evals={name: source(name) for name in ("dev", "test")},
        constants=taught.parts,
    )


def measure(name: str) -> str:
    """What an arm is told by."""
    return "test/explained" if name == "one_to_many" else "test/accuracy"


def shapes_learn(results: Results) -> tuple[bool, str]:
    """Notes 5.2: one-to-many, many-to-one and many-to-many networks all exist, and all learn."""
    found = {name: results[name][measure(name)] for name in FIVE}
    told = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
    least = {name: 0.3 if name == "one_to_many" else 0.8 for name in FIVE}
    return all(found[name] > least[name] for name in FIVE), told


def plain_is_poor(results: Results) -> tuple[bool, str]:
    """Notes 5: concatenated one-hot words in a plain network perform poorly."""
    plain, recurrent = (results[name]["test/accuracy"] for name in ("plain", "recurrent"))
    return plain < recurrent, f"tagged rightly {plain:.4f}, recurrent {recurrent:.4f}"


def plain_shares_nothing(results: Results) -> tuple[bool, str]:
    """Notes 5: a naive network does not share features learned across positions of text."""
    pair = {name: results[name] for name in ("plain", "recurrent")}
    fall = {n: arm["test/accuracy"] - arm["test/accuracy_shifted"] for n, arm in pair.items()}
    told = ", ".join(f"{name} loses {value:.4f}" for name, value in fall.items())
    return fall["plain"] > 0.1 > abs(fall["recurrent"]) * 10, f"moved sentences: {told}"


def figures(results: Results) -> Iterator[Picture]:
    """The five shapes rolled out on test examples, and what moving a sentence costs."""
    from ngjax.report import figures as draw

    found = {name: rolled(arm.config, arm.params) for name, arm in results.items() if name in FIVE}
    if found:
        yield Picture(
            "shapes",
            "The shapes on examples of test: below x, above y_hat; forward states alone are drawn.",
            draw.unrolled({f"{FIVE[name][0]}: {FIVE[name][3]}": v for name, v in found.items()}),
        )
    tagged = {
        what: {n: results[n][f"test/{key}"] for n in ("plain", "recurrent") if n in results}
        for what, key in (("in place", "accuracy"), ("moved", "accuracy_shifted"))
    }
    if any(tagged.values()):
        yield Picture(
            "moved",
            "Words of test sentences tagged rightly, in the places that training had, and moved.",
            draw.grouped(tagged, xlabel="words tagged rightly"),
        )


def rolled(config: Config, params: Params) -> list[tuple[Any, Any]]:
    """(what goes in, what comes out) of every step, of one test example."""
    taught = lesson(config)
    batch = {name: jnp.asarray(v[:1]) for name, v in taught.parts["test"].items()}
    x = np.asarray(batch["inputs"][0])  # [T, H]
    if config.shape == "one_to_many":
        y = np.asarray(shapes.drawn(taught.network, params, batch["targets"], len(x)))[0]
        given = [str(int(batch["targets"][0]))] + [None] * (len(x) - 1)
        return [(g, column[:, None]) for g, column in zip(given, y, strict=True)]
    long = int(batch["there"].sum()) if "there" in batch else len(x)
    columns = [column[:, None] for column in x[:long]]
    if config.shape == "unequal":
        inputs = (batch["inputs"], batch["there"], config.most + 1)
        end = taught.network.tokens - 1
        names = ["BEGIN", *map(str, range(end - 1)), "EOS"]
        tokens = np.asarray(shapes.transcribed(taught.network, params, *inputs))[0].tolist()
        tokens = tokens[: tokens.index(end) + 1] if end in tokens else tokens
        return [(c, None) for c in columns] + [(None, names[token]) for token in tokens]
    z = jax.jit(taught.network.apply)({"params": params}, *taught.inputs(batch))
    if config.shape == "one_to_one":
        return [(x.T, str(int(z[0][0].argmax())))]
    if config.shape == "many_to_one":
        return [(c, None) for c in columns[:-1]] + [(columns[-1], str(int(z[0].argmax())))]
    answer = np.asarray(z[0][0].argmax(axis=-1))
    return [(c, str(k)) for c, k in zip(columns, answer, strict=False)]


def texts(results: Results) -> Iterator[Text]:
    """The table of shapes, the notation of the notes, and what the plain network costs."""
    lines = [f"{'shape':24}{'T_x':>5}{'T_y':>5}{'parameters':>12}{'test':>9}  task"]
    sizes = {n: sum(v.size for v in jax.tree.leaves(a.params)) for n, a in results.items()}
    for name in FIVE:
        if name in results:
            called, T_x, T_y, task = FIVE[name]
            value = results[name][measure(name)]
            lines.append(f"{called:24}{T_x:>5}{T_y:>5}{sizes[name]:12,}{value:9.4f}  {task}")
    lines.append("test: accuracy; of one to many the share of the variation round the mean picture")
    yield Text("The five shapes", "\n".join(lines))
    lines = [f"{'network':12}{'parameters':>12}{'in place':>10}{'moved':>10}  sentences it reads"]
    for name in ("plain", "recurrent"):
        if name in results:
            arm = results[name]
            frame = arm.task.constants["train"]["inputs"].shape[1]
            can = f"of up to {frame} words" if name == "plain" else "of any length"
            values = "".join(f"{arm[f'test/{k}']:10.4f}" for k in ("accuracy", "accuracy_shifted"))
            lines.append(f"{name:12}{sizes[name]:12,}{values}  {can}")
    yield Text("Concatenated one-hot words and a recurrent network", "\n".join(lines))
    yield Text("Notation: X, T_x, the dictionary, one-hot vectors", notation())
    yield Text("Notation: the targets of a language model", next_words())


def notation() -> str:
    """The notes' sentence: every word's number in the notes' dictionary and its one-hot vector."""
    tokens = HARRY.lower().split()
    known = data.Vocabulary.of_words(tokens, special=())
    vectors = known.one_hot(known.encode(tokens)).astype(int)
    lines = [f"{'x<t>':12}{'of 10,000':>10}{'of these':>10}  one-hot vector of these"]
    for t, (word, o) in enumerate(zip(HARRY.split(), vectors, strict=True), 1):
        row = f"{f'<{t}> {word}':14}{NUMBERS.get(word.lower(), ''):>8}{int(o.argmax()) + 1:>10}"
        lines.append(f"{row}  {' '.join(map(str, o))}")
    return "\n".join([*lines, f"T_x = {len(tokens)}; words are numbered from 1"])


def next_words() -> str:
    """The notes' sentence on cats: at every step the target is the word that comes next."""
    targets = [*CATS.split(), data.EOS]
    pairs = zip(["0", *targets[:-1]], targets, strict=True)
    lines = [f"{t:3}  {x:10}{y:10}" for t, (x, y) in enumerate(pairs, 1)]
    return "\n".join([f"{'t':>3}  {'x<t>':10}y<t>", *lines, f"T_y = {len(targets)}"])


EXPERIMENT = Experiment(
    notes="5.2, 5",
    config=Config(),
    build=build,
    objective=("dev/loss", "min"),
    arms={
        "one_to_one": ("shape=one_to_one",),
        "one_to_many": ("shape=one_to_many",),
        "many_to_one": ("shape=many_to_one",),
        "equal": ("shape=equal",),
        "unequal": ("shape=unequal",),
        "plain": ("shape=plain",),
        "recurrent": ("shape=recurrent",),
    },
    smoke=(
        "run.steps=4",
        "run.evaluate_every=4",
        "width=6",
        "rows=24",
        "most=3",
        "data.limit=60",
        "sentences.limit=40",
        "run.batch_size=8",
    ),
    claims={
        "every-shape-learns": shapes_learn,
        "plain-performs-poorly": plain_is_poor,
        "plain-shares-nothing": plain_shares_nothing,
    },
    figures=figures,
    texts=texts,
    terms=("many-to-many architecture",),
)
