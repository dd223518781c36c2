"""Graphs: boxes with what they hold, arrows with what goes along them, there and back."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ngjax.report.figures.canvas import INK, PALETTE, QUIET, WIDTH, blank, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THERE, BACK = PALETTE[0], PALETTE[1]
ROW = 0.78  # inches between the middles of two boxes of a column
BOX = 0.5  # inches of a box's height
LINE = 0.145  # inches between two lines in a box
BOLD, PLAIN = 0.089, 0.075  # inches of a letter at the page's size, about
EDGE = 0.1  # inches left free at both sides


@styled
def graph(
    nodes: Mapping[str, Sequence[str]],
    edges: Mapping[tuple[str, str], str],
    key: tuple[str, str] = ("", ""),
) -> Figure:
    """A graph without cycles, from left to right: a node stands right of all that lead to it.

    Args:
        nodes: name -> up to three lines: its title, then what goes forth (in blue) and what comes
            back (in orange).
        edges: (from, to) -> the text on the way back; "" where nothing comes back.
        key: what blue and orange are.

    Raises:
        ValueError: an edge to a node that is not there, or a cycle.
    """
    columns, rows = _places(list(nodes), list(edges))
    lowest = max(rows.values(), default=0.0)
    height = (lowest + 1) * ROW + (0.45 if any(key) else 0.1)
    figure = blank(height=height)
    figure.set_layout_engine("none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, height))
    ax.axis("off")
    half, centre = _across(nodes, columns)
    middle = {n: (centre[columns[n]], 0.05 + (lowest - rows[n] + 0.5) * ROW) for n in nodes}
    leaves, arrives = _ports(edges, middle)
    for (one, other), text in edges.items():
        start = (middle[one][0] + half[columns[one]], leaves[one, other])
        end = (middle[other][0] - half[columns[other]], arrives[one, other])
        _arrows(ax, start, end, text)
    for name, lines in nodes.items():
        _box(ax, middle[name], half[columns[name]], lines)
    for place, (hue, text) in enumerate(zip((THERE, BACK), key, strict=True)):
        if text:
            ax.text(0.12 + place * WIDTH / 2, height - 0.2, text, color=hue, va="center")
    return figure


def _places(
    names: Sequence[str], edges: Sequence[tuple[str, str]]
) -> tuple[dict[str, int], dict[str, float]]:
    """Column and row of every node: behind its farthest source, level with what leads to it."""
    before: dict[str, list[str]] = {name: [] for name in names}
    for one, other in edges:
        if one not in before or other not in before:
            raise ValueError(f"edge {one} -> {other} joins nodes that are not there")
        before[other].append(one)
    columns: dict[str, int] = {}
    while len(columns) < len(names):
        ready = [n for n in names if n not in columns and all(x in columns for x in before[n])]
        if not ready:
            raise ValueError("the graph has a cycle")
        for name in ready:
            columns[name] = 1 + max((columns[x] for x in before[name]), default=-1)
    sources = [name for name in names if not before[name]]
    rows: dict[str, float] = {name: float(i) for i, name in enumerate(sources)}
    for column in range(1, max(columns.values()) + 1):
        here = [name for name in names if columns[name] == column]
        for name in here:
            rows[name] = sum(rows[x] for x in before[name]) / len(before[name])
        here.sort(key=rows.__getitem__)
        for one, other in itertools.pairwise(here):  # no box upon another
            rows[other] = max(rows[other], rows[one] + 1)
    return columns, rows


def _across(
    nodes: Mapping[str, Sequence[str]], columns: Mapping[str, int]
) -> tuple[dict[int, float], dict[int, float]]:
    """Half a box's width and the middle of every column: the columns share what boxes leave."""
    half = {
        column: max(
            0.08 + len(line) / 2 * (PLAIN if i else BOLD)
            for name in nodes
            if columns[name] == column
            for i, line in enumerate(nodes[name])
        )
        for column in sorted(set(columns.values()))
    }
    gap = (WIDTH - 2 * EDGE - 2 * sum(half.values())) / max(1, len(half) - 1)
    centre, left = {}, EDGE
    for column, width in half.items():
        centre[column] = left + width
        left += 2 * width + gap
    return half, centre


def _ports(
    edges: Collection[tuple[str, str]], middle: Mapping[str, tuple[float, float]]
) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """Heights at which edges leave and arrive, spread over a box's side so that none cross."""

    def spread(end: int) -> dict[tuple[str, str], float]:
        heights = {}
        for name in middle:
            here = sorted(
                (edge for edge in edges if edge[end] == name),
                key=lambda edge: -middle[edge[1 - end]][1],
            )
            apart = min(0.2, 0.8 * BOX / max(1, len(here) - 1))
            for i, edge in enumerate(here):
                heights[edge] = middle[name][1] + ((len(here) - 1) / 2 - i) * apart
        return heights

    return spread(0), spread(1)


def _box(ax: Axes, middle: tuple[float, float], half: float, lines: Sequence[str]) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = middle
    corner = (x - half, y - BOX / 2)
    shape = "round,pad=0,rounding_size=0.06"
    ax.add_patch(
        FancyBboxPatch(
            corner, 2 * half, BOX, boxstyle=shape, facecolor="white", edgecolor=QUIET, zorder=3
        )
    )
    for i, (line, hue) in enumerate(zip(lines, (INK, THERE, BACK), strict=False)):
        height = y + LINE * ((len(lines) - 1) / 2 - i)
        weight = "bold" if i == 0 else "normal"
        ax.text(x, height, line, color=hue, ha="center", va="center", zorder=4, weight=weight)


def _arrows(ax: Axes, start: tuple[float, float], end: tuple[float, float], text: str) -> None:
    """Blue there, orange back beneath it with its text on white, nearer to where it came from."""
    ways = [(THERE, 0.03, (start, end)), (BACK, -0.03, (end, start))]
    for hue, shift, (tail, tip) in ways if text else ways[:1]:
        ax.annotate(
            "",
            (tip[0], tip[1] + shift),
            (tail[0], tail[1] + shift),
            arrowprops={
                "arrowstyle": "-|>,head_width=0.16,head_length=0.4",
                "color": hue,
                "shrinkA": 0,
                "shrinkB": 0,
                "linewidth": 1.0,
            },
            zorder=1,
        )
    if text:
        ax.text(
            0.55 * start[0] + 0.45 * end[0],
            0.55 * start[1] + 0.45 * end[1] - 0.06,
            text,
            color=BACK,
            ha="center",
            va="center",
            size=8,
            zorder=2,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )
