"""Sequence logos: letters stacked at every place, as tall as they weigh (Schneider & Stephens)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ngjax.report.figures.canvas import INK, PALETTE, blank, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTER = 0.92  # width of a letter; places are one apart


@styled
def logos(
    panels: Mapping[str, Any],
    letters: str,
    first: int = 1,
    spans: Mapping[str, tuple[float, float]] | None = None,
    ylabel: str = "",
    columns: int = 1,
) -> Figure:
    """One logo a panel; letters of negative weight hang below the line.

    Args:
        panels: title -> weights [T, A].
        letters: the A letters.
        first: number of the first place.
        spans: name -> (first place, last place) that are shaded and named, in every panel.
        ylabel: what the height is.
        columns: panels side by side.
    """
    rows = -(-len(panels) // columns)
    figure = blank(height=0.4 + (1.75 if columns == 1 else 1.35) * rows)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for ax, (title, weights) in zip(axes, panels.items(), strict=False):
        _stack(ax, np.asarray(weights, np.float64), letters, first)
        ax.set(title=title)
        ax.grid(False)
        for name, (left, right) in (spans or {}).items():
            ax.axvspan(left - 0.5, right + 0.5, color="#e7eef4", zorder=0, linewidth=0)
            ax.annotate(
                name,
                ((left + right) / 2, 1),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
            )
    axes[0].set(ylim=_reach(panels.values()))  # of all, for they share it
    for ax in axes[len(panels) :]:
        ax.remove()
    for ax in axes[: len(panels) : columns]:
        ax.set(ylabel=ylabel)
    return figure


def _stack(ax: Axes, weights: np.ndarray, letters: str, first: int) -> None:
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    font = FontProperties(family="DejaVu Sans", weight="bold")
    outlines = [TextPath((0, 0), letter.upper(), size=1, prop=font) for letter in letters]
    for t, row in enumerate(weights):
        ends = [0.0, 0.0]  # above and below the line
        for k in np.argsort(np.abs(row)):
            if row[k] == 0:
                continue
            box = outlines[k].get_extents()
            below = int(row[k] < 0)
            ends[below] += row[k]
            bottom = ends[below] if below else ends[below] - row[k]
            place = (
                Affine2D()
                .translate(-box.x0, -box.y0)
                .scale(LETTER / box.width, abs(row[k]) / box.height)
                .translate(first + t - LETTER / 2, bottom)
            )
            hue = PALETTE[k % len(PALETTE)]
            ax.add_patch(PathPatch(place.transform_path(outlines[k]), color=hue, linewidth=0))
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.set(xlim=(first - 0.6, first + len(weights) - 0.4))


def _reach(panels: Iterable[Any]) -> tuple[float, float]:
    """Heights that hold every stack of all panels."""
    weights = np.concatenate([np.asarray(panel, np.float64) for panel in panels])
    high = np.where(weights > 0, weights, 0).sum(axis=1).max(initial=0.0)
    low = np.where(weights < 0, weights, 0).sum(axis=1).min(initial=0.0)
    room = 0.04 * ((high - low) or 1.0)
    return (low - room if low else 0.0), high + room
