"""Train, dev and test (notes 3.2): how many examples are held out, and which."""

from __future__ import annotations

import numpy as np

from ngjax.types import UserError

SMALL = 10_000  # examples; up to here the notes hold out a large share


def notes_share(size: int, *, cuts: int, parts: int) -> float:
    """The share each held-out part gets.

    Notes 3.2: 70/30 or 60/20/20 for 100 to 10,000 examples; 90/10 for the large sets of today.

    Args:
        size: examples there are.
        cuts: parts cut off here (two where neither dev nor test came with the set).
        parts: parts in the end, train included (two: no test set at all).
    """
    if size > SMALL:
        return 0.1 / cuts
    return 0.3 if parts == 2 else 0.2


def held_count(amount: float, size: int) -> int:
    """A share (below 1) of `size` as a count, rounded; a count (from 1) as it is."""
    return int(amount * size + 0.5) if amount < 1 else int(amount)


def held_counts(
    size: int,
    dev: float | None,
    test: float | None,
    *,
    has_dev: bool = False,
    has_test: bool = False,
) -> tuple[int, int]:
    """How many of `size` training examples become the dev and the test set.

    Args:
        size: examples to cut from.
        dev: share or count; None: as notes 3.2.
        test: likewise.
        has_dev: the origin brings a dev set, so none is cut.
        has_test: likewise.

    Raises:
        UserError: nothing would be left to train on.
    """
    exist = (has_dev or dev != 0, has_test or test != 0)
    cut = (exist[0] and not has_dev, exist[1] and not has_test)
    share = notes_share(size, cuts=sum(cut), parts=1 + sum(exist)) if any(cut) else 0
    dev_count, test_count = (
        held_count(share if amount is None else amount, size) if held else 0
        for amount, held in zip((dev, test), cut, strict=True)
    )
    if dev_count + test_count >= size:
        raise UserError(
            f"--data.dev, --data.test: {dev_count} dev and {test_count} test examples leave none "
            f"of {size} to train on; hold out fewer"
        )
    return dev_count, test_count


def in_proportion(counts: np.ndarray, total: int) -> np.ndarray:
    """`total` shared out like `counts` [K], each within one of its exact share (largest remainder).

    Returns:
        int [K], summing to total, none above its count.
    """
    exact = counts * total / counts.sum()
    given = np.floor(exact).astype(int)
    most = np.argsort(given - exact, kind="stable")[: total - given.sum()]
    given[most] += 1
    return given


def hold_out(targets: np.ndarray, amount: float, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Take `amount` examples away, each class in proportion.

    A function of (targets, amount, seed) alone: it rests on the raw Philox stream, which NumPy
    promises not to change, and not on `permutation`, which it may.

    Args:
        targets: [m] class numbers; anything else than integers counts as one class.
        amount: share (below 1) or count (from 1) to hold out.
        seed: draws which; None: the first of each class.

    Returns:
        (kept, held): ascending indices, disjoint, together all m.

    Raises:
        ValueError: more is held out than there is.
    """
    targets = np.asarray(targets)
    m, total = len(targets), held_count(amount, len(targets))
    if total > m:
        raise ValueError(f"cannot hold out {total} of {m} examples")
    if not (targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer)):
        targets = np.zeros(m, int)
    held = np.zeros(m, bool)
    classes, counts = np.unique(targets, return_counts=True)
    for k, count in enumerate(in_proportion(counts, total) if total else []):
        members = np.flatnonzero(targets == classes[k])
        if seed is not None:
            drawn = np.random.Philox(key=np.array([seed, k], np.uint64)).random_raw(len(members))
            members = members[np.argsort(drawn, kind="stable")]
        held[members[:count]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)
