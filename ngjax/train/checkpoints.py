"""Checkpoints: orbax writes them, sums of every leaf say whether they are still what was written.

Orbax commits a step atomically but restores flipped bits silently, and lists half-deleted steps. So
each commit holds a second item beside the state, the manifest: step, sha256 of every leaf, and the
engine's own progress. A step whose leaves do not match is passed over with a one-line warning.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from ngjax.train.devices import leads
from ngjax.types import State, UserError


class Saved(NamedTuple):
    """A restored checkpoint."""

    step: int
    state: State  # on the host
    progress: dict[str, Any]  # what the engine had counted by then


def sha256(tree: Any) -> str:
    """One sum over all leaves of a tree, in its order."""
    whole = hashlib.sha256()
    for _, digest in sorted(leaf_sums(tree).items()):
        whole.update(digest.encode())
    return whole.hexdigest()


def leaf_sums(tree: Any) -> dict[str, str]:
    """Path of a leaf -> sha256 of its bytes, dtype and shape."""
    found = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        leaf = np.ascontiguousarray(leaf)
        head = f"{leaf.dtype.str}{leaf.shape}".encode()
        digest = hashlib.sha256(head + leaf.tobytes()).hexdigest()
        found[jax.tree_util.keystr(path, simple=True, separator="/")] = digest
    return found


class Checkpoints:
    """The checkpoints of one arm and seed: the newest `keep` and the best by the objective.

    Use as a context manager: leaving it waits until what was being written is on disk.
    """

    def __init__(
        self, folder: Path, keep: int = 2, mode: str = "max", *, read_only: bool = False
    ) -> None:
        import orbax.checkpoint as ocp
        from orbax.checkpoint.checkpoint_managers import preservation_policy as keeping

        logging.getLogger("absl").setLevel(logging.ERROR)  # orbax narrates every save
        self._ocp = ocp
        self.folder = Path(folder).absolute()
        self._read_only = read_only
        self._sign = 1.0 if mode == "max" else -1.0
        policy = keeping.AnyPreservationPolicy(
            [
                keeping.LatestN(keep),
                keeping.BestN(
                    get_metric_fn=lambda metrics: self._sign * metrics["objective"],
                    n=1,
                    keep_checkpoints_without_metrics=False,  # those that were no new best
                ),
            ]
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policy,
            best_fn=lambda metrics: metrics["objective"],  # without it no metric reaches the disk
            read_only=read_only,
            create=not read_only,
            # The run folder is locked by one trainer, so what is unfinished here is a dead one's.
            cleanup_tmp_directories=not read_only,
            todelete_subdir=None
            if read_only
            else "trash",  # a rename first: deletion is not atomic
            enable_async_checkpointing=not read_only,
        )
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        try:
            self._manager.wait_until_finished()
            self._manager.close()
        except Exception as error:  # whatever orbax's writing thread met: mostly a full disk
            if kind is None:
                raise UserError(f"{self.folder}: could not save: {_brief(error)}") from None

    def save(
        self, state: State, progress: Mapping[str, Any], objective: float | None, *, wait: bool
    ) -> None:
        """Commit a host state and its manifest; `objective` is what the best is chosen by.

        Raises:
            UserError: the disk refused, in one line.
        """
        step = int(state.step)
        if step in self._manager.all_steps():
            self._manager.wait_until_finished()
            return
        manifest = {"step": step, "sha256": leaf_sums(state), "progress": dict(progress)}
        save = self._ocp.args
        metrics = None if objective is None else {"objective": objective}
        try:
            self._manager.save(
                step,
                args=save.Composite(
                    state=save.StandardSave(state), manifest=save.JsonSave(manifest)
                ),
                metrics=metrics,
            )
            if wait:
                self._manager.wait_until_finished()
        except Exception as error:  # orbax passes on whatever its writing thread met
            raise UserError(f"{self.folder}: could not save step {step}: {_brief(error)}") from None

    def latest(self, like: State) -> Saved | None:
        """The newest checkpoint whose sums hold; None where there is none at all.

        Raises:
            UserError: there are checkpoints, and every one of them is damaged.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        for step in steps:
            saved = self._verified(step, like)
            if saved:
                self._drop([newer for newer in steps if newer > step])
                return saved
        if steps:
            raise UserError(f"{self.folder}: all {len(steps)} checkpoints are damaged; delete it")
        return None

    def _drop(self, damaged: list[int]) -> None:
        """What was passed over makes room for the step that will be saved in its place."""
        if not self._read_only:
            for step in damaged:
                self._manager.delete(step)

    def best(self, like: State) -> Saved | None:
        """The best checkpoint by the objective, or None where it is damaged or was never saved."""
        self._manager.wait_until_finished()
        found = {step: self._manager.metrics(step) for step in self._manager.all_steps()}
        judged = {step: self._sign * m["objective"] for step, m in found.items() if m}
        return self._verified(max(judged, key=judged.get), like) if judged else None

    def _verified(self, step: int, like: State) -> Saved | None:
        restore = self._ocp.args
        try:
            found = self._manager.restore(
                step,
                args=restore.Composite(
                    state=restore.StandardRestore(like), manifest=restore.JsonRestore()
                ),
            )
        except Exception as error:  # orbax reports damage by whichever exception it hits first
            return _passed_over(self.folder / str(step), _brief(error))
        manifest = found.manifest
        state = jax.tree.map(np.asarray, found.state)
        sums = leaf_sums(state)
        wrong = [path for path, digest in manifest["sha256"].items() if sums.get(path) != digest]
        if wrong or manifest["step"] != step:
            return _passed_over(self.folder / str(step), f"{', '.join(wrong[:3])} changed on disk")
        return Saved(step, state, manifest["progress"])


def _passed_over(path: Path, reason: str) -> None:
    if leads():
        line = f"warning: checkpoint {path} is damaged ({reason}); trying an older one"
        print(line, file=sys.stderr)


def _brief(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
