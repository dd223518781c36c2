"""Polyphonic music as a piano roll: which of the 88 keys of a piano sound at a step."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.data.dataset import Dataset, Parts, Split
from ngjax.data.entry import Entry, File
from ngjax.data.sequences import by_length, padded
from ngjax.types import Array, Batch, Source, UserError

LOWEST, KEYS = 21, 88  # MIDI's number of a piano's lowest key, A0; how many keys it has
PARTS = ("train", "valid", "test")
_HOME = "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/"
_COMMIT = "9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d"


def roll(steps: Sequence[Sequence[int]], where: str = "music") -> np.ndarray:
    """The pitches of every step as a piano roll.

    Args:
        steps: MIDI pitches that sound, 21 to 108, step by step; none: silence.
        where: what an error names.

    Returns:
        uint8 [T, 88], one where a key sounds.

    Raises:
        UserError: a pitch that a piano does not have.
    """
    made = np.zeros((len(steps), KEYS), np.uint8)
    for row, pitches in zip(made, steps, strict=True):
        for pitch in pitches:
            if not isinstance(pitch, int) or not LOWEST <= pitch < LOWEST + KEYS:
                raise UserError(
                    f"{where}: {pitch!r} is no pitch of a piano; give MIDI's numbers, "
                    f"{LOWEST} to {LOWEST + KEYS - 1}"
                )
            row[pitch - LOWEST] = 1
    return made


def pitches(rolled: np.ndarray) -> list[list[int]]:
    """A piano roll [T, 88] as the pitches of every step, ascending."""
    return [[LOWEST + int(key) for key in np.flatnonzero(step)] for step in np.asarray(rolled)]


def transposed(rolled: Array, by: Array) -> Array:
    """A piano roll [T, 88] shifted by so many semitones, up where positive; traced.

    What leaves the keyboard is lost, and what comes in is silent.
    """
    shifted = jnp.roll(rolled, by, axis=1)
    key = jnp.arange(KEYS) - by
    return jnp.where(((key >= 0) & (key < KEYS))[None], shifted, 0).astype(rolled.dtype)


def first_notes(text: str) -> np.ndarray:
    """Notes as they are typed: steps apart by spaces, the pitches of a step by commas.

    "60,64,67,72 62,65,69,74" is two chords. Text in place of a file: a few notes are quickly typed.

    Returns:
        uint8 [T, 88].

    Raises:
        UserError: no numbers, or no pitches of a piano.
    """
    try:
        steps = [[int(pitch) for pitch in step.split(",")] for step in text.split()]
    except ValueError:
        raise UserError(
            f"--input={text}: give MIDI pitches, steps apart by spaces: '60,64,67,72 62,65,69,74'"
        ) from None
    if not steps:
        raise UserError("--input: holds no notes; leave it out to begin from nothing")
    return roll(steps, "--input")


def read(path: Path) -> dict[str, tuple[np.ndarray, ...]]:
    """A file {"train": [piece], "valid": ..., "test": ...}, a piece a list of steps.

    Returns:
        part -> piano rolls, uint8 [T, 88] each.

    Raises:
        UserError: unreadable, not of this form, or a pitch that a piano does not have.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error})") from error
    try:
        return {
            part: tuple(
                roll([list(step) for step in piece], f"{path}, piece {n} of {part}")
                for n, piece in enumerate(held[part], 1)
            )
            for part in PARTS
        }
    except (KeyError, TypeError):
        raise UserError(
            f"{path}: expected train, valid and test, each a list of pieces, a piece a list of "
            "steps, a step a list of pitches"
        ) from None


def parts(files: Mapping[str, Path], size: int = 0) -> Parts:
    """The set in its three official parts; a piece is uint8 [T, 88], and its own target."""
    (path,) = files.values()
    train, dev, test = (Split(pieces) for pieces in read(path).values())
    return Parts(train, dev, test)


def sources(held: Dataset, reach: int) -> dict[str, Any]:
    """What a Task needs of a set of music: "train", "evals" and "constants".

    Batches hold "rolls" [B, T, 88], padded by silence to the longest piece of the part, and
    "length" [B]; training batches hold pieces of like length.

    Args:
        held: the set.
        reach: training pieces are shifted by up to so many semitones, drawn each time.
    """
    parts = {"train": held.train, "dev": held.dev, "test": held.test}
    constants = {
        name: dict(zip(("rolls", "length"), padded(part.inputs), strict=True))
        for name, part in parts.items()
        if len(part)
    }

    def pieces(name: str, constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        return {what: values[drawn["index"]] for what, values in constants[name].items()}

    def shifted(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        batch = pieces("train", constants, drawn, key)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, drawn["slot"])
        by = jax.vmap(lambda one: jax.random.randint(one, (), -reach, reach + 1))(keys)  # [B]
        return {**batch, "rolls": jax.vmap(transposed)(batch["rolls"], by)}

    evals = {
        name: Source(len(parts[name]), functools.partial(pieces, name))
        for name in ("dev", "test")
        if name in constants
    }
    train = Source(len(held.train), shifted, by_length(constants["train"]["length"]))
    return {"train": train, "evals": evals, "constants": constants}


ENTRIES = (
    Entry(
        name="jsb_chorales",
        title="Chorales of J. S. Bach, a step a quarter note",
        kind="music",
        reader=parts,
        home="https://github.com/czhuang/JSB-Chorales-dataset",
        licence="public domain music; the transcription states none",
        files=(
            File(
                "jsb-chorales-quarter.json",
                "2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91",
                407200,
                (f"{_HOME}{_COMMIT}/jsb-chorales-quarter.json",),
            ),
        ),
    ),
)
