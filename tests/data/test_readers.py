"""Readers give back what was written in the official format."""

import numpy as np
import official_formats as write
import pytest

from ngjax.data import archive
from ngjax.data.images import cifar, hdf5, idx, image_folder
from ngjax.data.text import plain


def test_idx_set(tmp_path):
    held = write.mnist(tmp_path)
    parts = idx.parts({p.name: p for p in tmp_path.iterdir()}, classes=tuple("0123456789"))
    np.testing.assert_array_equal(parts.train.inputs[..., 0], held["train-images"])
    np.testing.assert_array_equal(parts.test.inputs[..., 0], held["t10k-images"])
    np.testing.assert_array_equal(parts.train.targets, held["train-labels"])
    assert parts.train.inputs.shape == (20, 28, 28, 1)
    assert parts.train.inputs.dtype == np.uint8
    assert parts.train.targets.dtype == np.int32
    assert parts.dev is None


def test_idx_by_hand(tmp_path):
    """Magic 2049 is 00 00 08 01; two labels; not packed."""
    path = tmp_path / "labels"
    path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 3]))
    np.testing.assert_array_equal(idx.read(path, 1), [7, 3])


def test_hdf5_set(tmp_path):
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (5, 8, 8, 3), np.uint8)
    files = {
        f"{part}_catvnoncat.h5": write.cats(
            tmp_path / f"{part}_catvnoncat.h5", part, x[:count], np.arange(count) % 2
        )
        for part, count in (("train", 5), ("test", 3))
    }
    parts = hdf5.parts(files)
    np.testing.assert_array_equal(parts.train.inputs, x)
    np.testing.assert_array_equal(parts.test.targets, [0, 1, 0])
    assert parts.classes == ("non-cat", "cat")
    assert parts.train.targets.dtype == np.int32


def cifar_contents() -> tuple[dict[str, bytes], np.ndarray]:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (12, 32, 32, 3), np.uint8)
    names = cifar.TRAIN + cifar.TEST
    contents = {
        name: write.cifar_batch(images[2 * i : 2 * i + 2], [i, 9]) for i, name in enumerate(names)
    }
    return contents, images


@pytest.mark.parametrize("packed", [True, False])
def test_cifar_from_archive_and_unpacked(tmp_path, packed):
    contents, images = cifar_contents()
    if packed:
        shuffled = dict(reversed(contents.items())) | {"cifar-10-batches-bin/readme.html": b"<>"}
        files = {cifar.ARCHIVE: write.tar(tmp_path / cifar.ARCHIVE, shuffled)}
    else:
        (tmp_path / cifar.FOLDER).mkdir()
        files = {name: tmp_path / name for name in contents}
        for name, path in files.items():
            path.write_bytes(contents[name])
    parts = cifar.parts(files)
    np.testing.assert_array_equal(parts.train.inputs, images[:10])
    np.testing.assert_array_equal(parts.test.inputs, images[10:])
    np.testing.assert_array_equal(parts.train.targets, [0, 9, 1, 9, 2, 9, 3, 9, 4, 9])


def test_image_folder_orders_by_name_and_passes_over_the_rest(tmp_path):
    for label, name, colour in (("dog", "2.png", 20), ("cat", "b.PNG", 11), ("cat", "a.png", 10)):
        write.picture(tmp_path / label / name, write.flat(colour))
    for stray in ("README.md", "cat/.hidden.png", "cat/notes.txt", ".git/x.png"):
        (tmp_path / stray).parent.mkdir(exist_ok=True)
        (tmp_path / stray).write_text("no picture")
    parts = image_folder.folder({"": tmp_path})
    assert parts.classes == ("cat", "dog")
    np.testing.assert_array_equal(parts.train.inputs[:, 0, 0, 0], [10, 11, 20])
    np.testing.assert_array_equal(parts.train.targets, [0, 0, 1])
    assert parts.test is None


def test_image_folder_with_the_parts_of_its_origin(tmp_path):
    for part, colour in (("train", 1), ("val", 2), ("test", 3)):
        write.picture(tmp_path / part / "cat" / "1.png", write.flat(colour))
        write.picture(tmp_path / part / "dog" / "1.png", write.flat(9))
    parts = image_folder.folder({"": tmp_path})
    found = [split.inputs[0, 0, 0, 0] for split in (parts.train, parts.dev, parts.test)]
    assert found == [1, 2, 3]


def test_image_folder_size(tmp_path):
    write.picture(tmp_path / "cat" / "wide.png", write.flat(5, 4, 8))
    write.picture(tmp_path / "dog" / "high.png", write.flat(6, 9, 3))
    parts = image_folder.folder({"": tmp_path}, size=2)
    assert parts.train.inputs.shape == (2, 2, 2, 3)
    np.testing.assert_array_equal(parts.train.inputs[:, 1, 1, 2], [5, 6])


def test_archives(tmp_path):
    files = {}
    for part, colours in (("train", (7, 8)), ("test", (9, 10))):
        members = {
            f"{part}/dog/1.png": write.png(write.flat(colours[1])),
            f"{part}/cat/1.png": write.png(write.flat(colours[0])),
        }
        files[part] = write.tar(tmp_path / f"{part}.tar.gz", members)
    parts = image_folder.archives(files)
    assert parts.classes == ("cat", "dog")
    np.testing.assert_array_equal(parts.train.inputs[:, 0, 0, 0], [7, 8])
    np.testing.assert_array_equal(parts.test.inputs[:, 0, 0, 0], [9, 10])


def test_an_archive_that_would_climb_out_writes_nothing(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    path = write.tar(inner / "x.tar.gz", {"../evil": b"1", f"{tmp_path}/evil": b"2"})
    assert [content for _, content in archive.members(path)] == [b"1", b"2"]
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["inner", "x.tar.gz"]


def test_text(tmp_path):
    path = tmp_path / "input.txt"
    path.write_bytes("\ufeffDvořák\r\n".encode())
    assert plain.read(path) == "Dvořák\r\n"
    assert plain.parts({"input.txt": path}).train.inputs == "Dvořák\r\n"
