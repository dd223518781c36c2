"""Charts: a bowl with the ways down it, who was taken for whom, and bars."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ngjax.report.figures.canvas import INK, PALETTE, QUIET, WIDTH, blank, colours, styled
from ngjax.report.numbers import short, with_spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINE, SLANTED = 0.14, 0.17  # inches that a line of letters needs


@styled
def contour_paths(
    function: Callable[[np.ndarray, np.ndarray], Any],
    paths: Mapping[str, Any],
    bounds: tuple[float, float, float, float],
    minimum: tuple[float, float] | None = None,
    labels: tuple[str, str] = ("w", "b"),
) -> Figure:
    """The ways that arms took over a function of two parameters.

    Contours are spaced evenly in the square root of the height, so that a quadratic bowl's lie at
    even distances.

    Args:
        function: (x, y), each [M, M] -> heights [M, M].
        paths: arm -> its points [T, 2] in order.
        bounds: (left, right, bottom, top) of the view.
        minimum: where the function is lowest, marked when given.
        labels: names of the two parameters.
    """
    left, right, bottom, top = bounds
    x, y = np.meshgrid(np.linspace(left, right, 201), np.linspace(bottom, top, 201))
    heights = np.asarray(function(x, y), np.float64)
    low, high = np.nanmin(heights), np.nanmax(heights)
    levels = low + (high - low) * np.linspace(0.03, 1, 16) ** 2
    figure = blank(height=4.0)
    ax = figure.subplots()
    ax.contour(x, y, heights, levels=levels, colors="#b9bfc7", linewidths=0.7)
    for hue, (arm, points) in zip(colours(len(paths)), paths.items(), strict=True):
        points = np.asarray(points, np.float64)  # [T, 2]
        size = 3.2 if len(points) <= 200 else 0
        ax.plot(*points.T, color=hue, marker="o", markersize=size, linewidth=1.3, label=arm)
        ax.plot(*points[:1].T, color=INK, marker="o", markersize=6)
    if minimum is not None:
        ax.plot(*minimum, color=INK, marker="+", markersize=11, markeredgewidth=1.8)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=labels[0], ylabel=labels[1])
    ax.grid(False)
    ax.spines[:].set(visible=True)
    figure.legend(loc="outside upper left", ncols=4, handlelength=1.8)
    return figure


@styled
def confusion(matrix: Any, classes: Sequence[str]) -> Figure:
    """Who was taken for whom: counts, the shade being the share of the true class.

    Args:
        matrix: [K, K] counts, a row for each true class and a column for each predicted one.
        classes: [K] names.
    """
    matrix = np.asarray(matrix)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)  # [K, K]
    return _tiles(share, matrix, classes, classes, "true", "predicted", "Blues", (0.0, 1.0))


@styled
def heatmap(
    matrix: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    ylabel: str = "",
    xlabel: str = "",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Shades of a matrix, as of attention weights: a row looks at the columns.

    Args:
        matrix: [R, C].
        rows: [R] names; a side of which few are written, the others empty, keeps them large.
        columns: [C] names.
        ylabel: what the rows are.
        xlabel: what the columns are.
        limits: values of the lightest and the darkest shade; by default 0, or the lowest value
            where that is negative, and the highest.
    """
    matrix = np.asarray(matrix, np.float64)
    limits = limits or (min(0.0, float(matrix.min())), float(matrix.max()))
    return _tiles(matrix, None, rows, columns, ylabel, xlabel, "Blues", limits)


@styled
def bars(
    values: Mapping[str, float],
    spread: Mapping[str, float] | None = None,
    xlabel: str = "",
    best: str | None = None,
) -> Figure:
    """One bar for each arm from zero, its value beside it.

    Args:
        values: arm -> value.
        spread: arm -> half the length of its whisker.
        xlabel: what the value is, with its unit.
        best: the arm to draw in full colour, the others then lighter.
    """
    spread = spread or {}
    figure = blank(height=0.75 + 0.36 * len(values))
    ax = figure.subplots()
    heights = np.nan_to_num(np.array(list(values.values()), np.float64), nan=0.0)
    whiskers = np.array([spread.get(arm, 0.0) for arm in values], np.float64)
    tints = [PALETTE[0] if best in (None, arm) else "#a9c4d9" for arm in values]
    ax.barh(range(len(values)), heights, color=tints, height=0.62)
    if whiskers.any():
        ax.errorbar(heights, range(len(values)), xerr=whiskers, fmt="none", ecolor=INK, capsize=2)
    ends = np.where(heights < 0, 0.0, heights + whiskers)
    for place, (arm, value) in enumerate(values.items()):
        ax.annotate(
            with_spread(value, spread.get(arm, 0.0)),
            (ends[place], place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
        )
    ax.set(yticks=range(len(values)), yticklabels=list(values), xlabel=xlabel)
    ax.invert_yaxis()
    ax.grid(False)
    ax.tick_params(axis="y", labelcolor=INK, length=0)
    ax.spines["left"].set_visible(bool((heights < 0).any()))
    ax.margins(x=0.2 if whiskers.any() else 0.1)
    if not (heights < 0).any():
        ax.set_xlim(left=0)
    return figure


@styled
def grouped(values: Mapping[str, Mapping[str, float]], xlabel: str = "") -> Figure:
    """Bars from zero side by side: a group for each case, in it one bar for each arm, its hue.

    Args:
        values: case -> arm -> value; an arm that a case lacks leaves a gap.
        xlabel: what the value is, with its unit.
    """
    arms = list(dict.fromkeys(arm for case in values.values() for arm in case))
    tall = len(arms) + 0.8  # a group and the room behind it
    figure = blank(height=1.0 + 0.22 * tall * len(values))
    ax = figure.subplots()
    for k, (arm, hue) in enumerate(zip(arms, colours(len(arms)), strict=True)):
        there = [(n * tall + k, case[arm]) for n, case in enumerate(values.values()) if arm in case]
        places, widths = zip(*there, strict=True)
        drawn = ax.barh(places, widths, color=hue, height=0.86, label=arm)
        ax.bar_label(drawn, list(map(short, widths)), padding=4, size=8)
    middles = np.arange(len(values)) * tall + (len(arms) - 1) / 2
    ax.set(yticks=middles, yticklabels=list(values), xlabel=xlabel)
    ax.invert_yaxis()
    ax.grid(False)
    ax.tick_params(axis="y", labelcolor=INK, length=0)
    ax.spines["left"].set_visible(False)
    ax.margins(x=0.1, y=0.02)
    figure.legend(loc="outside upper left", ncols=6, handlelength=0.9, handleheight=0.9)
    return figure


def _tiles(
    shade: np.ndarray,
    numbers: np.ndarray | None,
    rows: Sequence[str],
    columns: Sequence[str],
    ylabel: str,
    xlabel: str,
    cmap: str,
    limits: tuple[float, float],
) -> Figure:
    """A matrix of shaded squares with names along its sides."""
    names = 0.6 + 0.09 * max(map(len, rows), default=0) + (0.7 if numbers is None else 0)
    side = min(0.46 if len(columns) > 4 else 0.85, (WIDTH - names) / len(columns))
    figure = blank(height=side * len(rows) + 0.75, width=side * len(columns) + names)
    ax = figure.subplots()
    picture = ax.imshow(shade, cmap=cmap, vmin=limits[0], vmax=limits[1])
    few = side > 0.3
    if few and numbers is not None:
        for row, column in np.argwhere(numbers):
            colour = "white" if shade[row, column] > (limits[0] + limits[1]) / 2 else INK
            text = short(numbers[row, column])
            ax.text(column, row, text, ha="center", va="center", size=8, color=colour)
    if numbers is None:
        figure.colorbar(picture, ax=ax, shrink=0.8, pad=0.03).outline.set_visible(False)
    wide = max(map(len, columns), default=0) * 0.09 > side * _apart(columns)
    ax.set_xticks(range(len(columns)), columns, rotation=50 if wide else 0)
    if wide:
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(rows)), rows)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.tick_params(length=0, labelcolor=INK)
    ax.tick_params("x", labelsize=9 if not wide or side * _apart(columns) > SLANTED else 6)
    ax.tick_params("y", labelsize=9 if side * _apart(rows) > LINE else 6)
    ax.xaxis.label.set_color(QUIET)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    return figure


def _apart(names: Sequence[str]) -> int:
    """How many places the nearest two of the names that are written lie apart."""
    written = [place for place, name in enumerate(names) if name]
    return min((b - a for a, b in itertools.pairwise(written)), default=len(names))
