"""From a name to train, dev and test."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from ngjax.data.catalogue import entry
from ngjax.data.dataset import Data, Dataset, Human, Parts, Split, changed, take
from ngjax.data.fetch import locate
from ngjax.data.images import image_folder
from ngjax.data.images.image import field, resize
from ngjax.data.split import held_counts, hold_out
from ngjax.types import UserError

PARTS = ("train", "dev", "test")
KEPT = 4  # sets that stay in memory: arms, figures and texts of a run ask for the same ones


def load(config: Data, *, kinds: tuple[str, ...] = (), classes: int = 0) -> Dataset:
    """`read` a data set that the caller can use.

    Args:
        config: which set, and how it is split.
        kinds: "images", "table", "regression", "text": those that the caller can use; none: any.
        classes: how many classes the caller needs; 0: any.

    Raises:
        UserError: a set of another kind or number of classes, and all that `read` refuses.
    """
    item = entry(config.name)
    if kinds and item.kind not in kinds:
        raise UserError(
            f"--data.name={config.name}: is {item.kind}; this needs {' or '.join(kinds)}"
        )
    held = read(config)
    if classes and len(held.classes) != classes:
        raise UserError(
            f"--data.name={config.name}: has {len(held.classes)} classes; this needs {classes}"
        )
    return held


@functools.lru_cache(maxsize=KEPT)
def read(config: Data) -> Dataset:
    """Find, check, read, shorten and split a data set: a function of its files and the config.

    The origin's own dev and test sets stay as they are; what it lacks is held out of its training
    examples, each class in proportion (a text is cut in stretches: first train, then dev, then
    test).

    A set is read once a process, whoever asks for it; its arrays are not to be changed.

    Raises:
        UserError: no such set, a flag that it has no use for, a missing or malformed file, or a
            split that leaves no train set.
    """
    item = entry(config.name)
    if config.size and item.kind not in ("images", "boxes"):
        raise UserError(f"--data.size={config.size}: {item.name} holds no images; leave it at 0")
    if config.skip_broken and item.kind != "boxes":
        raise UserError(f"--data.skip_broken: {item.name} holds no boxes; leave it out")
    if config.stream and item.reader is not image_folder.folder:
        raise UserError(f"--data.stream: {item.name} is no folder of images; leave it out")
    skip = {name: True for name in ("skip_broken", "stream") if getattr(config, name)}
    parts = item.reader(locate(item, config.directory), config.size, **skip)
    parts = _each(parts, lambda split: _limited(split, config.limit))
    if config.size:
        parts = _each(parts, lambda split: Split(resize(split.inputs, config.size), split.targets))
    splits, notes = _split(parts, config)
    for split in splits.values():
        for values in (split.inputs, split.targets):
            if isinstance(values, np.ndarray):
                values.flags.writeable = False
    on_disk = "images stay on disk" if config.stream else ""
    left_out = f"{len(parts.left_out)} things left out" if parts.left_out else ""
    return Dataset(
        name=item.name,
        title=item.title,
        kind=item.kind,
        **splits,
        classes=parts.classes,
        origin=parts.origin or f"{item.title}: {item.home}",
        licence=item.licence,
        notes="; ".join(filter(None, (notes, on_disk, item.caveat, left_out))),
        human=human_level(config),
        left_out=parts.left_out,
    )


def human_level(config: Data) -> Human | None:
    """What people get wrong on that set: as the flag says, else as the catalogue knows."""
    if config.human_error is not None:
        return Human(config.human_error, "--data.human_error")
    return entry(config.name).human


def load_images(config: Data, *, at_least: int, exactly: int = 0) -> Dataset:
    """`load` for a network that wants images of some size: small ones are laid into a `field`.

    Args:
        config: which set, and how it is split.
        at_least: side of the field.
        exactly: the one side that the network reads, in place of a field; 0: any.

    Raises:
        UserError: as `load`; images of another side than the one.
    """
    held = load(config, kinds=("images",))
    if not exactly:
        return changed(held, lambda images: field(images, at_least))
    if held.train.inputs.shape[1:3] != (exactly, exactly):
        sides = "x".join(map(str, held.train.inputs.shape[1:3]))
        raise UserError(
            f"--data.size: the network reads {exactly}x{exactly} images, not {sides}; "
            f"give --data.size={exactly}"
        )
    return held


def _each(parts: Parts, change: Callable[[Split], Split]) -> Parts:
    present = {name: getattr(parts, name) for name in PARTS if getattr(parts, name) is not None}
    return dataclasses.replace(parts, **{name: change(split) for name, split in present.items()})


def _limited(split: Split, limit: int) -> Split:
    if not 0 < limit < len(split):
        return split
    if isinstance(split.inputs, str):
        return Split(split.inputs[:limit])
    return take(split, hold_out(_classes(split), limit, seed=None)[1])


def _classes(split: Split) -> np.ndarray:
    """What is kept in proportion, one number each; boxes, tags, translations: all alike."""
    single = isinstance(split.targets, np.ndarray) and split.targets.ndim == 1
    return split.targets if single else np.zeros(len(split), np.int32)


def _split(parts: Parts, config: Data) -> tuple[dict[str, Split], str]:
    dev_count, test_count = held_counts(
        len(parts.train),
        config.dev,
        config.test,
        has_dev=parts.dev is not None,
        has_test=parts.test is not None,
    )
    train, splits = parts.train, {"dev": parts.dev, "test": parts.test}
    for name, count in (("test", test_count), ("dev", dev_count)):
        if splits[name] is None:
            train, splits[name] = _cut(train, count, config.split_seed)
    splits = {"train": train, **splits}
    unit = "characters" if isinstance(train.inputs, str) else "examples"
    sizes = ", ".join(f"{len(splits[name]):,} {name}" for name in PARTS)
    cut = [name for name in PARTS[1:] if getattr(parts, name) is None]
    if not cut:
        how = "as the origin has it"
    elif unit == "characters":
        how = f"{' and '.join(cut)} cut from the end"
    else:
        how = (
            f"{' and '.join(cut)} held out of the origin's {len(parts.train):,} training examples,"
            f" classes in proportion, seed {config.split_seed}"
        )
    return splits, f"{sizes} {unit}; {how}"


def _cut(split: Split, count: int, seed: int) -> tuple[Split, Split]:
    if isinstance(split.inputs, str):
        border = len(split) - count
        return Split(split.inputs[:border]), Split(split.inputs[border:])
    kept, held = hold_out(_classes(split), count, seed) if count else (np.arange(len(split)), [])
    return take(split, kept), take(split, np.asarray(held, int))
