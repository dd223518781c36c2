"""The notes' table of a network: activation shape, size, parameters (notes 4.4).

For every model that returns (logits, activations) with its parts named alike in both trees.
Nothing is computed: shapes alone are traced, so a network of any size takes a moment, and that once
a process.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ngjax.models.layers import Conv, Dense, DepthwiseConv
from ngjax.types import Array

LAYERS = (Conv, Dense, DepthwiseConv, nn.Conv, nn.Dense)  # whose multiplications are counted


@dataclasses.dataclass(frozen=True)
class Row:
    """One part of a network, for one example."""

    name: str
    shape: tuple[int, ...] | None  # of the activation; None where a part hands none out
    parameters: int
    multiplications: int = 0  # in convolutions and full connections alone

    @property
    def bytes(self) -> int:
        """What parameters and activation take in float32."""
        return 4 * (self.parameters + (self.size or 0))

    @property
    def size(self) -> int | None:
        """Numbers in the activation."""
        return None if self.shape is None else math.prod(self.shape)


def layer_table(
    module: nn.Module, input_shape: tuple[int, ...], dtype: Any = jnp.float32, **call: Any
) -> list[Row]:
    """Rows in the order of the activations, the input first, parts without activation last.

    Args:
        module: returns (logits, activations by name).
        input_shape: of one example, without B.
        dtype: of the input.
        call: further arguments of the module's call, such as train=False.
    """
    return list(_rows(module, tuple(input_shape), dtype, tuple(sorted(call.items()))))


@functools.lru_cache(maxsize=128)
def _rows(
    module: nn.Module, input_shape: tuple[int, ...], dtype: Any, call: tuple[tuple[str, Any], ...]
) -> tuple[Row, ...]:
    activations: dict[str, Any] = {}  # by the trace itself: trees that leave it are sorted by name
    multiplications: collections.Counter[str] = collections.Counter()

    def count(call_next: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        z = call_next(*args, **kwargs)
        layer = context.module
        if context.method_name == "__call__" and isinstance(layer, LAYERS):
            kernel = layer.get_variable("params", "kernel")
            multiplications[layer.path[0]] += math.prod(kernel.shape) * math.prod(z.shape[1:-1])
        return z

    def trace(key: Array, x: Array) -> Any:
        with nn.intercept_methods(count):
            (_, out), variables = module.init_with_output(key, x, **dict(call))
        activations.update((name, jax.typeof(a).shape[1:]) for name, a in out.items())
        return variables.get("params", {})

    x = jax.ShapeDtypeStruct((1, *input_shape), dtype)
    params = jax.eval_shape(
        trace, jax.ShapeDtypeStruct((), jax.eval_shape(jax.random.key, 0).dtype), x
    )
    parameters = {
        name: sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(part))
        for name, part in params.items()
    }
    names = [*activations, *(name for name in parameters if name not in activations)]
    return (
        Row("input", input_shape, 0),
        *(
            Row(name, activations.get(name), parameters.get(name, 0), multiplications[name])
            for name in names
        ),
    )


def format_table(rows: Sequence[Row]) -> str:
    """Plain text, one line a part and one for the sums; bytes are of float32, for one example."""
    head = ("", "activation shape", "size", "parameters", "multiplications", "bytes")
    lines = [
        (
            row.name,
            "" if row.shape is None else str(row.shape),
            "" if row.size is None else f"{row.size:,}",
            f"{row.parameters:,}",
            f"{row.multiplications:,}",
            f"{row.bytes:,}",
        )
        for row in rows
    ]
    sums = (
        sum(getattr(row, name) for row in rows)
        for name in ("parameters", "multiplications", "bytes")
    )
    cells = [head, *lines, ("total", "", "", *(f"{total:,}" for total in sums))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in cells
    )
