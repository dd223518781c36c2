"""The ledger of the notes: each claim, what is right, and what the library itself computes.

`claims.json` holds the claims. The files of `ngjax.notes.checks` compute them by the library's own
functions, in float64, so a wrong formula of the library disagrees with the notes' own example.
"""

from __future__ import annotations

import collections
import functools
import importlib
import importlib.resources
import json
import math
import pkgutil
import textwrap
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

WIDTH = 110  # columns of the printed table
LONGEST = 240  # characters of a computed value that are printed


class Entry(NamedTuple):
    """One claim of the notes."""

    id: str
    section: str  # "1.3.3", or "refs"
    line: int  # of the notes' text, as other entries cite it
    kind: str  # number, formula or property
    notes_say: str
    truth: str
    verdict: str  # of the notes: holds, erratum or ambiguous
    check: str  # how `expected` comes about
    expected: Any  # numbers, booleans, words, in lists and mappings; None: nothing to compute
    tolerance: float  # absolute, of every number in expected
    source: str
    printed: Any  # the value that the notes print where it is one; None otherwise


class Check(NamedTuple):
    """What the library says to an entry."""

    computed: Any  # plain Python values
    agrees: bool | None  # within the entry's tolerance; None: not computed here


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All claims, in the order of the notes."""
    text = importlib.resources.files("ngjax.notes").joinpath("claims.json").read_text("utf-8")
    return tuple(sorted((Entry(**claim) for claim in json.loads(text)), key=_place))


@functools.cache
def unclaimed() -> Mapping[str, str]:
    """Id of what no topic claims and no function computes, chapters 1 to 3 -> the reason."""
    text = importlib.resources.files("ngjax.notes").joinpath("unclaimed.json").read_text("utf-8")
    return MappingProxyType(json.loads(text))


@functools.cache
def checks() -> Mapping[str, Callable[[], Any]]:
    """Entry id -> the function that computes it, from every file of `ngjax.notes.checks`.

    Raises:
        ValueError: an entry is computed in two files.
    """
    package = importlib.import_module("ngjax.notes.checks")
    found: dict[str, Callable[[], Any]] = {}
    for file in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        here = importlib.import_module(file.name).CHECKS
        if twice := found.keys() & here.keys():
            raise ValueError(f"{file.name}: {', '.join(sorted(twice))} is computed elsewhere too")
        found |= here
    return MappingProxyType(found)


@functools.cache
def compute(id: str) -> Any:
    """The entry's value by the library's own functions, in float64.

    Returns:
        Plain Python: numbers, booleans, words, in lists and mappings.

    Raises:
        KeyError: the library does not compute this entry.
        Exception: whatever the computation raises, with the entry's id noted.
    """
    import jax

    try:
        with jax.enable_x64(True):
            return _plain(checks()[id]())
    except Exception as error:
        error.add_note(f"while computing {id} of the ledger")
        raise


def check(entry: Entry) -> Check:
    """Computes an entry and compares it with what is right."""
    if entry.id not in checks():
        return Check(None, None)
    computed = compute(entry.id)
    return Check(computed, agrees(computed, entry.expected, entry.tolerance))


def agrees(computed: Any, expected: Any, tolerance: float) -> bool:
    """Whether two values have the same structure, words and truths, and numbers within tolerance.

    A truth value is no number, and what is not finite agrees with nothing.
    """
    if isinstance(expected, Mapping):
        return (
            isinstance(computed, Mapping)
            and computed.keys() == expected.keys()
            and all(agrees(computed[name], expected[name], tolerance) for name in expected)
        )
    if isinstance(expected, list):
        return (
            isinstance(computed, list)
            and len(computed) == len(expected)
            and all(agrees(c, e, tolerance) for c, e in zip(computed, expected, strict=True))
        )
    if isinstance(expected, (bool, str)):
        return type(computed) is type(expected) and computed == expected
    if isinstance(computed, bool) or not isinstance(computed, (int, float)):
        return False
    return math.isfinite(computed) and abs(computed - expected) <= tolerance


def table() -> str:
    """Every entry as a block of lines, and the counts: what `launch.py --ledger` prints."""
    found = [(entry, check(entry)) for entry in entries()]
    blocks = [_block(entry, result) for entry, result in found]
    return "\n\n".join([*blocks, _counts(found)])


def _place(entry: Entry) -> tuple[Any, ...]:
    numbers = entry.section.split(".")
    known = numbers[0].isdigit()
    return (not known, [int(n) for n in numbers] if known else [], entry.line)


def _block(entry: Entry, result: Check) -> str:
    status = {True: "agrees", False: "DISAGREES", None: "not computed here"}[result.agrees]
    head = f"{entry.section:<8}{entry.id}"
    notes = {"holds": "the notes hold", "erratum": "ERRATUM", "ambiguous": "ambiguous"}
    lines = [f"{head:<50}{notes[entry.verdict]:<20}{status}"]
    lines += _row("notes", entry.notes_say) + _row("right", entry.truth)
    if result.agrees is not None:
        lines += _row("ngjax", _show(result.computed))
    if result.agrees is False:
        lines += _row("wanted", f"{_show(entry.expected)} within {entry.tolerance:g}")
    return "\n".join(lines)


def _row(name: str, text: str) -> list[str]:
    indent = " " * 8
    first = f"{indent}{name:<8}"
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=indent * 2)


def _show(value: Any) -> str:
    """A value in one short line."""

    def spell(value: Any) -> str:
        if isinstance(value, Mapping):
            return ", ".join(f"{name} {spell(inner)}" for name, inner in value.items())
        if isinstance(value, list):
            return f"[{', '.join(map(spell, value))}]"
        return f"{value:.7g}" if isinstance(value, float) else str(value)

    return textwrap.shorten(spell(value), LONGEST, placeholder=" ...")


def _counts(found: list[tuple[Entry, Check]]) -> str:
    verdicts = collections.Counter(entry.verdict for entry, _ in found)
    results = collections.Counter(result.agrees for _, result in found)
    computed = results[True] + results[False]
    return (
        f"{len(found)} claims: {verdicts['holds']} hold, {verdicts['erratum']} are errata, "
        f"{verdicts['ambiguous']} are ambiguous\n"
        f"{computed} computed by ngjax: {results[True]} agree with what is right, "
        f"{results[False]} disagree"
    )


def _plain(value: Any) -> Any:
    """Arrays, tuples and their scalars as Python's own lists and numbers."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value.tolist() if hasattr(value, "tolist") else value
