r"""A computation graph: operations as they are written down, a pass for values, a pass for slopes.

    a, b, c = variable("a"), variable("b"), variable("c")
    u = named("u", b * c);   v = named("v", a + u);   J = named("J", 3 * v)
    values = forward(J, {"a": 5, "b": 3, "c": 2})     # u = 6, v = 11, J = 33
    slopes = backward(J, values)                      # dJ/da = 3, dJ/db = 6, dJ/dc = 9

Notes 1.3.6. The pass for values goes from the inputs to the output; the pass for slopes goes back
once, and gives the slope of the output in everything by the chain rule,

    dJ/dx = sum over the nodes n that read x of dJ/dn dn/dx

For numbers, to be read; `jax.grad` is the same pass over arrays. (The notes print dJ/dv as d/dv.)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np


class Operation:
    """An operation of one or two numbers, and its slope in each of them.

    Attributes:
        value: numbers -> a number.
        slopes: (value, numbers) -> one slope a number.
        text: how it is written, `{0}` and `{1}` standing for the numbers.
    """

    def __init__(self, value: Callable[..., Any], slopes: Callable[..., Any], text: str) -> None:
        self.value, self.slopes, self.text = value, slopes, text


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "add": Operation(lambda x, y: x + y, lambda out, x, y: (1.0, 1.0), "{0} + {1}"),
        "subtract": Operation(lambda x, y: x - y, lambda out, x, y: (1.0, -1.0), "{0} - {1}"),
        "multiply": Operation(lambda x, y: x * y, lambda out, x, y: (y, x), "{0} {1}"),
        "divide": Operation(lambda x, y: x / y, lambda out, x, y: (1 / y, -out / y), "{0} / {1}"),
        "negate": Operation(lambda x: -x, lambda out, x: (-1.0,), "-{0}"),
        "exp": Operation(np.exp, lambda out, x: (out,), "exp({0})"),
        "log": Operation(np.log, lambda out, x: (1 / x,), "log({0})"),
        "sigmoid": Operation(  # e^-log(1 + e^-z) is 1 / (1 + e^-z), without overflow
            lambda z: np.exp(-np.logaddexp(0, -z)), lambda a, z: (a * (1 - a),), "sigma({0})"
        ),
    }
)


@dataclasses.dataclass(frozen=True, eq=False)  # two nodes that read alike are still two
class Node:
    """A number of the graph: an input, a constant, or an operation of other nodes.

    Arithmetic on nodes records it; nothing is computed before `forward`.
    """

    operation: str = ""  # of OPERATIONS; none: an input or a constant
    inputs: tuple[Node, ...] = ()
    name: str = ""  # what it is called in pictures, and what an input's value is given by
    constant: float | None = None

    def __add__(self, other: Any) -> Node:
        return _record("add", self, other)

    def __radd__(self, other: Any) -> Node:
        return _record("add", other, self)

    def __sub__(self, other: Any) -> Node:
        return _record("subtract", self, other)

    def __rsub__(self, other: Any) -> Node:
        return _record("subtract", other, self)

    def __mul__(self, other: Any) -> Node:
        return _record("multiply", self, other)

    def __rmul__(self, other: Any) -> Node:
        return _record("multiply", other, self)

    def __truediv__(self, other: Any) -> Node:
        return _record("divide", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return _record("divide", other, self)

    def __neg__(self) -> Node:
        return _record("negate", self)


def variable(name: str) -> Node:
    """An input, whose value `forward` is told."""
    return Node(name=name)


def named(name: str, node: Node) -> Node:
    """The node under a name, as u = bc; read this one, not the nameless one, from then on."""
    return dataclasses.replace(node, name=name)


def exp(x: Node) -> Node:
    """e^x."""
    return _record("exp", x)


def log(x: Node) -> Node:
    """The natural logarithm."""
    return _record("log", x)


def sigmoid(z: Node) -> Node:
    """1 / (1 + e^-z)."""
    return _record("sigmoid", z)


def forward(output: Node, inputs: Mapping[str, float]) -> dict[Node, float]:
    """The value of every node that the output hangs on, inputs first.

    Raises:
        KeyError: an input of the graph is not told.
    """
    values: dict[Node, float] = {}
    for node in order(output):
        if node.operation:
            numbers = [values[x] for x in node.inputs]
            values[node] = float(OPERATIONS[node.operation].value(*numbers))
        else:
            values[node] = float(inputs[node.name] if node.constant is None else node.constant)
    return values


def backward(
    output: Node, values: Mapping[Node, float], ends: Collection[Node] = ()
) -> dict[Node, float]:
    """The slope of the output in every node it hangs on: one pass, output first.

    Args:
        output: what the slopes are of.
        values: of `forward`.
        ends: nodes that are taken as inputs: the pass does not go past them.
    """
    slopes = {output: 1.0}
    nodes = list(order(output, ends))
    for node in reversed(nodes):  # every node that reads this one has been passed
        if not node.operation or (node in ends and node is not output):
            continue
        local = OPERATIONS[node.operation].slopes(values[node], *(values[x] for x in node.inputs))
        for x, slope in zip(node.inputs, local, strict=True):
            slopes[x] = slopes.get(x, 0.0) + slopes[node] * float(slope)
    return slopes


def order(output: Node, ends: Collection[Node] = ()) -> Iterator[Node]:
    """The nodes that the output hangs on, once each, behind all that they read."""
    seen: set[Node] = set()
    waiting = [(output, False)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            if node is output or node not in ends:
                waiting += [(x, False) for x in reversed(node.inputs)]


def links(output: Node, values: Mapping[Node, float]) -> dict[tuple[Node, Node], float]:
    """(x, n) -> dn/dx for every named n and the named x that it reads, what lies between unnamed.

    The graph as a picture shows it: only what has a name.
    """
    named_ones = [node for node in order(output) if node.name]
    found = {}
    for node in named_ones:
        local = backward(node, values, set(named_ones))
        found |= {(x, node): local[x] for x in named_ones if x in local and x is not node}
    return found


def formula(node: Node) -> str:
    """How a node is made of the named ones and constants, such as "a + b c"; "" for an input."""
    if not node.operation:
        return ""
    parts = []
    for place, x in enumerate(node.inputs):
        text = x.name or (f"{x.constant:g}" if x.constant is not None else formula(x))
        bracketed = not x.name and x.operation in _LOOSE.get((node.operation, place), ())
        parts.append(f"({text})" if bracketed else text)
    return OPERATIONS[node.operation].text.format(*parts)


_SUMS = ("add", "subtract", "negate")
_LOOSE = {  # (operation, place) -> what needs brackets when it stands there
    ("subtract", 1): _SUMS,
    ("negate", 0): _SUMS,
    ("multiply", 0): _SUMS[:2],
    ("multiply", 1): _SUMS,
    ("divide", 0): _SUMS[:2],
    ("divide", 1): (*_SUMS, "multiply", "divide"),
}


def _record(operation: str, *inputs: Any) -> Node:
    nodes = (x if isinstance(x, Node) else Node(constant=float(x)) for x in inputs)
    return Node(operation, tuple(nodes))
