"""Pictures: examples with what was said of them, and the filters of a convolution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ngjax.report.figures.canvas import HAIRLINE, INK, WIDTH, WRONG, blank, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float, str]  # left, top, right, bottom in pixels, and its name


@styled
def image_grid(
    images: Any,
    titles: Sequence[str] | None = None,
    wrong: Any = None,
    boxes: Sequence[Sequence[Box]] | None = None,
    columns: int = 10,
    ink: bool = False,
) -> Figure:
    """Pictures in rows, each under its title.

    Bytes are shown from 0 to 255, floats from 0 to 1; floats that leave that range from the lowest
    to the highest value of the whole grid, so that pictures stay comparable.

    Args:
        images: [N, H, W], [N, H, W, 1] or [N, H, W, 3]; or a list of pictures of any sizes.
        titles: one a picture.
        wrong: [N], true where a mistake is to be marked by a frame and a bold title.
        boxes: of each picture, (left, top, right, bottom, name) in pixels.
        columns: at most so many pictures in a row.
        ink: draw grey pictures dark on white, as digits are written.
    """
    images = [np.asarray(image) for image in images]
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    aspect = max(image.shape[0] / image.shape[1] for image in images)
    height = rows * (WIDTH / columns * 0.92 * aspect + (0.26 if titles else 0.05)) + 0.2
    figure = blank(height=height)
    low, high = _limits(images)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(images) :]:
        ax.remove()
    for i, (ax, image) in enumerate(zip(axes, images, strict=False)):
        _show(ax, image, low, high, "gray_r" if ink else "gray")
        mistake = wrong is not None and bool(wrong[i])
        if titles:
            size = 9.0 if columns <= 10 else 7.0
            weight = "bold" if mistake else "normal"
            colour = WRONG if mistake else INK
            ax.set_title(titles[i], loc="center", size=size, weight=weight, color=colour, pad=4)
        if mistake:
            ax.spines[:].set(color=WRONG, linewidth=2.2)
        for box in boxes[i] if boxes else ():
            _frame(ax, box)
    return figure


def predictions(
    images: Any, guess: Any, truth: Any, classes: Sequence[str], shown: int = 40
) -> Figure:
    """What a network took images for, its mistakes first and framed: "read as (is)".

    Args:
        images: [N, H, W, C].
        guess: [N] class numbers that it answered.
        truth: [N] class numbers that are right.
        classes: their names.
        shown: at most so many.
    """
    guess, truth = np.asarray(guess), np.asarray(truth)
    wrong = guess != truth
    order = np.argsort(~wrong, kind="stable")[:shown]
    longest = max(map(len, classes), default=0)
    titles = [f"{classes[guess[i]]} ({classes[truth[i]]})" for i in order]
    columns = 10 if longest <= 4 else 5
    return image_grid(np.asarray(images)[order], titles, wrong=wrong[order], columns=columns)


@styled
def feature_maps(maps: Mapping[str, Any], count: int = 8) -> Figure:
    """What layer after layer makes of one example: a row a layer, its first maps.

    Every row has its own scale, black at its lowest value and white at its highest.

    Args:
        maps: layer -> activation [H, W, C] of one example.
        count: at most so many maps of a layer.
    """
    side = WIDTH / (count + 1.6)
    figure = blank(height=1.06 * side * len(maps) + 0.2)
    axes = figure.subplots(len(maps), count, squeeze=False)
    for row, (name, volume) in zip(axes, maps.items(), strict=True):
        volume = np.asarray(volume, np.float64)[..., :count]  # [H, W, C]
        low, high = float(volume.min()), float(volume.max())
        for place, ax in enumerate(row):
            if place >= volume.shape[-1]:
                ax.remove()
                continue
            _show(ax, volume[..., place], low, max(high, low + 1e-12), "gray")
        height, width, channels = np.shape(maps[name])
        label = f"{name}\n{height}x{width}x{channels}"
        row[0].set_ylabel(label, rotation=0, ha="right", va="center", color=INK, size=8)
    return figure


@styled
def filters(kernel: Any, limit: int = 64) -> Figure:
    """The filters of a convolution, zero in the middle of the scale.

    With three input channels a filter is a colour picture; with another number each input channel
    is a row and each filter a column, red where positive and blue where negative.

    Args:
        kernel: [H, W, I, O].
        limit: show at most so many filters, and with I other than 1 or 3 at most eight channels.
    """
    kernel = np.asarray(kernel, np.float64)[..., :limit]  # [H, W, I, O]
    channels, count = kernel.shape[2:]
    columns = min(count, 16, max(8, math.ceil(math.sqrt(count))))
    if channels == 3:
        contrast = np.abs(kernel).max(axis=(0, 1, 2)) + 1e-12  # [O]: each filter to its own
        tiles = np.moveaxis(0.5 + 0.5 * kernel / contrast, 3, 0)  # [O, H, W, 3]
        background, limits = 1.0, (0.0, 1.0)
    else:
        columns = columns if channels == 1 else min(count, 16)
        kernel = kernel[:, :, :8] if channels == 1 else kernel[:, :, :8, :16]
        tiles = kernel.transpose(2, 3, 0, 1).reshape(-1, *kernel.shape[:2])  # [I O, H, W]
        extent = float(np.abs(kernel).max()) or 1.0
        background, limits = np.nan, (-extent, extent)
    picture = _mosaic(tiles, columns, background)
    width = min(WIDTH, columns * 0.8)
    figure = blank(height=width * picture.shape[0] / picture.shape[1] + 0.1, width=width + 0.1)
    ax = figure.subplots()
    ax.imshow(picture, cmap="RdBu_r", vmin=limits[0], vmax=limits[1])
    ax.set_axis_off()
    return figure


def _mosaic(tiles: np.ndarray, columns: int, background: float) -> np.ndarray:
    """[N, H, W, ...] -> one picture, each pixel enlarged and a thin gap between tiles."""
    zoom = max(1, 24 // tiles.shape[1])
    tiles = tiles.repeat(zoom, axis=1).repeat(zoom, axis=2)  # [N, zoom H, zoom W, ...]
    height, width = tiles.shape[1] + 2, tiles.shape[2] + 2
    rows = math.ceil(len(tiles) / columns)
    picture = np.full((rows * height - 2, columns * width - 2, *tiles.shape[3:]), background)
    for i, tile in enumerate(tiles):
        top, left = i // columns * height, i % columns * width
        picture[top : top + height - 2, left : left + width - 2] = tile
    return picture


def _limits(images: Sequence[np.ndarray]) -> tuple[float, float]:
    if images[0].dtype == np.uint8:
        return 0.0, 255.0
    low = min(float(image.min()) for image in images)
    high = max(float(image.max()) for image in images)
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, max(high, low + 1e-12))


def _show(ax: Axes, image: np.ndarray, low: float, high: float, cmap: str) -> None:
    image = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image  # [H, W]
    if image.ndim == 3:
        image = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
    ax.imshow(image, cmap=cmap, vmin=low, vmax=high)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set(visible=True, color=HAIRLINE, linewidth=0.6)


def _frame(ax: Axes, box: Box) -> None:
    from matplotlib.patches import Rectangle

    left, top, right, bottom, name = box
    size = (right - left, bottom - top)
    ax.add_patch(Rectangle((left - 0.5, top - 0.5), *size, fill=False, color=WRONG, linewidth=1.6))
    if name:
        ax.annotate(
            name,
            (left - 0.5, top - 0.5),
            xytext=(1.5, 1.5),
            textcoords="offset points",
            color="white",
            size=7,
            va="bottom",
            bbox={"facecolor": WRONG, "edgecolor": "none", "pad": 1.5},
        )
