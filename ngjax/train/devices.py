"""The one file that knows devices: pmap, what is replicated, what is split, and how it comes back.

A pmapped function sees one device's share. A replicated tree is stacked [N, ...], a split one is
[N, parts, B / N / parts, ...], a shared one (constants) lives once on every device and has no axis.
`parts` is gradient accumulation: a batch is cut into parts first and over devices second, so that
part j holds the same examples on any number of devices (batch statistics see the same batch).

Several processes, one a host, make one run: N devices of all of them, n of its own. Each deals the
whole batch, keeps its own rows of it and hands [n, ...] to a pmapped function; sums go over all N.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

from ngjax.train.mesh import Devices, are_rows, mesh, over_rows
from ngjax.types import AXIS, MODEL, UserError


def select(count: int | None = None) -> list[jax.Device]:
    """The first `count` devices of every process; all accelerators, or one CPU, if none is said.

    Raises:
        UserError: more devices than this machine has.
    """
    local = jax.local_devices()
    if count is None:
        count = 1 if local[0].platform == "cpu" else len(local)
    if not 1 <= count <= len(local):
        raise UserError(f"--devices={count}: this machine shows {len(local)} {local[0].platform}")
    every = [jax.local_devices(process_index=p)[:count] for p in range(jax.process_count())]
    if {len(found) for found in every} != {count}:
        raise UserError(f"--devices={count}: another host shows fewer; give what all of them have")
    return [device for found in every for device in found]


def here(devices: Devices) -> list[Any]:
    """Those of the devices that this process has; rows are one process's always."""
    own = jax.process_index()
    return [d for d in devices if are_rows(devices) or d.process_index == own]


def own(devices: Devices) -> slice:
    """Which rows of [N, ...] are this process's."""
    start = devices.index(here(devices)[0])
    return slice(start, start + len(here(devices)))


def leads() -> bool:
    """Whether this process is the one that writes and speaks."""
    return jax.process_index() == 0


def agree(*numbers: int) -> tuple[int, ...]:
    """The largest of what the processes say, number by number; all of them wait until all did."""
    if jax.process_count() == 1:
        return numbers
    said = np.asarray(numbers or (0,), np.int32)
    most = _largest()(np.broadcast_to(said, (jax.local_device_count(), len(said))))
    return tuple(int(number) for number in first(most))


def alike(tell: Callable[[], str]) -> bool:
    """Whether what this process tells is what every other one does."""
    if jax.process_count() == 1:
        return True
    said = zlib.crc32(tell().encode()) >> 1  # of 32 bits, so that it may be negated
    most, least = agree(said, -said)
    return most == -least


@functools.cache
def _largest() -> Callable[[Any], Any]:
    return jax.pmap(lambda said: lax.pmax(said, AXIS), axis_name=AXIS)


def check_divides(flag: str, batch_size: int, devices: int, parts: int = 1) -> None:
    """Refuse a batch that devices (times accumulation parts) cannot share equally.

    Raises:
        UserError: with the nearest sizes that can be shared.
    """
    unit = devices * parts
    if batch_size % unit:
        below, above = batch_size // unit * unit, -(-batch_size // unit) * unit
        near = f"{below} or {above}" if below else f"{above}"
        over = f"{devices} devices" + (f" x {parts} parts" if parts > 1 else "")
        raise UserError(f"--{flag}: {batch_size} examples do not divide over {over}; use {near}")


def parallel(
    function: Callable[..., Any],
    devices: Devices,
    in_axes: Any,
    out_axes: Any = 0,
    donate: tuple[int, ...] = (),
) -> Callable[..., Any]:
    """`function` of one device's share, run on all of them at once; AXIS is bound inside."""
    if are_rows(devices):
        bound = function if len(devices) > 1 else alone(function)
        return over_rows(bound, devices, in_axes, donate)
    return jax.pmap(
        function,
        axis_name=AXIS,
        in_axes=in_axes,
        out_axes=out_axes,
        donate_argnums=donate,
        devices=list(devices),
    )


def device_sum(tree: Any) -> Any:
    """Inside a pmapped function: the sum over all devices, equal to the last bit on each.

    On CPUs one process adds in the order of its devices, and several by a ring that starts
    elsewhere for every stretch of an array. There they add in that order too, so that the hosts a
    run is spread over do not show in its result. Accelerators add as their library does.
    """
    if lax.axis_size(AXIS) == 1:
        return tree  # XLA keeps a sum of one, and its threads' meeting
    if jax.process_count() == 1 or jax.default_backend() != "cpu":
        return lax.psum(tree, AXIS)

    def in_order(leaf: Any) -> Any:
        rows = lax.all_gather(leaf, AXIS)
        # A loop: additions in a row would be fused with what follows, and rounded otherwise.
        return lax.scan(lambda s, row: (s + row, None), rows[0], rows[1:])[0]

    return jax.tree.map(in_order, tree)


def alone(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` outside the engine, with AXIS bound to one device, so that psum means identity."""

    def bound(*arguments: Any) -> Any:
        with_axis = jax.vmap(function, axis_name=AXIS, axis_size=1, in_axes=None, out_axes=0)
        return jax.tree.map(lambda leaf: leaf[0], with_axis(*arguments))

    return bound


def replicate(tree: Any, devices: Devices, axes: Any = None) -> Any:
    """One copy a device, or a row of them: [...] -> [n, ...].

    Args:
        tree: on the host.
        devices: of all processes.
        axes: for each leaf the axis along which a row parts its copy, -1 where it does not; None:
            nowhere.
    """

    def copies(leaf: Any) -> np.ndarray:
        return np.broadcast_to(leaf, (len(here(devices)), *np.shape(leaf)))

    def parted(axis: int) -> NamedSharding:
        along = (*(None,) * axis, MODEL) if axis >= 0 else ()
        return _sharding(devices, PartitionSpec(AXIS, *along))

    shardings = parted(-1) if axes is None else jax.tree.map(parted, axes)
    return jax.device_put(jax.tree.map(copies, tree), shardings)


def share(tree: Any, devices: Devices) -> Any:
    """The same array on every device without an axis of its own; for arguments with in_axes None.

    Laid out once, here: a constant that a step closed over would be compiled into it.
    """
    sharding = _sharding(devices, PartitionSpec())
    return jax.device_put(jax.tree.map(np.asarray, tree), sharding)


def deal(tree: Any, devices: int, parts: int = 1, axis: int = 0) -> Any:
    """Host arrays cut along a batch axis: [..., B, ...] -> [N, ..., parts, B/N/parts, ...]."""

    def cut(leaf: np.ndarray) -> np.ndarray:
        shape = leaf.shape
        each = shape[axis] // (devices * parts)
        leaf = leaf.reshape(*shape[:axis], parts, devices, each, *shape[axis + 1 :])
        return np.moveaxis(leaf, axis + 1, 0)

    return jax.tree.map(cut, tree)


def put(tree: Any, devices: Devices) -> Any:
    """Host arrays [n, ...], this process's own rows, laid out one row a device."""
    return jax.device_put(tree, _sharding(devices, PartitionSpec(AXIS)))


def whole(tree: Any, devices: Devices) -> Any:
    """The rows of all devices on the host of every process: [n, ...] -> [N, ...]."""
    if len(here(devices)) == len(devices) or not jax.tree.leaves(tree):
        return jax.tree.map(np.asarray, tree)
    return first(_gather(tuple(devices))(tree))


@functools.cache
def _gather(devices: Devices) -> Callable[[Any], Any]:
    return parallel(lambda tree: lax.all_gather(tree, AXIS), devices, 0)


def undeal(tree: Any) -> Any:
    """What `deal` cut along axis 0, whole again on the host: [N, parts, b, ...] -> [B, ...]."""

    def whole(leaf: Any) -> np.ndarray:
        leaf = np.moveaxis(np.asarray(leaf), 0, 1)  # [parts, N, b, ...]
        return leaf.reshape(-1, *leaf.shape[3:])

    return jax.tree.map(whole, tree)


def first(tree: Any) -> Any:
    """The first device's copy of a replicated tree, on the host.

    Read from the shard: indexing the stacked array would launch a program over all devices.
    """

    def copy(leaf: Any) -> np.ndarray:
        shards = leaf.addressable_shards
        held = np.asarray(shards[0].data)
        if held.shape[1:] != leaf.shape[1:]:  # a row of devices parts it
            held = np.empty((1, *leaf.shape[1:]), leaf.dtype)
            for shard in shards:
                if not shard.index[0].start:
                    held[(slice(1), *shard.index[1:])] = shard.data
        return np.asarray(held[0])  # a NumPy scalar, where no axis is left, is no array

    return jax.tree.map(copy, tree)


def cast(tree: Any, dtype: Any) -> Any:
    """Every floating leaf in another precision; integers and flags as they were."""

    def to(leaf: Any) -> Any:
        floating = jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
        return leaf.astype(dtype) if floating else leaf

    return jax.tree.map(to, tree)


def _sharding(devices: Devices, spec: PartitionSpec) -> NamedSharding:
    return NamedSharding(mesh(here(devices)), spec)
