"""Filters for edges on images whose slope is known everywhere."""

import math

import numpy as np
import pytest

from ngjax.ops.convolve import convolve_by_loops
from ngjax.ops.edges import FILTERS, HORIZONTAL, SOBEL, VERTICAL, turned


@pytest.mark.parametrize("name", FILTERS)
def test_flat_is_silent(name):
    assert (convolve_by_loops(np.full((5, 5), 7), np.array(FILTERS[name])) == 0).all()


def test_names():
    left = np.repeat([[9, 9, 0, 0]], 4, axis=0)  # bright on the left: a vertical edge
    assert (convolve_by_loops(left, np.array(VERTICAL)) == 27).all()
    assert (convolve_by_loops(left, np.array(HORIZONTAL)) == 0).all()
    np.testing.assert_array_equal(
        convolve_by_loops(left.T, np.array(HORIZONTAL)), np.full((2, 2), 27)
    )


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 200])
def test_turned_answers_its_own_direction(degrees):
    np.testing.assert_allclose(turned(0), SOBEL)
    np.testing.assert_allclose(turned(90), np.transpose(SOBEL), atol=1e-15)
    angle = math.radians(degrees)
    y, x = np.mgrid[:3, :3]
    for other in (0, 45, 90, 180):  # planes that fall by one a pixel in a direction
        way = math.radians(other)
        plane = -(math.cos(way) * x + math.sin(way) * y)
        answer = convolve_by_loops(plane, turned(degrees))[0, 0]
        assert answer == pytest.approx(8 * math.cos(way - angle), abs=1e-12)
