"""Trials of a search: where they lay, and what they came to along each knob."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ngjax.report.figures.canvas import INK, PALETTE, WRONG, blank, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def trials(
    knobs: Mapping[str, Sequence[Any]],
    values: Any,
    ylabel: str,
    log: Collection[str] = (),
    best: int | None = None,
    log_y: bool = False,
) -> Figure:
    """What each trial came to, over every knob that was searched: a panel a knob.

    A cross at the upper edge is a trial that diverged; the ring is the best one.

    Args:
        knobs: name -> its value in each trial [N]: numbers, or words for a choice.
        values: [N] what the trials came to; NaN where one diverged.
        ylabel: what the values are.
        log: the knobs with a logarithmic axis.
        best: which trial is ringed.
        log_y: a logarithmic vertical axis.
    """
    values = np.asarray(values, np.float64)
    columns = min(2, len(knobs))
    rows = math.ceil(len(knobs) / columns)
    figure = blank(height=0.4 + 2.9 * rows)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    finite = np.isfinite(values)
    for ax, (name, places) in zip(axes, knobs.items(), strict=False):
        if any(isinstance(place, str) for place in places):
            names = sorted(set(places))
            places = [names.index(place) for place in places]
            ax.set_xticks(range(len(names)), names)
            ax.set_xlim(-0.6, len(names) - 0.4)
        x = np.asarray(places, np.float64)
        ax.scatter(x[finite], values[finite], s=22, color=PALETTE[0], edgecolor="white", lw=0.4)
        if not finite.all():
            edge = ax.get_xaxis_transform()
            lost = np.full((~finite).sum(), 0.97)
            ax.scatter(x[~finite], lost, s=26, color=WRONG, marker="x", transform=edge)
        if best is not None:
            ring = {"s": 110, "facecolor": "none", "edgecolor": INK, "linewidth": 1.4}
            ax.scatter(x[best], values[best], **ring)
        ax.set(xlabel=name)
        if name in log:
            ax.set_xscale("log")
    if log_y:
        axes[0].set_yscale("log")
    for ax in axes[::columns]:
        ax.set_ylabel(ylabel)
    for ax in axes[len(knobs) :]:
        ax.remove()
    return figure


@styled
def samples(
    sets: Mapping[str, Any],
    labels: tuple[str, str],
    optimum: float | None = None,
) -> Figure:
    """Points of several samplings of one square, side by side, each with its shadow on the x axis.

    Args:
        sets: title -> points [N, 2].
        labels: names of the two axes.
        optimum: the x that is sought, as a vertical line.
    """
    figure = blank(height=3.5)
    axes = figure.subplots(1, len(sets), squeeze=False, sharex=True, sharey=True).ravel()
    for ax, (title, xy) in zip(axes, sets.items(), strict=True):
        xy = np.asarray(xy, np.float64)
        if optimum is not None:
            ax.axvline(optimum, color=WRONG, linewidth=1.2)
        ax.scatter(*xy.T, s=26, color=PALETTE[0], edgecolor="white", linewidth=0.4, zorder=3)
        floor = np.full(len(xy), -0.05)
        ax.plot(xy[:, 0], floor, "|", color=PALETTE[0], markersize=9, clip_on=False)
        ax.set(title=title, xlabel=labels[0], xlim=(-0.04, 1.04), ylim=(-0.09, 1.04))
        ax.grid(False)
    axes[0].set_ylabel(labels[1])
    return figure
