"""Sets of people: split by person, so that nobody of dev and test is in training; drawn P x K."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from ngjax.data.dataset import Data, Dataset, Split, take
from ngjax.data.images.image import field
from ngjax.data.load import load
from ngjax.data.sources import Augment, resident
from ngjax.data.split import held_count
from ngjax.types import Source, UserError

DEV = 0.15  # share of the people; test gets a quarter
FEWEST = 2  # people of a part: one alone is no question


@functools.lru_cache(maxsize=4)
def load_people(config: Data, *, skip_single: bool = False) -> Dataset:
    """A set whose classes are people (or other identities), each person in one part alone.

    Of K people K/4 are for test and 0.15 K for dev, or as config.dev and config.test say (shares or
    counts of people): 24, 6 and 10 of 40. Split seed 0 takes them in the order of their names,
    first train, then dev, then test; every other seed draws.

    Returns:
        The set; its class numbers run through train, then dev, then test.

    Raises:
        UserError: as `load`; a person of one photograph, who cannot be compared, unless
            `skip_single`; too few people.
    """
    whole = load(dataclasses.replace(config, dev=0, test=0, limit=0), kinds=("images",))
    given = [part for part in (whole.train, whole.dev, whole.test) if len(part)]
    inputs = np.concatenate([part.inputs for part in given])
    targets = np.concatenate([part.targets for part in given])
    counts = np.bincount(targets, minlength=len(whole.classes))
    single = [whole.classes[k] for k in np.flatnonzero(counts < 2)]
    if single and not skip_single:
        raise UserError(
            f"--data.name={config.name}: {single[0]!r} has one photograph and cannot be compared"
            f"{f', nor {len(single) - 1} more people' if len(single) > 1 else ''}; add one, or "
            "pass over such people with --skip_single"
        )
    people = np.flatnonzero(counts >= 2)
    K = len(people)
    dev = max(FEWEST, held_count(DEV if config.dev is None else config.dev, K))
    test = max(FEWEST, K // 4 if config.test is None else held_count(config.test, K))
    if K - dev - test < FEWEST:
        raise UserError(
            f"--data.name={config.name}: {K} people do not go into {FEWEST} or more for training, "
            f"{dev} for dev and {test} for test; give more people"
        )
    if config.split_seed:
        drawn = np.random.Philox(key=np.array([config.split_seed, K], np.uint64)).random_raw(K)
        people = people[np.argsort(drawn, kind="stable")]
    borders = (0, K - dev - test, K - test, K)
    parts = {}
    number = np.full(len(whole.classes), -1, np.int32)
    number[people] = np.arange(K)
    for name, start, end in zip(("train", "dev", "test"), borders, borders[1:], strict=False):
        index = np.concatenate([np.flatnonzero(targets == k) for k in people[start:end]])
        parts[name] = _limited(Split(inputs[index], number[targets[index]]), config.limit)
    sizes = ", ".join(
        f"{end - start} {name} ({len(parts[name])} photographs)"
        for name, start, end in zip(parts, borders, borders[1:], strict=False)
    )
    notes = f"people: {sizes}; nobody is in two parts, split seed {config.split_seed}"
    left = f"; {len(single)} people of one photograph passed over: {', '.join(single)}"
    return dataclasses.replace(
        whole,
        **parts,
        classes=tuple(whole.classes[k] for k in people),
        notes=notes + (left if single else ""),
    )


def _limited(split: Split, limit: int) -> Split:
    """At most `limit` photographs, of each person in turn."""
    if not 0 < limit < len(split):
        return split
    place = np.zeros(len(split), int)
    for k in np.unique(split.targets):
        these = np.flatnonzero(split.targets == k)
        place[these] = np.arange(len(these))
    return take(split, np.sort(np.argsort(place, kind="stable")[:limit]))


def people_by_photographs(split: Split, each: int, augment: Augment | None = None) -> Source:
    """A `resident` training source whose batches hold P = B / each people, `each` photographs each.

    A function of (seed, epoch). People come in a new order every time all had their turn, and a
    person's photographs likewise; someone with fewer than `each` gives some of them again.

    Args:
        split: under "train" in `constants`.
        each: K, photographs of a person in a batch, 2 or more.
        augment: of one photograph.
    """
    source = resident(split, prefix="train", augment=augment)
    own = [np.flatnonzero(split.targets == k) for k in np.unique(split.targets)]

    def order(size: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
        P = batch_size // each
        if batch_size % each or not 2 <= P <= len(own):
            raise UserError(
                f"--run.batch_size={batch_size}: must be {each} photographs of each of 2 to "
                f"{len(own)} people; give {2 * each} to {len(own) * each} in steps of {each}"
            )
        generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
        steps = max(1, size // batch_size)
        rows = np.empty((steps, P, each), np.int32)
        turn: list[int] = []
        for step in range(steps):
            if len(turn) < P:  # those who were left out come first, nobody twice in a batch
                others = [k for k in generator.permutation(len(own)).tolist() if k not in turn]
                turn = turn + others
            chosen, turn = turn[:P], turn[P:]
            for row, k in zip(rows[step], chosen, strict=True):
                repeats = -(-each // len(own[k]))
                deck = [generator.permutation(own[k]) for _ in range(repeats)]
                row[:] = np.concatenate(deck)[:each]
        return rows.reshape(steps, batch_size)  # [S, B]

    return dataclasses.replace(source, order=order)


def sized(images: np.ndarray, least: int, most: int) -> np.ndarray:
    """Small images laid into a field of `least` a side; of large ones blocks of pixels averaged.

    A block is as many pixels wide as it takes until no side is longer than `most`.

    Args:
        images: uint8 [m, H, W, C].
        least: pixels, of the longer side.
        most: pixels, `least` or more.
    """
    if max(images.shape[1:3]) < least:
        return field(images, least)
    block = -(-max(images.shape[1:3]) // most)
    m, H, W, C = images.shape
    H, W = H // block, W // block
    whole = images[:, : H * block, : W * block].reshape(m, H, block, W, block, C)
    return np.rint(whole.mean((2, 4))).astype(np.uint8)  # [m, H / block, W / block, C]
