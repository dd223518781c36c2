"""An experiment: one file of `experiments/`, found by its name, that exports `EXPERIMENT`.

    experiments/ch4_convnets/lenet.py  ->  python launch.py --experiment=lenet

Adding a topic is adding that file: no list, flag or README row is edited by hand.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ngjax import config as cfg
from ngjax.types import Task, UserError

if TYPE_CHECKING:
    from ngjax.results import Results

PACKAGE = "experiments"
Holds = bool | tuple[bool, str]  # a claim's answer, with the numbers it was read from


class Picture(NamedTuple):
    """One figure of a topic."""

    name: str  # the file's name without .png
    caption: str
    figure: Any  # matplotlib Figure


class Text(NamedTuple):
    """One preformatted text of a topic: a sample, a layer table."""

    title: str
    text: str


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What a topic is.

    Attributes:
        notes: the sections of the notes, as "4.4, 4.6".
        config: a frozen dataclass with every knob; `config.run` is a `train.settings.Run`.
        build: config -> Task, for topics that train.
        run: (config, seed) -> {name: value}, for topics that train nothing; floats are metrics.
        objective: (metric, "max" or "min"): what best, early stopping and search look at.
        arms: name -> overrides; what the topic compares, in the command line's own language.
        smoke: overrides that make a run of seconds.
        claims: id -> does the notes' verdict hold in these results?
        figures: results -> pictures.
        texts: results -> preformatted texts.
    """

    notes: str
    config: Any
    build: Callable[[Any], Task] | None = None
    run: Callable[[Any, int], Mapping[str, Any]] | None = None
    objective: tuple[str, str] = ("dev/loss", "min")
    arms: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=lambda: {"default": ()})
    smoke: tuple[str, ...] = ()
    claims: Mapping[str, Callable[[Results], Holds]] = dataclasses.field(default_factory=dict)
    figures: Callable[[Results], Iterable[Picture]] | None = None
    texts: Callable[[Results], Iterable[Text]] | None = None

    def __post_init__(self) -> None:
        """A topic trains or it runs; every override it holds must be one its config has."""
        if (self.build is None) == (self.run is None):
            raise ValueError("an experiment gives build or run, one of them")
        for overrides in (self.smoke, *self.arms.values()):
            cfg.override(self.config, overrides)


class Entry(NamedTuple):
    """A line of the catalogue, read without importing the topic."""

    name: str
    chapter: str  # "ch4_convnets"
    notes: str
    line: str  # the first line of the file's docstring
    path: Path


def discover() -> dict[str, Entry]:
    """Every experiment by name, in the order of chapters and notes; imports none of them.

    Raises:
        UserError: two files of one name.
    """
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else ()
    roots = {Path(place).resolve() for place in places}  # an installed checkout is named twice
    found: dict[str, Entry] = {}
    for path in sorted(p for root in roots for p in root.glob("*/*.py")):
        if path.stem.startswith("_"):
            continue
        if path.stem in found:
            raise UserError(f"{path}: an experiment of that name is at {found[path.stem].path}")
        found[path.stem] = _entry(path)
    in_order = sorted(found.values(), key=lambda e: (e.chapter, _section(e.notes), e.name))
    return {entry.name: entry for entry in in_order}


def _entry(path: Path) -> Entry:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    doc = (ast.get_docstring(tree) or "").splitlines()
    notes = next(
        (
            keyword.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Experiment"
            for keyword in node.keywords
            if keyword.arg == "notes" and isinstance(keyword.value, ast.Constant)
        ),
        "",
    )
    return Entry(path.stem, path.parent.name, notes, doc[0] if doc else "", path)


def claim_text(name: str, claim: Callable[..., Any] | None) -> str:
    """What a claim says: the first line of its docstring."""
    return ((claim and claim.__doc__) or name).strip().splitlines()[0]


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
