"""WAV files: every width, other rates, several channels, and what is none."""

import numpy as np
import official_formats as write
import pytest

from ngjax.data.sound.wave import RATE, read_wave, resampled
from ngjax.types import UserError


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_of_pulse_code(width, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(write.wav(write.tone(RATE), width))
    read = read_wave(path)
    assert read.dtype == np.float32
    assert np.abs(read - write.tone(RATE)).max() <= 2.0 ** -(8 * width) + 1e-7
    assert (read_wave(path, path.read_bytes()) == read).all()


def test_channels_are_averaged(tmp_path):
    both = np.stack([write.tone(RATE), np.zeros(RATE // 2)], axis=1)
    path = tmp_path / "stereo.wav"
    path.write_bytes(write.wav(both, channels=2))
    assert np.allclose(read_wave(path), write.tone(RATE) / 2, atol=1e-4)


@pytest.mark.parametrize("rate", [16000, 44100, 11025, 4000])
def test_another_rate_is_resampled(rate, tmp_path):
    path = tmp_path / "fast.wav"
    path.write_bytes(write.wav(write.tone(rate), rate=rate))
    read = read_wave(path)
    assert abs(len(read) - RATE // 2) <= 2
    inside = slice(200, 3800)  # the filter swings at the ends
    assert np.abs(read[inside] - write.tone(RATE)[inside]).max() < 0.01
    above = resampled(write.tone(44100, hertz=6000.0), 44100)  # no pitch that RATE has
    assert np.abs(above[200:-200]).max() < 0.01


FLOATS = write.wav(write.tone(RATE)).replace(b"\x01\0\x01\0", b"\x03\0\x01\0", 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no WAV file of pulse code"),
        (b"not a wave at all, but text", "no WAV file of pulse code"),
        (write.wav(np.zeros(9))[:30], "no WAV file of pulse code"),
        (write.wav(np.zeros(0)), "holds no sound"),
        (
            write.wav(write.tone(RATE)).replace(b"\x01\x00\x01\x00", b"\x03\x00\x01\x00", 1),
            "no WAV file",
        ),
    ],
)
def test_what_is_no_wave_is_told_in_one_line(content, message, tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_wave(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(UserError, match="give a WAV file"):
            read_wave(path)
