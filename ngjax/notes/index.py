"""The index at the end of the notes: its terms, their pages, and the library's functions for them.

`terms.json` holds the terms as the index spells them, once each. Topics name the terms that they
are an entry point of (`Experiment.terms`); `launch.py --index` joins the two.
"""

from __future__ import annotations

import functools
import importlib
import importlib.resources
import json
from typing import Any, NamedTuple


class Term(NamedTuple):
    """One term of the notes' index."""

    name: str
    page: int  # of the notes
    functions: tuple[str, ...]  # dotted names in the library


@functools.cache
def terms() -> tuple[Term, ...]:
    """All terms, in the order of the alphabet."""
    text = importlib.resources.files("ngjax.notes").joinpath("terms.json").read_text("utf-8")
    found = (
        Term(name, held["page"], tuple(held["functions"]))
        for name, held in json.loads(text).items()
    )
    return tuple(sorted(found, key=lambda term: term.name.lower()))


def resolve(function: str) -> Any:
    """What a dotted name stands for.

    Raises:
        ImportError, AttributeError: nothing of that name.
    """
    module, _, name = function.rpartition(".")
    return getattr(importlib.import_module(module), name)
