"""Tiny files in the official formats, written byte by byte from their descriptions."""

import gzip
import io
import struct
import tarfile
import wave
from pathlib import Path

import h5py
import numpy as np
from PIL import Image


def idx(path: Path, values: np.ndarray, *, magic=None, shape=None, pack=True) -> Path:
    magic = 2048 + values.ndim if magic is None else magic
    sizes = values.shape if shape is None else shape
    content = struct.pack(f">{1 + len(sizes)}i", magic, *sizes) + values.tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if pack else content)
    return path


def mnist(folder: Path, train: int = 20, test: int = 10, seed: int = 0) -> dict[str, np.ndarray]:
    """The four files; returns what they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    held = {}
    for part, count in (("train", train), ("t10k", test)):
        images = generator.integers(0, 256, (count, 28, 28), np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
        held |= {f"{part}-images": images, f"{part}-labels": labels}
    return held


def cats(path: Path, part: str, x: np.ndarray, y: np.ndarray, classes=(b"non-cat", b"cat")) -> Path:
    with h5py.File(path, "w") as file:
        file[f"{part}_set_x"] = x
        file[f"{part}_set_y"] = y
        file["list_classes"] = np.array(classes, "S7")
    return path


def cifar_batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Label byte, then the red, the green and the blue plane, row by row."""
    records = []
    for image, label in zip(images, labels, strict=True):
        records.append(bytes([label]) + b"".join(image[:, :, c].tobytes() for c in range(3)))
    return b"".join(records)


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def picture(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(pixels))
    return path


def flat(colour: int, height: int = 4, width: int = 4) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def wav(samples, width=2, rate=8000, channels=1):
    """The bytes of a WAV file of float samples [S] or [S, channels]."""
    scaled = np.round(np.asarray(samples, np.float64) * 2 ** (8 * width - 1)).astype(np.int64)
    if width == 1:
        scaled = scaled + 128
    raw = scaled.reshape(-1, 1).astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(raw.tobytes())
    return file.getvalue()


def tone(rate, seconds=0.5, hertz=440.0):
    """A pure tone of half the loudest, float64 [S]."""
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)
