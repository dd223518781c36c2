"""Sliding windows: one convolution equals the crops, and what either costs."""

import jax
import numpy as np
import pytest

from ngjax.models.sliding import Sliding, as_convolutions, crops, multiplications, windows
from ngjax.types import UserError


@pytest.mark.parametrize(("window", "height", "width"), [(14, 14, 14), (14, 16, 20), (24, 31, 28)])
def test_one_convolution_gives_what_each_crop_gives(window, height, width):
    kept = {"classes": 3, "window": window, "filters": 4, "units": 9}
    dense, slides = Sliding(**kept), Sliding(**kept, slides=True)
    image = np.random.default_rng(0).normal(size=(height, width, 2)).astype(np.float32)
    params = dense.init(jax.random.key(1), image[None, :window, :window])["params"]
    at_once = slides.apply({"params": as_convolutions(params, window)}, image[None])[0][0]
    assert at_once.shape == ((height - window) // 2 + 1, (width - window) // 2 + 1, 3)
    for i, row in enumerate(np.asarray(at_once)):
        for j, z in enumerate(row):  # each crop by itself, cut by hand
            crop = image[2 * i : 2 * i + window, 2 * j : 2 * j + window]
            alone = dense.apply({"params": params}, crop[None])[0][0]
            np.testing.assert_allclose(z, alone, atol=1e-5)
            np.testing.assert_array_equal(crops(image, window)[i, j], crop)


@pytest.mark.parametrize(("n", "side"), [(14, 1), (16, 2), (28, 8)])
def test_sizes_of_the_notes(n, side):
    module = Sliding(slides=True)
    image = jax.ShapeDtypeStruct((1, n, n, 3), np.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), image)
    assert jax.eval_shape(module.apply, variables, image)[0].shape == (1, side, side, 4)


def test_multiplications_by_hand():
    conv = 10 * 10 * 16 * 75  # 10x10 places, 16 filters of 5x5x3
    assert multiplications(Sliding(), 14, 14) == conv + 400 * 400 + 400 * 400 + 400 * 4
    conv = 12 * 12 * 16 * 75
    assert multiplications(Sliding(), 16, 16) == conv + 4 * (400 * 400 + 400 * 400 + 400 * 4)


def test_finer_strides_cost_more():
    assert [windows(100, 20, s) for s in (20, 4, 1)] == [25, 441, 6561]


@pytest.mark.parametrize(
    ("module", "side"), [(Sliding(slides=True), 12), (Sliding(), 16), (Sliding(window=13), 13)]
)
def test_what_cannot_slide_is_refused(module, side):
    with pytest.raises(UserError, match="sliding windows: ") as refusal:
        module.init(jax.random.key(0), np.zeros((1, side, side, 3), np.float32))
    assert "\n" not in str(refusal.value)
