"""The catalogue: experiments found by their file names, listed without being imported."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

from ngjax import config as cfg
from ngjax.experiment.spec import Experiment
from ngjax.types import UserError

PACKAGE = "experiments"


class Topic(NamedTuple):
    """A line of the catalogue, read without importing the topic."""

    name: str
    chapter: str  # "ch4_convnets"
    notes: str
    line: str  # the first line of the file's docstring
    path: Path
    terms: tuple[str, ...] = ()  # of the notes' index


@functools.cache
def discover() -> dict[str, Topic]:
    """Every experiment by name, in the order of chapters and notes; imports none of them.

    Read from disk once a process: to tell of one topic the launcher asks several times.

    Raises:
        UserError: two files of one name.
    """
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else ()
    roots = {Path(place).resolve() for place in places}  # an installed checkout is named twice
    found: dict[str, Topic] = {}
    for path in sorted(p for root in roots for p in root.glob("*/*.py")):
        if path.stem.startswith("_"):
            continue
        if path.stem in found:
            raise UserError(f"{path}: an experiment of that name is at {found[path.stem].path}")
        found[path.stem] = _entry(path)
    in_order = sorted(found.values(), key=lambda e: (e.chapter, _section(e.notes), e.name))
    return {entry.name: entry for entry in in_order}


def _entry(path: Path) -> Topic:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    doc = (ast.get_docstring(tree) or "").splitlines()
    written = {
        keyword.arg: keyword.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Experiment"
        for keyword in node.keywords
    }
    notes = _literal(written.get("notes"), "")
    line = doc[0] if doc else ""
    return Topic(path.stem, path.parent.name, notes, line, path, _literal(written.get("terms"), ()))


def _literal(node: ast.expr | None, default: Any) -> Any:
    """The value of an argument that is written out; the default where it is computed or absent."""
    try:
        return default if node is None else ast.literal_eval(node)
    except ValueError:
        return default


def _section(notes: str) -> tuple[int, ...]:
    head = notes.split(",")[0].split("-")[0].strip()
    return tuple(int(part) for part in head.split(".") if part.isdigit())


def load(name: str) -> Experiment:
    """The experiment of that name; only its file is imported.

    Raises:
        UserError: no such name, with the nearest.
    """
    return module(name).EXPERIMENT


def module(name: str) -> Any:
    """The module of an experiment."""
    known = discover()
    if name not in known:
        near = cfg.nearest(name, known)
        raise UserError(f"--experiment={name}: no such experiment{near}; launch.py lists them all")
    return importlib.import_module(f"{PACKAGE}.{known[name].chapter}.{name}")
