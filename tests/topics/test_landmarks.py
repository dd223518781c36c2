from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.ch4_convnets import landmarks, localization
from ngjax.data.faces.face_points import MIRROR
from ngjax.data.images.composed import Scenes

SIZE = 40


def marked(points: np.ndarray) -> np.ndarray:
    """A picture whose red is how near a pixel's centre is to the 30th point, [H, W, 3]."""
    down, right = np.mgrid[:SIZE, :SIZE] + 0.5
    x, y = points[30] * SIZE
    red = 255 * np.exp(-((right - x) ** 2 + (down - y) ** 2) / 8)
    return np.stack([red, np.zeros_like(red), np.zeros_like(red)], axis=-1)


def test_moved_points_follow_their_pixels():
    points = np.random.default_rng(0).uniform(0.3, 0.7, (68, 2)).astype(np.float32)
    y = jnp.concatenate([jnp.ones(1), jnp.asarray(points.reshape(-1))])
    move = jax.jit(lambda key: landmarks.moved(landmarks.Config(), key, marked(points), y))
    flips = 0
    for seed in range(12):
        image, new = move(jax.random.key(seed))
        found = np.asarray(landmarks.points(new))
        red = np.asarray(image[..., 0]) / np.asarray(image[..., 0]).sum()
        down, right = np.mgrid[:SIZE, :SIZE] + 0.5
        place = np.array([(red * right).sum(), (red * down).sum()]) / SIZE
        np.testing.assert_allclose(place, found[30], atol=0.01)  # 30, the tip of the nose, stays 30
        flipped = abs((found[0] - found[1])[0] - (points[0] - points[1])[0]) > 1e-4
        flips += flipped
        shape = found - found[30]
        was = points - points[30]
        was = (was * (-1, 1))[MIRROR] if flipped else was
        np.testing.assert_allclose(shape, was, atol=1e-5)
    assert 2 <= flips <= 10


def test_pictures_without_a_face_keep_their_zeros():
    image, y = landmarks.moved(
        landmarks.Config(), jax.random.key(1), jnp.ones((SIZE, SIZE, 3)), jnp.zeros(137)
    )
    assert (y == 0).all() and image.shape == (SIZE, SIZE, 3)


def test_error_by_hand():
    true = np.zeros((68, 2), np.float32)
    true[36], true[45] = (0.2, 0.5), (0.6, 0.2)  # 0.5 apart
    assert landmarks.error(true + np.float32([0.03, 0.04]), true) == pytest.approx(
        0.05 / 0.5, rel=1e-5
    )


def scenes_of(boxes, mask) -> Scenes:
    m = len(boxes)
    boxes = np.array(boxes, np.float32).reshape(m, 1, 4)
    classes = np.ones((m, 1), np.int32)
    return Scenes(np.zeros((m, 20, 20, 3), np.uint8), boxes, classes, np.array(mask).reshape(m, 1))


def test_targets_of_localisation_are_the_notes_numbers():
    held = scenes_of([(6, 11, 14, 17), (0, 0, 0, 0)], [True, False])
    y = localization.targets(held, 20, 3)
    np.testing.assert_allclose(y[0], [1, 0.5, 0.7, 0.3, 0.4, 0, 1, 0], atol=1e-6)
    assert (y[1] == 0).all()
    np.testing.assert_allclose(localization.corners(y)[0], [0.3, 0.55, 0.7, 0.85], atol=1e-6)


@pytest.mark.parametrize("form", ["squared", "logistic"])
def test_located_asks_for_everything(form):
    y = np.array([[1, 0.5, 0.5, 0.4, 0.4, 0, 1, 0]] * 4 + [[0.0] * 8] * 2, np.float32)
    z = np.array(y)
    z[:, 0] = [9, -9, 9, 9, -9, 9]  # found, not found, -, -, nothing, a thing where nothing is
    z[2, 5:] = [1, 0, 0]  # another class
    z[3, 1] = 0.7  # IoU 1/3
    config = dataclasses.replace(localization.Config(), form=form)
    mask = jnp.ones(6)
    _, told = localization.judge(config, jnp.asarray(z), jnp.asarray(y), mask)
    assert float(told["located"][0]) == 2 and float(told["located"][1]) == 6
    assert float(told["iou"][0]) == pytest.approx(3 + 1 / 3, rel=1e-5) and told["iou"][1] == 4
    assert float(told["class_accuracy"][0]) == 3 and float(told["object_accuracy"][0]) == 4
