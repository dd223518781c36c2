"""YOLO: the masked loss by loops, what decoding gives back, what learns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.yolo import Yolo, answers, boxes_of, cost, find
from ngjax.ops.anchors import assign
from ngjax.ops.boxes import encode

ANCHORS = np.array([[0.1, 0.3], [0.4, 0.2]], np.float32)
BOXES = np.array(
    [[0.05, 0.1, 0.17, 0.4], [0.3, 0.55, 0.75, 0.7], [0.5, 0.0, 0.9, 0.2], [0, 0, 0, 0]], np.float32
)
CLASSES = np.array([2, 0, 1, 0])
MASK = np.array([1.0, 1, -1, 0], np.float32)  # the third is neither asked for nor wrong
S, K = 4, 3


def logistic(t):
    return 1 / (1 + np.exp(-t))


def overlap(a, b):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = sides[0] * sides[1] if (sides > 0).all() else 0
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return shared / (sum(areas) - shared) if sum(areas) > shared else 0


def cost_by_loops(t, empty, coordinates):
    """The formula place by place, in float64: an independent reading of the module's docstring."""
    owners = {}
    for m in (0, 1):
        x1, y1, x2, y2 = np.float64(BOXES[m])
        w, h = x2 - x1, y2 - y1
        column, row = int((x1 + x2) / 2 * S), int((y1 + y2) / 2 * S)
        likeness = [
            min(w, pw) * min(h, ph) / (w * h + pw * ph - min(w, pw) * min(h, ph))
            for pw, ph in ANCHORS
        ]
        owners[row, column, int(np.argmax(likeness))] = m
    parts = np.zeros(3)
    for row, column, a in np.ndindex(S, S, len(ANCHORS)):
        answer = np.float64(t[row, column, a])
        p = logistic(answer[0])
        x, y = (logistic(answer[1]) + column) / S, (logistic(answer[2]) + row) / S
        w, h = ANCHORS[a] * np.exp(np.minimum(answer[3:5], 4))
        said = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
        if (row, column, a) in owners:
            m = owners[row, column, a]
            x1, y1, x2, y2 = np.float64(BOXES[m])
            parts[0] -= np.log(p)
            wanted = np.array([(x1 + x2) / 2 * S - column, (y1 + y2) / 2 * S - row])
            sides = np.log(np.array([x2 - x1, y2 - y1]) / ANCHORS[a])
            off = ((logistic(answer[1:3]) - wanted) ** 2).sum() + ((answer[3:5] - sides) ** 2).sum()
            parts[1] += coordinates * off
            z = answer[5:]
            parts[2] -= z[CLASSES[m]] - np.log(np.exp(z).sum())
        elif max(overlap(said, np.float64(BOXES[m])) for m in range(3)) <= 0.5:
            parts[0] -= empty * np.log(1 - p)
    return parts


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_cost_is_the_formula(seed):
    t = np.random.default_rng(seed).normal(size=(S, S, 2, 5 + K)).astype(np.float32)
    right = jnp.asarray(wanted_answers())
    for given in (t, right + 0.3 * t):  # the latter lie on objects, and are not called wrong
        found = cost(given, BOXES, CLASSES, MASK, ANCHORS, empty=0.5, coordinates=5.0)
        np.testing.assert_allclose(
            np.array(found), cost_by_loops(np.asarray(given), 0.5, 5.0), rtol=2e-4
        )


def wanted_answers():
    """What would be right of the first two objects at every place: their t, elsewhere 0."""
    y = np.asarray(assign(BOXES, CLASSES, MASK > 0, S, ANCHORS, K))
    t = np.zeros_like(y)
    t[..., 0] = -8
    for row, column, a in np.argwhere(y[..., 0]):
        m = next(
            m for m in (0, 1) if CLASSES[m] == y[row, column, a, 5:].argmax()
        )  # two classes, so it is told by that
        cell = jnp.array([column, row], jnp.float32)
        t[row, column, a, 1:5] = encode(jnp.asarray(BOXES[m]) * S, cell, ANCHORS[a] * S)
        t[row, column, a, 0], t[row, column, a, 5 + CLASSES[m]] = 8, 9
    return t


def test_right_answers_are_found_again():
    found = find(wanted_answers(), ANCHORS, threshold=0.5, overlap=0.5, most=5)
    one = answers({name: np.asarray(v)[None] for name, v in found._asdict().items()})[0]
    assert sorted(one.classes) == [0, 2] and (one.scores > 0.99).all()
    order = np.argsort(one.classes)
    np.testing.assert_allclose(one.boxes[order], BOXES[[1, 0]], atol=1e-5)
    assert not np.asarray(found.boxes)[~np.asarray(found.mask)].any()


def test_an_empty_cell_is_asked_for_nothing_but_p_c():
    t = np.random.default_rng(0).normal(size=(S, S, 2, 5 + K)).astype(np.float32)

    def total(t):
        return sum(cost(t, BOXES, CLASSES, MASK, ANCHORS, empty=0.5, coordinates=5.0))

    slope = np.asarray(jax.grad(total)(t))
    there = np.asarray(assign(BOXES, CLASSES, MASK > 0, S, ANCHORS, K))[..., 0] > 0
    assert there.sum() == 2
    assert not slope[~there][:, 1:].any()
    assert slope[there][:, 1:].all()


def test_sides_never_overflow():
    t = np.full((S, S, 2, 5 + K), 1e4, np.float32)
    assert np.isfinite(boxes_of(t, ANCHORS)).all()


@pytest.mark.parametrize(("backbone", "stride", "frozen"), [("small", 8, 0), ("mobilenet", 8, 2)])
def test_the_grid_and_what_learns(backbone, stride, frozen):
    module = Yolo(K, 2, backbone, stride, frozen, filters=4)
    x = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.float32)
    variables = jax.jit(module.init)(jax.random.key(0), x)

    def outputs(params):
        return module.apply({**variables, "params": params}, x)[0].sum()

    assert jax.eval_shape(lambda: module.apply(variables, x)[0]).shape == (1, 4, 4, 2, 5 + K)
    slopes = jax.jit(jax.grad(outputs))(variables["params"])
    first = slopes["backbone"]["conv1"] if backbone == "mobilenet" else slopes["conv1"]
    assert bool(np.any(first["kernel"])) == (not frozen)
    if frozen:
        assert not np.any(slopes["backbone"]["conv_pw_2"]["kernel"])
        assert np.any(slopes["backbone"]["conv_dw_3"]["kernel"])
