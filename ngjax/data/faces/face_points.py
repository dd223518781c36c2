"""Faces with 68 points: the sample of PyTorch's tutorial, and faces drawn by a seed.

The points stand in the order of iBUG's 300-W: 0-16 the jaw from the face's right ear to its left
(left to right in the picture), 17-26 the brows, 27-35 the nose, 36-47 the eyes, 48-67 the mouth.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts, Split
from ngjax.data.entry import Entry
from ngjax.data.images.image import read_image
from ngjax.types import UserError

POINTS = 68
SIDE = 64  # pixels of a face's picture
TABLE = "face_landmarks.csv"
MARGIN = 1.5  # the picture's side over the longer side of the points' box
JITTER = 0.08  # of that side: how far the crop is off, as a face detector's would be
DRAWN = 600  # faces
MIRROR = np.array(  # point p of a mirrored face is point MIRROR[p] of the face
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *(27, 28, 29, 30, 35, 34, 33, 32, 31),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
        *(64, 63, 62, 61, 60, 67, 66, 65),
    ]
)
EYE_CORNERS = (36, 45)  # the outer ones; their distance is what an error is measured by


def photographed(files: Mapping[str, Path], size: int = 0) -> Parts:
    """69 photographs of the sample, each cut to its face; the points a model found, not people.

    Args:
        files: the folder of pictures and table under the name "".
        size: pixels a side; 0: 64.

    Returns:
        uint8 [m, size, size, 3], and (x, y) with the crop from (0, 0) to (1, 1), [m, 68, 2].

    Raises:
        UserError: no table, a row of another length or with something else than numbers, a face
            without area or outside its picture, a picture that is missing or broken, none at all.
    """
    folder, size = files[""], size or SIDE
    path = folder / TABLE
    rows = _rows(path)
    images = np.empty((len(rows), size, size, 3), np.uint8)
    targets = np.empty((len(rows), POINTS, 2), np.float32)
    for i, (line, name, points) in enumerate(rows):
        where = f"{path}: line {line}"
        if Path(name).name != name:
            raise UserError(f"{where}: {name!r} is no file's name; the pictures lie beside it")
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: missing, and named in line {line} of {TABLE}")
        pixels = read_image(folder / name)
        images[i], targets[i] = _crop(pixels, points, size, i, where)
    return Parts(Split(images, targets))


def _rows(path: Path) -> list[tuple[int, str, np.ndarray]]:
    """(line, file, points [68, 2]) of every row."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            _, *rows = list(csv.reader(stream)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as a table ({type(error).__name__})") from error
    found = []
    for line, row in enumerate(rows, 2):
        if len(row) != 1 + 2 * POINTS:
            raise UserError(f"{path}: line {line}: {len(row)} columns, not {1 + 2 * POINTS}")
        try:
            points = np.array(row[1:], np.float64).reshape(POINTS, 2)
        except ValueError:
            raise UserError(f"{path}: line {line}: a coordinate is no number") from None
        if not np.isfinite(points).all():
            raise UserError(f"{path}: line {line}: a coordinate is not finite")
        found.append((line, row[0], points))
    if not found:
        raise UserError(f"{path}: holds no face")
    return found


def _crop(
    pixels: np.ndarray, points: np.ndarray, size: int, i: int, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """The square about the points, off by a jitter that hangs on i; what lies outside is grey."""
    from PIL import Image

    low, high = points.min(axis=0), points.max(axis=0)
    if min(high - low) < 2:
        raise UserError(f"{where}: the face has no area")
    if (low > pixels.shape[1::-1]).any() or (high < 0).any():
        raise UserError(f"{where}: the face lies outside its picture")
    generator = np.random.default_rng([68, i])
    side = MARGIN * max(high - low) * generator.uniform(1 - JITTER, 1 + JITTER)
    corner = (low + high - side) / 2 + JITTER * side * generator.uniform(-1, 1, 2)
    left, top, room = (*np.floor(corner).astype(int), int(np.ceil(side)))
    canvas = Image.new("RGB", (room, room), (127, 127, 127))
    canvas.paste(Image.fromarray(pixels), (-left, -top))
    scaled = canvas.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(scaled), ((points - (left, top)) / room).astype(np.float32)


def drawn(files: Mapping[str, Path], size: int = 0) -> Parts:
    """600 faces drawn by a seed, of random shape, place, tilt, colours and shade, 68 points each.

    Raises:
        Nothing: it reads no file.
    """
    size = size or SIDE
    images = np.empty((DRAWN, size, size, 3), np.uint8)
    targets = np.empty((DRAWN, POINTS, 2), np.float32)
    for i in range(DRAWN):
        generator = np.random.default_rng([9, i])
        points = placed(generator, shape(generator))
        images[i], targets[i] = _paint(generator, points, size), points
    return Parts(Split(images, targets))


def _arc(x: float, y: float, a: float, b: float, degrees: np.ndarray) -> np.ndarray:
    """Points of an ellipse about (x, y); 0 degrees is right of it, 90 below."""
    t = np.deg2rad(degrees)
    return np.stack([x + a * np.cos(t), y + b * np.sin(t)], axis=1)


def shape(generator: np.random.Generator) -> np.ndarray:
    """68 points of a face seen from the front, about (0, 0), as wide as from -1 to 1."""
    u = generator.uniform
    apart, eye, wide = u(0.38, 0.5), u(0.13, 0.19), u(0.28, 0.42)
    chin, brow, open_, lips, smile = u(1.0, 1.35), u(0.2, 0.34), u(0, 0.14), u(0.06, 0.12), u(-1, 1)
    jaw = _arc(0, 0, 1, chin, np.linspace(180, 0, 17))
    jaw[:, 0] *= 1 - 0.18 * np.clip(jaw[:, 1] / chin, 0, 1) ** 2 * u(0, 1.5)
    arch = u(0.05, 0.12)
    brows = [_arc(s * apart, -brow, 0.27, arch, np.linspace(180, 360, 5)) for s in (-1, 1)]
    tip = u(0.32, 0.44)
    bridge = np.stack([np.zeros(4), np.linspace(-0.05, tip, 4)], axis=1)
    nostrils = _arc(0, tip + 0.05, u(0.13, 0.2), 0.07, np.linspace(180, 0, 5))
    turn = np.array([180, 240, 300, 360, 60, 120])  # left corner, lid, right corner, below
    lid = u(0.05, 0.09)
    eyes = [_arc(s * apart, 0, eye, lid, turn) for s in (-1, 1)]
    mouth = u(0.64, 0.74)
    outer = _arc(0, mouth, wide, lips + open_ / 2, np.arange(180, 540, 30))
    inner = _arc(0, mouth, wide * 0.8, 0.02 + open_ / 2, np.arange(180, 540, 45))
    for lip in (outer, inner):
        lip[:, 1] -= 0.12 * smile * (lip[:, 0] / wide) ** 2  # the corners go up with a smile
    return np.concatenate([jaw, *brows, bridge, nostrils, *eyes, outer, inner])


def placed(generator: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """The face turned away, tilted, scaled and laid somewhere in the unit square."""
    points = points * (generator.uniform(0.85, 1), 1)
    points[:, 0] += generator.uniform(-0.12, 0.12) * np.cos(1.3 * points[:, 0])  # nose to a side
    tilt = np.deg2rad(generator.uniform(-20, 20))
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    points = points @ turn * generator.uniform(0.24, 0.34)
    return points - (points.min(axis=0) + points.max(axis=0)) / 2 + generator.uniform(0.44, 0.56, 2)


def _paint(generator: np.random.Generator, points: np.ndarray, size: int) -> np.ndarray:
    """The face as a picture: everything of it in random colours, then shade and noise."""
    from PIL import Image, ImageDraw

    zoom = 3  # painted larger, then scaled down: Pillow's polygons have no soft edge
    p = points * size * zoom

    def tone(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(v) for v in generator.integers(low, high, 3))

    ground = np.tile(np.reshape(tone(0, 256), (1, 1, 3)), (2, 2, 1)).astype(np.float64)
    ground = np.clip(ground + generator.normal(0, 50, ground.shape), 0, 255).astype(np.uint8)
    big = (size * zoom, size * zoom)
    canvas = Image.fromarray(ground).resize(big, Image.Resampling.BICUBIC)
    brush = ImageDraw.Draw(canvas)
    middle = (p[0] + p[16]) / 2
    brush.polygon([*map(tuple, p[:17]), *map(tuple, 2 * middle - p[1:16])], fill=tone(120, 250))
    dark, width = tone(0, 90), int(0.03 * size * zoom)
    for part in (p[17:22], p[22:27]):
        brush.line([tuple(q) for q in part], fill=dark, width=width)
    shadow = tone(60, 140)
    brush.line([tuple(q) for q in p[27:31]], fill=shadow, width=width // 2)
    brush.line([tuple(q) for q in p[31:36]], fill=shadow, width=width // 2)
    for eye in (p[36:42], p[42:48]):
        brush.polygon([tuple(q) for q in eye], fill=(245, 245, 245), outline=dark)
        centre, r = eye.mean(axis=0), 0.5 * np.ptp(eye[:, 1])
        brush.ellipse([*(centre - r), *(centre + r)], fill=dark)
    brush.polygon([tuple(q) for q in p[48:60]], fill=(generator.integers(130, 230), 60, 70))
    brush.polygon([tuple(q) for q in p[60:68]], fill=(60, 10, 20))
    pixels = np.asarray(canvas.resize((size, size), Image.Resampling.BOX)).astype(np.float64)
    light = 1 + generator.uniform(-0.35, 0.35) * np.linspace(-1, 1, size)[None, :, None]
    pixels = pixels * light + generator.normal(0, 8, pixels.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


ENTRIES = (
    Entry(
        name="face_landmarks",
        title="Face landmarks (68 points)",
        kind="landmarks",
        reader=photographed,
        home="the folder faces of PyTorch's data-loading tutorial, with face_landmarks.csv",
        licence="none stated; photographs from ImageNet",
    ),
    Entry(
        name="drawn_faces",
        title="Faces drawn by a seed, with 68 points",
        kind="landmarks",
        reader=drawn,
        home="drawn by a fixed seed",
        licence="none needed",
        embedded=True,
    ),
)
