"""Boxes move with their pixels: a painted rectangle stays in its box, however it is moved."""

import jax
import numpy as np
import pytest

from ngjax.data.boxes.augment_boxes import GREY, Moves, line, move, moved_boxes

SIDE = 64


def painted(box):
    """A white rectangle on grey, corners in pixels."""
    image = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    x1, y1, x2, y2 = box
    image[y1:y2, x1:x2] = 255
    return image


@pytest.mark.parametrize("flips", ["none", "horizontal", "both"])
@pytest.mark.parametrize("seed", range(4))
def test_a_box_keeps_its_pixels(flips, seed):
    box = (20, 26, 34, 50)
    targets = np.array([[*np.divide(box, SIDE), 3, 1], [0] * 6], np.float32)
    moves = Moves(flips, scale=0.3, shift=0.1)
    pixels, changed = move(jax.random.key(seed), painted(box), targets, moves)
    rows, columns = (np.flatnonzero((np.asarray(pixels)[..., 0] > 190).any(a)) for a in (1, 0))
    seen = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    np.testing.assert_allclose(np.asarray(changed)[0, :4] * SIDE, seen, atol=1.01)
    assert changed[0, 4] == 3 and changed[0, 5] == 1
    assert not np.asarray(changed)[1].any()


def test_flips_are_drawn_and_only_those_allowed():
    targets = np.array([[0.1, 0.2, 0.3, 0.5, 0, 1]], np.float32)
    image, still = painted((6, 13, 19, 32)), {"scale": 0.0, "shift": 0.0}

    def corner(flips, seed):
        boxes = move(jax.random.key(seed), image, targets, Moves(flips, **still))[1]
        return tuple(np.round(boxes[0, :2], 3).tolist())

    found = {
        flips: {corner(flips, seed) for seed in range(20)}
        for flips in ("none", "horizontal", "both")
    }
    assert [len(found[flips]) for flips in ("none", "horizontal", "both")] == [1, 2, 4]


def test_nothing_moved_is_the_picture_itself():
    np.testing.assert_allclose(line(5, np.float32(1), np.float32(0)), np.eye(5), atol=1e-6)
    np.testing.assert_allclose(line(5, np.float32(-1), np.float32(1)), np.eye(5)[::-1], atol=1e-6)


@pytest.mark.parametrize(
    ("offset", "flag", "seen"),
    [(0.0, 1, True), (0.75, 1, True), (0.95, 1, False), (0.0, 0, False), (0.0, -1, False)],
)
def test_an_object_that_left_is_no_longer_asked_for(offset, flag, seen):
    targets = np.array([[0.1, 0.4, 0.3, 0.6, 2, flag]], np.float32)
    changed = moved_boxes(targets, np.ones(2, np.float32), np.array([offset, 0], np.float32))
    assert bool(changed[0, 5] > 0) == seen
    assert float(changed[0, 2]) <= 1


@pytest.mark.parametrize("wrong", [{"flips": "up"}, {"scale": -0.1}, {"shift": 1.0}, {"light": 2}])
def test_what_no_picture_bears_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Moves(**wrong)
