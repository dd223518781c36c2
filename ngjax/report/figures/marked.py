"""Pictures with what was found in them: boxes and points, the true ones beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ngjax.report.figures.canvas import INK, WRONG, styled
from ngjax.report.figures.pictures import Box, image_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def boxes_grid(
    images: Any,
    found: Sequence[Sequence[Box]],
    true: Sequence[Sequence[Box]] | None = None,
    titles: Sequence[str] | None = None,
    columns: int = 6,
) -> Figure:
    """Pictures in rows: boxes found in colour and named, true boxes thin, dashed and white.

    Args:
        images: as `image_grid` takes them.
        found: of each picture, (left, top, right, bottom, name) in pixels.
        true: of each picture likewise; the names are not drawn.
        titles: one a picture.
        columns: at most so many pictures in a row.
    """
    figure = image_grid(images, titles, boxes=found, columns=columns)
    for ax, boxes in zip(figure.axes, true or (), strict=bool(true)):
        for box in boxes:
            _outline(ax, box)
    return figure


@styled
def points_grid(
    images: Any,
    found: Any,
    true: Any = None,
    titles: Sequence[str] | None = None,
    columns: int = 6,
) -> Figure:
    """Pictures in rows: points found in colour, true points white beneath, a line between the two.

    Args:
        images: as `image_grid` takes them.
        found: (x, y) in pixels, [N, P, 2].
        true: likewise; None: not known.
        titles: one a picture.
        columns: at most so many pictures in a row.
    """
    figure = image_grid(images, titles, columns=columns)
    size = 26.0 / columns  # of a dot, in points squared: dots shrink with their pictures
    for i, ax in enumerate(figure.axes):
        x, y = np.asarray(found[i], np.float64).T
        if true is not None:
            there = np.asarray(true[i], np.float64)
            ax.plot([x, there[:, 0]], [y, there[:, 1]], color="white", linewidth=0.6, alpha=0.8)
            ax.scatter(*there.T, s=size, c="white", edgecolors=INK, linewidths=0.3, zorder=3)
        ax.scatter(x, y, s=size, c=WRONG, edgecolors="none", zorder=4)
        height, width = np.shape(images[i])[:2]
        ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))  # wild points move no border
    return figure


def _outline(ax: Axes, box: Box) -> None:
    from matplotlib import patheffects
    from matplotlib.patches import Rectangle

    left, top, right, bottom, _ = box
    frame = Rectangle(
        (left - 0.5, top - 0.5),
        right - left,
        bottom - top,
        fill=False,
        edgecolor="white",
        linewidth=1.0,
        linestyle=(0, (3, 2)),
        zorder=3,
    )
    frame.set_path_effects([patheffects.withStroke(linewidth=1.8, foreground=INK)])
    ax.add_patch(frame)
