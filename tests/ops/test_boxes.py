from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops import anchors as a
from ngjax.ops.boxes import area, decode, encode, iou, to_centre, to_corners
from ngjax.ops.nms import non_max_suppression
from ngjax.types import UserError


def pixels(box: tuple[int, ...], side: int = 12) -> np.ndarray:
    there = np.zeros((side, side), bool)
    there[box[1] : box[3], box[0] : box[2]] = True
    return there


def test_iou_counts_pixels():
    rng = np.random.default_rng(0)
    low = rng.integers(0, 8, (2, 20, 2))
    boxes = np.concatenate([low, low + rng.integers(0, 5, (2, 20, 2))], axis=2)  # some are empty
    found = iou(jnp.array(boxes[0], jnp.float32), jnp.array(boxes[1], jnp.float32))
    for i, one in enumerate(boxes[0]):
        for j, other in enumerate(boxes[1]):
            p, q = pixels(one), pixels(other)
            union = (p | q).sum()
            right = (p & q).sum() / union if union else 0.0
            assert found[i, j] == pytest.approx(right, abs=1e-6)


@pytest.mark.parametrize(
    ("one", "other", "right"),
    [
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7),
        ((0, 0, 2, 2), (0, 0, 2, 2), 1),
        ((0, 0, 1, 1), (1, 0, 2, 1), 0),  # they touch
        ((0, 0, 4, 4), (1, 1, 2, 3), 2 / 16),  # one inside the other
        ((1, 1, 1, 1), (1, 1, 1, 1), 0),  # no area
        ((3, 3, 2, 2), (0, 0, 5, 5), 0),  # corners the wrong way round
    ],
)
def test_iou_by_hand(one, other, right):
    def of(box):
        return iou(box[None], jnp.array([other], jnp.float32))[0, 0]

    value, slope = jax.value_and_grad(of)(jnp.array(one, jnp.float32))
    assert value == pytest.approx(right, abs=1e-7)
    assert np.isfinite(slope).all()
    endless = jnp.array([[-jnp.inf, -jnp.inf, jnp.inf, jnp.inf]])
    assert iou(endless, endless) == 0


def test_iou_has_the_slope_of_finite_differences():
    with jax.enable_x64(True):
        one, other = np.array([0.1, 0.3, 2.2, 1.9]), jnp.array([[0.7, -0.5, 3.1, 1.2]])
        slope = jax.grad(lambda box: iou(box[None], other)[0, 0])(jnp.array(one))
        for k in range(4):
            up, down = one.copy(), one.copy()
            up[k] += 1e-6
            down[k] -= 1e-6
            difference = iou(up[None], other) - iou(down[None], other)
            assert slope[k] == pytest.approx(float(difference[0, 0]) / 2e-6, rel=1e-6)


def test_centre_and_corners_are_inverse():
    boxes = jnp.array([[0.3, 0.55, 0.7, 0.85], [-1.0, 2.0, 3.0, 2.5]])
    centre = to_centre(boxes)
    np.testing.assert_allclose(centre, [[0.5, 0.7, 0.4, 0.3], [1, 2.25, 4, 0.5]], atol=1e-6)
    np.testing.assert_allclose(to_corners(centre), boxes, atol=1e-6)
    np.testing.assert_allclose(area(boxes), [0.12, 2.0], atol=1e-6)


def test_encode_and_decode():
    rng = np.random.default_rng(1)
    cells = rng.integers(0, 13, (50, 2)).astype(np.float32)
    centre = np.concatenate(
        [cells + rng.uniform(0.01, 0.99, (50, 2)), rng.uniform(0.1, 9, (50, 2))], 1
    )
    boxes = to_corners(jnp.array(centre, jnp.float32))
    shapes = jnp.array(rng.uniform(0.5, 5, (50, 2)), jnp.float32)
    t = encode(boxes, cells, shapes)
    np.testing.assert_allclose(decode(t, cells, shapes), boxes, rtol=1e-4, atol=1e-4)
    by_hand = decode(jnp.array([0.0, np.log(3.0), np.log(2.0), 0.0]), jnp.array([4.0, 1]), shapes)
    p_w, p_h = shapes[0]
    np.testing.assert_allclose(
        by_hand[0], [4.5 - p_w, 1.75 - p_h / 2, 4.5 + p_w, 1.75 + p_h / 2], rtol=1e-6
    )
    border = encode(jnp.array([[1.0, 1, 1, 2]]), jnp.array([1.0, 1]), jnp.ones(2))
    assert np.isfinite(border).all()


def brute_force(boxes, scores, classes, score_threshold=0.6, iou_threshold=0.5):
    left = [i for i in range(len(boxes)) if scores[i] > score_threshold]
    kept = []
    while left:
        best = max(left, key=lambda i: (scores[i], -i))
        kept.append(best)
        left = [
            i
            for i in left
            if i != best
            and not (
                classes[i] == classes[best] and overlap(boxes[i], boxes[best]) >= iou_threshold
            )
        ]
    return kept


def overlap(p, q):
    w, h = min(p[2], q[2]) - max(p[0], q[0]), min(p[3], q[3]) - max(p[1], q[1])
    shared = max(w, np.float32(0)) * max(h, np.float32(0))
    union = (p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - shared
    return shared / union if union else 0.0


def test_non_max_suppression_is_the_brute_force_one():
    rng = np.random.default_rng(2)
    sets, N = 1000, 24
    low = rng.integers(0, 6, (sets, N, 2))  # so coarse that many overlaps are 1/2 sharp
    boxes = np.concatenate([low, low + rng.integers(0, 5, (sets, N, 2))], 2).astype(np.float32)
    boxes[::2] += rng.normal(0, 0.3, boxes[::2].shape).astype(np.float32)
    boxes[..., 2:] = np.maximum(boxes[..., 2:], boxes[..., :2])
    scores = (rng.integers(8, 21, (sets, N)) / 20).astype(np.float32)  # ties, and 0.6 itself
    classes = rng.integers(0, 3, (sets, N))
    suppress = jax.jit(jax.vmap(lambda *s: non_max_suppression(*s, score_threshold=0.6, most=N)))
    found = suppress(boxes, scores, classes)
    for s in range(sets):
        kept = found.index[s][found.mask[s]].tolist()
        assert kept == brute_force(boxes[s], scores[s], classes[s], np.float32(0.6))


def test_non_max_suppression_keeps_the_surest_where_places_are_few():
    boxes = jnp.array([[0.0, 0, 1, 1], [5, 5, 6, 6], [9, 9, 10, 10]])
    found = non_max_suppression(boxes, jnp.array([0.7, 0.9, 0.8]), jnp.zeros(3, int), most=2)
    assert found.index.tolist() == [1, 2]
    none = non_max_suppression(boxes, jnp.array([0.6, jnp.nan, 0.1]), jnp.zeros(3, int), most=2)
    assert not none.mask.any() and none.index.tolist() == [0, 0]


def test_kmeans_finds_three_shapes():
    rng = np.random.default_rng(3)
    shapes = np.array([[10.0, 30], [40, 40], [90, 30]])
    sizes = np.concatenate([s * rng.uniform(0.85, 1.15, (60, 2)) for s in shapes])
    found = a.kmeans(sizes.astype(np.float32), 3, seed=0)
    np.testing.assert_allclose(found, shapes, rtol=0.08)
    # a fixed point: each is the mean of the shapes that are most like it
    best = np.array([np.argmax([overlap((0, 0, *s), (0, 0, *p)) for p in found]) for s in sizes])
    np.testing.assert_allclose(found, [sizes[best == k].mean(0) for k in range(3)], rtol=1e-5)


@pytest.mark.parametrize(
    ("sizes", "count"), [([[1, 1], [1, 1]], 2), ([[1, 0], [1, 2]], 1), ([[1, 1]], 0)]
)
def test_kmeans_refuses(sizes, count):
    with pytest.raises(UserError, match="anchors"):
        a.kmeans(np.array(sizes, np.float32), count)


ANCHORS = jnp.array([[0.3, 0.9], [0.9, 0.3]])


def targets(boxes, classes=None, mask=None, anchors=ANCHORS, grid=3):
    boxes = jnp.array(boxes, jnp.float32)
    classes = jnp.zeros(len(boxes), int) if classes is None else jnp.array(classes)
    mask = jnp.ones(len(boxes)) if mask is None else jnp.array(mask)
    return a.assign(boxes, classes, mask, grid, anchors, 3)


def places(y):
    return [tuple(map(int, place)) for place in np.argwhere(np.asarray(y[..., 0]))]


def test_assign_by_midpoint_and_anchor():
    y = targets([(0.3, 0.55, 0.7, 0.85)], [1])  # the notes' box: centre (.5, .7), .3 high, .4 wide
    assert y.shape == (3, 3, 2, 8)
    assert places(y) == [(2, 1, 1)]
    np.testing.assert_allclose(y[2, 1, 1], [1, 0.5, 0.1, 0.9, 1.2, 0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(a.cell_boxes(y)[2, 1, 1], [0.3, 0.55, 0.7, 0.85], atol=1e-6)


@pytest.mark.parametrize(
    ("box", "right"),
    [
        ((0.35, 0.1, 0.65, 0.9), [(1, 1, 0)]),  # a tall person, over three cells: its midpoint's
        ((0.0, 0.0, 1.0, 1.0), [(1, 1, 0)]),  # no anchor is nearer: the first
        ((0.25, 0.25, 0.75, 0.35), [(0, 1, 1)]),
        ((0.2, 0.9, 0.8, 1.1), [(2, 1, 1)]),  # midpoint on the lower border of the picture
        ((0.8, 0.4, 1.3, 0.5), []),  # midpoint outside
        ((0.5, 0.5, 0.5, 0.7), []),  # no area
        ((0.7, 0.5, 0.5, 0.7), []),
    ],
)
def test_assign_to_one_cell(box, right):
    assert places(targets([box])) == right


def test_assign_on_the_border_of_cells():
    y = targets([(0.4, 0.4, 0.6, 0.6)], grid=2, anchors=jnp.array([0.2, 0.2]))
    assert y.shape == (2, 2, 1, 8) and places(y) == [(1, 1, 0)]
    np.testing.assert_allclose(y[1, 1, 0, :5], [1, 0, 0, 0.4, 0.4], atol=1e-6)


def test_assign_keeps_the_first_of_two_in_one_place():
    boxes = [(0.4, 0.4, 0.6, 0.6), (0.41, 0.41, 0.61, 0.61), (0.2, 0.45, 0.8, 0.6)]
    y = targets(boxes, [2, 1, 0])
    assert places(y) == [(1, 1, 0), (1, 1, 1)]
    assert y[1, 1, 0, 5:].tolist() == [0, 0, 1]
    y = targets(boxes, [2, 1, 0], mask=[0, 1, 1])
    assert y[1, 1, 0, 5:].tolist() == [0, 1, 0]
    together = jax.vmap(lambda mask: targets(boxes, [2, 1, 0], mask))(jnp.eye(3))
    assert [places(one) for one in together] == [[(1, 1, 0)], [(1, 1, 0)], [(1, 1, 1)]]
