"""Sets of spoken words: the archive of digits, and the melodies drawn by seed."""

import io
import tarfile

import numpy as np
import official_formats as write
import pytest

from ngjax.data import words_and_speakers
from ngjax.data.sound.sound_sets import NOTES, TAKES, VOICES, WORDS, spoken_digits, tones
from ngjax.data.sound.wave import RATE
from ngjax.types import UserError


def archive(path, files):
    with tarfile.open(path, "w:gz") as out:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            out.addfile(member, io.BytesIO(content))
    return {path.name: path}


def recording(digit, take):
    return write.wav(write.tone(RATE, 0.1 + 0.01 * digit, 300 + 10 * take))


def test_digits_are_split_as_the_origin_says(tmp_path):
    files = {
        f"recordings/{d}_{s}_{i}.wav": recording(d, i)
        for d in (7, 0)
        for s in ("theo", "anna")
        for i in (12, 4, 5)
    }
    parts = spoken_digits(archive(tmp_path / "r.tar.gz", files))
    assert words_and_speakers(parts).speakers == ("anna", "theo")
    assert words_and_speakers(parts).words[7] == "seven" and len(parts.classes) == 20
    assert len(parts.test) == 4 and len(parts.train) == 8  # takes 0 to 4 are the test
    names = [parts.classes[k] for k in parts.test.targets]
    assert names == ["zero anna", "seven anna", "zero theo", "seven theo"]
    assert [len(w) for w in parts.test.inputs] == [800, 1360, 800, 1360]  # 0.1 s and 0.17 s


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"recordings/notes.txt": b"x"}, "notes.txt is no recording"),
        ({"recordings/1_a_0.wav": b"RIFF"}, "1_a_0.wav: no WAV file"),
        ({}, "holds no recordings"),
    ],
)
def test_an_archive_that_holds_something_else(files, message, tmp_path):
    with pytest.raises(UserError, match=message):
        spoken_digits(archive(tmp_path / "r.tar.gz", files))


def test_melodies_are_what_they_are_called():
    parts = tones({})
    again = tones({})
    assert (parts.train.inputs[5] == again.train.inputs[5]).all()
    assert len(parts.train) == len(WORDS) * len(VOICES) * TAKES["train"]
    words, voices = words_and_speakers(parts)
    assert words == WORDS and voices == tuple(VOICES)
    assert (np.bincount(parts.test.targets) == TAKES["test"]).all()
    for sound, k in zip(parts.test.inputs, parts.test.targets, strict=True):
        name = parts.classes[k].split(" ")[0].split("-")[0]
        start = sound[: int(0.07 * RATE)]  # the first note lasts at least so long
        heard = np.fft.rfftfreq(16 * len(start), 1 / RATE)[
            np.abs(np.fft.rfft(start, 16 * len(start))).argmax()
        ]
        lowest = min(NOTES, key=lambda n: min(abs(heard / NOTES[n] / h - 1) for h in (1, 2, 3, 5)))
        assert lowest == name or abs(heard - NOTES[name]) < 15
