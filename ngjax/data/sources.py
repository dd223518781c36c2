"""Sources for the engine: examples that lie on the device, and examples the host hands over."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from ngjax.data.dataset import Dataset, Split
from ngjax.data.images.streamed import Streamed
from ngjax.types import Array, Batch, Source, shuffled

Augment = Callable[[Array, Array], Array]  # (key, one example's inputs) -> inputs


def constants(dataset: Dataset) -> dict[str, dict[str, np.ndarray]]:
    """What `resident` sources read: {"train": {"inputs", "targets"}, "dev": ..., "test": ...}."""
    splits = {"train": dataset.train, "dev": dataset.dev, "test": dataset.test}
    return {
        name: {"inputs": split.inputs, "targets": split.targets}
        for name, split in splits.items()
        if len(split) and not isinstance(split.inputs, Streamed)
    }


def resident(split: Split, *, prefix: str, augment: Augment | None = None) -> Source:
    """Examples that lie whole in `Task.constants[prefix]`: a batch is a gather, with no host in it.

    Args:
        split: the examples; only their number is kept.
        prefix: where `constants` holds their "inputs" [m, ...] and "targets" [m, ...].
        augment: applied to each example alone, with the key fold_in(key, slot).

    Returns:
        a Source whose batches hold "inputs" [B, ...] and "targets" [B, ...]; of images that stay on
        disk it is the `fetched` one, with the same batches.
    """
    if isinstance(split.inputs, Streamed):
        return fetched(split, augment=augment)

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        held = constants[prefix]
        inputs = held["inputs"][drawn["index"]]  # [B, ...]
        targets = held["targets"][drawn["index"]]  # [B, ...]
        return {"inputs": _augmented(augment, inputs, drawn, key), "targets": targets}

    return Source(size=len(split), batch=batch)


def few(split: Split, per_class: int) -> Source:
    """A `resident` source of `per_class` training examples of each class; each seed draws its own.

    Args:
        split: all that the seed draws from, under "train" in `constants`.
        per_class: examples of each class, fewer where a class has no more; 0: all.
    """
    source = resident(split, prefix="train")
    if not per_class:
        return source
    counts = np.minimum(np.bincount(split.targets), per_class)

    def order(size: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
        generator = np.random.Generator(np.random.Philox(key=[seed, 2**32]))  # no epoch is that far
        drawn = generator.permutation(len(split))
        by_class = [drawn[split.targets[drawn] == k][:count] for k, count in enumerate(counts)]
        chosen = np.sort(np.concatenate(by_class)).astype(np.int32)
        return chosen[shuffled(size, batch_size, seed, epoch)]  # [S, B]

    return dataclasses.replace(source, size=int(counts.sum()), order=order)


def residents(dataset: Dataset, parts: tuple[str, ...]) -> dict[str, Source]:
    """A `resident` source of each named part that has examples, as `Task.evals` wants them."""
    splits = {name: getattr(dataset, name) for name in parts}
    return {name: resident(split, prefix=name) for name, split in splits.items() if len(split)}


def fetched(split: Split, *, augment: Augment | None = None) -> Source:
    """Examples too many for the device: the host takes each batch from `split` and hands it over.

    Args:
        split: its inputs and targets may be anything that an index array can index and that has a
            length: a memory-mapped array, or a class that reads or decodes what is asked for.
        augment: as in `resident`.
    """

    def fetch(index: np.ndarray) -> dict[str, np.ndarray]:
        return {
            "inputs": np.asarray(split.inputs[index]),  # [B, ...]
            "targets": np.asarray(split.targets[index]),  # [B, ...]
        }

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        inputs = _augmented(augment, drawn["inputs"], drawn, key)
        return {"inputs": inputs, "targets": drawn["targets"]}

    return Source(size=len(split), batch=batch, fetch=fetch)


def _augmented(
    augment: Augment | None, inputs: Array, drawn: Mapping[str, Array], key: Array
) -> Array:
    if augment is None:
        return inputs
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, drawn["slot"])
    return jax.vmap(augment)(keys, inputs)  # [B, ...]
