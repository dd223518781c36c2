"""Networks rolled out over time: what goes in below, the state in the middle, what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ngjax.report.figures.canvas import HAIRLINE, INK, PALETTE, QUIET, WIDTH, blank, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Shown = str | np.ndarray | None  # words, a grey picture [H, W] of 0 to 1, or nothing

LEFT = 0.15  # inches
PANEL = 1.62  # inches high
CELL = 0.62  # inches a step at most
SLIMMEST = 0.4  # of a picture: its width by its height
LEVELS = {"out": 1.12, "state": 0.72, "in": 0.3}  # inches above a panel's floor


@styled
def unrolled(networks: Mapping[str, Sequence[tuple[Shown, Shown]]]) -> Figure:
    """A panel a network: its steps from left to right, arrows as the numbers flow.

    Args:
        networks: title -> (what goes in, what comes out) of every step.
    """
    figure = blank(height=PANEL * len(networks))
    figure.set_layout_engine("none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    limits = {"xlim": (0, WIDTH), "ylim": (0, PANEL * len(networks))}
    ax.set(**limits)
    for place, (title, steps) in enumerate(networks.items()):
        floor = PANEL * (len(networks) - 1 - place)
        ax.text(LEFT, floor + 1.45, title, size=8.5, color=INK, weight="bold", va="center")
        cell = min(CELL, (WIDTH - 2 * LEFT) / len(steps))
        for t, (given, answer) in enumerate(steps):
            x = LEFT + (t + 0.5) * cell
            _state(ax, x, floor + LEVELS["state"], cell)
            if t:
                _arrow(ax, (x - 0.68 * cell, floor + 0.72), (x - 0.33 * cell, floor + 0.72))
            if given is not None:
                _show(ax, x, floor + LEVELS["in"], cell, given)
                _arrow(ax, (x, floor + 0.48), (x, floor + 0.61))
            if answer is not None:
                _show(ax, x, floor + LEVELS["out"], cell, answer)
                _arrow(ax, (x, floor + 0.83), (x, floor + 0.96))
    ax.set(**limits)
    return figure


def _state(ax: Axes, x: float, y: float, cell: float) -> None:
    from matplotlib.patches import Rectangle

    w, h = min(0.6 * cell, 0.3), 0.2
    ax.add_patch(Rectangle((x - w / 2, y - h / 2), w, h, color=PALETTE[0], alpha=0.35, linewidth=0))


def _show(ax: Axes, x: float, y: float, cell: float, shown: str | np.ndarray) -> None:
    if isinstance(shown, str):
        ax.text(x, y, shown, size=8, color=INK, ha="center", va="center")
        return
    from matplotlib.patches import Rectangle

    high = 0.32
    wide = min(0.8 * cell, high * max(SLIMMEST, shown.shape[1] / shown.shape[0]))
    left, floor = x - wide / 2, y - high / 2
    extent = (left, left + wide, floor, floor + high)
    ax.imshow(shown, cmap="gray_r", vmin=0, vmax=1, extent=extent, aspect="auto")
    ax.add_patch(Rectangle((left, floor), wide, high, fill=False, color=HAIRLINE, linewidth=0.6))


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "->", "color": QUIET, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", xy=end, xytext=start, arrowprops=style)
