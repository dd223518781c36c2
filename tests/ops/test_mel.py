"""Log-mel features against SciPy's transform and the published scale."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from ngjax.ops import mel

RATE, WINDOW, HOP, BANDS = 8000, 200, 80, 40


def test_slaneys_scale():
    """As librosa documents it: 60 Hz is 0.9 mel, 3 mel are 200 Hz; 6400 Hz is 27 steps above 15."""
    assert np.allclose(mel.mel([0, 60, 440, 1000, 6400]), [0, 0.9, 6.6, 15, 42])
    assert np.allclose(mel.hertz([0, 1, 2, 3, 4, 5]), [0, 66.667, 133.333, 200, 266.667, 333.333])
    there = np.linspace(0, 12000, 301)
    assert np.allclose(mel.hertz(mel.mel(there)), there)


def test_filters_are_triangles_of_area_one():
    points = 1 << 15
    bank = mel.filter_bank(BANDS, points, RATE)
    assert np.allclose(bank.sum(0) * RATE / points, 1, atol=1e-3)
    tops = bank.argmax(0) * RATE / points
    assert np.allclose(tops, mel.centres(BANDS, RATE), atol=RATE / points)
    assert np.round(mel.filter_bank(128, 2048, 22050)[1, 0], 3) == 0.016  # librosa's own example
    with pytest.raises(ValueError, match="128 bands are too many for a transform of 64 points"):
        mel.filter_bank(128, 64, RATE)


def test_features_are_those_of_scipys_transform():
    wave = np.random.default_rng(0).normal(size=3210).astype(np.float32) * 0.1
    made = np.asarray(mel.log_mel(jnp.asarray(wave), RATE, WINDOW, HOP, BANDS))
    _, _, z = signal.stft(
        np.float64(wave), RATE, "hann", WINDOW, WINDOW - HOP, 256, boundary=None, padded=False
    )
    z = z * signal.get_window("hann", WINDOW).sum()  # SciPy divides by the window's sum
    power = np.abs(z.T) ** 2 @ mel.filter_bank(BANDS, 256, RATE)
    assert made.shape == (mel.frame_count(len(wave), WINDOW, HOP), BANDS) == power.shape
    assert np.allclose(made, np.log(power), atol=1e-4)


def test_a_tone_stands_in_its_band_and_silence_has_a_logarithm():
    t = np.arange(RATE) / RATE
    hertz = mel.centres(BANDS, RATE)[25]
    wave = jnp.asarray(np.sin(2 * np.pi * hertz * t), jnp.float32)
    made = np.asarray(mel.log_mel(wave, RATE, WINDOW, HOP, BANDS))
    assert (made.argmax(1) == 25).all()
    still = np.asarray(mel.log_mel(jnp.zeros(400), RATE, WINDOW, HOP, BANDS))
    assert np.allclose(still, np.log(1e-10))
    assert [mel.frame_count(s, WINDOW, HOP) for s in (0, 199, 200, 279, 280)] == [0, 0, 1, 1, 2]


def test_normalised_over_the_clips_own_frames():
    x = np.random.default_rng(1).normal(2, 3, (2, 50, 4)).astype(np.float32)
    length = np.array([50, 20])
    made = np.asarray(mel.normalised(jnp.asarray(x), jnp.asarray(length)))
    for one, raw, n in zip(made, x, length, strict=True):
        assert np.allclose(one[:n], (raw[:n] - raw[:n].mean(0)) / raw[:n].std(0), atol=0.01)
        assert not one[n:].any()
    louder = mel.normalised(jnp.asarray(x) + 5.0, jnp.asarray(length))  # a gain of e^5 in power
    assert np.allclose(louder, made, atol=1e-4)


def test_masks_hide_one_stretch_of_time_and_one_of_pitch():
    x = jnp.ones((60, 20))
    hidden = []
    for seed in range(40):
        made = np.asarray(mel.masked(jax.random.key(seed), x, 10, 5)) == 0
        rows, columns = made.all(1), made.all(0)
        assert (made == (rows[:, None] | columns[None, :])).all()
        for line, most in ((rows, 10), (columns, 5)):
            assert line.sum() <= most and np.abs(np.diff(line.astype(int))).sum() <= 2
        hidden.append((rows.sum(), columns.sum()))
    assert np.max(hidden, 0).tolist() == [10, 5] and np.min(hidden, 0).tolist() == [0, 0]
    assert (mel.masked(jax.random.key(0), x, 0, 0) == x).all()
