r"""Average precision: how good a detector is, in one number (notes 4.13.6 has the threshold).

    precision(n) = hits among the n surest / n,    recall(n) = hits among the n surest / objects

    AP = area under precision over recall, precision made to fall: p(r) = max_{r' >= r} p(r')

A found box is a hit where its IoU with an object of its class, not yet found, reaches the
threshold. Three ways to take the area are in use:

    "voc07"  mean of p at recall 0, 0.1 ... 1        (Everingham et al. 2010)
    "voc"    the area itself                         (Everingham et al. 2015, VOC from 2010 on)
    "coco"   mean of p at recall 0, 0.01 ... 1, and that over the thresholds 0.50, 0.55 ... 0.95
             (Lin et al. 2014)

They differ in one more point: under VOC a box answers to the object it overlaps most, and is wrong
where that one has been found by a surer box; under COCO it answers to the best that is still free.
All on the host, in float64: no sum over examples gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from ngjax.types import UserError

Form = Literal["voc07", "voc", "coco"]
FORMS = ("voc07", "voc", "coco")
COCO_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10))
MOST = 100  # boxes a picture and class, under COCO
NEARLY_ONE = 1 - 1e-10  # so that a threshold of 1 can be reached


class Found(NamedTuple):
    """What a detector says of one picture."""

    boxes: np.ndarray  # corners, [n, 4]
    scores: np.ndarray  # p_c, [n]
    classes: np.ndarray  # int [n]


class Truth(NamedTuple):
    """What is in one picture."""

    boxes: np.ndarray  # corners, [m, 4]
    classes: np.ndarray  # int [m]
    ignored: np.ndarray | None = None  # bool [m]: VOC's "difficult", COCO's "crowd"


class Scores(NamedTuple):
    """Average precisions."""

    mean: float  # mAP, over thresholds and the classes that have objects; NaN where none has
    each: np.ndarray  # [T, K], by threshold and class; NaN where a class has no object


class Ranked(NamedTuple):
    """The boxes of one class over all pictures, the surest first, under T thresholds."""

    scores: np.ndarray  # [n]
    hits: np.ndarray  # bool [T, n]
    ignored: np.ndarray  # bool [T, n]: neither right nor wrong
    objects: int  # to be found


def mean_average_precision(
    found: Sequence[Found],
    truth: Sequence[Truth],
    K: int,
    *,
    form: Form = "voc",
    thresholds: Sequence[float] | None = None,
) -> Scores:
    """Average precision of every class, and its mean.

    Args:
        found: one a picture. Of equal scores the earlier picture, then the earlier box goes first.
        truth: one a picture, in the same order. An ignored object is not to be found, and a box
            that answers to it is neither right nor wrong. Under "coco" it is a crowd: any number of
            boxes may answer to it, each by the share of itself that the crowd covers.
        K: classes.
        form: how the area is taken and objects are given to boxes.
        thresholds: IoU that a hit must reach; 0.5, or for "coco" 0.50, 0.55 ... 0.95.

    Raises:
        UserError: not as many answers as pictures, or no such form.
    """
    if len(found) != len(truth):
        raise UserError(f"average precision: {len(found)} answers for {len(truth)} pictures")
    if form not in FORMS:
        raise UserError(f"average precision: form {form!r}: use {', '.join(FORMS)}")
    if thresholds is None:
        thresholds = COCO_THRESHOLDS if form == "coco" else (0.5,)
    each = np.full((len(thresholds), K), np.nan)
    for label in range(K):
        ranked = rank(found, truth, label, thresholds, form)
        if ranked.objects:
            each[:, label] = [
                area_under(*precision_recall(ranked, t), form) for t in range(len(thresholds))
            ]
    known = each[~np.isnan(each)]
    return Scores(float(known.mean()) if len(known) else float("nan"), each)


def precision_recall(ranked: Ranked, threshold: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall behind every box that counts, the surest first, each [n]."""
    counted = ~ranked.ignored[threshold]
    hits = np.cumsum(ranked.hits[threshold][counted])
    return hits / np.arange(1, len(hits) + 1), hits / ranked.objects


def area_under(precision: np.ndarray, recall: np.ndarray, form: Form) -> float:
    """Average precision of one curve, as the module has it.

    Args:
        precision: [n], the surest box first.
        recall: [n], never falling.
        form: "voc07", "voc" or "coco".
    """
    falling = np.maximum.accumulate(precision[::-1])[::-1]  # max over r' >= r
    if form == "voc":
        return float(np.sum(np.diff(recall, prepend=0.0) * falling))
    at = np.arange(11) / 10 if form == "voc07" else np.linspace(0, 1, 101)
    place = np.searchsorted(recall, at, side="left")  # the first box to reach that recall
    return float(np.append(falling, 0.0)[place].mean())


def rank(
    found: Sequence[Found],
    truth: Sequence[Truth],
    label: int,
    thresholds: Sequence[float],
    form: Form,
) -> Ranked:
    """The boxes of class `label` over all pictures in the order of their scores, judged."""
    scores, hits, ignored, objects = [], [], [], 0
    for said, there in zip(found, truth, strict=True):
        mine = np.flatnonzero(np.asarray(said.classes) == label)
        s = np.asarray(said.scores, np.float64)[mine]
        order = np.argsort(-s, kind="stable")[: MOST if form == "coco" else None]
        boxes = np.asarray(said.boxes, np.float64).reshape(-1, 4)[mine][order]
        own = np.asarray(there.classes) == label
        targets = np.asarray(there.boxes, np.float64).reshape(-1, 4)[own]
        flags = np.zeros(len(own), bool) if there.ignored is None else np.asarray(there.ignored)
        spared = flags[own].astype(bool)
        objects += int((~spared).sum())
        judge = _by_coco if form == "coco" else _by_voc
        overlap = overlaps(boxes, targets, spared if form == "coco" else None)
        verdicts = [judge(overlap, spared, threshold) for threshold in thresholds]
        scores.append(s[order])
        hits.append([hit for hit, _ in verdicts])
        ignored.append([out for _, out in verdicts])
    none = np.zeros((len(thresholds), 0), bool)
    together = np.concatenate([np.zeros(0), *scores])
    order = np.argsort(-together, kind="stable")
    hits, ignored = (np.concatenate([none, *a], axis=1)[:, order] for a in (hits, ignored))
    return Ranked(together[order], hits.astype(bool), ignored.astype(bool), objects)


def overlaps(a: np.ndarray, b: np.ndarray, crowd: np.ndarray | None = None) -> np.ndarray:
    """IoU of float64 corners [n, 4] and [m, 4], [n, m]; with a crowd the share of `a` it covers."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    own, other = (np.maximum(c[:, 2:] - c[:, :2], 0).prod(axis=1) for c in (a, b))
    union = own[:, None] + other[None] - shared
    if crowd is not None:
        union = np.where(crowd[None], own[:, None], union)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _by_voc(
    overlap: np.ndarray, spared: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Each box to the object it overlaps most; hits and ignored, bool [n]."""
    hit, out = np.zeros((2, len(overlap)), bool)
    taken = np.zeros(len(spared), bool)
    for i, row in enumerate(overlap if len(spared) else ()):
        best = int(row.argmax())
        if row[best] < threshold:
            continue
        if spared[best]:
            out[i] = True
        elif not taken[best]:
            hit[i] = taken[best] = True
    return hit, out


def _by_coco(
    overlap: np.ndarray, spared: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Each box to the best object still free, to a crowd if there is none; as `_by_voc`."""
    hit, out = np.zeros((2, len(overlap)), bool)
    free = ~spared
    for i, row in enumerate(overlap):
        for candidates in (free, spared):
            reached = np.flatnonzero(candidates & (row >= min(threshold, NEARLY_ONE)))
            if len(reached):
                best = reached[::-1][row[reached[::-1]].argmax()]  # of equals the last
                hit[i], out[i] = free[best], spared[best]
                free[best] = False
                break
    return hit, out
