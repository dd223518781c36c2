"""Clips of several words, put together from recordings of single words.

For training they are drawn anew at every step, on the device: `bank` holds the log-mel frames of
all recordings side by side, and `composed` gathers those of a clip. No frame then lies across a
joint, as one or two in a wave do; nothing else differs, and a clip costs one gather. For judging,
`joined` puts together waves, once and by seed, so that what is judged went the whole way from the
wave on. Pauses are the recordings' own quiet, `quiet`, not zeros.

Shapes: B clips, F frames, M mel bands, N words at most, m recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.data.sound import RATE
from ngjax.types import Array

STRETCH = 320  # samples of quiet that a recording is searched for: 40 ms
SILENCE = 3.0  # seconds of a speaker's quiet


class Recordings(NamedTuple):
    """Recordings of single words, those of a speaker side by side."""

    waves: tuple[np.ndarray, ...]  # [S] each
    word: np.ndarray  # int [m]
    speaker: np.ndarray  # int [m], ascending


class Clip(NamedTuple):
    """Words in a row by one speaker."""

    wave: np.ndarray  # float32 [S]
    words: tuple[int, ...]
    spans: tuple[tuple[float, float], ...]  # seconds at which each word begins and ends
    speaker: int


class Pace(NamedTuple):
    """How a clip is drawn for training; frames and shares."""

    frames: int  # F that a clip of N words may last
    words: int  # N
    pause: tuple[int, int]  # frames of a pause, from and to
    speed: float = 0.0  # words last up to this share longer or shorter
    pitch: float = 0.0  # bands are shifted up to this share, as by a shorter or longer throat


def recordings(split: Any, speakers: int, only: Callable[[int], bool] | None = None) -> Recordings:
    """Recordings of a set of sounds, sorted by speaker; `only` says whose."""
    word, speaker = np.divmod(np.asarray(split.targets), speakers)
    order = np.lexsort((np.arange(len(word)), word, speaker))
    kept = [i for i in order if only is None or only(int(speaker[i]))]
    return Recordings(tuple(split.inputs[i] for i in kept), word[kept], speaker[kept])


def quiet(waves: Sequence[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """`SILENCE` seconds of what is heard where nobody speaks.

    The quietest 40 ms of each recording; of these the quieter half, in random order, laid over one
    another by half under sine windows, whose squares add up to one, so that the power stays.

    Args:
        waves: of one speaker, [S] each.
        generator: draws the order.

    Returns:
        float32 [SILENCE * RATE].
    """
    half = STRETCH // 2
    found = sorted((_quietest(wave) for wave in waves), key=lambda one: float(np.square(one).sum()))
    found = found[: -(-len(found) // 2)]
    count = int(SILENCE * RATE) // half + 1
    window = np.sin(np.pi * (np.arange(STRETCH) + 0.5) / STRETCH)
    made = np.zeros((count + 1) * half)
    for place, one in enumerate(generator.integers(len(found), size=count)):
        made[place * half : place * half + STRETCH] += window * found[one]
    return made[half : half + int(SILENCE * RATE)].astype(np.float32)


def _quietest(wave: np.ndarray) -> np.ndarray:
    wave = np.resize(wave, max(len(wave), STRETCH))
    power = np.cumsum(np.concatenate([[0.0], np.square(wave, dtype=np.float64)]))
    start = int(np.argmin(power[STRETCH:] - power[:-STRETCH]))
    return wave[start : start + STRETCH] - wave[start : start + STRETCH].mean()


def joined(
    held: Recordings, count: int, words: int, pause: tuple[float, float], longest: float, seed: int
) -> list[Clip]:
    """`count` clips of 1 to `words` words, every recording as often as any other, or once more.

    Args:
        held: what they are made of.
        count: clips.
        words: N; each number of words is as likely.
        pause: seconds of quiet before, between and behind words, from and to.
        longest: seconds; a word that does not fit in is left for the next clip of its speaker.
        seed: decides all.
    """
    generator = np.random.default_rng([seed, len(held.waves)])
    speakers = np.unique(held.speaker)
    own = {s: np.flatnonzero(held.speaker == s) for s in speakers}
    silence = {s: quiet([held.waves[i] for i in own[s]], generator) for s in speakers}
    waiting: dict[int, list[int]] = {s: [] for s in speakers}
    clips = []
    for place in range(count):
        speaker = speakers[place % len(speakers)]
        pieces, spans, said = [_pause(silence[speaker], pause, generator)], [], []
        for _ in range(generator.integers(1, words + 1)):
            if not waiting[speaker]:
                waiting[speaker] = generator.permutation(own[speaker]).tolist()
            word, after = held.waves[waiting[speaker][-1]], _pause(silence[speaker], pause, generator)
            start = sum(map(len, pieces))
            if said and start + len(word) + len(after) > longest * RATE:
                break
            said.append(int(held.word[waiting[speaker].pop()]))
            spans.append((start / RATE, (start + len(word)) / RATE))
            pieces += [word, after]
        wave = np.concatenate(pieces)[: int(longest * RATE)]
        clips.append(Clip(wave, tuple(said), tuple(spans), int(speaker)))
    return clips


def _pause(
    silence: np.ndarray, pause: tuple[float, float], generator: np.random.Generator
) -> np.ndarray:
    length = int(generator.uniform(*pause) * RATE)
    start = generator.integers(len(silence) - length + 1)
    return silence[start : start + length]


def bank(
    held: Recordings, features: Callable[[Sequence[np.ndarray]], list[np.ndarray]], seed: int
) -> dict[str, np.ndarray]:
    """What `composed` reads: all frames of all recordings, and where each begins.

    Args:
        held: recordings of one or more speakers.
        features: waves -> [F_i, M] of each.
        seed: draws each speaker's quiet.
    """
    generator = np.random.default_rng([seed, len(held.waves)])
    speakers, first, count = np.unique(held.speaker, return_index=True, return_counts=True)
    own = [held.waves[f : f + c] for f, c in zip(first, count, strict=True)]
    silences = [quiet(waves, generator) for waves in own]
    frames = features([*held.waves, *silences])
    length = np.array([len(one) for one in frames])
    start = np.concatenate([[0], np.cumsum(length)[:-1]])
    m = len(held.waves)
    numbers = {
        "start": start[:m],
        "length": length[:m],
        "word": held.word,
        "speaker": np.searchsorted(speakers, held.speaker),
        "first": first,  # of each speaker, his first recording
        "count": count,
        "quiet_start": start[m:],
        "quiet_length": length[m:],
    }
    whole = {name: np.int32(values) for name, values in numbers.items()}
    return {"frames": np.concatenate(frames).astype(np.float32), **whole}


def composed(
    held: Mapping[str, Array], pace: Pace, key: Array, index: Array, count: Array, room: Array
) -> dict[str, Array]:
    """One clip for training: recording `index`, then others of its speaker.

    Args:
        held: of `bank`.
        pace: static.
        key: decides all but the first word.
        index: int [], of the first recording.
        count: int [], words; fewer where they do not fit in.
        room: int [], frames that the clip may last, at most `pace.frames`. A first word that does
            not fit in loses its end.

    Returns:
        {"inputs": [F, M], "length": int [], "targets": int [N], word + 1, zeros behind}.
    """
    N = pace.words
    draw = iter(jax.random.split(key, 5))
    speaker = held["speaker"][index]
    share = jax.random.uniform(next(draw), (N,), jnp.float32)
    others = held["first"][speaker] + (share * held["count"][speaker]).astype(jnp.int32)
    chosen = others.at[0].set(index)  # [N]
    rate = jnp.exp(jax.random.uniform(next(draw), (N,), jnp.float32, -1, 1) * pace.speed)
    low, high = pace.pause
    pause = jax.random.randint(next(draw), (N + 1,), low, high + 1)
    own = held["length"][chosen]  # [N]
    length = jnp.maximum(1, (own / rate).astype(jnp.int32))
    length = length.at[0].min(room - pause[0] - pause[1])
    ends = pause[0] + jnp.cumsum(length + pause[1:])  # [N]
    said = (ends <= room) & (jnp.arange(N) < count)
    length, after = jnp.where(said, length, 0), jnp.where(said, pause[1:], 0)

    spare = held["quiet_length"][speaker] - high
    share = jax.random.uniform(next(draw), (N + 1,), jnp.float32)
    still = held["quiet_start"][speaker] + (share * spare).astype(jnp.int32)  # [N + 1]
    lengths = _between(jnp.concatenate([pause[:1], after]), length)  # [2N + 1]
    starts = _between(still, held["start"][chosen])
    steps = _between(jnp.ones(N + 1), rate)
    most = _between(jnp.full(N + 1, high), own)  # frames of each piece that are there

    ends = jnp.cumsum(lengths)
    t = jnp.arange(pace.frames)
    piece = jnp.minimum(jnp.searchsorted(ends, t, side="right"), 2 * N)  # [F]
    offset = ((t - (ends - lengths)[piece]) * steps[piece]).astype(jnp.int32)
    row = starts[piece] + jnp.clip(offset, 0, most[piece] - 1)
    shift = jnp.exp(jax.random.uniform(next(draw), (), jnp.float32, -1, 1) * pace.pitch)
    x = _shifted(held["frames"][row], shift)  # [F, M]
    targets = jnp.where(said, held["word"][chosen] + 1, 0)
    return {"inputs": x, "length": ends[-1], "targets": targets}


def _between(outer: Array, inner: Array) -> Array:
    """Pause, word, pause, word, ..., pause: [N + 1] and [N] -> [2N + 1]."""
    outer = outer.astype(jnp.promote_types(outer.dtype, inner.dtype))
    made = jnp.zeros(2 * len(inner) + 1, outer.dtype)
    return made.at[::2].set(outer).at[1::2].set(inner)


def _shifted(x: Array, shift: Array) -> Array:
    """Band b of [F, M] becomes what was heard at band b * shift, between bands linearly."""
    M = x.shape[-1]
    place = jnp.clip(jnp.arange(M) * shift, 0, M - 1)
    low = jnp.minimum(place.astype(jnp.int32), M - 2)
    part = (place - low).astype(x.dtype)[None, :]
    return x[:, low] * (1 - part) + x[:, low + 1] * part
