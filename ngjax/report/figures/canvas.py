"""Paper, ink and palette: how every figure looks, and how it reaches the disk."""

from __future__ import annotations

import contextlib
import functools
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from ngjax.report.atomic import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")

WIDTH = 7.2  # inches; at DPI 1296 pixels, so sharp at the page's 720 on a dense screen
DPI = 180
INK, QUIET, HAIRLINE = "#1f2328", "#6a717b", "#d9dce1"
# The first seven are hues of Okabe & Ito (2008), told apart under every common colour blindness,
# deepened for thin lines on white paper; the last three serve sets of ten classes.
PALETTE = (
    *("#0067a8", "#cf4f00", "#008f74", "#c273ab", "#d79a00", "#4aaee6", "#33373d"),
    *("#7d1d4e", "#2e2a83", "#8a9a1b"),
)
WRONG = PALETTE[1]
STYLE = {
    "font.family": ["DejaVu Sans"],  # travels inside matplotlib: the same picture everywhere
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelsize": 9.0,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": "#9aa0a8",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "axes.formatter.limits": (-4, 5),
    "grid.color": HAIRLINE,
    "grid.linewidth": 0.6,
    "xtick.color": "#9aa0a8",
    "ytick.color": "#9aa0a8",
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.major.width": 0.7,
    "xtick.minor.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.7,
    "lines.solid_capstyle": "round",
    "lines.dash_capstyle": "butt",
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "image.interpolation": "nearest",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.dpi": 100,
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """This project's look, and nobody else's: a user's matplotlibrc is put aside, then put back."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorates a function that draws, so that it does so inside `style()`."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style():
            return draw(*args, **kwargs)

    return drawn


def blank(height: float, width: float = WIDTH) -> Figure:
    """An empty figure, sizes in inches, on an Agg canvas: no pyplot, so no window and no leak."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def colours(count: int) -> list[str]:
    """One colour each: the palette while it lasts, then steps along viridis."""
    if count <= len(PALETTE):
        return list(PALETTE[:count])
    from matplotlib import colormaps, colors

    return [colors.to_hex(colormaps["viridis"](0.85 * i / (count - 1))) for i in range(count)]


def as_png(figure: Figure, dpi: int = DPI) -> bytes:
    """The bytes of a PNG; the same figure gives the same ones."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, path: str | os.PathLike[str], dpi: int = DPI) -> Path:
    """Write a figure as a PNG, whole or not at all.

    Returns:
        The path.
    """
    return write_bytes(path, as_png(figure, dpi))
