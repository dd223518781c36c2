"""Real sets that travel inside a dependency or Python itself: no file, no network."""

from __future__ import annotations

import gzip
import importlib.util
import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Human, Parts, Split
from ngjax.data.entry import Entry
from ngjax.data.images.image import read_image

PHOTOGRAPHS = {  # name -> (package, file); scikit-image is optional
    "china": ("sklearn.datasets.images", "china.jpg"),
    "flower": ("sklearn.datasets.images", "flower.jpg"),
    "astronaut": ("skimage.data", "astronaut.png"),
    "chelsea": ("skimage.data", "chelsea.png"),
    "coffee": ("skimage.data", "coffee.png"),
    "hubble_deep_field": ("skimage.data", "hubble_deep_field.jpg"),
    "rocket": ("skimage.data", "rocket.jpg"),
}
TURNS = {0: 1, 1: 2, 2: 2, 3: 4, 4: 4, 5: 2, 6: 4, 7: 4, 8: 2}  # digit -> quarter turns told apart
PHOTOGRAPH_SIZE = 256  # pixels a side where nothing is asked: they differ in size


def digits(files: Mapping[str, Path], size: int = 0) -> Parts:
    """1797 handwritten digits of 8 x 8; their 17 grey levels are spread over 0 to 255."""
    with gzip.open(_package("sklearn.datasets.data") / "digits.csv.gz", "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)  # [m, 65]
    levels = np.rint(rows[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    return Parts(Split(levels, rows[:, -1].astype(np.int32)), classes=tuple("0123456789"))


def turned_digits(files: Mapping[str, Path], size: int = 0) -> Parts:
    """The digits, every way up another class; 9 is left out, and half turns that look alike."""
    upright = digits(files).train
    images, targets, names = [], [], []
    for digit, turns in TURNS.items():
        own = upright.inputs[upright.targets == digit]
        for quarter in range(turns):
            images.append(np.rot90(own, quarter, axes=(1, 2)))
            targets.append(np.full(len(own), len(names), np.int32))
            names.append(f"{digit} turned {90 * quarter}" if quarter else f"{digit}")
    split = Split(np.concatenate(images), np.concatenate(targets))
    return Parts(split, classes=tuple(names))


def breast_cancer(files: Mapping[str, Path], size: int = 0) -> Parts:
    """569 tumours, 30 measurements each, malignant (0) or benign (1)."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    split = Split(bunch.data.astype(np.float32), bunch.target.astype(np.int32))
    return Parts(split, classes=tuple(str(name) for name in bunch.target_names))


def wine(files: Mapping[str, Path], size: int = 0) -> Parts:
    """178 wines of three growers, 13 measurements each."""
    from sklearn.datasets import load_wine

    bunch = load_wine()
    split = Split(bunch.data.astype(np.float32), bunch.target.astype(np.int32))
    return Parts(split, classes=tuple(str(name) for name in bunch.target_names))


def diabetes(files: Mapping[str, Path], size: int = 0) -> Parts:
    """442 patients, 10 measurements each, and how far the disease went in a year (25 to 346)."""
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    return Parts(Split(bunch.data.astype(np.float32), bunch.target.astype(np.float32)))


def photograph(name: str, size: int = 0) -> np.ndarray:
    """One embedded photograph, uint8 [H, W, 3]; `size` as in `read_image`."""
    package, file = PHOTOGRAPHS[name]
    return read_image(_package(package) / file, size=size)


def photograph_names() -> tuple[str, ...]:
    """The photographs whose package is installed and brings the file."""
    return tuple(
        name
        for name, (package, file) in PHOTOGRAPHS.items()
        if importlib.util.find_spec(package.partition(".")[0])
        and (_package(package) / file).is_file()
    )


def photographs(files: Mapping[str, Path], size: int = 0) -> Parts:
    """All embedded photographs, each its own class; nothing is held out."""
    names = photograph_names()
    images = np.stack([photograph(name, size or PHOTOGRAPH_SIZE) for name in names])  # [m, H, W, 3]
    empty = Split(images[:0], np.zeros(0, np.int32))
    return Parts(
        Split(images, np.arange(len(names), dtype=np.int32)), dev=empty, test=empty, classes=names
    )


def python_docs(files: Mapping[str, Path], size: int = 0) -> Parts:
    """The reference chapters behind Python's `help()`, joined in the order of their names."""
    from pydoc_data.topics import topics

    return Parts(
        Split("".join(topics[name] for name in sorted(topics))),
        origin=f"pydoc_data.topics of Python {platform.python_version()}",
    )


def _package(name: str) -> Path:
    """The folder of a package, which is not imported: scikit-learn takes half a second to be."""
    top, *inner = name.split(".")
    return Path(importlib.util.find_spec(top).submodule_search_locations[0], *inner)


ENTRIES = (
    Entry(
        name="turned_digits",
        title="Handwritten digits, every way up another class",
        kind="images",
        reader=turned_digits,
        home="made of scikit-learn's digits",
        licence="CC BY 4.0",
        embedded=True,
    ),
    Entry(
        name="digits",
        title="Optical recognition of handwritten digits",
        kind="images",
        reader=digits,
        home="inside scikit-learn; UCI Machine Learning Repository",
        licence="CC BY 4.0",
        embedded=True,
        human=Human(
            0.002,
            "of MNIST, whose digits are larger and other ones (about, as LeCun et al. 1995 are "
            "quoted); nobody is known to have asked for these of 8x8",
        ),
    ),
    Entry(
        name="breast_cancer",
        title="Breast cancer Wisconsin (diagnostic)",
        kind="table",
        reader=breast_cancer,
        home="inside scikit-learn; UCI Machine Learning Repository",
        licence="CC BY 4.0",
        embedded=True,
    ),
    Entry(
        name="wine",
        title="Wines of three growers",
        kind="table",
        reader=wine,
        home="inside scikit-learn; UCI Machine Learning Repository",
        licence="CC BY 4.0",
        embedded=True,
    ),
    Entry(
        name="diabetes",
        title="Diabetes progression",
        kind="regression",
        reader=diabetes,
        home="inside scikit-learn; Efron, Hastie, Johnstone & Tibshirani 2004",
        licence="none stated",
        embedded=True,
    ),
    Entry(
        name="photographs",
        title="Photographs",
        kind="images",
        reader=photographs,
        home="inside scikit-learn, more inside scikit-image where it is installed",
        licence="CC BY 2.0 (scikit-learn), public domain or CC0 (scikit-image)",
        embedded=True,
    ),
    Entry(
        name="python_docs",
        title="The Python language reference, as help() shows it",
        kind="text",
        reader=python_docs,
        home="inside Python",
        licence="PSF-2.0",
        embedded=True,
    ),
)
