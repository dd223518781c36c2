"""Strips of columns, each column under the labels that it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ngjax.report.figures.canvas import INK, QUIET, WIDTH, WRONG, blank, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDEST = 0.12  # inches of a pixel, where rows are short


@styled
def labelled_rows(
    pictures: Sequence[np.ndarray],
    given: Mapping[str, Sequence[Any]],
    truth: Sequence[Any],
) -> Figure:
    """Pictures whose columns were labelled one by one; labels that are wrong are in colour.

    Args:
        pictures: each [H, T_i], 0 to 255, drawn dark on white.
        given: who labelled -> a label for every column, [T_i or more] for each picture.
        truth: likewise, the right ones.
    """
    longest = max(picture.shape[1] for picture in pictures)
    side = min(WIDEST, (WIDTH - 1.1) / longest)  # of a pixel, in inches
    line = 0.14
    heights = [picture.shape[0] * side + line * (len(given) + 0.8) for picture in pictures]
    figure = blank(height=sum(heights) + 0.1)
    figure.set_layout_engine("none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set(xlim=(0, WIDTH), ylim=(-sum(heights) - 0.05, 0.05))
    y = 0.0
    for picture, right, *labels in zip(pictures, truth, *given.values(), strict=True):
        height, T = picture.shape
        extent = (1.0, 1.0 + T * side, y - height * side, y)
        ax.imshow(picture, cmap="gray_r", vmin=0, vmax=255, extent=extent, aspect="auto")
        y -= height * side
        for name, row in zip(given, labels, strict=True):
            y -= line
            ax.text(0.05, y + line / 2, name, size=6.5, color=QUIET, va="center")
            for t in range(T):
                wrong = row[t] != right[t]
                ax.text(
                    1.0 + (t + 0.5) * side,
                    y + line / 2,
                    str(row[t]),
                    size=6.0,
                    ha="center",
                    va="center",
                    color=WRONG if wrong else INK,
                    weight="bold" if wrong else "normal",
                )
        y -= 0.8 * line
    ax.set(xlim=(0, WIDTH), ylim=(-sum(heights) - 0.05, 0.05))
    return figure
