"""Rows of devices: a second mesh axis, along which what is too wide for one device is parted.

A row stands where one device stands otherwise: it has its share of the batch, and its devices part
among themselves the parameters that `Task.split` names. pmap knows one axis; here is the one
shard_map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from ngjax.types import AXIS, MODEL, UserError

Devices = Sequence[Any]  # devices, or rows of them as tuples


def rows(devices: Devices, columns: int) -> Devices:
    """The devices in rows of so many; as they were where a row is one device.

    Raises:
        UserError: they do not fall into such rows, or are of several hosts.
    """
    if columns == 1:
        return devices
    flag, count = f"--run.model_devices={columns}", len(devices)
    if count % columns:
        fitting = -(-count // columns) * columns
        raise UserError(f"{flag}: {count} devices make no such rows; give --devices={fitting}")
    if jax.process_count() > 1:
        raise UserError(f"{flag}: on one host only; leave it out")
    return [tuple(devices[start : start + columns]) for start in range(0, count, columns)]


def are_rows(devices: Devices) -> bool:
    """Whether they are rows of devices."""
    return isinstance(devices[0], tuple)


def mesh(devices: Devices) -> Mesh:
    """(AXIS,) over devices, (AXIS, MODEL) over rows of them."""
    grid = np.array(devices)
    return Mesh(grid, (AXIS, MODEL)[: grid.ndim])


def over_rows(
    function: Callable[..., Any], devices: Devices, in_axes: Sequence[int | None], donate: Any
) -> Callable[..., Any]:
    """`function` of one row's share, run on all rows at once.

    It is written as for one device. Along a row, parameters lie in parts, and the compiler parts
    the products that they enter likewise, with a sum over the row where a product contracts the
    axis that is cut (Xu et al. 2021, "GSPMD"). Random numbers are those of the whole array.

    Args:
        function: sees AXIS bound where there are rows; of a single row, it has bound AXIS itself,
            for the compiler takes no manual axis of length one (jaxlib 0.10).
        devices: rows.
        in_axes: 0 for what is stacked over rows, None for what is the same on all.
        donate: places of arguments that are given up; as many first results lie as these lay.
    """

    def row(*arguments: Any) -> Any:
        own = [
            argument if axis is None else jax.tree.map(lambda leaf: leaf[0], argument)
            for argument, axis in zip(arguments, in_axes, strict=True)
        ]
        return jax.tree.map(lambda leaf: leaf[None], function(*own))

    every = row
    if len(devices) > 1:
        specs = [PartitionSpec() if axis is None else PartitionSpec(AXIS) for axis in in_axes]
        every = jax.shard_map(
            row,
            mesh=mesh(devices),
            in_specs=tuple(specs),
            out_specs=PartitionSpec(AXIS),
            axis_names={AXIS},  # of MODEL it knows nothing
            check_vma=False,
        )
    compiled: list[Callable[..., Any]] = []

    def call(*arguments: Any) -> Any:
        if not compiled:  # where things lie is known from the first arguments
            lay = [jax.tree.map(lambda leaf: leaf.sharding, arguments[place]) for place in donate]
            shardings = (*lay, None) if lay else None
            compiled.append(jax.jit(every, donate_argnums=donate, out_shardings=shardings))
        return compiled[0](*arguments)

    return call
