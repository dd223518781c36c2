"""Configs: frozen dataclasses, and the one override language of flags, arms and searches.

A field has a type, a default and a trailing comment; the comment is its help. Fields may be bool,
int, float, str, `Literal`, tuples of those, `None`-able, or another config (a group):

    @dataclasses.dataclass(frozen=True)
    class Config:
        depth: int = 20  # layers, 6n + 2
        optimizer: Optimizer = Optimizer()

    override(Config(), ("depth=56", "optimizer.learning_rate=0.1"))
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import functools
import inspect
import io
import math
import textwrap
import tokenize
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from ngjax.types import UserError


class Knob(NamedTuple):
    """One field that a flag can set."""

    path: str  # "optimizer.learning_rate"
    annotation: Any
    default: Any
    help: str


def knobs(config: Any, prefix: str = "") -> tuple[Knob, ...]:
    """Every field of a config in reading order, groups opened."""
    found = []
    hints = typing.get_type_hints(type(config))
    meanings = comments(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            found += knobs(value, f"{prefix}{field.name}.")
        else:
            meaning = meanings.get(field.name, "")
            found.append(Knob(prefix + field.name, hints[field.name], value, meaning))
    return tuple(found)


@functools.cache
def comments(cls: type) -> Mapping[str, str]:
    """Field name -> its trailing comment, read from the source of the class."""
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except OSError:  # a class typed at a prompt has no source
        return {}
    on_line = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__[1:-1]):
        found |= comments(base)
    for node in ast.parse(source).body[0].body:
        if isinstance(node, ast.AnnAssign):
            lines = range(node.lineno, node.end_lineno + 1)
            found[node.target.id] = " ".join(on_line[n] for n in lines if n in on_line)
    return found


def flatten(config: Any) -> dict[str, Any]:
    """A config as {path: value}, ready for JSON but for tuples, which JSON calls lists."""
    return {knob.path: knob.default for knob in knobs(config)}


def override(config: Any, assignments: Iterable[str] | Mapping[str, Any]) -> Any:
    """The config with "path=text" assignments, or a {path: value} of JSON, applied.

    Raises:
        UserError: an unknown path (with the nearest one), or a value of the wrong type or range.
    """
    known = {knob.path: knob for knob in knobs(config)}
    tree: dict[str, Any] = {}
    pairs = assignments.items() if isinstance(assignments, Mapping) else map(_pair, assignments)
    for path, value in pairs:
        if path not in known:
            raise UserError(f"--{path}: no such knob{nearest(path, known)}")
        try:
            typed = parse(known[path].annotation, value)
        except ValueError as error:
            raise UserError(f"--{path}={value}: {error}") from None
        *groups, name = path.split(".")
        leaf = tree
        for group in groups:
            leaf = leaf.setdefault(group, {})
        leaf[name] = typed
    return _replace(config, tree, "")


def _pair(assignment: str) -> tuple[str, str]:
    path, equals, text = assignment.partition("=")
    if not equals:
        raise UserError(f"{assignment}: an override is written path=value")
    return path.strip(), text


def _replace(config: Any, tree: Mapping[str, Any], prefix: str) -> Any:
    """All changes of a group at once, so that a group's own check never sees half of them."""
    changes = {}
    for name, value in tree.items():
        group = getattr(config, name)
        is_group = dataclasses.is_dataclass(group)
        changes[name] = _replace(group, value, f"{prefix}{name}.") if is_group else value
    try:
        return dataclasses.replace(config, **changes)
    except ValueError as error:  # a config's __post_init__ says "field: what is wrong"
        raise UserError(f"--{prefix}{error}") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error message: '; did you mean X?' where some known name is near."""
    known = list(known)
    close = difflib.get_close_matches(name, known, 1, 0.5)
    if not close:  # a bare field name is near the path that ends in it
        tails = {path.rpartition(".")[2]: path for path in known}
        tail = difflib.get_close_matches(name.rpartition(".")[2], tails, 1, 0.6)
        close = [tails[tail[0]]] if tail else []
    return f"; did you mean {close[0]}?" if close else ""


def parse(annotation: Any, value: Any) -> Any:
    """Text (or JSON) to a value of the annotated type.

    Raises:
        ValueError: what was expected.
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        if value is None or (isinstance(value, str) and value.lower() == "none"):
            return None
        return parse(next(a for a in arguments if a is not type(None)), value)
    if origin is Literal:
        return _choice(arguments, value)
    if origin is tuple:
        return _tuple(arguments, value)
    return _SCALARS[annotation](value)


def _choice(choices: tuple[Any, ...], value: Any) -> Any:
    for choice in choices:
        if value == choice or str(value) == str(choice):
            return choice
    listed = ", ".join(map(str, choices))
    raise ValueError(f"expected one of {listed}{nearest(str(value), map(str, choices))}")


def _tuple(elements: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    """Written 1,2,3; a tuple of tuples is written 1:0.1,2:0.01."""
    if isinstance(value, str):
        inner = any(typing.get_origin(element) is tuple for element in elements)
        value = [part.strip() for part in value.strip("()[] ").split(",") if part.strip()]
        if inner:
            value = [part.replace(":", ",") for part in value]
    if len(elements) == 2 and elements[1] is Ellipsis:
        return tuple(parse(elements[0], part) for part in value)
    if len(value) != len(elements):
        raise ValueError(f"expected {len(elements)} values, got {len(value)}")
    return tuple(parse(element, part) for element, part in zip(elements, value, strict=True))


def _bool(value: Any) -> bool:
    text = str(value).lower()
    if text in ("true", "yes", "1"):
        return True
    if text in ("false", "no", "0"):
        return False
    raise ValueError("expected true or false")


def _int(value: Any) -> int:
    try:
        number = float(value)  # 1e3 is a whole number too
        if number.is_integer():
            return int(value) if str(value).lstrip("+-").isdigit() else int(number)
    except (ValueError, OverflowError):
        pass
    raise ValueError("expected a whole number")


def _float(value: Any) -> float:
    try:
        number = float(value)
    except (ValueError, TypeError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("expected a finite number")
    return number


_SCALARS = {bool: _bool, int: _int, float: _float, str: str}


def spell(annotation: Any) -> str:
    """The type as --help prints it: 'int', 'adam|rmsprop', 'int,int,...', 'float or none'."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("none" if a is type(None) else spell(a) for a in arguments)
    if origin is Literal:
        return "|".join(map(str, arguments))
    if origin is tuple:
        inside = [spell(a) for a in arguments if a is not Ellipsis]
        joined = ",".join(":".join(i.split(",")) for i in inside)
        return joined + ",..." if Ellipsis in arguments else joined
    return annotation.__name__


def write(value: Any) -> str:
    """A value as the command line spells it; `parse` reads it back."""
    if isinstance(value, tuple):
        return ",".join(
            ":".join(map(write, part)) if isinstance(part, tuple) else write(part) for part in value
        )
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return str(value)
