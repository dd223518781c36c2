import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.data import crop_and_flip, horizontal_flip, random_crop, shift_and_flip

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
