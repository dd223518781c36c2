"""How a State lies on the devices: a copy on each of them, but for what is cut into parts.

    carry                   dealt out with the batch, always
    --run.shard_optimizer   each of N devices keeps 1/N of the rule's averages, makes 1/N of the
                            update and is told the rest (Rajbhandari et al. 2020, ZeRO, stage 1)
    --run.model_devices=M   M devices beside one another hold the parameters that `Task.split` names
                            in M parts, and whatever the rule keeps of them likewise

On the host a State is whole, so a checkpoint knows nothing of the devices that wrote it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax

from ngjax.train import devices as dev
from ngjax.train.settings import Run
from ngjax.train.shared_rule import cut, joined, shared_state
from ngjax.types import State, Task, UserError

Split = Mapping[str, int]  # end of a parameter's path -> the axis that is cut


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """Takes a State to the devices and back.

    Attributes:
        devices: or rows of them.
        parts: of accumulation, that a carry is cut into.
        shared: shapes of those leaves of `opt_state` whose elements are shared out over devices,
            None where a leaf is not; None: no leaf is.
        split: of the Task, where a row of devices parts its parameters; None: nothing is.
    """

    devices: dev.Devices
    parts: int = 1
    shared: Any = None
    split: Split | None = None

    @property
    def saves_memory(self) -> bool:
        """Whether some of a state lies on one device alone, its carry not counted."""
        return bool(self.split) or self.shared is not None

    def place(self, state: State) -> State:
        """A host state on the devices."""
        carry = dev.deal(state.carry, len(self.devices), self.parts)
        carry = jax.tree.map(lambda leaf: leaf[dev.own(self.devices)], carry)
        kept, rows = self._divide(state.opt_state)
        whole = state._replace(carry=None, opt_state=kept)
        copies = dev.replicate(whole, self.devices, self.split and axes(whole, self.split))
        own = jax.tree.map(lambda leaf: cut(leaf, len(self.devices))[dev.own(self.devices)], rows)
        opt_state = self._unite(copies.opt_state, dev.put(own, self.devices))
        return copies._replace(carry=dev.put(carry, self.devices), opt_state=opt_state)

    def fetch(self, state: State) -> State:
        """A state of the devices on the host."""
        kept, rows = self._divide(state.opt_state)
        carry, rows = dev.whole((state.carry, rows), self.devices)
        own = jax.tree.map(lambda leaf, like: joined(leaf, like.shape), rows, self.shared)
        copies = dev.first(state._replace(carry=None, opt_state=kept))
        return copies._replace(
            carry=dev.undeal(carry), opt_state=self._unite(copies.opt_state, own)
        )

    def held(self, state: State) -> dict[str, int]:
        """Bytes of the parameters and of what the rule keeps of them that lie on one device.

        Args:
            state: whole, or its shapes.
        """
        split, columns = self.split or {}, len(self.devices[0]) if self.split else 1

        def total(tree: Any, shares: int) -> int:
            def held(leaf: Any, axis: int) -> int:
                elements = math.prod(leaf.shape) // (columns if axis >= 0 else 1)
                return -(-elements // shares) * leaf.dtype.itemsize

            return sum(jax.tree.leaves(jax.tree.map(held, tree, axes(tree, split))))

        kept, rows = self._divide(state.opt_state)
        rule = total(kept, 1) + total(rows, len(self.devices))
        return {"parameters": total(state.params, 1), "optimizer": rule}

    def _divide(self, opt_state: Any) -> tuple[Any, Any]:
        """(what every device has, what is shared out): each is None where the other is not."""
        if self.shared is None:
            return opt_state, None

        def chosen(wanted: bool) -> Any:
            return jax.tree.map(
                lambda like, leaf: leaf if (like is not None) == wanted else None,
                self.shared,
                opt_state,
                is_leaf=lambda like: like is None,
            )

        return chosen(False), chosen(True)

    def _unite(self, kept: Any, rows: Any) -> Any:
        if self.shared is None:
            return kept
        return jax.tree.map(
            lambda one, other: other if one is None else one,
            kept,
            rows,
            is_leaf=lambda leaf: leaf is None,
        )


def lay(task: Task, run: Run, devices: dev.Devices, params: Any, rule: Callable[[], Any]) -> Layout:
    """The layout that a Run asks for.

    Args:
        task: what may be split.
        run: what is.
        devices: or rows of them.
        params: their shapes.
        rule: makes the Task's chain, where it is asked for.

    Raises:
        UserError: the parameters or the rule cannot be parted so.
    """
    split = shared = None
    if run.model_devices > 1:
        split = task.split
        check_split(params, split, run.model_devices)
    if run.shard_optimizer:
        shared = shared_state(rule(), params, len(devices))
    return Layout(devices, run.accumulate, shared, split)


def axes(tree: Any, split: Split) -> Any:
    """For every leaf the axis along which a row of devices parts it; -1: each has all of it."""

    def axis(path: tuple[Any, ...], leaf: Any) -> int:
        named = [axis for end, axis in split.items() if f"/{_name(path)}".endswith(f"/{end}")]
        return named[0] if named and named[0] < len(leaf.shape) else -1

    return jax.tree_util.tree_map_with_path(axis, tree)


def check_split(params: Any, split: Split, columns: int) -> None:
    """Refuse parameters that a row of devices cannot share equally.

    Raises:
        UserError: no parameter is named, or one does not divide.
    """
    flag, cuts = f"--run.model_devices={columns}", axes(params, split)
    if all(axis < 0 for axis in jax.tree.leaves(cuts)):
        raise UserError(f"{flag}: this experiment names no parameters to split; leave it out")

    def check(path: tuple[Any, ...], leaf: Any, axis: int) -> None:
        if axis >= 0 and leaf.shape[axis] % columns:
            size = leaf.shape[axis]
            raise UserError(f"{flag}: the {size} of {_name(path)} do not divide by {columns}")

    jax.tree_util.tree_map_with_path(check, params, cuts)


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
