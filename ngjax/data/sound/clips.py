"""Clips of several words, joined from recordings of single words: waves, once and by seed.

What is judged so went the whole way from the wave on. Pauses are the recordings' own quiet,
`quiet`, not zeros. For training, clips are drawn on the device: `ngjax.data.sound.clip_sources`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ngjax.config import nearest
from ngjax.data.dataset import Dataset
from ngjax.data.sound.sound_sets import words_and_speakers
from ngjax.data.sound.wave import RATE
from ngjax.ops.mel import frame_count, log_mel
from ngjax.types import UserError

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


class Frames(NamedTuple):
    """How a wave is cut and heard; samples and bands."""

    window: int  # samples of a frame
    hop: int  # samples from one frame to the next
    bands: int  # M


def parts(held: Dataset, speaker: str = "") -> dict[str, Recordings]:
    """Recordings of train, dev and test of a set of sounds.

    Args:
        held: the set.
        speaker: left out of train and dev, and with all recordings alone in test; "": nobody.

    Returns:
        part -> its recordings.

    Raises:
        UserError: no such speaker, or a part without recordings.
    """
    speakers = words_and_speakers(held).speakers
    if speaker and speaker not in speakers:
        near = nearest(speaker, speakers)
        raise UserError(f"--speaker={speaker}: not one of {', '.join(speakers)}{near}")
    splits = {"train": held.train, "dev": held.dev, "test": held.test}
    whole = {name: _recordings([split], len(speakers)) for name, split in splits.items()}
    if speaker:
        who = speakers.index(speaker)
        everything = _recordings(list(splits.values()), len(speakers))
        whole = {name: _by(part, lambda s: s != who) for name, part in whole.items()}
        whole["test"] = _by(everything, lambda s: s == who)
    for name, part in whole.items():
        if not part.waves:
            raise UserError(f"--data.{name}: no recordings are left for {name}; give it more")
    return whole


def _recordings(splits: Sequence[Any], speakers: int) -> Recordings:
    waves = [wave for split in splits for wave in split.inputs]
    word, speaker = np.divmod(np.concatenate([split.targets for split in splits]), speakers)
    order = np.lexsort((word, speaker))
    return Recordings(tuple(waves[i] for i in order), word[order], speaker[order])


def _by(held: Recordings, who: Callable[[int], bool]) -> Recordings:
    kept = np.array([i for i, s in enumerate(held.speaker) if who(s)], int)
    return Recordings(tuple(held.waves[i] for i in kept), held.word[kept], held.speaker[kept])


def features(waves: Sequence[np.ndarray], cut: Frames) -> list[np.ndarray]:
    """Log-mel features [F_i, M] of each wave: one long wave for the device, cut up again.

    A wave shorter than a window has one frame, zeros behind its end.
    """
    places = [-(-max(len(wave), cut.window) // cut.hop) for wave in waves]  # hops that each takes
    whole = np.zeros(sum(places) * cut.hop + cut.window, np.float32)
    starts = np.concatenate([[0], np.cumsum(places)[:-1]]).astype(int)
    for start, wave in zip(starts, waves, strict=True):
        whole[start * cut.hop : start * cut.hop + len(wave)] = wave
    heard = functools.partial(log_mel, rate=RATE, window=cut.window, hop=cut.hop, bands=cut.bands)
    made = np.asarray(jax.jit(heard)(whole))  # [F, M]
    counts = [max(1, frame_count(len(wave), cut.window, cut.hop)) for wave in waves]
    return [made[start : start + count] for start, count in zip(starts, counts, strict=True)]


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
            word = held.waves[waiting[speaker][-1]]
            after = _pause(silence[speaker], pause, generator)
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
