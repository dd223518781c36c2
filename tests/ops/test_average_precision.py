from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ngjax.ops.average_precision import Found, Truth, mean_average_precision
from ngjax.types import UserError

GOLDEN = Path(__file__).parents[1] / "golden" / "average_precision.npz"
BOX = np.array([0.0, 0.0, 10.0, 10.0])
STEP = np.array([1.0, 0.0, 1.0, 0.0])


def test_equals_pycocotools():
    with np.load(GOLDEN) as stored:
        golden = dict(stored)
    found, truth = [], []
    objects = np.split(np.arange(len(golden["truth"])), np.cumsum(golden["objects"])[:-1])
    answers = np.split(np.arange(len(golden["boxes"])), np.cumsum(golden["answers"])[:-1])
    for m, n in zip(objects, answers, strict=True):
        truth.append(Truth(golden["truth"][m], golden["classes"][m], golden["crowd"][m]))
        found.append(Found(golden["boxes"][n], golden["scores"][n], golden["labels"][n]))
    K = golden["each"].shape[1]
    scores = mean_average_precision(found, truth, K, form="coco")
    right = np.where(golden["each"] < 0, np.nan, golden["each"])
    np.testing.assert_allclose(scores.each, right, rtol=1e-12)
    assert scores.mean == pytest.approx(golden["mean"], rel=1e-12)
    half = mean_average_precision(found, truth, K, form="coco", thresholds=(0.5,))
    assert half.mean == pytest.approx(golden["mean_50"], rel=1e-12)


def example():
    """Three objects in two pictures; of five boxes the hits are the 1st, 3rd and 5th.

    precision 1, 1/2, 2/3, 1/2, 3/5 at recall 1/3, 1/3, 2/3, 2/3, 1; falling: 1, 2/3, 3/5.
    """
    far = BOX + 100
    found = [
        Found(np.stack([BOX, far + 50, BOX + 200]), np.array([0.9, 0.8, 0.5]), np.zeros(3, int)),
        Found(np.stack([far, far]), np.array([0.7, 0.6]), np.zeros(2, int)),
    ]
    truth = [
        Truth(np.stack([BOX, BOX + 200]), np.zeros(2, int)),
        Truth(far[None], np.zeros(1, int)),
    ]
    return found, truth


@pytest.mark.parametrize(
    ("form", "right"),
    [
        ("voc", (1 + 2 / 3 + 3 / 5) / 3),
        ("voc07", (4 * 1 + 3 * 2 / 3 + 4 * 3 / 5) / 11),  # at 0 ... .3, .4 ... .6, .7 ... 1
        ("coco", (34 * 1 + 33 * 2 / 3 + 34 * 3 / 5) / 101),  # at 0 ... .33, .34 ... .66, .67 ... 1
    ],
)
def test_by_hand(form, right):
    scores = mean_average_precision(*example(), 2, form=form)
    assert scores.mean == pytest.approx(right, rel=1e-12)
    assert np.isnan(scores.each[:, 1]).all()  # a class that nothing belongs to does not count


def test_recall_that_is_a_tenth_sharp_counts_at_that_tenth():
    truth = [Truth(np.stack([BOX + 100 * k for k in range(10)]), np.zeros(10, int))]
    found = [Found(truth[0].boxes[:3], np.array([0.9, 0.8, 0.7]), np.zeros(3, int))]
    assert mean_average_precision(found, truth, 1, form="voc07").mean == pytest.approx(4 / 11)
    assert mean_average_precision(found, truth, 1, form="voc").mean == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("ignored", "right"),
    [((False, False), 0.5), ((False, True), 1.0), ((True, True), np.nan)],
)
def test_difficult_objects_are_not_asked_for(ignored, right):
    """The second object is found by nobody; a box on a difficult one is neither right nor wrong."""
    truth = [Truth(np.stack([BOX, BOX + 50]), np.zeros(2, int), np.array(ignored))]
    found = [Found(np.stack([BOX]), np.array([0.9]), np.zeros(1, int))]
    assert mean_average_precision(found, truth, 1).mean == pytest.approx(right, nan_ok=True)
    surer = [Found(np.stack([BOX + 50, BOX]), np.array([0.95, 0.9]), np.zeros(2, int))]
    if ignored == (False, True):
        assert mean_average_precision(surer, truth, 1).mean == 1


def test_second_box_on_one_object_is_wrong_under_voc():
    """Its best object is taken; COCO lets it have the neighbour, which it overlaps by half."""
    truth = [Truth(np.array([BOX, BOX + STEP * 4]), np.zeros(2, int))]
    found = [Found(np.array([BOX, BOX + STEP]), np.array([0.9, 0.8]), np.zeros(2, int))]
    assert mean_average_precision(found, truth, 1, form="voc").mean == 0.5
    both = mean_average_precision(found, truth, 1, form="coco", thresholds=(0.5,))
    assert both.mean == pytest.approx(1)


@pytest.mark.parametrize(("order", "together"), [((0, 1), 1.0), ((1, 0), 51 / 101)])
def test_of_objects_that_a_box_overlaps_alike_coco_takes_the_last(order, together):
    """The surer box lies between two objects, IoU 8/12 with each; the other box is the left one.

    Up to a threshold of 0.65 the surer box takes the object that comes last. Is that the right one,
    the left one is free for the other box: both hit. Is it the left one, the other box is left with
    an IoU of 6/14 and is wrong: precision 1, 1/2 at recall 1/2, which 51 of 101 places reach. From
    0.70 on the surer box is wrong and the other right: precision 0, 1/2.
    """
    left, between, right = BOX, BOX + 2 * STEP, BOX + 4 * STEP
    truth = [Truth(np.stack([left, right])[list(order)], np.zeros(2, int))]
    found = [Found(np.stack([between, left]), np.array([0.9, 0.8]), np.zeros(2, int))]
    each = mean_average_precision(found, truth, 1, form="coco").each[:, 0]
    np.testing.assert_allclose(each, [together] * 4 + [51 / 202] * 6, rtol=1e-12)
    with np.load(GOLDEN) as stored:
        np.testing.assert_allclose(each, stored["ties"][order[0]], rtol=1e-12)


def test_no_box_at_all_and_refusals():
    found, truth = example()
    empty = [Found(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))] * 2
    assert mean_average_precision(empty, truth, 2).mean == 0
    with pytest.raises(UserError, match="2 answers for 1 pictures"):
        mean_average_precision(found, truth[:1], 2)
    with pytest.raises(UserError, match="form"):
        mean_average_precision(found, truth, 2, form="voc12")
