"""Lines: what was measured while arms trained, and any y over x."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ngjax.report.figures.canvas import QUIET, blank, colours, styled
from ngjax.report.numbers import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

DASHES = {"train": (0, (4, 1.6)), "test": (0, (1, 1.2))}  # every other split is drawn solid
FEW = 8  # whole numbers in a row that are all written along an axis
WIDE = 1000  # largest over smallest value, from which on a vertical axis is logarithmic


@styled
def curves(
    histories: Mapping[str, Mapping[int, Sequence[Mapping[str, Any]]]],
    metrics: Sequence[str],
    x: str = "step",
    log: Collection[str] = (),
    log_x: bool = False,
) -> Figure:
    """What was measured as arms trained, laid over one another.

    A panel holds the metrics that differ in their split alone: "train/loss" and "dev/loss" share
    one, train dashed and dev solid in the arm's hue. A line is the mean over seeds at the steps
    that all seeds measured; the band reaches from the lowest seed to the highest. A cross marks
    the last finite value of a line that ends in NaN.

    Args:
        histories: arm -> seed -> rows, as `MetricsLog.history` returns them.
        metrics: names to draw, in order.
        x: "step", "epoch" or "seconds".
        log: panels ("loss") with a logarithmic vertical axis whatever their values.
        log_x: a logarithmic horizontal axis.
    """
    panels: dict[str, list[str]] = {}
    for metric in metrics:
        panels.setdefault(metric.rpartition("/")[2], []).append(metric)
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = blank(height=0.5 + rows * (3.6 if columns == 1 else 2.9))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    hues = dict(zip(histories, colours(len(histories)), strict=True))
    for ax, (title, names) in zip(axes, panels.items(), strict=False):
        alone = len(names) == 1
        ax.set(title=_words(names[0] if alone else title), xlabel=x)
        for arm, seeds in histories.items():
            for name in names:
                dash = "-" if alone else DASHES.get(name.partition("/")[0], "-")
                _line(ax, *_over_seeds(seeds.values(), name, x), hues[arm], dash)
        _scales(ax, title in log or _span_wide(ax), log_x)
    for ax in axes[len(panels) :]:
        ax.remove()
    _key(figure, hues, panels.values())
    return figure


@styled
def lines(
    x: Any,
    series: Mapping[str, Any],
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    log_x: bool = False,
    log_y: bool = False,
) -> Figure:
    """Named series over one x, each with its name at the end of its line.

    Args:
        x: [N].
        series: name -> values [N].
        xlabel: what x is, with its unit.
        ylabel: what the values are.
        title: of the panel.
        log_x: a logarithmic horizontal axis.
        log_y: a logarithmic vertical axis.
    """
    figure = blank(height=3.6)
    ax = figure.subplots()
    x = np.asarray(x, np.float64)
    hues = colours(len(series))
    for hue, values in zip(hues, series.values(), strict=True):
        ax.plot(x, np.asarray(values, np.float64), color=hue)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.margins(x=0.01)
    _scales(ax, log_y, log_x)
    if not log_x and len(x) <= FEW and not np.mod(x, 1).any() and (np.diff(x) == 1).all():
        ax.set_xticks(x)
    _label_ends(ax, list(series), hues)
    return figure


def _over_seeds(
    runs: Collection[Sequence[Mapping[str, Any]]], name: str, x: str
) -> tuple[np.ndarray, np.ndarray]:
    """The x [N] averaged over seeds and each seed's values [seeds, N], where all seeds measured."""
    tables = [{row["step"]: (row[x], row[name]) for row in rows if name in row} for rows in runs]
    shared = set.intersection(*map(set, tables)) if tables else set()
    if not shared:
        return np.empty(0), np.empty((len(tables), 0))
    steps = sorted(shared)
    pairs = np.array([[table[step] for step in steps] for table in tables])  # [seeds, N, 2]
    return pairs[:, :, 0].mean(axis=0), pairs[:, :, 1]


def _line(ax: Axes, x: np.ndarray, values: np.ndarray, hue: str, dash: Any) -> None:
    if not x.size:
        return
    values = np.where(np.isfinite(values), values, np.nan)
    mean = values.mean(axis=0)
    few = x.size < 2
    ax.plot(x, mean, color=hue, linestyle=dash, marker="o" if few else None, markersize=5)
    if len(values) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        ax.fill_between(x, low, high, color=hue, alpha=0.15, linewidth=0)
    finite = np.flatnonzero(np.isfinite(mean))
    if finite.size and finite[-1] < x.size - 1:
        last = finite[-1]
        ax.plot(x[last], mean[last], color=hue, marker="x", markersize=7, markeredgewidth=2)


def _span_wide(ax: Axes) -> bool:
    drawn = [np.asarray(line.get_ydata(), np.float64) for line in ax.get_lines()]
    values = np.concatenate([v[np.isfinite(v)] for v in drawn]) if drawn else np.empty(0)
    return bool(values.size) and values.min() > 0 and values.max() > WIDE * values.min()


def _scales(ax: Axes, log_y: bool, log_x: bool) -> None:
    if log_y:
        ax.set_yscale("log")
        _label_few_decades(ax.yaxis, *ax.get_ylim())
    if log_x:
        ax.set_xscale("log")
        _label_few_decades(ax.xaxis, *ax.get_xlim())
    else:
        ax.locator_params(axis="x", nbins=6)
    ax.margins(x=0.02)


def _label_few_decades(axis: Axis, low: float, high: float) -> None:
    """Labels at 1, 2 and 5 where powers of ten alone would leave the axis bare."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_minor_formatter(NullFormatter())
    if high < 300 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def _key(figure: Figure, hues: Mapping[str, str], panels: Collection[Sequence[str]]) -> None:
    """One legend above all panels: hues for arms, dashes for splits."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=hue, label=arm) for arm, hue in hues.items()]
    splits = dict.fromkeys(name.partition("/")[0] for p in panels if len(p) > 1 for name in p)
    for split in splits:
        handles.append(Line2D([], [], color=QUIET, linestyle=DASHES.get(split, "-"), label=split))
    for columns in range(len(handles), 0, -1):
        by_row = [handle for column in range(columns) for handle in handles[column::columns]]
        legend = figure.legend(
            handles=by_row, loc="outside upper left", ncols=columns, handlelength=1.8
        )
        if columns == 1 or legend.get_window_extent().width < 0.97 * figure.bbox.width:
            return
        legend.remove()


def _label_ends(ax: Axes, names: Sequence[str], hues: Sequence[str]) -> None:
    """Write each line's name at its right end, nudged apart where ends meet."""
    figure = ax.figure
    figure.draw_without_rendering()
    to_axes = ax.transData + ax.transAxes.inverted()
    ends = []
    for line in ax.get_lines():
        xy = np.asarray(line.get_xydata())
        xy = xy[np.isfinite(xy).all(axis=1)]
        ends.append(float(to_axes.transform(xy[-1])[1]) if len(xy) else 0.5)
    order = np.argsort(ends)
    places = np.array(ends)[order]
    for _ in range(200):  # neighbours closer than a line of text push each other apart
        push = np.maximum(0.062 - np.diff(places), 0) / 2
        places[:-1] -= push
        places[1:] += push
    for i, place in zip(order, places, strict=True):
        ax.annotate(
            names[i],
            (1, place),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            color=hues[i],
            va="center",
            annotation_clip=False,
        )


def _words(metric: str) -> str:
    return metric.replace("/", " ").replace("_", " ")
