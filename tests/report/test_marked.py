import numpy as np

from ngjax.report import figures as draw

IMAGES = np.zeros((3, 8, 10, 3), np.uint8)


def test_boxes_grid_draws_every_box_found_and_true():
    found = [[(1, 2, 5, 6, "cat 0.9"), (0, 0, 3, 3, "")], [], [(2, 2, 4, 4, "dog")]]
    true = [[(1, 2, 5, 7, "")], [(0, 0, 2, 2, "")], []]
    figure = draw.boxes_grid(IMAGES, found, true)
    boxes = [len(ax.patches) for ax in figure.axes]
    assert boxes == [3, 1, 1]
    first, *_, dashed = figure.axes[0].patches
    assert first.get_bbox().bounds == (0.5, 1.5, 4, 4)  # pixel 1 reaches from 0.5 to 1.5
    assert dashed.get_bbox().bounds == (0.5, 1.5, 4, 5)
    assert [t.get_text() for t in figure.axes[0].texts] == ["cat 0.9"]
    assert [len(ax.patches) for ax in draw.boxes_grid(IMAGES, found).axes] == [2, 0, 1]


def test_points_grid_draws_points_and_keeps_the_border():
    found = np.full((3, 68, 2), 3.0)
    found[0, 0] = (500, -500)
    figure = draw.points_grid(IMAGES, found, found + 1, ["a", "b", "c"])
    for ax in figure.axes:
        assert [len(c.get_offsets()) for c in ax.collections] == [68, 68]
        assert ax.get_xlim() == (-0.5, 9.5) and ax.get_ylim() == (7.5, -0.5)
    assert len(draw.points_grid(IMAGES, found).axes[0].collections) == 1
