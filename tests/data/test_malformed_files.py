"""Every malformed file: one line that names the file, and no other exception."""

import gzip
import pickle
import struct

import numpy as np
import official_formats as write
import pytest
from PIL import Image

from ngjax.data import archive
from ngjax.data.images import cifar, hdf5, idx, image, image_folder
from ngjax.data.text import plain
from ngjax.types import UserError

IMAGES = np.arange(2 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(2, 28, 28)
PICKLED = pickle.dumps({b"data": b"", b"labels": []}, protocol=2)


def raw(content):
    return lambda path: path.write_bytes(content)


def idx_case(**changes):
    return lambda path: write.idx(path, IMAGES, **changes)


def cut(make, keep):
    def write_cut(path):
        make(path)
        path.write_bytes(path.read_bytes()[:keep])

    return write_cut


def flipped(make, position):
    def write_flipped(path):
        make(path)
        content = bytearray(path.read_bytes())
        content[position] ^= 0x40
        path.write_bytes(bytes(content))

    return write_flipped


def cats(x=None, y=None, part="train", **more):
    x = np.zeros((2, 4, 4, 3), np.uint8) if x is None else x
    y = np.array([0, 1]) if y is None else y
    return lambda path: write.cats(path, part, x, y, **more)


def tree(**members):
    return lambda path: [
        (path / name.replace("__", "/")).parent.mkdir(parents=True, exist_ok=True)
        or (path / name.replace("__", "/")).write_bytes(content)
        for name, content in members.items()
    ]


def noise(kind):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    return lambda path: Image.fromarray(pixels).save(path, kind)


def read_tar(path):
    return list(archive.members(path))


def good_tar(path):
    noise = np.random.default_rng(0).bytes(200_000)
    write.tar(path, {"train/cat/1.png": noise})


def read_idx(path):
    return idx.read(path, 3)


def read_cats(path):
    return hdf5.read(path, "train")


def read_batch(path):
    return cifar.decode(path.read_bytes(), str(path))


def read_folder(path):
    return image_folder.folder({"": path})


def read_archive(path):
    return image_folder.archives({"": path})


PNG = write.png(write.flat(1))
BIG = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452000186a0000186a008020000003d1d5d1a")
CASES = {
    "idx missing": (lambda path: None, read_idx, "cannot be read"),
    "idx empty": (raw(b""), read_idx, "too short"),
    "idx header cut": (raw(struct.pack(">2i", 2051, 2)), read_idx, "too short"),
    "idx labels for images": (idx_case(magic=2049), read_idx, "magic number 2049, expected 2051"),
    "idx little endian": (idx_case(magic=0x03080000), read_idx, "magic number"),
    "idx a web page": (raw(b"<html>404 Not Found, try again</html>"), read_idx, "magic number"),
    "idx truncated": (idx_case(shape=(3, 28, 28)), read_idx, "2352 bytes expected.*only 1568"),
    "idx trailing": (idx_case(shape=(1, 28, 28)), read_idx, "784 bytes expected.*more"),
    "idx plain truncated": (cut(idx_case(pack=False), 100), read_idx, "only 84"),
    "idx gzip cut": (cut(idx_case(), -9), read_idx, "cannot be read"),
    "idx gzip flipped": (flipped(idx_case(), -6), read_idx, "cannot be read"),
    "idx bad gzip": (raw(gzip.compress(b"")[:2] + b"not gzip at all"), read_idx, "cannot be read"),
    "hdf5 missing": (lambda path: None, read_cats, "expected an HDF5 file"),
    "hdf5 empty": (raw(b""), read_cats, "expected an HDF5 file"),
    "hdf5 pointer file": (raw(b"version https://git-lfs"), read_cats, "expected an HDF5 file"),
    "hdf5 truncated": (cut(cats(), 1500), read_cats, "expected an HDF5 file"),
    "hdf5 other part": (cats(part="test"), read_cats, "no array 'train_set_x'"),
    "hdf5 counts differ": (cats(y=np.array([0, 1, 1])), read_cats, r"labels.*found.*\(3,\)"),
    "hdf5 floats": (cats(x=np.zeros((2, 4, 4, 3))), read_cats, "expected uint8 images"),
    "hdf5 label": (cats(y=np.array([0, 2])), read_cats, "label is out of range, expected 0 to 1"),
    "cifar pickled": (raw(PICKLED), read_batch, "is the Python version, a pickle"),
    "cifar empty": (raw(b""), read_batch, "0 bytes, expected whole records of 3073"),
    "cifar truncated": (raw(bytes(3073 + 3072)), read_batch, "6145 bytes, expected whole records"),
    "cifar label": (raw(b"\x0a" + bytes(3072)), read_batch, "label 10, expected 0 to 9"),
    "tar missing": (lambda path: None, read_tar, "expected a whole .tar.gz"),
    "tar empty": (raw(b""), read_tar, "expected a whole .tar.gz"),
    "tar not gzip": (raw(b"PK" * 600), read_tar, "expected a whole .tar.gz"),
    "tar gzip of no tar": (raw(gzip.compress(b"x" * 2000)), read_tar, "expected a whole .tar.gz"),
    "tar cut": (cut(good_tar, 100_000), read_tar, "expected a whole .tar.gz"),
    "tar crc flipped": (flipped(good_tar, -6), read_tar, "expected a whole .tar.gz"),
    "tar of no classes": (lambda p: write.tar(p, {"a": b""}), read_archive, "no class folders"),
    "tar of a broken picture": (
        lambda path: write.tar(path, {"train/cat/1.png": PNG[:40], "train/dog/1.png": PNG}),
        read_archive,
        "cat/1.png: not a readable image",
    ),
    "image missing": (lambda path: None, image.read_image, "not a readable image"),
    "image empty": (raw(b""), image.read_image, "not a readable image"),
    "image of text": (raw(b"no picture"), image.read_image, "not a readable image"),
    "image png cut": (cut(noise("PNG"), 2000), image.read_image, "not a readable image"),
    "image jpeg cut": (cut(noise("JPEG"), 1500), image.read_image, "not a readable image"),
    "image png flipped": (flipped(noise("PNG"), 2000), image.read_image, "not a readable image"),
    "image of an odd format": (noise("PCX"), image.read_image, "not a readable image"),
    "image bomb": (raw(BIG), image.read_image, "not a readable image|pixels are too many"),
    "folder missing": (lambda path: None, read_folder, "cannot be listed"),
    "folder is a file": (raw(PNG), read_folder, "cannot be listed"),
    "folder without classes": (tree(**{"1.png": PNG}), read_folder, "no class folders"),
    "folder class empty": (tree(**{"cat__x.txt": b""}), read_folder, "'cat' holds no picture"),
    "folder broken": (
        tree(**{"cat__1.png": b"x", "dog__1.png": PNG}),
        read_folder,
        "1.png: not a readable image",
    ),
    "folder of one class": (
        tree(**{"cat__1.png": PNG}),
        read_folder,
        "'cat' is its only class folder; give two or more",
    ),
    "folder sizes": (
        tree(
            **{"cat__1.png": PNG, "dog__1.png": PNG, "dog__2.png": write.png(write.flat(1, 5, 6))}
        ),
        read_folder,
        "2.png: 5 x 6 pixels, the first is 4 x 4; set --data.size",
    ),
    "folder class only in test": (
        tree(**{"train__cat__1.png": PNG, "test__cat__1.png": PNG, "test__dog__1.png": PNG}),
        read_folder,
        "'dog' is a class of only one of train and test",
    ),
    "text missing": (lambda path: None, plain.read, "cannot be read"),
    "text empty": (raw(b""), plain.read, "is empty"),
    "text not utf-8": (raw(b"caf\xe9 au lait"), plain.read, "byte 3 is not UTF-8"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_line_that_names_the_file(tmp_path, case):
    make, read, message = CASES[case]
    path = tmp_path / "given"
    make(path)
    with pytest.raises(UserError, match=message) as caught:
        read(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line


def test_images_and_labels_of_different_count(tmp_path):
    images = write.idx(tmp_path / "images", IMAGES)
    labels = write.idx(tmp_path / "labels", np.zeros(3, np.uint8))
    with pytest.raises(UserError, match="labels: 3 labels for the 2 images of images"):
        idx.pair(images, labels, 10)


def test_label_out_of_range(tmp_path):
    images = write.idx(tmp_path / "images", IMAGES)
    labels = write.idx(tmp_path / "labels", np.array([0, 10], np.uint8))
    with pytest.raises(UserError, match="label 10, expected 0 to 9"):
        idx.pair(images, labels, 10)


def test_decompression_bomb_in_an_archive(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
    path = write.tar(tmp_path / "x.tar.gz", {"a": bytes(600), "b": bytes(600)})
    with pytest.raises(UserError, match="unpacks to more than 1000 bytes"):
        list(archive.members(path))


def test_too_many_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(image, "MAX_PIXELS", 15)
    path = write.picture(tmp_path / "x.png", write.flat(1))
    with pytest.raises(UserError, match=r"x\.png: 4 x 4 pixels are too many"):
        image.read_image(path)


def test_missing_batch_of_cifar(tmp_path):
    path = write.tar(tmp_path / cifar.ARCHIVE, {cifar.TRAIN[0]: bytes(3073)})
    with pytest.raises(UserError, match=r"data_batch_2\.bin is missing"):
        cifar.parts({cifar.ARCHIVE: path})


def test_classes_of_train_and_test_differ(tmp_path):
    x, y = np.zeros((1, 2, 2, 3), np.uint8), np.zeros(1, int)
    files = {
        "train_catvnoncat.h5": write.cats(tmp_path / "a.h5", "train", x, y),
        "test_catvnoncat.h5": write.cats(tmp_path / "b.h5", "test", x, y, classes=(b"dog", b"cat")),
    }
    with pytest.raises(UserError, match=r"b\.h5: classes \('dog', 'cat'\)"):
        hdf5.parts(files)
