import numpy as np
import pytest
from PIL import Image

from ngjax.data.images.image import field, read_image, resize


def test_grey_becomes_three_equal_channels(tmp_path):
    Image.fromarray(np.array([[0, 128], [200, 255]], np.uint8)).save(tmp_path / "grey.png")
    pixels = read_image(tmp_path / "grey.png")
    np.testing.assert_array_equal(pixels, np.array([[0, 128], [200, 255]])[..., None].repeat(3, 2))
    assert pixels.dtype == np.uint8


def test_sixteen_bits_keep_the_upper_eight(tmp_path):
    Image.fromarray(np.array([[0x0100, 0xFFFF]], np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png")[0, :, 0], [1, 255])


def test_transparent_is_laid_on_white(tmp_path):
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 51]]], np.uint8)
    Image.fromarray(rgba).save(tmp_path / "alpha.png")
    expected = [[[10, 20, 30], [255, 255, 255], [204, 204, 204]]]  # 255 * (1 - 51 / 255) = 204
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.png"), expected)


def test_exif_orientation_is_followed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    pixels = np.zeros((1, 2, 3), np.uint8)
    pixels[0, 0] = 250
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png")[:, :, 0], [[250], [0]])


def test_size_takes_the_central_square(tmp_path):
    pixels = np.zeros((4, 12, 3), np.uint8)
    pixels[:, 4:8] = 90
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    np.testing.assert_array_equal(read_image(tmp_path / "wide.png", size=4), np.full((4, 4, 3), 90))


@pytest.mark.parametrize("channels", [1, 3])
def test_resize_of_an_array(channels):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, channels), np.uint8)
    images[1] = 77
    halved = resize(images, 4)
    assert halved.shape == (3, 4, 4, channels)
    assert (halved[1] == 77).all()
    assert halved.dtype == np.uint8
    assert abs(halved[0].mean() - images[0].mean()) < 5
    assert resize(images, 8) is images


@pytest.mark.parametrize(
    ("side", "of", "zoom", "border"),
    [
        (8, 32, 4, (0, 0)),
        (28, 32, 1, (2, 2)),
        (8, 28, 3, (2, 2)),
        (9, 32, 3, (2, 3)),
        (8, 8, 1, (0, 0)),
    ],
)
def test_a_field_enlarges_by_whole_factors_and_centres(side, of, zoom, border):
    images = np.random.default_rng(0).integers(1, 256, (2, side, side, 3), np.uint8)
    laid = field(images, of)
    assert laid.shape == (2, of, of, 3) and laid.dtype == np.uint8
    before, after = border
    inside = laid[:, before : of - after, before : of - after]
    np.testing.assert_array_equal(inside, np.kron(images, np.ones((1, zoom, zoom, 1), np.uint8)))
    assert laid.sum(dtype=int) == inside.sum(dtype=int), "the border is zero"


def test_a_field_leaves_longer_sides_as_they_are():
    assert field(np.ones((1, 6, 12, 1), np.uint8), 8).shape == (1, 8, 12, 1)
    assert field(np.ones((1, 12, 12, 1), np.uint8), 8).shape == (1, 12, 12, 1)
