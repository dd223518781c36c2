"""WAV files: pulse code of any width, rate and number of channels, read by the standard library."""

from __future__ import annotations

import io
import math
import wave
from pathlib import Path

import numpy as np

from ngjax.types import UserError

RATE = 8000  # samples a second of every set of sounds


def read_wave(path: Path, content: bytes | None = None) -> np.ndarray:
    """A clip as the air pressure from -1 to 1, channels averaged, `RATE` samples a second.

    Pulse code of 8 (unsigned), 16, 24 and 32 bit is read; another rate is resampled behind a
    low-pass filter.

    Args:
        path: the file, or what `content` is called.
        content: of the file, where it is at hand.

    Returns:
        float32 [S].

    Raises:
        UserError: cannot be read, no such WAV file, or one without samples.
    """
    try:
        data = path.expanduser().read_bytes() if content is None else content
        with wave.open(io.BytesIO(data)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            pulses = file.readframes(file.getnframes())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a WAV file") from None
    except (wave.Error, EOFError, ValueError) as error:
        reason = str(error) or "it ends early"
        raise UserError(f"{path}: no WAV file of pulse code ({reason}); convert it") from None
    if rate < 1 or not 1 <= width <= 4:
        raise UserError(f"{path}: {8 * width} bit, {rate} samples a second; convert it to WAV")
    whole = len(pulses) // (width * channels) * width * channels
    samples = _pressure(pulses[:whole], width).reshape(-1, channels).mean(axis=1)  # [S]
    if not len(samples):
        raise UserError(f"{path}: holds no sound")
    return resampled(samples, rate).astype(np.float32)


def resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    """The same sound in `RATE` samples a second: [S] -> [ceil(S RATE / rate)]."""
    if rate == RATE:
        return samples
    from scipy.signal import resample_poly

    common = math.gcd(rate, RATE)
    return resample_poly(samples, RATE // common, rate // common)


def _pressure(pulses: bytes, width: int) -> np.ndarray:
    """Little-endian integers of 1 to 4 bytes as float64 from -1 to 1."""
    if width == 1:
        return (np.frombuffer(pulses, np.uint8) - 128.0) / 128
    raw = np.frombuffer(pulses, np.uint8).reshape(-1, width)
    full = np.zeros((len(raw), 4), np.uint8)
    full[:, 4 - width :] = raw  # the high bytes stand last
    return full.view("<i4")[:, 0] / 2.0**31
