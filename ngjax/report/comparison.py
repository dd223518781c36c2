"""The arms side by side, as words in a table: the page and the terminal show the same one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ngjax.report.numbers import duration, rate, with_spread
from ngjax.report.results import Side


class Comparison(NamedTuple):
    """A table of words; the first column and the header are names, the rest are numbers."""

    header: list[str]
    rows: list[list[str]]
    best: tuple[int, int] | None  # (row, column) of the arm that is best by the objective
    note: str  # how to read it


def compare(
    arms: Sequence[Side], objective: tuple[str, str] | None = None, width: int = 80, gap: int = 2
) -> Comparison:
    """Lay the arms out: one a row, or one a column where only that fits, or fits better.

    Args:
        arms: what was compared.
        objective: (metric, "max" or "min"); that metric comes first.
        width: letters that fit in a line.
        gap: letters between two columns.
    """
    means = [arm.metrics for arm in arms]
    names = list(dict.fromkeys(name for mean in means for name in mean))
    if objective and objective[0] in names:
        names.sort(key=lambda name: name != objective[0])
    table = [["", *names, "time", "examples/s"]]
    for arm, mean in zip(arms, means, strict=True):
        spread = arm.spread
        cells = [with_spread(mean[n], spread[n]) if n in mean else "—" for n in names]
        table.append([arm.name, *cells, duration(arm.seconds), rate(arm.examples_per_second)])
    if all(arm.examples_per_second is None for arm in arms):
        table = [row[:-1] for row in table]
    winner = _best(means, *objective) if objective else None
    best = None if winner is None else (winner, 1)
    waits = [arm.input_wait_share for arm in arms]
    if any(share is not None for share in waits):
        cells = ["—" if share is None else f"{share:.1%}" for share in waits]
        table = [[*row, cell] for row, cell in zip(table, ["input wait", *cells], strict=True)]
    turned = [list(column) for column in zip(*table, strict=True)]
    if _letters(table, gap) > max(width, _letters(turned, gap)):
        table, best = turned, best and (0, best[0] + 1)
    return Comparison(table[0], table[1:], best, _note(arms, objective, best is not None))


def _letters(table: Sequence[Sequence[str]], gap: int) -> int:
    """How wide a table is."""
    return sum(max(map(len, column)) + gap for column in zip(*table, strict=True))


def _best(means: Sequence[Mapping[str, float]], metric: str, mode: str) -> int | None:
    """Which arm is best; None where there is nothing to compare."""
    sign = {"max": 1, "min": -1}[mode]
    finite = [i for i, mean in enumerate(means) if math.isfinite(mean.get(metric, math.nan))]
    if len(means) < 2 or not finite:
        return None
    return max(finite, key=lambda i: sign * means[i][metric])


def _note(arms: Sequence[Side], objective: tuple[str, str] | None, marked: bool) -> str:
    counts = sorted({len(arm.seeds) for arm in arms})
    note = ""
    if counts and counts[-1] > 1:
        many = str(counts[-1]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        note = f"Mean ± sample standard deviation over {many} seeds; time is of all seeds together."
    if marked and objective:
        extreme = {"max": "highest", "min": "lowest"}[objective[1]]
        note = f"{note} In bold: the {extreme} {objective[0]}.".strip()
    return note
