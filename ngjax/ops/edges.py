r"""Filters that find edges, by hand (notes 4.1.1).

    vertical   1  0 -1     horizontal   1  1  1     Sobel   1  0 -1     Scharr   3  0  -3
               1  0 -1                  0  0  0             2  0 -2             10  0 -10
               1  0 -1                 -1 -1 -1             1  0 -1              3  0  -3

Each sums to zero: a flat region answers nothing. Sobel and Scharr (the notes print "Sharr") give
the middle row more weight. A filter turned by an angle, (cos) Sobel + (sin) Sobel^T, answers edges
of that angle: the derivative in a direction is a mixture of those along the axes.
"""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np

VERTICAL = ((1, 0, -1), (1, 0, -1), (1, 0, -1))
HORIZONTAL = ((1, 1, 1), (0, 0, 0), (-1, -1, -1))
SOBEL = ((1, 0, -1), (2, 0, -2), (1, 0, -1))
SCHARR = ((3, 0, -3), (10, 0, -10), (3, 0, -3))
FILTERS = MappingProxyType(
    {"vertical": VERTICAL, "horizontal": HORIZONTAL, "sobel": SOBEL, "scharr": SCHARR}
)


def turned(degrees: float) -> np.ndarray:
    """Sobel's filter for edges that stand `degrees` off the vertical, float64 [3, 3].

    0 is Sobel, 90 its transpose, which answers horizontal edges.
    """
    sobel, angle = np.array(SOBEL, np.float64), math.radians(degrees)
    return math.cos(angle) * sobel + math.sin(angle) * sobel.T
