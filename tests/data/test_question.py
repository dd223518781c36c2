"""Odd or even: the classes of a set as one question."""

from __future__ import annotations

import numpy as np

from ngjax import data
from ngjax.data.question import odd_or_even


def test_digits_become_odd_and_even():
    digits = data.load(data.Data(name="digits"))
    asked = odd_or_even(digits)
    assert asked.classes == ("even", "odd")
    for part in ("train", "dev", "test"):
        before, after = getattr(digits, part), getattr(asked, part)
        np.testing.assert_array_equal(after.inputs, before.inputs)
        np.testing.assert_array_equal(after.targets, [t in (1, 3, 5, 7, 9) for t in before.targets])
        assert after.targets.dtype == np.int32


def test_two_classes_stay():
    tumours = data.load(data.Data(name="breast_cancer"))
    assert odd_or_even(tumours) is tumours
