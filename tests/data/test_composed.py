from __future__ import annotations

import numpy as np
import pytest

from ngjax.data.images import composed
from ngjax.data.images.composed import scenes
from ngjax.types import UserError


def test_boxes_lie_on_their_digits(monkeypatch):
    monkeypatch.setattr(composed, "_background", lambda g, size, part: np.zeros((size, size, 3)))
    drawn = scenes(30, 1, 40, objects=(1, 1))
    assert drawn.mask.shape == (30, 1) and drawn.mask.all()
    for image, (box,) in zip(drawn.images, drawn.boxes, strict=True):
        left, top, right, bottom = box.astype(int)
        assert 0 <= left < right <= 40 and 0 <= top < bottom <= 40
        full = image.max(axis=2) / image.max()
        there = np.zeros((40, 40), bool)
        there[top:bottom, left:right] = True
        assert (full[there] > 0.25).mean() > 0.2
        assert (full[~there] == 0).all()
        for edge in (full[top, left:right], full[bottom - 1, left:right]):
            assert edge.max() > 0.25
        for edge in (full[top:bottom, left], full[top:bottom, right - 1]):
            assert edge.max() > 0.25


def test_scenes_hang_on_seed_part_and_number():
    few, more = scenes(3, 5, 32, "test"), scenes(6, 5, 32, "test")
    for a, b in zip(few, more, strict=True):
        np.testing.assert_array_equal(a, b[:3])
    assert (scenes(3, 6, 32, "test").images != few.images).any()
    assert (scenes(3, 5, 32, "train").images != few.images).any()


def test_parts_share_no_photograph():
    widths = [[p.shape[1] for p in composed._stretches(part)] for part in composed.STRETCHES]
    assert [sum(w) for w in zip(*widths, strict=True)] == [640, 640]
    ends = [composed.STRETCHES[part] for part in ("train", "dev", "test")]
    assert [low for low, _ in ends] == [0, *(high for _, high in ends[:-1])]


def test_how_many():
    drawn = scenes(200, 0, 48, objects=(1, 4), empty=0.25)
    counts = drawn.mask.sum(axis=1)
    assert 0.15 < (counts == 0).mean() < 0.35
    assert counts.max() == 4 and drawn.boxes.shape == (200, 4, 4)
    assert (drawn.boxes[~drawn.mask] == 0).all()
    assert not scenes(2, 0, 32, objects=(0, 0)).mask.any()


@pytest.mark.parametrize(
    "kwargs",
    [{"objects": (3, 2)}, {"empty": 1.5}, {"sides": (0.0, 0.5)}, {"sides": (0.5, 2.0)}],
)
def test_refused(kwargs):
    with pytest.raises(UserError, match="scenes"):
        scenes(1, 0, 32, **kwargs)
