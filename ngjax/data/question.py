"""One question of yes or no, asked of a data set of any number of classes."""

from __future__ import annotations

import dataclasses

import numpy as np

from ngjax.data.dataset import Dataset, Split

ODD = ("even", "odd")  # class names 0 and 1


def odd_or_even(dataset: Dataset) -> Dataset:
    """Is the class number odd? A set of two classes stays as it is: its own question is one.

    Of written digits no linear function of the pixels tells it well: the odd ones lie on both sides
    of the even ones, so the question shows what a hidden layer is for.

    Args:
        dataset: its targets are class numbers [m].

    Returns:
        The same examples with the two classes of `ODD`.
    """
    if len(dataset.classes) == 2:
        return dataset
    parts = {name: getattr(dataset, name) for name in ("train", "dev", "test")}
    asked = {
        name: Split(part.inputs, (np.asarray(part.targets) % 2).astype(np.int32))
        for name, part in parts.items()
    }
    return dataclasses.replace(dataset, classes=ODD, **asked)
