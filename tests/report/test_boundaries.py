import numpy as np
from matplotlib.colors import to_rgb

from ngjax.report import figures
from ngjax.report.figures import PALETTE

XY = np.array([[-1.0, -1.0], [1.0, 1.0], [0.5, -0.5], [-0.5, 0.5]])
CLASSES = [0, 1, 1, 0]
MODELS = {
    "left and right": lambda points: (points[:, 0] > 0).astype(int),
    "all one": lambda points: np.ones(len(points), int),
    "low and high": lambda points: (points[:, 1] > 0).astype(int),
    "none": lambda points: np.zeros(len(points), int),
}


def shades(ax):
    """[150, 150] of the classes that a panel is shaded by."""
    return np.asarray(ax.collections[0].get_array()).reshape(150, 150)


def test_a_panel_each_shaded_by_what_its_model_says():
    axes = figures.boundaries(XY, CLASSES, MODELS).axes
    assert [ax.get_title(loc="left") for ax in axes] == list(MODELS)
    across, one, up, none = map(shades, axes)
    assert (across[:, :75] == 0).all() and (across[:, 75:] == 1).all()
    assert (up[:75] == 0).all() and (up[75:] == 1).all()
    assert (one == 1).all() and (none == 0).all()


def test_points_have_the_hue_of_their_class_in_every_panel():
    for ax in figures.boundaries(XY, CLASSES, MODELS, columns=2).axes:
        dots = ax.collections[1]
        np.testing.assert_array_equal(dots.get_offsets(), XY)
        hues = [tuple(colour[:3]) for colour in dots.get_facecolor()]
        assert hues == [to_rgb(PALETTE[k]) for k in CLASSES]
