"""Sentences with a colour behind every word that was given a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ngjax.report.figures.canvas import DPI, INK, QUIET, WIDTH, WRONG, blank, colours, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE, SMALL = 8.5, 5.5  # points
LINE = 0.31  # inches
GAP = 0.045  # inches between words
MARGIN = 0.08  # inches

Label = str  # "" for none


@styled
def tagged(
    sentences: Mapping[str, Sequence[tuple[str, Label, str]]], labels: Sequence[Label]
) -> Figure:
    """Words with their labels: a label's colour lies behind the word, a mistake is underlined.

    Args:
        sentences: title -> (word, label, "" or where that is a mistake what is right) of each word.
        labels: all of them, in the order of their colours.
    """
    from matplotlib.patches import Rectangle

    hues = dict(zip(labels, colours(len(labels)), strict=True))
    figure = blank(height=1.0)
    figure.set_layout_engine("none")
    figure.set_dpi(DPI)  # letters are as wide as they will be saved
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    renderer = figure.canvas.get_renderer()

    def write(x: float, y: float, text: str, size: float = SIZE, **how: object) -> float:
        """Set text at inches from the left and above the first line; its width in inches."""
        drawn = ax.text(x, y, text, size=size, va="center", **how)
        return drawn.get_window_extent(renderer).width / figure.dpi

    ax.set(xlim=(0, WIDTH), ylim=(0, 1))
    x, y = MARGIN, 0.0
    for label, hue in hues.items():
        width = write(x, y, label, color=INK, weight="bold")
        ax.add_patch(Rectangle((x - 0.02, y - 0.1), width + 0.04, 0.2, color=hue, alpha=0.3, lw=0))
        x += width + 0.16
    write(x, y, "underlined: a mistake, and what is right", color=QUIET)
    for title, words in sentences.items():
        y -= 1.35 * LINE
        write(MARGIN, y, title, color=QUIET)
        y -= LINE
        x = MARGIN
        for word, label, right in words:
            width = write(x, y, word, color=INK)
            if x + width > WIDTH - MARGIN and x > MARGIN:
                ax.texts[-1].remove()
                x, y = MARGIN, y - LINE
                write(x, y, word, color=INK)
            if label:
                box = Rectangle((x - 0.02, y - 0.1), width + 0.04, 0.2, color=hues[label], lw=0)
                box.set_alpha(0.3)
                ax.add_patch(box)
            if right:
                ax.plot([x, x + width], [y - 0.105] * 2, color=WRONG, linewidth=1.8)
                width = max(width, write(x, y - 0.165, right, SMALL, color=WRONG))
            x += width + GAP
    height = -y + 2 * 0.17
    figure.set_size_inches(WIDTH, height)
    ax.set(xlim=(0, WIDTH), ylim=(y - 0.17, 0.17))
    return figure
