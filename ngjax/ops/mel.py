"""Log-mel features of sound: what a network hears in place of the air pressure.

A clip is cut into frames, each under a Hann window; the power spectrum of a frame is summed in
bands that are narrow where the ear tells pitches apart and wide above, and its logarithm is taken.

Shapes: S samples, F frames, N points of the Fourier transform, M mel bands.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ngjax.types import Array

LINEAR = 200 / 3  # Hz a mel below BREAK (Slaney 1998)
BREAK = 1000.0  # Hz; above it a mel is a constant factor
STEP = np.log(6.4) / 27  # ln of that factor
FLOOR = 1e-10  # of a band's power, so that silence has a logarithm


def mel(hertz: np.ndarray) -> np.ndarray:
    """Slaney's mel scale: f / (200/3) up to 1000 Hz, 15 + ln(f / 1000) / (ln 6.4 / 27) above.

    The other scale in use, HTK's 2595 log10(1 + f / 700), is not this one.
    """
    hertz = np.asarray(hertz, np.float64)
    above = BREAK / LINEAR + np.log(np.maximum(hertz, BREAK) / BREAK) / STEP
    return np.where(hertz < BREAK, hertz / LINEAR, above)


def hertz(mel: np.ndarray) -> np.ndarray:
    """The frequency of a mel: the inverse of `mel`."""
    mel = np.asarray(mel, np.float64)
    above = BREAK * np.exp(STEP * (np.maximum(mel, BREAK / LINEAR) - BREAK / LINEAR))
    return np.where(mel < BREAK / LINEAR, mel * LINEAR, above)


def centres(bands: int, rate: int) -> np.ndarray:
    """Where each band is widest open, in Hz, [M]."""
    return _edges(bands, rate)[1:-1]


def filter_bank(bands: int, points: int, rate: int) -> np.ndarray:
    """Triangles over the frequencies of a Fourier transform, each of area one (Slaney 1998).

    Band m rises from the centre of band m - 1 to its own and falls to that of band m + 1; centres
    are evenly spaced in mel from 0 to rate / 2. Height 2 / (width in Hz), as librosa's "slaney".

    Args:
        bands: M.
        points: N of the transform; it has N/2 + 1 frequencies.
        rate: samples a second.

    Returns:
        float64 [N/2 + 1, M].

    Raises:
        ValueError: a band so narrow that it holds no frequency.
    """
    edges = _edges(bands, rate)  # [M + 2]
    frequency = np.arange(points // 2 + 1)[:, None] * (rate / points)  # [N/2 + 1, 1]
    left, centre, right = edges[None, :-2], edges[None, 1:-1], edges[None, 2:]
    up = (frequency - left) / (centre - left)
    down = (right - frequency) / (right - centre)
    triangles = np.maximum(0, np.minimum(up, down)) * 2 / (right - left)  # [N/2 + 1, M]
    if not triangles.any(axis=0).all():
        raise ValueError(f"{bands} bands are too many for a transform of {points} points")
    return triangles


def frame_count(samples: int, window: int, hop: int) -> int:
    """Whole frames of a clip: 1 + (S - window) // hop; none where it is shorter than one."""
    return max(0, 1 + (samples - window) // hop)


def log_mel(wave: Array, rate: int, window: int, hop: int, bands: int) -> Array:
    """ln of the mel bands' power, frame by frame; nothing is padded at either end.

        log max(|rfft(hann * frame)|^2 @ bank, 1e-10)

    The transform has the next power of two of points. The window is the periodic one.

    Args:
        wave: [S], from -1 to 1.
        rate: samples a second; static, as all that follow.
        window: samples a frame.
        hop: samples from one frame to the next.
        bands: M.

    Returns:
        [F, M].
    """
    points = 1 << (window - 1).bit_length()
    start = hop * jnp.arange(frame_count(wave.shape[0], window, hop))
    frames = wave[start[:, None] + jnp.arange(window)[None, :]]  # [F, window]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    spectrum = jnp.fft.rfft(frames * jnp.asarray(hann, wave.dtype)[None, :], points)
    power = jnp.real(spectrum) ** 2 + jnp.imag(spectrum) ** 2  # [F, N/2 + 1]
    bank = jnp.asarray(filter_bank(bands, points, rate), wave.dtype)
    return jnp.log(jnp.maximum(power @ bank, FLOOR))  # [F, M]


def normalised(features: Array, length: Array) -> Array:
    """Each band of a clip less its mean, by its deviation, over the clip's own frames.

    What a microphone, a room or the loudness does to every frame alike is gone then.

    Args:
        features: [..., F, M].
        length: int [...], frames that are the clip's; the others become 0.

    Returns:
        [..., F, M].
    """
    place = lax.broadcasted_iota(jnp.int32, (*features.shape[:-1], 1), features.ndim - 2)
    inside = (place < length[..., None, None]).astype(features.dtype)  # [..., F, 1]
    count = jnp.maximum(inside.sum(-2, keepdims=True), 1)
    mu = (features * inside).sum(-2, keepdims=True) / count
    off = (features - mu) * inside
    variance = (off * off).sum(-2, keepdims=True) / count
    return off / jnp.sqrt(variance + 1e-2)  # a band that never changes is not blown up


def masked(key: Array, features: Array, frames: int, bands: int) -> Array:
    """SpecAugment (Park et al. 2019): a stretch of time and one of pitch become 0, the mean.

    Args:
        key: draws how long each is, up to `frames` and `bands`, and where.
        features: of `normalised`, [F, M].
        frames: at most; 0: no stretch of time.
        bands: at most; 0: none of pitch.

    Returns:
        [F, M].
    """
    F, M = features.shape
    share = jax.random.uniform(key, (4,), jnp.float32)

    def kept(share: Array, size: int, most: int) -> Array:
        width = share[0] * (most + 1)
        start = share[1] * jnp.maximum(size - width, 0)
        place = jnp.arange(size)
        return (place < start) | (place >= start + jnp.floor(width))

    inside = kept(share[:2], F, frames)[:, None] & kept(share[2:], M, bands)[None, :]  # [F, M]
    return jnp.where(inside, features, 0)


def _edges(bands: int, rate: int) -> np.ndarray:
    return hertz(np.linspace(0, mel(rate / 2), bands + 2))
