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

Decide = Callable[[np.ndarray], Any]  # points [M, 2] -> the class a model gives each [M]

MIDST = {"ha": "center", "va": "center", "size": 12, "weight": "bold"}
SIZE_FEW, SIZE_MANY = 22, 9  # points squared, up to 500 points and beyond
SIZE_SMALL = 4  # in a panel among others
CROWD = 100  # words, from which on a map takes the whole width
SIDES = (  # where a word may stand by its point: offset in points, alignments
    ((3, 2), "left", "bottom"),
    ((-3, 2), "right", "bottom"),
    ((3, -2), "left", "top"),
    ((-3, -2), "right", "top"),
)


@styled
def points(
    xy: Any,
    classes: Any = None,
    names: Sequence[str] | None = None,
    decide: Decide | None = None,
    texts: Sequence[str] | None = None,
    labels: tuple[str, str] = ("", ""),
) -> Figure:
    """Points, coloured by class.

    Args:
        xy: [N, 2].
        classes: [N] integers from 0.
        names: of the classes; written in their midst, or in a legend where regions are shaded or
            there are texts.
        decide: points [M, 2] -> the class a model gives each [M]; shades the plane behind.
        texts: [N], written beside the points: words on a map of embeddings, what matters most
            first. One that would stand on an earlier one is left out, and one without letters.
        labels: names of the two axes; none, and the axes carry no numbers either.
    """
    from matplotlib.patheffects import withStroke

    xy = np.asarray(xy, np.float64)
    classes = np.zeros(len(xy), np.int64) if classes is None else np.asarray(classes).ravel()
    count = max(int(classes.max(initial=0)) + 1, len(names or ()))
    hues = colours(count)
    crowd = len(texts or ()) > CROWD
    figure = blank(height=WIDTH, width=WIDTH) if crowd else blank(height=4.8, width=5.8)
    ax = figure.subplots()
    _view(ax, xy)
    if decide is not None:
        _shade(ax, decide, hues)
    size = SIZE_FEW if len(xy) <= (CROWD if texts else 500) else SIZE_MANY
    for k in np.unique(classes):
        label = names[k] if names else None
        these = xy[classes == k]
        ax.scatter(*these.T, s=size, color=hues[k], edgecolor="white", linewidth=0.3, label=label)
        if names and decide is None and not texts:
            paper = [withStroke(linewidth=5, foreground="white")]
            middle = np.median(these, axis=0)
            ax.annotate(label, middle, color=INK, **MIDST, path_effects=paper)
    ax.set(xlabel=labels[0], ylabel=labels[1])
    ax.grid(False)
    if not any(labels):
        _bare(ax)
    if names and (decide is not None or texts):
        figure.legend(loc="outside right upper", handletextpad=0.2, markerscale=1.4)
    if texts:
        _write(ax, xy, texts)
    return figure


@styled
def boundaries(xy: Any, classes: Any, decides: Mapping[str, Decide], columns: int = 4) -> Figure:
    """What models decide all over the plane, a panel each, over the points they learned from.

    Args:
        xy: [N, 2].
        classes: [N] integers from 0.
        decides: title -> points [M, 2] -> the class its model gives each [M].
        columns: at most so many panels in a row.
    """
    xy, classes = np.asarray(xy, np.float64), np.asarray(classes).ravel()
    hues = colours(int(classes.max(initial=0)) + 1)
    columns = min(columns, len(decides))
    rows = math.ceil(len(decides) / columns)
    figure = blank(height=rows * (WIDTH / columns + 0.25))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(decides) :]:
        ax.remove()
    for ax, (title, decide) in zip(axes, decides.items(), strict=False):
        _view(ax, xy)
        _shade(ax, decide, hues, side=150)
        ax.scatter(*xy.T, s=SIZE_SMALL, c=np.asarray(hues)[classes], edgecolor="none")
        ax.set_title(title)
        ax.grid(False)
        _bare(ax)
    return figure


def _write(ax: Axes, xy: np.ndarray, texts: Sequence[str]) -> None:
    """Words beside their points, each where it covers fewest others and no word, or not at all."""
    from matplotlib.patheffects import withStroke

    ax.figure.draw_without_rendering()  # the axes get their place, and keep it
    ax.figure.set_layout_engine("none")
    room, at = ax.get_window_extent(), ax.transData.transform(xy)
    paper, taken = [withStroke(linewidth=1.5, foreground="white")], []
    for place, word in zip(xy, texts, strict=False):
        tried = []  # (points covered, side, text, box)
        for side, (offset, ha, va) in enumerate(SIDES if word else ()):
            text = ax.annotate(word, place, offset, textcoords="offset points", ha=ha, va=va)
            text.set(size=7, color=INK, path_effects=paper)
            box = text.get_window_extent()
            covered = ((at > box.min) & (at < box.max)).all(axis=1).sum()
            if box.x0 < room.x0 or box.x1 > room.x1 or any(map(box.overlaps, taken)):
                covered = np.inf
            tried.append((covered, side, text, box))
        for rank, (covered, _, text, box) in enumerate(sorted(tried, key=lambda one: one[:2])):
            if rank == 0 and np.isfinite(covered):
                taken.append(box)
            else:
                text.remove()


def _view(ax: Axes, xy: np.ndarray) -> None:
    margin = 0.06 * np.ptp(xy, axis=0) + 1e-9
    (left, bottom), (right, top) = xy.min(axis=0) - margin, xy.max(axis=0) + margin
    ax.set(xlim=(left, right), ylim=(bottom, top))


def _shade(ax: Axes, decide: Decide, hues: Sequence[str], side: int = 300) -> None:
    """The regions of a model's classes, over the whole view."""
    from matplotlib.colors import ListedColormap

    x, y = np.meshgrid(np.linspace(*ax.get_xlim(), side), np.linspace(*ax.get_ylim(), side))
    region = np.asarray(decide(np.stack([x.ravel(), y.ravel()], axis=1)))  # [M]
    shades = {"cmap": ListedColormap(hues), "vmin": -0.5, "vmax": len(hues) - 0.5, "alpha": 0.16}
    ax.pcolormesh(x, y, region.reshape(x.shape), rasterized=True, **shades)


def _bare(ax: Axes) -> None:
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
