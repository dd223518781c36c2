r"""Speech recognition: an audio clip in, its transcript out, by a recurrent network with CTC.

    P(y | x) = sum of P(path | x) over all paths that collapse to y (`ngjax.ops.ctc`)

Notes 5 (clip X to transcript Y), 5.6 (both directions), 5.4 (gates); Graves et al. 2006. A clip is
frames of log-mel features (`ngjax.ops.mel`), normalised over the clip. For training, clips of one
to `words` words by one speaker are drawn anew at every step, on the device: frames of recordings
and of their own quiet are gathered side by side. Dev and test clips are joined once, as waves.

    python launch.py --experiment=speech
"""

from __future__ import annotations

import dataclasses
import functools
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import config as cfg
from ngjax import data, losses, metrics, optim
from ngjax.data import clips
from ngjax.data.sound import RATE
from ngjax.experiment import Answer, Experiment, Learned, Picture, Results, Text
from ngjax.models.recurrent import Dropout
from ngjax.models.transcriber import Transcriber
from ngjax.ops import ctc
from ngjax.ops.bucket import in_bucket
from ngjax.ops.edit_distance import aligned, edit_distance, word_error_rate
from ngjax.ops.mel import centres, frame_count, log_mel, masked, normalised
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Source, Sum, Task, UserError

LEAST = 1e-3  # probability below which the beam passes a symbol over
SHOWN = 3  # clips in a picture
MISTAKES = 12  # that are told


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    cell: Literal["rnn", "gru", "lstm"] = "gru"  # which recurrence
    bidirectional: bool = True  # false: what follows is never heard
    width: int = 48  # units of a layer and direction, n
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
        for name in ("width", "depth", "stack", "bands", "words", "clips", "beam"):
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

    bank: Mapping[str, np.ndarray]  # recordings for training
    clips: Mapping[str, list[data.clips.Clip]]  # dev, test
    arrays: Mapping[str, Mapping[str, np.ndarray]]  # the same as the network reads them
    words: tuple[str, ...]
    speakers: tuple[str, ...]
    notes: str


def heard(config: Config) -> Heard:
    """The recordings and clips of a config; arms that differ in the network share them."""
    fields = ("seconds", "words", "pause_from", "pause_to", "clips", "speaker", "data", "stack")
    fields += ("window", "hop", "bands")
    same = {name: getattr(config, name) for name in fields}
    return _heard(dataclasses.replace(Config(), **same))


@functools.lru_cache(maxsize=2)
def _heard(config: Config) -> Heard:
    held = data.load(config.data, kinds=("sounds",))
    words, speakers = data.words_and_speakers(held)
    train, dev, test = _parts(held, config.speaker, speakers)
    pause = (config.pause_from, config.pause_to)
    joined = {
        name: clips.joined(part, config.clips, config.words, pause, config.seconds, seed)
        for seed, (name, part) in enumerate({"dev": dev, "test": test}.items())
    }
    arrays = {}
    for name, made in joined.items():
        x, length = data.padded(features(config, [c.wave for c in made]), frames(config))
        targets, _ = data.padded([np.int32(c.words) + 1 for c in made], config.words)
        x = np.asarray(jax.jit(normalised)(x, length))
        arrays[name] = {"inputs": x, "length": length, "targets": targets}
    bank = clips.bank(train, functools.partial(features, config), seed=2)
    who = f"test by {config.speaker} alone" if config.speaker else "all speakers in all parts"
    notes = (
        f"{len(train.waves):,} recordings to train with, {len(dev.waves):,} for dev and "
        f"{len(test.waves):,} for test; {who}; {config.clips} clips of each"
    )
    return Heard(bank, joined, arrays, words, speakers, notes)


def _parts(
    held: data.Dataset, speaker: str, speakers: tuple[str, ...]
) -> tuple[clips.Recordings, ...]:
    """Recordings of train, dev and test."""
    if speaker and speaker not in speakers:
        near = cfg.nearest(speaker, speakers)
        raise UserError(f"--speaker={speaker}: not one of {', '.join(speakers)}{near}")
    if not speaker:
        parts = {name: getattr(held, name) for name in ("train", "dev", "test")}
        found = {n: clips.recordings(part, len(speakers)) for n, part in parts.items()}
    else:
        who = speakers.index(speaker)
        whole = data.Split(
            sum((held.train.inputs, held.dev.inputs, held.test.inputs), ()),
            np.concatenate([held.train.targets, held.dev.targets, held.test.targets]),
        )
        own, other = (lambda s: s == who), (lambda s: s != who)
        found = {
            "train": clips.recordings(held.train, len(speakers), other),
            "dev": clips.recordings(held.dev, len(speakers), other),
            "test": clips.recordings(whole, len(speakers), own),
        }
    for name, part in found.items():
        if not part.waves:
            raise UserError(f"--data.{name}: no recordings are left for {name}; give it more")
    return tuple(found.values())


def samples(config: Config) -> tuple[int, int]:
    """Samples of a window and of a hop."""
    return round(config.window * RATE), round(config.hop * RATE)


def frames(config: Config) -> int:
    """Frames of the longest clip, whole steps."""
    count = frame_count(int(config.seconds * RATE), *samples(config))
    return -(-count // config.stack) * config.stack


def features(config: Config, waves: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Log-mel features [F_i, M] of each wave: one long wave for the device, cut up again."""
    window, hop = samples(config)
    shape = functools.partial(jax.jit(log_mel, static_argnums=(1, 2, 3, 4)), rate := RATE)
    del shape, rate
    places = [-(-max(len(w), window) // hop) for w in waves]  # hops that a wave takes
    whole = np.zeros(sum(places) * hop + window, np.float32)
    starts = np.concatenate([[0], np.cumsum(places)[:-1]])
    for start, wave in zip(starts, waves, strict=True):
        whole[start * hop : start * hop + len(wave)] = wave
    made = jax.jit(log_mel, static_argnums=(1, 2, 3, 4))(whole, RATE, window, hop, config.bands)
    made = np.asarray(made)
    counts = [max(1, frame_count(len(wave), window, hop)) for wave in waves]
    return [made[s : s + c] for s, c in zip(starts, counts, strict=True)]


def network(config: Config, words: Sequence[str]) -> Transcriber:
    """The network of a config."""
    return Transcriber(
        1 + len(words), config.cell, config.width, config.depth, config.bidirectional, config.stack
    )


def rooms(config: Config) -> tuple[int, ...]:
    """Frames that a clip of 1, 2, ... N words may last."""
    F, N = frames(config), config.words
    return tuple(F * (n + 2) // (N + 1) // config.stack * config.stack for n in range(N))


def training(config: Config, held: Heard) -> Source:
    """Clips drawn on the device, those of a batch of equally many words."""
    hop = samples(config)[1]
    pause = tuple(round(p * RATE / hop) for p in (config.pause_from, config.pause_to))
    pace = clips.Pace(frames(config), config.words, pause, config.speed, config.pitch)
    widths = rooms(config)

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        bank = constants["train"]
        count_key, key = jax.random.split(key)
        n = jax.random.randint(count_key, (), 0, config.words)
        room = jnp.asarray(widths)[n]

        def one(index: Array, slot: Array) -> dict[str, Array]:
            clip_key, mask_key = jax.random.split(jax.random.fold_in(key, slot))
            clip = clips.composed(bank, pace, clip_key, index, n + 1, room)
            x = normalised(clip["inputs"], clip["length"])
            return {**clip, "inputs": masked(mask_key, x, config.mask_frames, config.mask_bands)}

        made = jax.vmap(one)(drawn["index"], drawn["slot"])
        return {**made, "room": jnp.full(drawn["index"].shape, room)}

    return Source(size=len(held.bank["word"]), batch=batch)


def judging(held: Heard, name: str) -> Source:
    """The clips of dev or test, which lie on the device."""

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        return {what: values[drawn["index"]] for what, values in constants[name].items()}

    return Source(size=len(held.clips[name]), batch=batch)


def build(config: Config) -> Task:
    """The Task."""
    held = heard(config)
    model, widths = network(config, held.words), rooms(config)

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        length, targets, dropout = batch["length"], batch["targets"], None
        if config.dropout and context.train:
            dropout = Dropout(context.key, batch["slot"], context.hyper["dropout"])

        def nats(x: Array) -> Array:
            z, _ = model.apply({"params": params}, x, length, dropout)
            return losses.ctc(z, model.steps(length), targets)

        if context.train:
            each = in_bucket(nats, widths, batch["room"], batch["inputs"])
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
        evals={name: judging(held, name) for name in held.clips},
        constants={"train": held.bank, **held.arrays},
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


EXPERIMENT = Experiment(
    notes="5, 5.6",
    config=Config(),
    build=build,
    objective=("dev/word_error_rate", "min"),
    arms={
        "bidirectional": (),
        "forward": ("bidirectional=false",),
        "plain": ("cell=rnn",),
    },
    smoke=(
        "run.steps=2",
        "run.batch_size=8",
        "data.limit=48",
        "words=2",
        "seconds=1.6",
        "bands=16",
        "width=8",
        "clips=8",
    ),
    terms=("speech recognition",),
)
