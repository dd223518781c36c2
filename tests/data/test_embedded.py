import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import LogisticRegression

from ngjax.data import drawn, embedded


def test_digits():
    parts = embedded.digits({})
    bunch = datasets.load_digits()
    assert parts.train.inputs.shape == (1797, 8, 8, 1)
    assert parts.train.inputs.dtype == np.uint8
    assert (parts.train.inputs.min(), parts.train.inputs.max()) == (0, 255)
    # 17 levels come back exactly: level = round(value * 16 / 255)
    levels = np.rint(parts.train.inputs[..., 0] * (16 / 255))
    np.testing.assert_array_equal(levels, bunch.images)
    np.testing.assert_array_equal(parts.train.targets, bunch.target)
    assert parts.classes == tuple("0123456789")


def test_breast_cancer():
    parts = embedded.breast_cancer({})
    assert parts.train.inputs.shape == (569, 30)
    assert parts.train.inputs.dtype == np.float32
    assert parts.classes == ("malignant", "benign")
    assert np.bincount(parts.train.targets).tolist() == [212, 357]


def test_photographs():
    parts = embedded.photographs({}, 32)
    names = embedded.photograph_names()
    assert names[:2] == ("china", "flower")
    assert parts.classes == names
    assert parts.train.inputs.shape == (len(names), 32, 32, 3)
    assert parts.train.inputs.dtype == np.uint8
    assert len(parts.dev) == len(parts.test) == 0
    assert embedded.photographs({}).train.inputs.shape[1:] == (256, 256, 3)


def test_photograph_as_scikit_learn_reads_it():
    china = embedded.photograph("china")
    np.testing.assert_array_equal(china, datasets.load_sample_image("china.jpg"))


def test_only_the_photographs_that_are_installed(monkeypatch):
    elsewhere = {"absent": ("no_such_package.images", "a.png"), "gone": ("sklearn.datasets", "b")}
    monkeypatch.setattr(embedded, "PHOTOGRAPHS", elsewhere | {"china": PHOTOGRAPHS["china"]})
    assert embedded.photograph_names() == ("china",)


PHOTOGRAPHS = embedded.PHOTOGRAPHS


def test_python_docs():
    parts = embedded.python_docs({})
    assert len(parts.train.inputs) > 300_000
    assert "The truth value of an object" in parts.train.inputs or "truth" in parts.train.inputs
    assert parts.origin.startswith("pydoc_data.topics of Python 3.")


@pytest.mark.parametrize("entry", embedded.ENTRIES, ids=lambda entry: entry.name)
def test_entries_need_no_file(entry):
    assert entry.embedded
    assert not entry.files


def test_wine_and_diabetes_as_scikit_learn_has_them():
    wines = embedded.wine({}).train
    assert wines.inputs.shape == (178, 13) and np.bincount(wines.targets).tolist() == [59, 71, 48]
    bunch = datasets.load_diabetes(scaled=False)
    patients = embedded.diabetes({}).train
    np.testing.assert_array_equal(patients.inputs, bunch.data.astype(np.float32))
    assert patients.targets.dtype == np.float32
    assert (patients.targets.min(), patients.targets.max()) == (25, 346)


def test_drawn_sets_are_the_same_on_every_machine():
    points = drawn.flower({}).train
    assert points.inputs.shape == (400, 2) and np.bincount(points.targets).tolist() == [200, 200]
    radius = np.hypot(*points.inputs.T)
    assert 3.9 < radius.max() < 4.8
    np.testing.assert_array_equal(points.inputs, drawn.flower({}).train.inputs)
    line = LogisticRegression(C=np.inf).fit(points.inputs, points.targets)
    assert line.score(points.inputs, points.targets) == 0.47  # as the course prints it
    # a leaf of one colour lies across from one of the same colour's half turn only
    assert (points.inputs[points.targets == 0, 0] > 0).mean() > 0.4
    assert len(drawn.moons({}).train) == 300
    rings = drawn.circles({})
    assert (len(rings.train), len(rings.test)) == (300, 100)
    inner = np.hypot(*rings.train.inputs[rings.train.targets == 1].T)
    outer = np.hypot(*rings.train.inputs[rings.train.targets == 0].T)
    assert inner.mean() < 0.85 < outer.mean()


def test_football_is_of_the_courses_size_and_its_border_is_noisy():
    parts = drawn.football({})
    sizes = [len(getattr(parts, part)) for part in ("train", "dev", "test")]
    assert sizes == [211, 200, 2000]
    np.testing.assert_array_equal(parts.train.inputs, drawn.football({}).train.inputs)
    x, y = parts.test.inputs, parts.test.targets
    assert np.hypot(*x.T).max() <= 0.65 and 0.4 < y.mean() < 0.6
    best = x[:, 1] > 0.8 * x[:, 0] + 0.15 * np.sin(6 * x[:, 0])
    assert 0.92 < (best == y).mean() < 0.95
    points = np.concatenate([getattr(parts, part).inputs for part in ("train", "dev", "test")])
    assert len(np.unique(points, axis=0)) == 2411


def test_digits_every_way_up_are_other_classes():
    upright, parts = embedded.digits({}).train, embedded.turned_digits({})
    assert len(parts.classes) == 25 and "9" not in parts.classes
    three = upright.inputs[upright.targets == 3]
    turned = parts.train.inputs[parts.train.targets == parts.classes.index("3 turned 90")]
    assert len(turned) == len(three)
    found = {image.tobytes() for image in turned}
    assert found == {np.rot90(image).tobytes() for image in three}  # counterclockwise
