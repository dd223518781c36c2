"""Search of hyper-parameters (notes 2.5): spaces, and what grid, random and zoom draw of them.

    alpha = 10^r,   r uniform in [-4, 0]          optimizer.learning_rate=log(1e-4,1)

A space is one axis a knob. Every axis is laid over u in [0, 1], so that a zoom of a log axis zooms
in the logarithm. What is drawn is a function of (seed, trial) and, for the fine round, of what the
coarse one found: a stopped search goes on with the very trials it would have had.

The notes name alpha "the momentum term"; alpha is the learning rate, the momentum term is beta.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from ngjax import config as cfg
from ngjax.types import UserError

Strategy = Literal["random", "grid", "coarse_to_fine"]
KINDS = ("uniform", "log", "int", "choice")
ZOOM = 1 / 3  # width of the fine round's box, as a share of each axis
WRITTEN = "write KNOB=log(1e-4,1), =uniform(0,1), =int(50,100) or =choice(adam,momentum)"
# What to tune first (notes 2.5), and how the field of a config that holds it may be called.
IMPORTANCE: Mapping[str, tuple[str, ...]] = {
    "alpha": ("learning_rate",),
    "beta": ("beta1",),
    "mini_batch_size": ("batch_size",),
    "hidden_units": ("hidden", "width", "units"),
    "layers": ("depth", "layers"),
    "decay": ("decay_rate",),
}


class Axis(NamedTuple):
    """The values that one knob may take."""

    path: str  # "optimizer.learning_rate"
    kind: str  # of KINDS
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] = ()
    whole: bool = False  # a log axis of a whole number is rounded

    @property
    def distinct(self) -> float:
        """How many values it has."""
        if self.kind == "choice":
            return len(self.choices)
        if self.kind == "int" or self.whole:
            return self.high - self.low + 1
        return math.inf if self.high > self.low else 1

    def at(self, u: float) -> Any:
        """The value at u in [0, 1]; equal stretches of u are equally likely values.

        uniform  a + (b - a) u        log  a (b / a)^u        int  a + floor((b - a + 1) u)
        """
        if self.kind == "choice":
            return self.choices[min(int(u * len(self.choices)), len(self.choices) - 1)]
        low, high = self.low, self.high
        if self.kind == "int":
            return int(min(low + math.floor((high - low + 1) * u), high))
        log = self.kind == "log"
        value = low * math.exp(math.log(high / low) * u) if log else low + (high - low) * u
        value = min(max(float(f"{value:.6g}"), low), high)  # digits that one may type again
        return round(value) if self.whole else value


Space = tuple[Axis, ...]


def parse(text: str, config: Any) -> Space:
    """Reads "optimizer.learning_rate=log(1e-4,1) width=int(16,64)" for the knobs of a config.

    Choices that hold commas are parted by bars: hidden=choice(64,32|16,16).

    Raises:
        UserError: in one line: what is not written so, or no knob of the config, with the nearest.
    """
    knobs = {knob.path: knob for knob in cfg.knobs(config)}
    words = re.findall(r"(?:[^\s(]|\([^)]*\)?)+", text)
    space = tuple(_axis(word, knobs) for word in words)
    if not space:
        raise UserError(f"--search: says nothing to search; {WRITTEN}{_advice(knobs)}")
    for earlier, axis in enumerate(space):
        if axis.path in {other.path for other in space[:earlier]}:
            raise UserError(f"--search: {axis.path} stands there twice")
    return space


def _advice(knobs: Mapping[str, cfg.Knob]) -> str:
    """The knobs of this config in the notes' order of importance."""
    names = [name for group in IMPORTANCE.values() for name in group]
    found = [path for name in names for path in knobs if path.rpartition(".")[2] == name]
    return f"; the notes tune first {', '.join(found[:4])}" if found else ""


def _axis(word: str, knobs: Mapping[str, cfg.Knob]) -> Axis:
    match = re.fullmatch(r"([^=\s]+)=(\w+)\(([^()]*)\)", word)
    if not match:
        raise UserError(f"--search: {word} is no axis; {WRITTEN}")
    path, kind, inside = match.groups()
    if path not in knobs:
        raise UserError(f"--search: {path} is no knob{cfg.nearest(path, knobs)}")
    if kind not in KINDS:
        near = cfg.nearest(kind, KINDS) or f"; choose from {', '.join(KINDS)}"
        raise UserError(f"--search: {path}={kind}(...) is no kind of axis{near}")
    annotation = knobs[path].annotation
    try:
        if kind == "choice":
            return _choice(path, inside, annotation)
        return _range(path, kind, inside, annotation)
    except ValueError as error:
        raise UserError(f"--search: {word}: {error}") from None


def _choice(path: str, inside: str, annotation: Any) -> Axis:
    parts = inside.split("|" if "|" in inside else ",")
    choices = tuple(part.strip() for part in parts if part.strip())
    for choice in choices:
        cfg.parse(annotation, choice)  # refused here, not midway
    if not choices or len(set(choices)) < len(choices):
        raise ValueError("give values, each once")
    return Axis(path, "choice", choices=choices)


def _range(path: str, kind: str, inside: str, annotation: Any) -> Axis:
    ends = inside.split(",")
    if len(ends) != 2:
        raise ValueError(f"give two ends, {kind}(a,b)")
    low, high = (cfg.parse(int if kind == "int" else float, end.strip()) for end in ends)
    if low > high:
        raise ValueError("the first end must be the smaller one")
    if kind == "log" and low <= 0:
        raise ValueError("a log axis begins above 0")
    if not _accepts(annotation, 1):
        raise ValueError(f"the knob is {cfg.spell(annotation)}; use choice(...)")
    whole = not _accepts(annotation, 0.5)
    if whole and (kind == "uniform" or low % 1 or high % 1):
        raise ValueError("the knob is a whole number; use int(a,b), or log with whole ends")
    return Axis(path, kind, low, high, whole=whole)


def _accepts(annotation: Any, value: float) -> bool:
    """Whether a knob takes numbers of this kind; a word is no number."""
    try:
        return isinstance(cfg.parse(annotation, value), (int, float)) and annotation is not bool
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def rounds(strategy: Strategy, trials: int) -> tuple[range, ...]:
    """The trials that may be drawn at once: the fine round waits for the coarse one."""
    coarse = -(-trials // 2)
    if strategy == "coarse_to_fine" and trials > 1:
        return (range(coarse), range(coarse, trials))
    return (range(trials),)


def draw(
    space: Space,
    strategy: Strategy,
    trial: int,
    trials: int,
    seed: int = 0,
    told: Mapping[int, float] | None = None,
) -> dict[str, Any]:
    """The values of one trial, knob by knob.

    Args:
        space: the axes.
        strategy: random: uniform along every axis; grid: `grid`; coarse_to_fine: random in the
            first half of the trials, then random in a box of ZOOM around the best of them.
        trial: which, from 0.
        trials: of the whole search.
        seed: of the search.
        told: trial -> what it came to, lower is better; read by the fine round alone, which
            wants all of the first one. Trials that came to nothing are left out.
    """
    u = grid(space, trials)[trial] if strategy == "grid" else places(space, trial, seed)
    coarse = rounds(strategy, trials)[0]
    if trial not in coarse:
        u = _zoomed(space, {t: value for t, value in (told or {}).items() if t in coarse}, seed, u)
    return {axis.path: axis.at(float(place)) for axis, place in zip(space, u, strict=True)}


def places(space: Space, trial: int, seed: int) -> np.ndarray:
    """u of a random trial, float64 [axes] in [0, 1): a function of seed and trial alone."""
    return np.random.Generator(np.random.Philox(key=[seed, trial])).random(len(space))


def _zoomed(space: Space, coarse: Mapping[int, float], seed: int, u: np.ndarray) -> np.ndarray:
    found = best(coarse)
    if found is None:  # all of them diverged: nothing says where to look
        return u
    centre = places(space, found, seed)
    low, high = np.maximum(centre - ZOOM / 2, 0), np.minimum(centre + ZOOM / 2, 1)
    zoomed = low + (high - low) * u
    keep = np.array([axis.kind == "choice" for axis in space])  # a word has no neighbours
    return np.where(keep, centre, zoomed)


def points(space: Space, trials: int) -> tuple[int, ...]:
    """How many values of each axis a grid within this many trials tests: k of them cost k^d."""
    counts = [1] * len(space)
    while True:
        open_ = [i for i, axis in enumerate(space) if counts[i] < axis.distinct]
        for i in sorted(open_, key=counts.__getitem__):
            if math.prod(counts) // counts[i] * (counts[i] + 1) <= trials:
                counts[i] += 1
                break
        else:
            return tuple(counts)


def grid(space: Space, trials: int) -> list[tuple[float, ...]]:
    """The lattice, ends included, as u of each axis; it may have fewer points than trials."""
    counts = points(space, trials)
    sides = [np.linspace(0, 1, count) if count > 1 else [0.5] for count in counts]
    return [tuple(map(float, point)) for point in itertools.product(*sides)]


def size(space: Space, strategy: Strategy, trials: int) -> int:
    """How many trials are run of those that may be."""
    return len(grid(space, trials)) if strategy == "grid" else trials


def overrides(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The values in the language of flags and arms."""
    return tuple(f"{path}={cfg.write(value)}" for path, value in values.items())


def best(told: Mapping[int, float], mode: str = "min") -> int | None:
    """The trial that came to the most or least; the first of equals; NaN and infinity lose."""
    finite = {trial: value for trial, value in told.items() if math.isfinite(value)}
    sign = 1 if mode == "min" else -1
    return min(finite, key=lambda trial: (sign * finite[trial], trial)) if finite else None
