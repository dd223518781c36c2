"""The speech topic: what it refuses, how it scores, and what it says of a user's clip."""

import dataclasses

import numpy as np
import official_formats as write
import pytest

from ngjax.experiment import Learned, load
from ngjax.experiment.catalogue import module
from ngjax.types import UserError

topic = module("speech")
EXPERIMENT = load("speech")
DATA = dataclasses.replace(EXPERIMENT.config.data, limit=48)
CONFIG = dataclasses.replace(EXPERIMENT.config, words=3, clips=6, bands=16, data=DATA)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": 0}, "words: must be 1 or more"),
        ({"speed": 1.0}, r"speed: must be in \[0, 1\)"),
        ({"mask_bands": -1}, "mask_bands: must be 0 or more"),
        ({"hop": 0.03}, "hop, window and pause_to must ascend"),
        ({"pause_from": 0.5}, "pause_from: must be from 0 to pause_to"),
        ({"seconds": 1.0}, "seconds: 4 words and their pauses need more"),
    ],
)
def test_what_no_clip_can_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(EXPERIMENT.config, **change)


def test_widths_and_rooms():
    config = dataclasses.replace(CONFIG, words=4, seconds=3.2, buckets=2)
    assert topic.frames(config) == 320  # 318 whole frames, in steps of four
    assert topic.widths(config) == (160, 320)
    assert topic.rooms(config) == (160, 320, 320, 320)
    assert topic.rooms(dataclasses.replace(config, buckets=5)) == (128, 192, 256, 320)
    assert topic.rooms(dataclasses.replace(config, buckets=1)) == (320,) * 4


def spikes(labels, V=9, T=20):
    """ln P of a network that is sure: each label at its own step, blank elsewhere."""
    p = np.full((T, V), 1e-4)
    p[:, 0] = 1
    for place, k in enumerate(labels):
        p[2 + 3 * place, [0, k]] = 1e-4, 1
    return np.log(p / p.sum(1, keepdims=True))


def test_score_counts_wrong_words():
    task = topic.build(CONFIG)
    held = topic.heard(CONFIG)
    targets = held.constants["test"]["targets"][:2]
    true = [tuple(row[row > 0]) for row in targets]
    first = (*true[0][:-1], true[0][-1] % 8 + 1)  # the last word wrong
    rows = np.stack([spikes(first), spikes(true[1])])
    score = task.score({"log_probability": rows, "steps": np.array([20, 20])}, {"targets": targets})
    want = 1 / (len(true[0]) + len(true[1]))
    assert score == pytest.approx({"word_error_rate": want, "word_error_rate_beam": want})
    cut = task.score({"log_probability": rows, "steps": np.array([1, 20])}, {"targets": targets})
    assert cut["word_error_rate"] == pytest.approx(len(true[0]) * want)  # padding is not heard
    said = [clip.words for clip in held.clips["test"][:2]]
    assert said == [tuple(k - 1 for k in labels) for labels in true]


def learned(asked):
    def outputs(examples):
        asked.append(examples.inputs)
        return {"log_probability": spikes((2, 1))[None], "steps": np.array([20])}

    return Learned("speech", CONFIG, None, None, None, outputs)


def test_a_users_clip_is_transcribed_and_drawn(tmp_path):
    path = tmp_path / "said.wav"
    path.write_bytes(write.wav(write.tone(16000, 0.6), rate=16000))
    asked = []
    answer = EXPERIMENT.predict(learned(asked), str(path))
    assert answer.lines == (f"{path}  do-mi-sol do-mi",)
    (given,) = asked
    assert given.shape == (1, 58, 16)  # 1 + (4800 - 200) // 80 frames at 8 kHz
    assert np.allclose(given.mean(1), 0, atol=1e-4)
    assert answer.files["said.wav.png"].startswith(b"\x89PNG")


def test_what_is_no_clip_is_told(tmp_path):
    short = tmp_path / "short.wav"
    short.write_bytes(write.wav(np.zeros(100)))
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF....")
    told = {short: "shorter than 0.025 s", broken: "no WAV file", "no": "give a"}
    for path, message in told.items():
        with pytest.raises(UserError, match=message):
            EXPERIMENT.predict(learned([]), str(path))
