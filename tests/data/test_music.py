"""Chorales read from their own form of file; what is no music is refused in a line."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.data.dataset import Dataset, Split
from ngjax.data.sound import music
from ngjax.types import UserError

PIECES = {"train": [[[60, 64, 67], []], [[21], [108], [60]]], "valid": [[[62]]], "test": [[[59]]]}


def file(tmp_path, content):
    path = tmp_path / "set.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_set_is_read_in_its_official_parts(tmp_path):
    parts = music.parts({"set.json": file(tmp_path, PIECES)})
    first, second = parts.train.inputs
    assert first.dtype == np.uint8 and first.shape == (2, 88)
    assert np.flatnonzero(first[0]).tolist() == [39, 43, 46] and not first[1].any()
    assert second[0, 0] == second[1, 87] == 1  # a piano's lowest and highest key
    assert [len(part) for part in (parts.train, parts.dev, parts.test)] == [2, 1, 1]
    assert music.pitches(first) == [[60, 64, 67], []]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ({"train": [], "test": []}, "expected train, valid and test"),
        ({**PIECES, "train": [[60]]}, "expected train, valid and test"),
        ({**PIECES, "valid": [[[62]], [[20]]]}, "piece 2 of valid: 20 is no pitch of a piano"),
        ({**PIECES, "test": [[[60.5]]]}, "60.5 is no pitch"),
    ],
)
def test_what_is_no_music_should_fail(tmp_path, content, message):
    with pytest.raises(UserError, match=message) as refusal:
        music.read(file(tmp_path, content))
    assert "\n" not in str(refusal.value)


def test_notes_are_typed():
    assert music.pitches(music.first_notes("60,64,67 62  65,62")) == [[60, 64, 67], [62], [62, 65]]
    for text, message in (("c e g", "give MIDI pitches"), ("200", "no pitch"), (" ", "no notes")):
        with pytest.raises(UserError, match=message):
            music.first_notes(text)


def test_transposed_moves_every_note_and_loses_what_leaves_the_keyboard():
    rolled = music.roll([[60, 64], [21, 108]])
    up = music.pitches(music.transposed(jnp.asarray(rolled), 3))
    down = music.pitches(music.transposed(jnp.asarray(rolled), -2))
    assert up == [[63, 67], [24]] and down == [[58, 62], [106]]


def test_batches_hold_whole_pieces_and_only_training_shifts_them():
    pieces = tuple(music.roll([[60 + n]] * (n + 1)) for n in range(4))
    part = Split(pieces)
    held = Dataset("x", "x", "music", part, part, Split(()), (), "", "", "")
    made = music.sources(held, reach=2)
    assert set(made["evals"]) == {"dev"}
    drawn = {"index": jnp.arange(4), "slot": jnp.arange(4)}
    constants = jax.tree.map(jnp.asarray, made["constants"])
    dev = made["evals"]["dev"].batch(constants, drawn, jax.random.key(0))
    assert dev["length"].tolist() == [1, 2, 3, 4]
    assert dev["rolls"].sum(axis=(1, 2)).tolist() == [1, 2, 3, 4]
    shifts = set()
    for seed in range(8):
        train = made["train"].batch(constants, drawn, jax.random.key(seed))
        for n, roll in enumerate(np.asarray(train["rolls"])):
            (moved,) = {tuple(step) for step in music.pitches(roll[: n + 1])}
            shifts.add(moved[0] - 60 - n)
    assert shifts == {-2, -1, 0, 1, 2}
