"""Clips of several words: what is in them, whose, and that pauses are the recordings' own quiet."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.data import Data, Split, load
from ngjax.data.sound.clip_sources import Drawn, bank, composed, drawn
from ngjax.data.sound.clips import Frames, Recordings, features, joined, parts, quiet
from ngjax.data.sound.wave import RATE
from ngjax.ops.mel import log_mel
from ngjax.types import UserError

CUT = Frames(200, 80, 12)


@pytest.fixture(scope="module")
def held():
    return load(Data(name="tones", dev=0.2, limit=72))


@pytest.fixture(scope="module")
def small():
    """Six recordings by two speakers, each of a loudness of its own; hiss before and behind."""
    generator = np.random.default_rng(0)
    waves = []
    for k in range(6):
        wave = 0.001 * (1 + k // 3) * generator.normal(size=2000 + 160 * k)
        wave[600:1400] += 0.1 * (k + 1) * generator.normal(size=800)
        waves.append(wave.astype(np.float32))
    return Recordings(tuple(waves), np.array([0, 1, 2, 0, 1, 2]), np.array([0, 0, 0, 4, 4, 4]))


@pytest.fixture(scope="module")
def b(small):
    return bank(small, CUT, seed=0)


compose = jax.jit(composed, static_argnums=1)


def batch_of(source):
    return jax.jit(lambda bank, drawn, key: source.batch({"train": bank}, drawn, key))


def test_a_speaker_is_left_out(held):
    whole = parts(held)
    assert {name: len(part.waves) for name, part in whole.items()} == {
        name: len(getattr(held, name)) for name in ("train", "dev", "test")
    }
    left = parts(held, "reed")  # the second voice
    assert set(left["test"].speaker) == {1}
    assert 1 not in {*left["train"].speaker, *left["dev"].speaker}
    assert sum(len(part.waves) for part in left.values()) == sum(
        (part.speaker == 1).sum() if name == "test" else len(part.waves)
        for name, part in whole.items()
    )
    assert (np.diff(whole["train"].speaker) >= 0).all()
    with pytest.raises(UserError, match=r"--speaker=red: not one of flute, .* mean reed"):
        parts(held, "red")


def test_a_speaker_without_recordings_for_dev_is_told(held):
    bare = dataclasses.replace(held, dev=Split((), held.dev.targets[:0]))
    with pytest.raises(UserError, match=r"--data.dev: no recordings are left for dev"):
        parts(bare)


def test_quiet_is_as_loud_as_the_recordings_are_where_nobody_speaks(small):
    for who, loud in ((0, 0.001), (4, 0.002)):
        own = [w for w, s in zip(small.waves, small.speaker, strict=True) if s == who]
        made = quiet(own, np.random.default_rng(1))
        assert len(made) == 3 * RATE
        assert loud / 1.5 < made.std() < loud * 1.2
        quarters = made.reshape(40, -1).std(1)
        assert quarters.min() > loud / 2 and quarters.max() < 1.5 * loud


def test_joined_clips_hold_the_recordings_as_they_are(small):
    made = joined(small, 40, 3, (0.05, 0.1), 2.0, seed=3)
    used = np.zeros(6, int)
    for clip in made:
        assert 1 <= len(clip.words) <= 3 and len(clip.wave) <= 2 * RATE
        for word, (begin, end) in zip(clip.words, clip.spans, strict=True):
            inside = clip.wave[round(begin * RATE) : round(end * RATE)]
            same = [np.array_equal(inside, wave) for wave in small.waves]
            assert sum(same) == 1
            k = same.index(True)
            assert (small.word[k], small.speaker[k]) == (word, clip.speaker)
            used[k] += 1
        pauses = np.diff([0, *np.ravel(clip.spans), len(clip.wave) / RATE])[::2]
        assert (pauses > 0.049).all() and (pauses < 0.101).all()
    assert used[:3].max() - used[:3].min() <= 1 and used[3:].max() - used[3:].min() <= 1
    again = joined(small, 40, 3, (0.05, 0.1), 2.0, seed=3)
    assert all((a.wave == b.wave).all() for a, b in zip(made, again, strict=True))
    assert {len(clip.words) for clip in made} == {1, 2, 3}


def test_words_that_do_not_fit_are_left_for_the_next_clip(small):
    made = joined(small, 10, 3, (0.05, 0.1), 0.7, seed=3)
    assert all(len(clip.wave) <= 0.7 * RATE for clip in made)
    assert max(len(clip.words) for clip in made) <= 2


def test_features_of_many_waves_are_those_of_each(small):
    made = features(small.waves, CUT)
    for k in (0, 5):
        alone = jax.jit(lambda wave: log_mel(wave, RATE, *CUT))(small.waves[k])
        assert np.allclose(made[k], alone, atol=1e-3)
    (short,) = features([small.waves[0][:50]], CUT)
    assert short.shape == (1, 12)


def test_a_composed_clip_is_frames_of_recordings_and_of_quiet(small, b):
    how = Drawn((60, 100, 140), pause=(3, 6))
    frames = b["frames"]
    for seed in range(8):
        clip = compose(b, how, jax.random.key(seed), jnp.int32(4), jnp.int32(2), jnp.int32(100))
        x, length = np.asarray(clip["inputs"]), int(clip["length"])
        assert x.shape == (140, 12) and length <= 100
        rows = [np.flatnonzero((frames == one).all(1)) for one in x[:length]]
        row = np.array([row[0] for row in rows])  # quiet repeats itself, words do not
        which = np.searchsorted(b["start"], row, side="right") - 1  # 6 and more: quiet
        which = np.where(row >= b["quiet_start"][0], -1, which)
        runs = which[np.flatnonzero(np.diff(which, prepend=-2))]
        said = runs[runs >= 0]
        assert said[0] == 4 and len(said) == 2  # the first is `index`; two words were asked for
        assert (small.speaker[said] == 4).all()
        assert np.asarray(clip["targets"]).tolist() == [*(small.word[said] + 1), 0]
        for k in said:  # each whole and in order, pauses 3 to 6 frames of that speaker's quiet
            assert row[which == k].tolist() in (
                list(range(b["start"][k], b["start"][k] + b["length"][k])) * n for n in (1, 2)
            )
        assert (row[which == -1] >= b["quiet_start"][1]).all()
        lengths = np.diff([*np.flatnonzero(np.diff(which, prepend=-2)), length])
        assert all(3 <= n <= 6 for n, k in zip(lengths, runs, strict=True) if k < 0)


def test_what_does_not_fit_is_not_said(b):
    how = Drawn((40, 60, 80), pause=(3, 6), speed=0.2, pitch=0.2)
    for seed in range(20):
        clip = compose(b, how, jax.random.key(seed), jnp.int32(2), jnp.int32(3), jnp.int32(60))
        said = int((clip["targets"] > 0).sum())
        assert 1 <= said <= 2 and int(clip["length"]) <= 60 and clip["targets"][0] == 3
    tight = compose(b, how, jax.random.key(0), jnp.int32(2), jnp.int32(3), jnp.int32(20))
    assert int(tight["length"]) == 20 and tight["targets"].tolist() == [3, 0, 0]


def test_words_last_longer_or_shorter(b):
    how = Drawn((120,), pause=(3, 3), speed=0.3)
    ask = jax.vmap(lambda key: compose(b, how, key, jnp.int32(0), jnp.int32(1), jnp.int32(120)))
    length = np.asarray(ask(jax.random.split(jax.random.key(0), 200))["length"]) - 6
    own = int(b["length"][0])
    assert own * 0.73 - 1 <= length.min() < own * 0.8 and own * 1.25 < length.max() <= own * 1.36


def test_a_slot_gets_its_clip_whatever_stands_beside_it(small, b):
    how = Drawn((60, 100), (3, 6), 0.1, 0.1, 8, 3)
    batch, key = batch_of(drawn(small, how)), jax.random.key(5)
    index, slot = jnp.array([0, 3, 5, 1]), jnp.arange(4)
    asked = {"index": index, "slot": slot}
    whole, turned = batch(b, asked, key), jnp.array([2, 0, 3, 1])
    other = batch(b, {"index": index[turned], "slot": slot[turned]}, key)
    for name, values in whole.items():
        assert np.allclose(values[turned], other[name], atol=1e-5), name
    assert (whole["length"] <= whole["room"]).all() and len(set(whole["room"].tolist())) == 1
    rooms = {int(batch(b, asked, jax.random.key(seed))["room"][0]) for seed in range(8)}
    assert rooms == {60, 100}
