r"""Translation: an encoder reads, a decoder writes a sequence of another length; with attention.

    P(y | x) = prod_t P(y<t> | y<1>, ..., y<t-1>, c<t>),    c<t> = sum_t' alpha<t, t'> a<t'>

Notes 5.2 (many-to-many, T_x and T_y differ; Cho et al. 2014). Without attention c<t> is the one
vector that the encoder ends with; with it (Bahdanau et al. 2015; Luong et al. 2015) the decoder
looks back at every place of the input. By default dates as people write them become ISO dates,
letter by letter; Multi30k's captions are translated in pieces of words that both languages share.

    python launch.py --experiment=translation
    python launch.py --experiment=translation --mode=predict --input="tuesday, july 4 2006"
    python launch.py --experiment=translation --arms=attention --data.name=multi30k \
        --merges=4000 --width=256 --embedding=256 --longest=40 --bucket=10 --dropout=0.3 \
        --smoothing=0.1 --run.epochs=12 --optimizer.learning_rate=1.5e-3 \
        --optimizer.warmup_steps=200

The first one: 99.4 % of 2,000 test texts right to the letter with attention, 94.6 % without; of the
longer half of them 98.8 and 90.1 % (seed 0; 5 minutes for both arms on one core). The last one,
English to German: BLEU 36.7 on test_2016_flickr with a beam of 5, 35.3 with greedy
search (lower case, 13a; seed 0), in 20 minutes on one core. With --arms=vector 27.8: 36.5 on the
shorter half of the sentences, 21.6 on the longer. At full size, for a GPU; not measured, on a CPU
three updates of it were run:

    python launch.py --experiment=translation --data.name=multi30k --data_dir=DIRECTORY \
        --merges=8000 --width=512 --embedding=512 --longest=80 --bucket=20 --dropout=0.4 \
        --smoothing=0.1 --run.dtype=bfloat16 --run.batch_size=512 --run.epochs=40 \
        --run.weights=best --optimizer.learning_rate=2e-3 --optimizer.warmup_steps=400
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, metrics, optim
from ngjax.experiment import Answer, Experiment, Learned, Picture, Results, Text
from ngjax.experiment.results import Arm
from ngjax.models import encoder_decoder as seq
from ngjax.models.encoder_decoder import PAD, EncoderDecoder, shifted
from ngjax.ops.bleu import corpus_bleu
from ngjax.ops.bucket import in_bucket
from ngjax.ops.dropout import Dropout
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Source, Sum, Task, UserError

SHOWN = 3  # attention maps in the report
END = "⏎"  # EOS on a map, where a space is ␣
SAMPLES = 8  # translations in the report


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    attention: Literal["general", "none"] = "general"  # look back at the input, or not
    width: int = 128  # units of the encoder, a direction, and of the decoder
    embedding: int = 64  # features of a token's vector
    bidirectional: bool = True  # the encoder also reads from the end
    merges: int = 0  # byte pairs merged to tokens, of both languages together; 0: characters
    source: str = ""  # language to translate from; empty: the set's first
    target: str = ""  # language to translate to; empty: the set's second
    longest: int = 72  # tokens of a training sentence, and of a translation
    bucket: int = 24  # batches are cut to a multiple of so many tokens
    dropout: float = 0.0  # share of units dropped: word vectors, encoder, before the softmax
    smoothing: float = 0.0  # of the training labels, share that all tokens get alike
    beam: int = 5  # sequences kept by the search
    alpha: float = 1.0  # length normalisation of the search: 0 none, 1 the mean over tokens
    data: data.Data = data.Data(name="dates")
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=4e-3, clip_norm=1.0, schedule="cosine"
    )
    run: Run = Run(epochs=6, batch_size=64, evaluate_batch=200)

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        for name in ("width", "embedding", "bucket", "beam"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        if self.longest < 2:
            raise ValueError(f"longest: must be 2 or more, got {self.longest}")
        if self.merges < 0:
            raise ValueError(f"merges: must not be negative, got {self.merges}")
        for name in ("dropout", "smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: must be in [0, 1), got {getattr(self, name)}")


class Made(NamedTuple):
    """A data set made ready."""

    held: data.Dataset  # inputs in one language, targets in the other
    coder: data.Coder
    constants: Mapping[str, Mapping[str, np.ndarray]]  # part -> "inputs" [m, T_x], "targets"
    texts: tuple[tuple[str, str], ...]  # of dev and test, in the order of "row"


def prepare(config: Config) -> Made:
    """The set of a config, tokens learnt from its training part: done once a process."""
    return _prepared(config.data, config.source, config.target, config.merges, config.longest)


@functools.lru_cache(maxsize=2)
def _prepared(which: data.Data, source: str, target: str, merges: int, longest: int) -> Made:
    held = data.translations(data.load(which, kinds=("pairs",)), source, target)
    coder = data.Coder.learn((*held.train.inputs, *held.train.targets), merges)
    constants, texts = {}, []
    for name in ("train", "dev", "test"):
        part = getattr(held, name)
        x, y = ([coder.encode(text) for text in side] for side in (part.inputs, part.targets))
        size = np.array([max(len(a), len(b)) for a, b in zip(x, y, strict=True)], np.int32)
        order = np.argsort(size, kind="stable")  # batches of evaluation hold like lengths
        if name == "train":
            order = order[size[order] <= longest]
            if not len(order):
                raise UserError(f"--longest={longest}: no training sentence is so short")
        if not len(order):
            continue
        constants[name] = {
            "inputs": data.padded([x[i] for i in order], fill=PAD)[0],
            "targets": data.padded([y[i] for i in order], fill=PAD)[0],
        }
        if name != "train":
            constants[name]["row"] = len(texts) + np.arange(len(order), dtype=np.int32)
            texts += [(part.inputs[i], part.targets[i]) for i in order]
    return Made(held, coder, constants, tuple(texts))


def sources(made: Made) -> dict[str, Source]:
    """The parts of a set; batches of "dev" are marked as a "draft": greedy search does for them."""

    def source(name: str) -> Source:
        def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
            found = {what: rows[drawn["index"]] for what, rows in constants[name].items()}
            return found | ({"draft": drawn["mask"]} if name == "dev" else {})

        inputs, targets = (made.constants[name][key] for key in ("inputs", "targets"))
        if name != "train":
            return Source(size=len(inputs), batch=batch)
        size = np.maximum((inputs != PAD).sum(1), (targets != PAD).sum(1))
        return Source(size=len(inputs), batch=batch, order=data.by_length(size))

    return {name: source(name) for name in made.constants}


def build(config: Config) -> Task:
    """The Task."""
    made = prepare(config)
    model, end = network(config, made), made.coder.end

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        x, y = batch["inputs"], batch["targets"]
        dropout, smoothing = None, 0.0
        if context.train:
            smoothing = context.hyper["smoothing"]
            if config.dropout:
                dropout = Dropout(context.key, batch["slot"], context.hyper["dropout"])

        def cut(x: Array, y: Array) -> tuple[Sum, Sum]:
            logits, _ = model.apply({"params": params}, x, shifted(y, end), dropout)
            mask = (y != PAD) * batch["mask"][:, None]  # [B, T_y]
            nats = losses.smoothed_cross_entropy(logits, y, smoothing)
            return metrics.summed(nats, mask), metrics.accuracy(logits, y, mask)

        size = jnp.maximum((x != PAD).sum(1), (y != PAD).sum(1))  # [B]
        T = max(x.shape[1], y.shape[1])
        x = jnp.pad(x, ((0, 0), (0, T - x.shape[1])), constant_values=PAD)  # [B, T]
        nats, right = in_bucket(cut, (*range(config.bucket, T, config.bucket), T), size, x, y)
        return nats, Aux(extra, {"accuracy": right})

    def init(key: Array) -> tuple[Params, Any]:
        token = jnp.ones((1, 2), jnp.int32)
        return model.init(key, token, token)["params"], {}

    def predict(params: Params, extra: Any, batch: Batch, context: Context) -> Any:
        begun, longest = seq.begin(model, params, batch["inputs"]), config.longest
        first = seq.greedy(model, params, begun, longest, end)  # [B, longest]
        if "draft" in batch:
            return {"greedy": first}
        found = seq.beam(model, params, begun, config.beam, longest, end, config.alpha)
        best = found.ids[:, 0]  # [B, longest]
        alpha = seq.alignment(model, params, begun, best, end)
        return {"greedy": first, "beam": best, "attention": alpha}

    def score(outputs: Any, batch: Mapping[str, np.ndarray]) -> dict[str, float]:
        wanted = [made.coder.plain(made.texts[row][1]) for row in batch["row"]]
        length = (batch["inputs"] != PAD).sum(1)
        half = length > np.median(length)
        found = {}
        for how, prefix in (("greedy", "greedy_"), ("beam", "")):
            if how not in outputs:
                continue
            texts = [made.coder.decode(ids) for ids in outputs[how]]
            found |= quality(config, texts, wanted, prefix)
            if how == "beam":
                for name, chosen in (("_short", ~half), ("_long", half)):
                    rows = np.flatnonzero(chosen) if chosen.any() else [0]
                    told = quality(config, [texts[i] for i in rows], [wanted[i] for i in rows])
                    found |= {key + name: value for key, value in told.items()}
        return found

    held = sources(made)
    return Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer)
        | {"dropout": config.dropout, "smoothing": config.smoothing},
        train=held.pop("train"),
        evals=held,
        constants=made.constants,
        predict=predict,
        score=score,
    )


def network(config: Config, made: Made) -> EncoderDecoder:
    """The network of a config."""
    return EncoderDecoder(
        len(made.coder.words),
        config.attention,
        config.width,
        config.embedding,
        config.bidirectional,
    )


def quality(
    config: Config, found: Sequence[str], wanted: Sequence[str], prefix: str = ""
) -> dict[str, float]:
    """The share that is right to the letter; of sentences BLEU, in lower case, as well."""
    exact = float(np.mean([a == b for a, b in zip(found, wanted, strict=True)]))
    told = {f"{prefix}exact": exact}
    if config.merges:
        told[f"{prefix}bleu"] = corpus_bleu(found, wanted).score
    return told


def measure(results: Results) -> str:
    """What translations are judged by."""
    return "bleu" if results.only.config.merges else "exact"


def attention_helps(results: Results) -> tuple[bool, str]:
    """Bahdanau et al. 2015: to look back beats one vector for a whole sentence."""
    name = f"test/{measure(results)}"
    look, vector = results["attention"], results["vector"]
    told = f"{name}: {look[name]:.4g} with attention, {vector[name]:.4g} without; test/loss: "
    told += f"{look['test/loss']:.4f}, {vector['test/loss']:.4f}"
    return look[name] > vector[name] and look["test/loss"] < vector["test/loss"], told


def more_on_long(results: Results) -> tuple[bool, str]:
    """Cho et al. 2014: one vector is too little for long sentences above all."""
    name = f"test/{measure(results)}"
    gap = {
        half: results["attention"][f"{name}_{half}"] - results["vector"][f"{name}_{half}"]
        for half in ("short", "long")
    }
    told = f"gain in {name} by attention: {gap['short']:.4g} on the shorter half of the inputs"
    return gap["long"] > gap["short"], f"{told}, {gap['long']:.4g} on the longer half"


@functools.lru_cache(maxsize=2)
def translated(arm: Arm) -> tuple[Any, Mapping[str, np.ndarray]]:
    """The test set by an arm, once for figures and texts: (outputs, batch)."""
    return arm.predict("test")


def attention_map(coder: data.Coder, x: Sequence[int], y: Sequence[int], alpha: np.ndarray) -> Any:
    """Where the decoder looked: a row a token that it wrote, up to EOS."""
    from ngjax.report import figures as draw

    x = [int(i) for i in x if i != PAD]
    end = coder.end
    rows = list(y).index(end) + 1 if end in y else len(y)
    read, wrote = (
        [END if i == end else _shown(coder.words.tokens[i]) for i in ids] for ids in (x, y[:rows])
    )
    return draw.heatmap(alpha[:rows, : len(x)], wrote, read, ylabel="written", xlabel="read")


def _shown(token: str) -> str:
    """A token as a label: a space is seen where it stands alone."""
    return token.strip("▁ ") or "␣"


def figures(results: Results) -> Iterator[Picture]:
    """Quality by the length of the input, and where attention looks."""
    from ngjax.report import figures as draw

    name = measure(results)
    parts = {
        f"{half}er half": {n: arm[f"test/{name}_{half}"] for n, arm in results.items()}
        for half in ("short", "long")
    }
    told = "BLEU" if name == "bleu" else "share right to the letter"
    yield Picture(
        "by_length",
        f"{told[0].upper() + told[1:]} on the shorter and the longer half of the test inputs.",
        draw.grouped(parts, xlabel=told),
    )
    for arm in results.values():
        if arm.config.attention == "none" or arm.predict is None:
            continue
        outputs, batch = translated(arm)
        coder = prepare(arm.config).coder
        for n, row in enumerate(_spread(len(batch["row"]), SHOWN), 1):
            yield Picture(
                f"attention_{n}",
                "Attention: the darker, the more a written token (row) looked at a read one; "
                f"{END} is the end.",
                attention_map(
                    coder, batch["inputs"][row], outputs["beam"][row], outputs["attention"][row]
                ),
            )


def _spread(size: int, count: int) -> list[int]:
    """Places of so many among `size`, which are sorted by length, neither end."""
    return [int(size * (i + 0.5) / count) for i in range(min(count, size))]


def texts(results: Results) -> Iterator[Text]:
    """Beam beside greedy search, and translations."""
    name = measure(results)
    rows = [f"{'arm':12}{'greedy':>10}{'beam':>10}    test/{name}"]
    for arm_name, arm in results.items():
        rows.append(f"{arm_name:12}{arm[f'test/greedy_{name}']:10.4f}{arm[f'test/{name}']:10.4f}")
    yield Text("Greedy search and a beam", "\n".join(rows))
    lines: dict[int, list[str]] = {}
    for arm_name, arm in results.items():
        if arm.predict is None:
            continue
        outputs, batch = translated(arm)
        made = prepare(arm.config)
        for row in _spread(len(batch["row"]), SAMPLES):
            source, target = made.texts[batch["row"][row]]
            lines.setdefault(row, [f"{'read':12}{source}", f"{'a person':12}{target}"])
            lines[row].append(f"{arm_name:12}{made.coder.decode(outputs['beam'][row])}")
    yield Text("Translations of the test set", "\n\n".join("\n".join(v) for v in lines.values()))
    yield Text("Data", prepare(results.only.config).held.notes)


def translate(learned: Learned, text: str) -> Answer:
    """The translation of the user's sentence, and where attention looked."""
    from ngjax.report import figures as draw

    made = prepare(learned.config)
    x = made.coder.encode(text)
    outputs = learned.outputs(data.Split(x[None], x[None]))
    lines = tuple(f"{how:7} {made.coder.decode(outputs[how][0])}" for how in ("greedy", "beam"))
    if learned.config.attention == "none":
        return Answer(lines)
    drawn = attention_map(made.coder, x, outputs["beam"][0], outputs["attention"][0])
    return Answer(lines, {"attention.png": draw.as_png(drawn)})


EXPERIMENT = Experiment(
    notes="5.2",
    config=Config(),
    build=build,
    objective=("dev/loss", "min"),
    arms={"attention": ("attention=general",), "vector": ("attention=none",)},
    smoke=(
        "run.steps=4",
        "run.batch_size=8",
        "run.evaluate_batch=8",
        "data.limit=24",
        "data.dev=8",
        "width=8",
        "embedding=8",
        "bidirectional=false",
        "bucket=72",
        "longest=72",
        "beam=2",
    ),
    claims={
        "attention-beats-one-vector": attention_helps,
        "attention-helps-long-inputs-more": more_on_long,
    },
    figures=figures,
    texts=texts,
    predict=translate,
    terms=("many-to-many architecture",),
)
