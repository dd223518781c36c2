"""Sets of spoken words: recordings of single words, each by a speaker who is known.

The class of a recording is its word and its speaker, "zero george": so that what is held out has
every word of every speaker in proportion. `word_and_speaker` takes the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ngjax.data import archive
from ngjax.data.dataset import Dataset, Parts, Split
from ngjax.data.entry import Entry, File
from ngjax.data.sound.wave import RATE, read_wave
from ngjax.types import UserError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
OFFICIAL_TEST = 5  # recordings of each digit and speaker, the first ones
RECORDING = re.compile(r"(?:.*/)?(\d)_([a-z]+)_(\d+)\.wav")

# Melodies, some of which begin like others: only what follows tells them apart.
WORDS = ("do-mi", "do-mi-sol", "mi-do", "mi-do-mi", "sol-re", "sol-re-do", "re-sol", "re-mi")
NOTES = {"do": 262.0, "re": 294.0, "mi": 330.0, "sol": 392.0}  # Hz
VOICES = {"flute": (1.0, 0.1), "reed": (1.0, 0.0, 0.6, 0.0, 0.4), "string": (1.0, 0.7, 0.5, 0.3)}
TAKES = {"train": 16, "test": 5}  # of each word and voice
NOTE = (0.07, 0.16)  # seconds of a note
DETUNED = 0.01  # deviation of a take's pitch, as a share
NOISE = (0.02, 0.15)  # deviation of a voice's hiss, beside tones of 0.3


class Spoken(NamedTuple):
    """What the class names of a set of sounds say."""

    words: tuple[str, ...]
    speakers: tuple[str, ...]


def words_and_speakers(held: Dataset | Parts) -> Spoken:
    """The words and the speakers of a set; class = word * speakers + speaker."""
    pairs = [name.split(" ") for name in held.classes]
    return Spoken(
        tuple(dict.fromkeys(word for word, _ in pairs)),
        tuple(dict.fromkeys(speaker for _, speaker in pairs)),
    )


def spoken_digits(files: Mapping[str, Path], size: int = 0) -> Parts:
    """Digits of the Free Spoken Digit Dataset, the origin's first five takes each for the test."""
    (path,) = files.values()
    found = []
    for name, content in archive.members(path):
        match = RECORDING.fullmatch(name)
        if not match:
            raise UserError(f"{path}: {name} is no recording; delete it and get it again")
        digit, speaker, take = match.groups()
        sound = read_wave(Path(f"{path}:{name}"), content)
        found.append((speaker, int(digit), int(take), sound))
    if not found:
        raise UserError(f"{path}: holds no recordings; delete it and get it again")
    found.sort(key=lambda one: one[:3])
    speakers = sorted({speaker for speaker, *_ in found})

    def part(test: bool) -> Split:
        kept = [one for one in found if (one[2] < OFFICIAL_TEST) == test]
        targets = [d * len(speakers) + speakers.index(s) for s, d, _, _ in kept]
        return Split(tuple(sound for *_, sound in kept), np.int32(targets))

    return Parts(part(False), test=part(True), classes=_classes(DIGITS, speakers))


def tones(files: Mapping[str, Path], size: int = 0) -> Parts:
    """Melodies of two or three notes by three voices, drawn by a fixed seed: no speech at all."""
    generator = np.random.default_rng(5)

    def part(takes: int) -> Split:
        sounds, targets = [], []
        for v, (voice, word) in enumerate((v, w) for v in VOICES for w in range(len(WORDS))):
            for _ in range(takes):
                sounds.append(_melody(WORDS[word], voice, generator))
                targets.append(word * len(VOICES) + v // len(WORDS))
        return Split(tuple(sounds), np.int32(targets))

    train = part(TAKES["train"])
    return Parts(train, test=part(TAKES["test"]), classes=_classes(WORDS, tuple(VOICES)))


def _classes(words: tuple[str, ...], speakers: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return tuple(f"{word} {speaker}" for word in words for speaker in speakers)


def _melody(word: str, voice: str, generator: np.random.Generator) -> np.ndarray:
    """One take: notes of changing length, slightly out of tune, behind the voice's hiss."""
    tune = 1 + DETUNED * generator.normal()
    notes = []
    for name in word.split("-"):
        t = np.arange(int(generator.uniform(*NOTE) * RATE)) / RATE
        swell = np.sin(np.pi * np.arange(len(t)) / len(t)) ** 0.5
        overtones = enumerate(VOICES[voice], 1)
        tone = sum(a * np.sin(2 * np.pi * k * tune * NOTES[name] * t) for k, a in overtones)
        notes.append(0.3 / sum(VOICES[voice]) * swell * tone)
    sound = np.concatenate(notes)
    sound = sound + generator.uniform(*NOISE) * 0.3 * generator.normal(size=len(sound))
    return (sound * np.exp(0.3 * generator.normal())).astype(np.float32)


ENTRIES = (
    Entry(
        name="tones",
        title="Melodies drawn by seed",
        kind="sounds",
        reader=tones,
        home="drawn by this package",
        licence="Apache-2.0",
        embedded=True,
        caveat="tones, no speech",
    ),
    Entry(
        name="spoken_digits",
        title="Free Spoken Digit Dataset",
        kind="sounds",
        reader=spoken_digits,
        home="https://github.com/Jakobovski/free-spoken-digit-dataset",
        licence="CC BY-SA 4.0",
        files=(
            File(
                "recordings.tar.gz",
                "61e48a5bb47cb9a39450e5576738a69e0f69bc961f4e751a134a5af160018313",
                15557788,
            ),
        ),
    ),
)
