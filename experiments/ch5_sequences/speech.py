r"""Speech recognition: an audio clip in, its transcript out, by a recurrent network with CTC.

    P(y | x) = sum of P(path | x) over all paths that collapse to y (`ngjax.ops.ctc`)

Notes 5 (clip X to transcript Y), 5.6 (both directions); Graves et al. 2006. A clip is frames of
log-mel features (`ngjax.ops.mel`), normalised over the clip. For training, clips of one
to `words` words by one speaker are drawn anew at every step, on the device: frames of recordings
and of their own quiet are gathered side by side. Dev and test clips are joined once, as waves.

    python launch.py --experiment=speech

By default the "words" are melodies of two or three tones by three voices, drawn by seed: no speech
at all. In both directions 0.8 % of the test words are wrong, forward with as many units 21 % (seed
0, 45 s on one core). Spoken digits by the origin's own split:

    python launch.py --experiment=speech --arms=bidirectional --data.name=spoken_digits \
        --data_dir=DIRECTORY --words=5 --seconds=4.8 --width=128 --depth=2 --buckets=3 \
        --dropout=0.1 --pitch=0.1 --mask_frames=20 --mask_bands=8 --run.steps=3000 \
        --run.evaluate_every=500 --optimizer.learning_rate=4e-3 --optimizer.warmup_steps=100

0.9 % of the test words are wrong (5 of 575; dev 2.4 %; seed 0, six minutes on half a core). All
parts have the same speakers; a voice that was never heard is harder. With --speaker=NAME and
--run.steps=1500, the speaker left out: theo 14.0 % of the words wrong, nicolas 25.6, lucas 32.4,
jackson 18.0, george 32.7, yweweler 11.8; the mean of the six is 22.4 %.

With the same flags, what is said in a WAV file of any rate:

    python launch.py --experiment=speech ... --mode=predict --input=clip.wav
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

from ngjax import data, losses, metrics, optim
from ngjax.data.sound import clip_sources, clips
from ngjax.data.sound.wave import RATE
from ngjax.experiment import Answer, Experiment, Learned, Picture, Results, Text
from ngjax.models.recurrent import Dropout
from ngjax.models.transcriber import Transcriber
from ngjax.ops import ctc
from ngjax.ops.bucket import in_bucket
from ngjax.ops.edit_distance import confusion, word_error_rate
from ngjax.ops.mel import centres, frame_count, normalised
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Source, Sum, Task, UserError

READ = (  # what the clips hang on
    *("speaker", "words", "seconds", "pause_from", "pause_to", "clips", "data"),
    *("window", "hop", "bands", "stack"),
)
LEAST = 1e-3  # probability below which the beam passes a symbol over
ENOUGH = 0.1  # share of wrong words below which a transcript is one
SHOWN = 3  # clips in a picture
MISTAKES = 12  # that are told


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    cell: Literal["rnn", "gru", "lstm"] = "gru"  # which recurrence
    bidirectional: bool = True  # false: what follows is never heard
    width: int = 96  # units of a layer, n; half of them in each of two directions
    depth: int = 1  # layers (notes 5.7)
    stack: int = 4  # frames side by side that are one step
    dropout: float = 0.0  # share of units dropped between layers and before the softmax
    window: float = 0.025  # seconds of a frame
    hop: float = 0.01  # seconds from one frame to the next
    bands: int = 40  # M, mel bands
    words: int = 4  # N, words of a clip at most
    seconds: float = 3.2  # that a clip lasts at most
    pause_from: float = 0.03  # seconds of quiet before, between and behind words, at least
    pause_to: float = 0.3  # seconds, at most
    speed: float = 0.1  # training: words last up to this share longer or shorter
    pitch: float = 0.0  # training: bands are shifted up to this share
    mask_frames: int = 0  # training: frames in a row that are hidden, at most
    mask_bands: int = 0  # training: bands in a row that are hidden, at most
    buckets: int = 2  # training: widths that batches are cut to; each is compiled by itself
    clips: int = 200  # of dev and of test
    beam: int = 8  # prefixes that the beam search keeps
    speaker: str = ""  # left out of train and dev, and alone in test; empty: the set's own split
    data: data.Data = data.Data(name="tones", dev=0.12)
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=1e-2, clip_norm=1.0, schedule="cosine"
    )
    run: Run = Run(steps=400, batch_size=32, evaluate_every=100)

    def __post_init__(self) -> None:
        """Refuse what no clip and no network can be."""
        for name in ("width", "depth", "stack", "bands", "words", "buckets", "clips", "beam"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        for name in ("dropout", "speed", "pitch"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: must be in [0, 1), got {getattr(self, name)}")
        for name in ("mask_frames", "mask_bands"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must be 0 or more, got {getattr(self, name)}")
        if not 1 / RATE <= self.hop <= self.window <= self.pause_to:
            raise ValueError("hop: hop, window and pause_to must ascend")
        if not 0 <= self.pause_from <= self.pause_to <= clips.SILENCE / 2:
            raise ValueError(f"pause_from: must be from 0 to pause_to={self.pause_to}")
        if self.seconds < (self.words + 1) * self.pause_to:
            raise ValueError(f"seconds: {self.words} words and their pauses need more")


class Heard(NamedTuple):
    """All that does not hang on the network: made once for all arms."""

    parts: Mapping[str, clips.Recordings]  # train, dev, test
    clips: Mapping[str, list[clips.Clip]]  # dev, test
    constants: Mapping[str, Mapping[str, np.ndarray]]  # as the network reads them
    words: tuple[str, ...]
    notes: str


def heard(config: Config) -> Heard:
    """The recordings and clips of a config; arms that differ in the network share them."""
    of_the_clips = {name: getattr(config, name) for name in READ}
    return _heard(dataclasses.replace(Config(), **of_the_clips))


@functools.lru_cache(maxsize=2)
def _heard(config: Config) -> Heard:
    held = data.load(config.data, kinds=("sounds",))
    parts = clips.parts(held, config.speaker)
    pause = (config.pause_from, config.pause_to)
    joined = {
        name: clips.joined(parts[name], config.clips, config.words, pause, config.seconds, seed)
        for seed, name in enumerate(("dev", "test"))
    }
    constants: dict[str, Any] = {"train": clip_sources.bank(parts["train"], cut(config), seed=2)}
    for name, made in joined.items():
        x, length = data.padded(clips.features([c.wave for c in made], cut(config)), frames(config))
        targets, _ = data.padded([np.int32(c.words) + 1 for c in made], config.words)
        x = np.asarray(jax.jit(normalised)(x, length))
        constants[name] = {"inputs": x, "length": length, "targets": targets}
    sizes = ", ".join(f"{len(part.waves):,} {name}" for name, part in parts.items())
    who = f"{config.speaker} in test alone" if config.speaker else "all speakers in all parts"
    notes = f"recordings: {sizes}; {who}; {config.clips} clips of dev and of test"
    words = data.words_and_speakers(held).words
    return Heard(parts, joined, constants, words, f"{held.title}: {notes}")


def cut(config: Config) -> clips.Frames:
    """Frames, in samples."""
    return clips.Frames(round(config.window * RATE), round(config.hop * RATE), config.bands)


def frames(config: Config) -> int:
    """Frames of the longest clip, in whole steps."""
    count = frame_count(int(config.seconds * RATE), *cut(config)[:2])
    return -(-count // config.stack) * config.stack


def network(config: Config, words: Sequence[str]) -> Transcriber:
    """The network of a config."""
    return Transcriber(
        1 + len(words), config.cell, config.width, config.depth, config.bidirectional, config.stack
    )


def widths(config: Config) -> tuple[int, ...]:
    """Frames that batches are cut to, evenly spaced."""
    steps, n = frames(config) // config.stack, config.buckets
    return tuple(-(-steps * b // n) * config.stack for b in range(1, n + 1))


def rooms(config: Config) -> tuple[int, ...]:
    """Frames that a clip of 1, 2, ... N words may last: the first width that such clips need."""
    F, N, held = frames(config), config.words, widths(config)
    return tuple(next(w for w in held if w * (N + 1) >= F * (n + 1)) for n in range(1, N + 1))


def training(config: Config, held: Heard) -> Source:
    """Clips drawn on the device."""
    pause = tuple(round(p / config.hop) for p in (config.pause_from, config.pause_to))
    changes = (config.speed, config.pitch, config.mask_frames, config.mask_bands)
    how = clip_sources.Drawn(rooms(config), pause, *changes)
    return clip_sources.drawn(held.parts["train"], how)


def build(config: Config) -> Task:
    """The Task."""
    held = heard(config)
    model = network(config, held.words)

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        length, targets, dropout = batch["length"], batch["targets"], None
        if config.dropout and context.train:
            dropout = Dropout(context.key, batch["slot"], context.hyper["dropout"])

        def nats(x: Array) -> Array:
            z, _ = model.apply({"params": params}, x, length, dropout)
            return losses.ctc(z, model.steps(length), targets)

        if context.train:
            each = in_bucket(nats, widths(config), batch["room"], batch["inputs"])
        else:
            each = nats(batch["inputs"])
        return metrics.summed(each, batch["mask"]), Aux(extra)

    def init(key: Array) -> tuple[Params, Any]:
        return model.init(key, jnp.zeros((1, config.stack, config.bands)))["params"], {}

    def predict(params: Params, extra: Any, batch: Batch, context: Context) -> dict[str, Array]:
        x = batch["inputs"].astype(jax.tree.leaves(params)[0].dtype)
        length = batch.get("length", jnp.full(x.shape[:1], x.shape[1]))
        z, _ = model.apply({"params": params}, x, length)
        z = z.astype(jnp.promote_types(z.dtype, jnp.float32))
        return {"log_probability": jax.nn.log_softmax(z), "steps": model.steps(length)}

    def score(outputs: Mapping[str, np.ndarray], batch: Mapping[str, np.ndarray]) -> dict:
        true = [tuple(row[row > 0]) for row in batch["targets"]]
        rows = answers(outputs)
        return {
            "word_error_rate": word_error_rate(true, map(ctc.greedy, rows)),
            "word_error_rate_beam": word_error_rate(true, [said(config, row) for row in rows]),
        }

    return Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer) | {"dropout": config.dropout},
        train=training(config, held),
        evals={name: clip_sources.judged(config.clips, prefix=name) for name in held.clips},
        constants=held.constants,
        predict=predict,
        score=score,
    )


def answers(outputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """ln P of every symbol at each step of a clip, [T_i, V], padding cut off."""
    both = zip(outputs["log_probability"], outputs["steps"], strict=True)
    return [np.asarray(row[:steps]) for row, steps in both]


def said(config: Config, row: np.ndarray) -> ctc.Labels:
    """The transcript by beam search."""
    return ctc.prefix_beam(row, config.beam, LEAST)[0][0]


def transcribes(results: Results) -> tuple[bool, str]:
    """Notes 5: from an audio clip a recurrent network writes the transcript, words in order."""
    rates = {name: arm["test/word_error_rate"] for name, arm in results.items()}
    told = ", ".join(f"{name} {rate:.1%}" for name, rate in rates.items())
    return min(rates.values()) < ENOUGH, f"wrong words of the test clips: {told}"


def both_directions_help(results: Results) -> tuple[bool, str]:
    """Notes 5.6: what follows is heard too, and so less is misheard than in one direction."""
    names = ("bidirectional", "forward")
    found = [(results[n]["test/word_error_rate"], results[n]["test/loss"]) for n in names]
    told = (
        f"{n} {wrong:.1%}, {nats:.2f} nats a clip"
        for n, (wrong, nats) in zip(names, found, strict=True)
    )
    return found[0] < found[1], f"wrong words of the test clips: {'; '.join(told)}"


def figures(results: Results) -> Iterator[Picture]:
    """Error rates, clips with what was said of them, and which word was taken for which."""
    from ngjax.report import figures as draw

    rates = {name: 100 * arm["test/word_error_rate"] for name, arm in results.items()}
    spread = {name: 100 * arm.spread("test/word_error_rate") for name, arm in results.items()}
    best = min(rates, key=rates.get)
    yield Picture(
        "errors",
        "Wrong, missing and surplus words of the test clips, of a hundred that are there.",
        draw.bars(rates, spread, xlabel="word error rate, %", best=best),
    )
    config, held = results[best].config, heard(results[best].config)
    true, found, rows = judged(results, best)
    wrong = [t != f for t, f in zip(true, found, strict=True)]
    many = sorted(range(len(true)), key=lambda i: (not wrong[i], -len(true[i])))
    right = [i for i in reversed(many) if len(true[i]) == max(map(len, true)) and not wrong[i]]
    for name, chosen in (("clips", right), ("mistakes", [i for i in many if wrong[i]])):
        if chosen:
            shown = [_drawn(config, held, i, found[i], rows[i]) for i in chosen[:SHOWN]]
            yield Picture(
                name,
                f"Test clips of arm {best}, true words above. Below, P of each word at each step; "
                "blank is dashed. A word is said in a spike, the rest is blank.",
                draw.transcripts(shown, held.words, centres(config.bands, RATE)),
            )
    counts = confusion(true, found, range(1, 1 + len(held.words)))
    yield Picture(
        "confusion",
        f"Which word was taken for which by arm {best}: surplus words stand beside the true "
        '"nothing", missing ones below the predicted.',
        draw.confusion(counts, [*held.words, "nothing"]),
    )


def _drawn(config: Config, held: Heard, i: int, found: ctc.Labels, row: np.ndarray) -> Any:
    """A test clip as the figure takes it."""
    from ngjax.report.figures import Heard as Seen

    clip, arrays = held.clips["test"][i], held.constants["test"]
    length = int(arrays["length"][i])
    spans = [(*span, held.words[k]) for span, k in zip(clip.spans, clip.words, strict=True)]
    wrong = found != tuple(k + 1 for k in clip.words)
    title = f"heard: {spelt(held, found)}"
    x = clips.features([clip.wave], cut(config))[0]
    return Seen(x[:length], np.exp(row), length * config.hop, title, spans, wrong)


def judged(
    results: Results, name: str
) -> tuple[list[ctc.Labels], list[ctc.Labels], list[np.ndarray]]:
    """Of every test clip of an arm: what was said, what was heard by the beam, ln P of symbols."""
    outputs, batch = results[name].predict("test")
    rows = answers(outputs)
    true = [tuple(int(k) for k in row[row > 0]) for row in batch["targets"]]
    return true, [said(results[name].config, row) for row in rows], rows


def spelt(held: Heard, labels: Sequence[int]) -> str:
    """Labels as words."""
    return " ".join(held.words[k - 1] for k in labels) or "(nothing)"


def texts(results: Results) -> Iterator[Text]:
    """Rates of all arms, mistakes of the best, the data."""
    rows = [f"{'arm':16}{'greedy':>10}{'beam':>10}{'nats/clip':>12}"]
    for name, arm in results.items():
        kinds = (arm[f"test/word_error_rate{kind}"] for kind in ("", "_beam"))
        rows.append(f"{name:16}{''.join(f'{k:10.2%}' for k in kinds)}{arm['test/loss']:12.3f}")
    yield Text("Word error rate on the test clips", "\n".join(rows))
    best = min(results, key=lambda name: results[name]["test/word_error_rate"])
    held, (true, found, _) = heard(results[best].config), judged(results, best)
    wrong = [pair for pair in zip(true, found, strict=True) if pair[0] != pair[1]]
    told = [f"said   {spelt(held, a)}\nheard  {spelt(held, b)}" for a, b in wrong[:MISTAKES]]
    whole = f"{len(wrong)} of {len(true)} clips with a mistake"
    yield Text(f"Mistakes of arm {best}", "\n\n".join([whole, *told]))
    yield Text("Data", held.notes)


def predict(learned: Learned, source: str) -> Answer:
    """The transcript of a WAV file, and a picture of how it was found."""
    from ngjax.report import figures as draw

    config, path = learned.config, Path(source)
    wave = data.read_wave(path)
    if len(wave) < cut(config).window:
        raise UserError(f"--input={source}: shorter than {config.window:g} s, nothing to hear")
    held = heard(config)
    x = clips.features([wave], cut(config))[0]  # [F, M]
    given = normalised(jnp.asarray(x), jnp.asarray(len(x)))
    (row,) = answers(
        learned.outputs(data.Split(np.asarray(given)[None], np.zeros((1, 1), np.int32)))
    )
    text = spelt(held, said(config, row))
    seen = draw.Heard(x, np.exp(row), len(x) * config.hop, f"{path.name}: {text}")
    figure = draw.transcripts([seen], held.words, centres(config.bands, RATE))
    best = spelt(held, ctc.greedy(row))
    other = "" if best == text else f"  (best path: {best})"
    return Answer((f"{path}  {text}{other}",), {f"{path.name}.png": draw.as_png(figure)})


EXPERIMENT = Experiment(
    notes="5, 5.6",
    config=Config(),
    build=build,
    objective=("dev/word_error_rate", "min"),
    arms={
        "bidirectional": (),
        "forward": ("bidirectional=false",),
    },
    smoke=(
        *("run.steps=2", "run.batch_size=8", "data.limit=48", "words=2", "buckets=1"),
        *("seconds=1.6", "bands=16", "width=8", "clips=8"),
    ),
    claims={
        "clip-to-transcript": transcribes,
        "both-directions-hear-more": both_directions_help,
    },
    figures=figures,
    texts=texts,
    predict=predict,
    terms=("speech recognition",),
)
