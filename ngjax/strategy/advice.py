"""Which knob of an experiment pulls what (notes 2.2, 3.1, 3.3): one knob, one effect.

    fits train -> fits dev -> fits test -> is of use
       bias      variance      dev set     real world

The table holds the notes' remedies with the names that knobs go by in this house. `advise` keeps
those that a config has, where the value it suggests is one that the config takes.
"""

from __future__ import annotations

import fnmatch
import math
import typing
from collections.abc import Callable, Collection
from typing import Any, Literal, NamedTuple

from ngjax import config as cfg
from ngjax.types import UserError

Stage = Literal["bias", "variance", "dev set", "real world"]
STAGES: dict[Stage, str] = {  # the chain of assumptions, and what each stage's knobs mend
    "bias": "fit the training set",
    "variance": "fit the dev set as well as the training set",
    "dev set": "fit the test set as well as the dev set",
    "real world": "be of use where it is used",
}
MOST_DROPPED = 0.8


class Remedy(NamedTuple):
    """A row of the table."""

    stage: Stage
    what: str  # in the notes' words
    patterns: tuple[str, ...]  # of a knob's path; * is any stretch
    suggest: Callable[[cfg.Knob], tuple[Any, ...]]  # its values to try; none: leave it alone
    unless: str = ""  # a knob that overrules this one where it is set


class Advice(NamedTuple):
    """A flag that exists, and what to try."""

    path: str
    now: Any
    tries: tuple[Any, ...]
    what: str

    @property
    def flags(self) -> tuple[str, ...]:
        """As typed, one a value: "--run.epochs=20"."""
        return tuple(f"--{self.path}={cfg.write(value)}" for value in self.tries)

    def __str__(self) -> str:
        """In a line: "--optimizer.rule=momentum or adam"."""
        return f"--{self.path}=" + " or ".join(map(cfg.write, self.tries))


def _doubled(knob: cfg.Knob) -> tuple[Any, ...]:
    value = knob.default
    if isinstance(value, bool) or not value:
        return ()
    if isinstance(value, tuple):
        units = [2 * unit for unit in value if isinstance(unit, int)]
        return (tuple(units),) if len(units) == len(value) else ()
    return (2 * value,) if isinstance(value, int) else ()


def _from(start: float, factor: int = 3) -> Callable[[cfg.Knob], tuple[Any, ...]]:
    """What is off is set to `start`; what is on is made larger."""

    def suggest(knob: cfg.Knob) -> tuple[Any, ...]:
        if isinstance(knob.default, tuple | str):
            return ()
        if isinstance(knob.default, bool):
            return () if knob.default else (True,)
        return (_round(factor * knob.default) if knob.default else start,)

    return suggest


def _more_dropped(knob: cfg.Knob) -> tuple[Any, ...]:
    if isinstance(knob.default, bool) or not isinstance(knob.default, float):
        return ()
    more = round(knob.default + 0.2, 3)
    return (more,) if more <= MOST_DROPPED else ()


def _more_kept(knob: cfg.Knob) -> tuple[Any, ...]:
    return (round(knob.default - 0.2, 3),) if isinstance(knob.default, float) else ()


def _around(knob: cfg.Knob) -> tuple[Any, ...]:
    value = knob.default
    return (_round(3 * value), _round(value / 3)) if isinstance(value, float) and value else ()


def _others(knob: cfg.Knob) -> tuple[Any, ...]:
    choices = typing.get_args(knob.annotation)
    literal = typing.get_origin(knob.annotation) is Literal
    return tuple(c for c in choices if c != knob.default) if literal else ()


def _better_rule(knob: cfg.Knob) -> tuple[Any, ...]:
    order = ("descent", "momentum", "rmsprop", "adam")
    return order[order.index(knob.default) + 1 :] if knob.default in order else ()


def _all(knob: cfg.Knob) -> tuple[Any, ...]:
    return (0,) if knob.default else ()


def _larger_share(knob: cfg.Knob) -> tuple[Any, ...]:
    if not knob.default:  # none: as the notes split; 0: the set is not wanted
        return (0.3,) if knob.default is None else ()
    return (round(1.5 * knob.default, 3) if knob.default < 1 else 2 * knob.default,)


def _best(knob: cfg.Knob) -> tuple[Any, ...]:
    return ("best",) if knob.default == "last" else ()


def _named(knob: cfg.Knob) -> tuple[Any, ...]:
    return (knob.default,)


ARCHITECTURE = ("variant", "cell", "architecture", "model", "activation", "shortcut")
REMEDIES = (
    Remedy("bias", "train longer", ("run.epochs",), _doubled, unless="run.steps"),
    Remedy("bias", "train longer", ("run.steps", "steps"), _doubled),
    Remedy(
        "bias",
        "a bigger network",
        ("hidden", "*width", "*depth", "units", "layers", "blocks", "filters", "embedding"),
        _doubled,
    ),
    Remedy("bias", "a better optimizer", ("*.rule",), _better_rule),
    Remedy("bias", "another learning rate", ("*.learning_rate",), _around),
    Remedy("bias", "another architecture", ARCHITECTURE, _others),
    Remedy("variance", "more data: all there is", ("data.limit",), _all),
    Remedy("variance", "more data", ("examples",), _doubled),
    Remedy("variance", "L2 regularisation", ("l2", "*.l2"), _from(1e-3)),
    Remedy("variance", "L1 regularisation", ("l1", "*.l1"), _from(1e-4)),
    Remedy("variance", "decay of the weights", ("*.weight_decay",), _from(1e-2)),
    Remedy("variance", "dropout", ("*dropout",), _more_dropped),
    Remedy("variance", "dropout", ("*keep_prob",), _more_kept),
    Remedy(
        "variance", "augmentation", ("*shift", "*flip", "*crop", "*augment"), _from(1, factor=2)
    ),
    Remedy("variance", "early stopping, which moves the bias too", ("run.patience",), _from(3, 2)),
    Remedy("variance", "early stopping, which moves the bias too", ("run.weights",), _best),
    Remedy("variance", "another architecture", ARCHITECTURE, _others),
    Remedy("dev set", "a larger dev set", ("data.dev",), _larger_share),
    Remedy("real world", "data of the kind that will be met", ("data.name",), _named),
)


def advise(config: Any, stage: Stage, fixed: Collection[str] = ()) -> tuple[Advice, ...]:
    """The flags of this very config that pull that knob, in the table's order.

    Args:
        config: of an experiment.
        stage: where the error comes from.
        fixed: paths that are not to be turned, as those that an arm sets.
    """
    known = {knob.path: knob for knob in cfg.knobs(config)}
    found: dict[str, Advice] = {}
    for remedy in REMEDIES:
        if remedy.stage != stage or _is_set(known.get(remedy.unless)):
            continue
        for path, knob in known.items():
            if path in found or path in fixed:
                continue
            if any(fnmatch.fnmatchcase(path, pattern) for pattern in remedy.patterns):
                tries = [v for v in remedy.suggest(knob) if _taken(config, path, v)]
                if tries:
                    found[path] = Advice(path, knob.default, tuple(tries), remedy.what)
    return tuple(found.values())


def _is_set(knob: cfg.Knob | None) -> bool:
    return bool(knob and knob.default)


def _taken(config: Any, path: str, value: Any) -> bool:
    """Whether the config takes it: a rule that refuses decay is not told to decay."""
    try:
        cfg.override(config, (f"{path}={cfg.write(value)}",))
    except UserError:
        return False
    return True


def _round(value: float) -> float:
    """Two significant digits: 0.003 / 3 is 0.001."""
    if isinstance(value, int):
        return value
    return float(f"{value:.2g}") if math.isfinite(value) else value
