"""Points in the plane, with their classes or names and a model's regions behind them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ngjax.report.figures.canvas import INK, WIDTH, blank, colours, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MIDST = {"ha": "center", "va": "center", "size": 12, "weight": "bold"}
SIZE_FEW, SIZE_MANY = 22, 9  # points squared, up to 500 points and beyond


@styled
def points(
    xy: Any,
    classes: Any = None,
    names: Sequence[str] | None = None,
    decide: Callable[[np.ndarray], Any] | None = None,
    texts: Sequence[str] | None = None,
    labels: tuple[str, str] = ("", ""),
) -> Figure:
    """Points, coloured by class.

    Args:
        xy: [N, 2].
        classes: [N] integers from 0.
        names: of the classes; written in their midst, or in a legend where regions are shaded.
        decide: points [M, 2] -> the class a model gives each [M]; shades the plane behind.
        texts: [N], written beside the points: words on a map of embeddings.
        labels: names of the two axes; none, and the axes carry no numbers either.
    """
    from matplotlib.patheffects import withStroke

    xy = np.asarray(xy, np.float64)
    classes = np.zeros(len(xy), np.int64) if classes is None else np.asarray(classes).ravel()
    count = max(int(classes.max(initial=0)) + 1, len(names or ()))
    hues = colours(count)
    figure = blank(height=4.8, width=5.8)
    ax = figure.subplots()
    (left, bottom), (right, top) = low, high = _view(xy)
    if decide is not None:
        _shade(ax, decide, low, high, hues)
    size = SIZE_FEW if len(xy) <= 500 else SIZE_MANY
    for k in np.unique(classes):
        label = names[k] if names else None
        these = xy[classes == k]
        ax.scatter(*these.T, s=size, color=hues[k], edgecolor="white", linewidth=0.3, label=label)
        if names and decide is None:
            paper = [withStroke(linewidth=5, foreground="white")]
            middle = np.median(these, axis=0)
            ax.annotate(label, middle, color=INK, **MIDST, path_effects=paper)
    for place, text in zip(xy, texts or (), strict=False):
        ax.annotate(text, place, (3, 2), textcoords="offset points", size=7, color=INK)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=labels[0], ylabel=labels[1])
    ax.grid(False)
    if not any(labels):
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    if names and decide is not None:
        figure.legend(loc="outside right upper", handletextpad=0.2, markerscale=1.4)
    return figure


@styled
def boundaries(
    xy: Any,
    classes: Any,
    decide: Mapping[str, Callable[[np.ndarray], Any]],
    columns: int = 3,
) -> Figure:
    """What several models make of the same points: a panel each, the plane shaded by class.

    Args:
        xy: [N, 2].
        classes: [N] integers from 0.
        decide: title -> (points [M, 2] -> the class that the model gives each [M]).
        columns: at most so many panels in a row.
    """
    xy, classes = np.asarray(xy, np.float64), np.asarray(classes).ravel()
    hues = colours(int(classes.max()) + 1)
    columns = min(columns, len(decide))
    rows = math.ceil(len(decide) / columns)
    low, high = _view(xy)
    figure = blank(height=rows * (WIDTH / columns + 0.25), width=WIDTH)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (title, model) in zip(axes, decide.items(), strict=False):
        _shade(ax, model, low, high, hues)
        ax.scatter(*xy.T, s=9, c=[hues[k] for k in classes], edgecolor="white", linewidth=0.2)
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[], title=title)
        ax.grid(False)
        ax.spines[:].set_visible(False)
    for ax in axes[len(decide) :]:
        ax.remove()
    return figure


def _view(xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """((left, bottom), (right, top)) around the points."""
    margin = 0.06 * np.ptp(xy, axis=0) + 1e-9
    return xy.min(axis=0) - margin, xy.max(axis=0) + margin


def _shade(
    ax: Axes,
    decide: Callable[[np.ndarray], Any],
    low: np.ndarray,
    high: np.ndarray,
    hues: Sequence[str],
) -> None:
    """The plane in the colours of the classes that a model gives it."""
    from matplotlib.colors import ListedColormap

    x, y = np.meshgrid(np.linspace(low[0], high[0], 300), np.linspace(low[1], high[1], 300))
    region = np.asarray(decide(np.stack([x.ravel(), y.ravel()], axis=1)))  # [M]
    shades = {"cmap": ListedColormap(hues), "vmin": -0.5, "vmax": len(hues) - 0.5, "alpha": 0.16}
    ax.pcolormesh(x, y, region.reshape(x.shape), rasterized=True, **shades)
