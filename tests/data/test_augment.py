import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.data import augmentation, crop_and_flip, horizontal_flip, random_crop, shift_and_flip
from ngjax.data.images.augment import (
    brightened,
    colour_jitter,
    contrasted,
    random_resized_crop,
    resampled,
    saturated,
)

IMAGE = np.arange(1, 5 * 6 * 2 + 1, dtype=np.uint8).reshape(5, 6, 2)
KEYS = jax.random.split(jax.random.key(0), 600)


def test_flip_half_of_the_time():
    images = np.asarray(jax.vmap(horizontal_flip, in_axes=(0, None))(KEYS, jnp.array(IMAGE)))
    kept = (images == IMAGE).all((1, 2, 3))
    turned = (images == IMAGE[:, ::-1]).all((1, 2, 3))
    assert (kept ^ turned).all()
    assert 240 < kept.sum() < 360  # binomial, mean 300, deviation 12
    assert images.dtype == np.uint8


def windows_of(image: np.ndarray, padding: int) -> dict[bytes, tuple[int, int]]:
    padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
    h, w, _ = image.shape
    return {
        padded[i : i + h, j : j + w].tobytes(): (i, j)
        for i in range(2 * padding + 1)
        for j in range(2 * padding + 1)
    }


@pytest.mark.parametrize("padding", [1, 2])
def test_every_crop_is_a_window_and_every_window_comes(padding):
    crop = jax.jit(jax.vmap(random_crop, in_axes=(0, None, None)), static_argnums=2)
    known = windows_of(IMAGE, padding)
    assert len(known) == (2 * padding + 1) ** 2
    found = [known[np.asarray(image).tobytes()] for image in crop(KEYS, IMAGE, padding)]
    assert set(found) == set(known.values())


def test_no_padding_is_no_crop():
    np.testing.assert_array_equal(random_crop(KEYS[0], jnp.array(IMAGE), 0), IMAGE)


def test_crop_and_flip_are_independent():
    both = jax.jit(jax.vmap(crop_and_flip(1), in_axes=(0, None)))
    straight = windows_of(IMAGE, 1)
    turned = {np.frombuffer(k, np.uint8).reshape(IMAGE.shape)[:, ::-1].tobytes() for k in straight}
    images = [np.asarray(image).tobytes() for image in both(KEYS, IMAGE)]
    assert set(images) == set(straight) | turned


def test_a_function_of_the_key():
    one, two = (crop_and_flip(2)(KEYS[7], jnp.array(IMAGE)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def moved(key, image):
    return random_crop(key, image, 2)


@pytest.mark.parametrize(
    ("shift", "flip", "same"),
    [(2, False, moved), (0, True, horizontal_flip), (2, True, crop_and_flip(2))],
)
def test_shift_and_flip_is_what_its_knobs_ask_for(shift, flip, same):
    image = jnp.arange(1.0, 17).reshape(4, 4, 1)
    augment = shift_and_flip(shift, flip)
    for seed in range(8):
        key = jax.random.key(seed)
        np.testing.assert_array_equal(augment(key, image), same(key, image))


def test_nothing_asked_for_is_no_augmentation():
    assert shift_and_flip(0) is None


COLOURED = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)


def test_a_window_of_the_whole_is_the_image_and_one_of_a_quarter_is_interpolated():
    np.testing.assert_allclose(resampled(COLOURED, 0, 0, 6, 8), COLOURED, atol=1e-3)
    ramp = np.arange(8.0, dtype=np.float32).reshape(1, 8, 1).repeat(4, axis=0)
    found = np.asarray(resampled(ramp, 1, 2, 2, 4))[0, :, 0]
    # place i of 8 stands at (i + 1/2) / 2 - 1/2 of the window's 4 columns, whose first is 2
    np.testing.assert_allclose(found, 2 + (np.arange(8) + 0.5) / 2 - 0.5, atol=1e-5)


def test_crops_have_the_areas_and_aspects_that_are_asked_for():
    H, W = 32, 32
    rows, columns = np.meshgrid(np.arange(H), np.arange(W), indexing="ij")
    places = np.stack([rows, columns], -1).astype(np.float32)  # an image that says where it is
    crop = jax.jit(jax.vmap(random_resized_crop, in_axes=(0, None)))
    found = np.asarray(crop(KEYS, places))
    assert found.shape == (len(KEYS), H, W, 2)
    middle = slice(8, 24)  # away from the edge, where a line of places is straight
    height = (found[:, 23, 8, 0] - found[:, 8, 8, 0]) / 15 * H
    width = (found[:, 8, 23, 1] - found[:, 8, 8, 1]) / 15 * W
    area, aspect = height * width / (H * W), width / height
    assert 0.079 < area.min() < 0.12 and 0.9 < area.max() < 1.001
    assert 0.749 < aspect.min() < 0.8 and 1.28 < aspect.max() < 1.334
    assert abs(np.log(aspect).mean()) < 0.03  # wide as often as high
    assert found[:, middle].min() >= 0 and found[:, middle].max() <= 31


def test_colours_are_changed_as_the_formulas_say():
    x = COLOURED.astype(np.float64)
    g = x @ [0.299, 0.587, 0.114]
    image = jnp.asarray(COLOURED, jnp.float32)
    np.testing.assert_allclose(brightened(image, 1.3), np.clip(1.3 * x, 0, 255), rtol=1e-5)
    want = np.clip(g.mean() + 0.6 * (x - g.mean()), 0, 255)
    np.testing.assert_allclose(contrasted(image, 0.6), want, rtol=1e-4)
    want = np.clip(g[..., None] + 1.4 * (x - g[..., None]), 0, 255)
    np.testing.assert_allclose(saturated(image, 1.4), want, rtol=1e-4, atol=1e-3)
    for change in (brightened, contrasted, saturated):
        np.testing.assert_allclose(change(image, 1.0), x, atol=1e-3)
    alone = image[..., :1]
    np.testing.assert_allclose(saturated(alone, 0.5), alone, atol=1e-3)  # grey has no colour


def test_jitter_keeps_bytes_and_hangs_on_the_key_alone():
    one, two = (colour_jitter(KEYS[3], COLOURED) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.dtype == jnp.float32 and one.min() >= 0 and one.max() <= 255
    np.testing.assert_allclose(colour_jitter(KEYS[3], COLOURED, 0.0), COLOURED, atol=1e-3)
    assert np.abs(one - colour_jitter(KEYS[4], COLOURED)).max() > 1


def test_the_knobs_of_a_topic():
    assert augmentation("shift", 0) is None
    same = augmentation("shift", 2, True)(KEYS[1], jnp.asarray(IMAGE))
    np.testing.assert_array_equal(same, crop_and_flip(2)(KEYS[1], jnp.asarray(IMAGE)))
    straight, flipped = (augmentation("imagenet", 0, flip) for flip in (False, True))
    pairs = [(straight(key, COLOURED), flipped(key, COLOURED)) for key in KEYS[:8]]
    turned = [not np.allclose(one, other, atol=1e-3) for one, other in pairs]
    assert any(turned) and not all(turned)
    for (one, other), is_turned in zip(pairs, turned, strict=True):
        if is_turned:
            np.testing.assert_allclose(one[:, ::-1], other, atol=1e-2)
