"""Logos: letters as tall as they weigh, the tallest outermost, negative ones below the line."""

from __future__ import annotations

import numpy as np
import pytest

from ngjax.report import figures as draw


def test_letters_are_as_tall_as_they_weigh():
    weights = np.array([[0.5, 2.0, 0.0, -1.0], [0.0, 0.0, 0.25, 0.0]])
    figure = draw.logos({"one": weights}, "acgt", first=-3, spans={"box": (-3, -2)}, ylabel="bits")
    (ax,) = figure.axes
    boxes = [patch.get_path().get_extents() for patch in ax.patches if patch.get_zorder() > 0]
    found = sorted((round(b.x0 + b.x1) / 2, b.y0, b.y1) for b in boxes)
    want = [(-3, -1.0, 0.0), (-3, 0.0, 0.5), (-3, 0.5, 2.5), (-2, 0.0, 0.25)]
    np.testing.assert_allclose(found, want, atol=1e-6)
    assert ax.get_ylim()[0] < -1 and ax.get_ylim()[1] >= 2.5
    assert [text.get_text() for text in ax.texts] == ["box"]


@pytest.mark.parametrize("columns", [1, 2])
def test_panels_share_their_height(columns):
    figure = draw.logos({"a": 3 * np.ones((3, 4)), "b": np.ones((2, 4))}, "acgt", columns=columns)
    low, high = figure.axes[0].get_ylim()
    assert figure.axes[1].get_ylim() == (low, high) and high >= 12
