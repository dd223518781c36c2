"""What a run says on the terminal when it is over, and the catalogue of what can be run.

Text goes through rich: colours on a terminal, plain words in a file or a pipe.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ngjax.report.comparison import Comparison, compare
from ngjax.report.results import Claim, Side

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

ASCII = str.maketrans({"±": "+-", "−": "-", "—": "-", "×": "x", "∞": "inf"})
COLOURS = {True: "green", False: "bold red", None: "dim"}


class Line(NamedTuple):
    """One experiment in the catalogue."""

    name: str
    notes: str  # section, "4.9"
    line: str  # what it shows


def results(
    arms: Sequence[Side],
    claims: Sequence[Claim],
    objective: tuple[str, str] | None = None,
    console: Console | None = None,
) -> None:
    """Print the arms side by side, then each claim with its verdict and the reason.

    A table that is wider than the console goes on below: no number is ever cut short.

    Args:
        arms: what was compared.
        claims: what the notes say.
        objective: (metric, "max" or "min"): shown first, the best arm in bold.
        console: where to; standard output when None.
    """
    console = console or _console()
    if arms:
        table = compare(arms, objective, width=console.width)
        for columns in _fitting(table, console.width):
            _table(console, table, columns)
        _say(console, table.note, "dim")
        if table.note and claims:
            console.print()
    for claim in claims:
        _say(console, claim.text, COLOURS[claim.holds], claim.verdict)
        _say(console, claim.detail, "dim", " ")


def catalogue(
    chapters: Mapping[str, Sequence[Line]],
    usage: Sequence[str],
    console: Console | None = None,
) -> None:
    """Print what can be run, chapter by chapter, and how.

        Convolutional networks
          resnet  4.9  identity shortcuts let depth help

    Args:
        chapters: heading -> its experiments.
        usage: the command lines to show at the end.
        console: where to; standard output when None.
    """
    console = console or _console()
    entries = [entry for chapter in chapters.values() for entry in chapter]
    name = max((len(entry.name) for entry in entries), default=0)
    notes = max((len(entry.notes) for entry in entries), default=0)
    for heading, chapter in chapters.items():
        _say(console, heading, "bold")
        for entry in chapter:
            label = f"  {entry.name:{name}}  {entry.notes:{notes}}"
            _say(console, entry.line, "", label, indent=len(label) + 2)
        console.print()
    for line in usage:
        console.print(line, markup=False, soft_wrap=True)


def _fitting(table: Comparison, width: int) -> list[list[int]]:
    """Columns in groups that fit in a line beside the names."""
    first = _width(table, 0)
    groups, room = [], 0
    for column in range(1, len(table.header)):
        letters = _width(table, column) + 2
        if not groups or letters > room:
            groups.append([])
            room = width - first
        groups[-1].append(column)
        room -= letters
    return groups


def _table(console: Console, table: Comparison, columns: Sequence[int]) -> None:
    from rich.text import Text

    first = _width(table, 0)
    for i, row in enumerate([table.header, *table.rows], -1):
        line = Text(f"{row[0]:{first}}")
        for column in columns:
            style = "dim" if i < 0 else "bold" if (i, column) == table.best else ""
            line.append(f"  {row[column]:>{_width(table, column)}}", style=style)
        _print(console, line)
    console.print()


def _width(table: Comparison, column: int) -> int:
    return max(len(row[column]) for row in [table.header, *table.rows])


def _say(console: Console, words: str, style: str, label: str = "", indent: int = 15) -> None:
    """A paragraph folded to the console; after a label it hangs at `indent`."""
    from rich.text import Text

    if not words:
        return
    hang = " " * indent if label else ""
    room = max(console.width - len(hang), 20)
    folded = textwrap.wrap(words, room, break_long_words=False, break_on_hyphens=False)
    for i, line in enumerate(folded):
        _print(console, Text((f"{label:{indent}}" if label and not i else hang) + line, style))


def _print(console: Console, line: Text) -> None:
    """One line as it is; in letters that the console's encoding has."""
    from rich.text import Text

    if not console.encoding.lower().startswith("utf"):
        line = Text(line.plain.translate(ASCII).encode("ascii", "replace").decode())
    console.print(line, soft_wrap=True)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)
