import dataclasses
import hashlib

import numpy as np
import official_formats as write
import pytest

from ngjax.data import Data, catalogue, load, load_images
from ngjax.data.catalogue import entry
from ngjax.types import UserError


def test_digits_as_notes():
    """Notes 3.2: 60/20/20."""
    found = load(Data())
    assert [len(found.train), len(found.dev), len(found.test)] == [1079, 359, 359]
    assert found.train.inputs.dtype == np.uint8
    assert found.kind == "images"
    assert "1,079 train, 359 dev, 359 test examples" in found.notes
    assert "seed 0" in found.notes
    parts = np.concatenate([s.inputs for s in (found.train, found.dev, found.test)])
    whole = entry("digits").reader({}, 0).train.inputs
    as_rows = sorted(row.tobytes() for row in parts)
    assert as_rows == sorted(row.tobytes() for row in whole)
    for split in (found.train, found.dev, found.test):
        assert (abs(np.bincount(split.targets) / len(split) - 0.1) < 0.01).all()


def test_a_set_is_read_once_whatever_its_callers_can_use():
    assert load(Data()) is load(Data(), kinds=("images", "table"), classes=10)
    with pytest.raises(UserError, match="digits: is images; this needs table"):
        load(Data(), kinds=("table",))
    with pytest.raises(UserError, match="digits: has 10 classes; this needs 2"):
        load(Data(), classes=2)


def test_split_is_a_function_of_data_and_seed():
    first, again, other = (load(Data(split_seed=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.dev.inputs, again.dev.inputs)
    assert not np.array_equal(first.dev.inputs, other.dev.inputs)


def test_counts_shares_and_limit():
    found = load(Data(name="breast-cancer", dev=10, test=0.25, limit=100))
    assert [len(found.train), len(found.dev), len(found.test)] == [65, 10, 25]
    assert found.kind == "table"
    assert found.train.inputs.shape == (65, 30)
    # 212 of 569 are malignant: 37 of the first hundred
    zeros = sum((s.targets == 0).sum() for s in (found.train, found.dev, found.test))
    assert zeros == 37


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """A tiny MNIST under the real entry's name, with its own checksums."""
    held = write.mnist(tmp_path / "mnist", train=200, test=30)
    real = entry("mnist")
    files = tuple(
        dataclasses.replace(
            file, sha256=hashlib.sha256((tmp_path / "mnist" / file.name).read_bytes()).hexdigest()
        )
        for file in real.files
    )
    monkeypatch.setattr(catalogue, "ENTRIES", (dataclasses.replace(real, files=files),))
    return str(tmp_path), held


def test_the_origins_test_set_stays(mnist):
    directory, held = mnist
    found = load(Data(name="mnist", directory=directory))
    np.testing.assert_array_equal(found.test.inputs[..., 0], held["t10k-images"])
    assert [len(found.train), len(found.dev)] == [160, 40]
    assert np.bincount(found.dev.targets).tolist() == [4] * 10
    assert "dev held out of the origin's 200 training examples" in found.notes
    untouched = load(Data(name="mnist", directory=directory, dev=0.0))
    np.testing.assert_array_equal(untouched.train.inputs[..., 0], held["train-images"])
    assert len(untouched.dev) == 0


def test_size_and_limit_of_a_set_of_files(mnist):
    found = load(Data(name="mnist", directory=mnist[0], size=14, limit=20, dev=10))
    assert found.train.inputs.shape == (10, 14, 14, 1)
    assert found.test.inputs.shape == (20, 14, 14, 1)
    assert np.bincount(found.train.targets).tolist() == [1] * 10


def test_text_is_cut_in_stretches():
    found = load(Data(name="python_docs", limit=20_000))
    assert [len(found.train), len(found.dev), len(found.test)] == [18_000, 1_000, 1_000]
    whole = entry("python_docs").reader({}, 0).train.inputs
    assert found.train.inputs + found.dev.inputs + found.test.inputs == whole[:20_000]
    assert "characters; dev and test cut from the end" in found.notes
    assert found.classes == ()
    assert found.dev.targets is None


def test_own_folder(tmp_path):
    for label in ("cat", "dog"):
        for i in range(10):
            write.picture(tmp_path / label / f"{i}.png", write.flat(i))
    found = load(Data(name="folder", directory=str(tmp_path), size=3))
    assert [len(found.train), len(found.dev), len(found.test)] == [12, 4, 4]
    assert found.classes == ("cat", "dog")
    assert found.train.inputs.shape == (12, 3, 3, 3)


def test_photographs_are_not_held_out():
    found = load(Data(name="photographs", size=16))
    assert len(found.dev) == len(found.test) == 0
    assert found.notes.endswith("as the origin has it")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (Data(name="nist"), "--data.name=nist: .*did you mean mnist"),
        (Data(name="folder"), "needs --data_dir"),
        (Data(name="python_docs", size=8), "--data.size=8: python_docs holds no images"),
        (Data(dev=1000, test=1000), "1000 dev and 1000 test examples leave none of 1797"),
        (Data(name="mnist", directory="/dev/null"), "missing, and not to be had"),
    ],
)
def test_mistakes(config, message, monkeypatch):
    def offline(*arguments, **keywords):
        raise OSError("no network in this test")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(UserError, match=message) as caught:
        load(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dev", 1.5),
        ("dev", -0.1),
        ("test", float("nan")),
        ("test", float("inf")),
        ("limit", -1),
        ("size", -8),
        ("split_seed", -1),
        ("name", ""),
    ],
)
def test_config_names_the_field_that_is_wrong(field, value):
    with pytest.raises(ValueError, match=f"^{field}"):
        Data(**{field: value})


def test_small_images_are_laid_into_a_field():
    held, small = load_images(Data(), at_least=19), load(Data())
    assert held.test.inputs.shape == (359, 19, 19, 1)  # 8 twice is 16, then a border
    np.testing.assert_array_equal(held.test.inputs[:, 1:17:2, 1:17:2], small.test.inputs)
    np.testing.assert_array_equal(held.train.targets, small.train.targets)


def test_a_network_of_one_size_takes_that_size_alone():
    assert load_images(Data(size=9), at_least=32, exactly=9).dev.inputs.shape[1:] == (9, 9, 1)
    with pytest.raises(UserError, match=r"reads 224x224 images, not 8x8; give --data.size=224"):
        load_images(Data(), at_least=32, exactly=224)
