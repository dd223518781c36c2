import io
import math

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from ngjax.report import figures
from ngjax.report.figures import PALETTE
from ngjax.report.figures.canvas import blank


def pixels(figure):
    """[H, W, 3] bytes of a figure as saved."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]


def share(image, colour, tolerance=6):
    """The share of pixels that have a colour."""
    wanted = np.round(np.array(to_rgb(colour)) * 255)
    return np.mean(np.all(np.abs(image - wanted) <= tolerance, axis=-1))


def history(values, every=1, name="train/loss"):
    return [{"step": 10 * i, "epoch": i, name: v} for i, v in enumerate(values) if i % every == 0]


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def test_curves_draw_the_mean_and_the_band_of_the_seeds_they_share():
    runs = {0: history([4.0, 2.0, 1.0]), 1: history([2.0, 4.0]), 2: history([3.0, 9.0, 5.0])}
    (ax,) = figures.curves({"Adam": runs}, ["train/loss"], x="epoch").axes
    (line,) = ax.get_lines()
    assert line.get_xydata().tolist() == [[0, 3], [1, 5]]
    low, high = np.split(ax.collections[0].get_paths()[0].vertices[:, 1], [3])
    assert {2.0} == set(low[1:]) and 4.0 in high and 9.0 in high
    assert ax.get_title(loc="left") == "train loss"
    assert ax.get_xlabel() == "epoch"


def test_curves_put_splits_in_one_panel_train_dashed_and_dev_solid():
    def rows(a):
        return [
            {"step": i, "train/loss": a / i, "dev/loss": 2 * a / i, "dev/accuracy": a * i}
            for i in (1, 2, 3)
        ]

    names = ["train/loss", "dev/loss", "dev/accuracy"]
    figure = figures.curves({"GD": {0: rows(3)}, "Adam": {0: rows(1)}}, names, log=["loss"])
    loss, accuracy = figure.axes
    assert (loss.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    assert [(line.get_color(), line.is_dashed()) for line in loss.get_lines()] == [
        *[(PALETTE[0], True), (PALETTE[0], False), (PALETTE[1], True), (PALETTE[1], False)]
    ]
    assert [line.is_dashed() for line in accuracy.get_lines()] == [False, False]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["GD", "Adam", "train", "dev"]
    assert not loss.collections  # one seed, no band
    image = pixels(figure)
    assert all(share(image, hue) > 0.001 for hue in PALETTE[:2])


def test_curves_mark_where_a_run_was_lost():
    (ax,) = figures.curves({"a": {0: history([3, 2, math.nan, math.inf])}}, ["train/loss"]).axes
    line, cross = ax.get_lines()
    assert np.isnan(line.get_ydata()[2:]).all()
    assert cross.get_marker() == "x"
    assert cross.get_xydata().tolist() == [[10, 2]]


@pytest.mark.parametrize(
    ("values", "scale"),
    [([380, 2, 0.1], "log"), ([90, 2, 0.1], "linear"), ([380, 2, 0], "linear")],
)
def test_curves_of_a_wide_span_are_logarithmic(values, scale):
    (ax,) = figures.curves({"a": {0: history(values)}}, ["train/loss"]).axes
    assert ax.get_yscale() == scale


def test_curves_stand_a_metric_that_was_never_measured():
    (ax,) = figures.curves({"a": {0: history([1, 2])}, "b": {}}, ["dev/accuracy"]).axes
    assert not ax.get_lines()


def test_curves_keep_a_long_key_on_the_paper():
    arms = {f"learning_rate={i}": {0: history([3, 2, 1])} for i in range(9)}
    figure = figures.curves(arms, ["train/loss"])
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width
    assert len({line.get_color() for line in figure.axes[0].get_lines()}) == 9


def test_lines_name_themselves_at_their_ends_without_overlap():
    x = np.linspace(0, 1, 5)
    series = {"a": x, "b": x + 1e-3, "c": x - 1e-3, "d": 0 * x}
    figure = figures.lines(x, series, "z", "g(z)")
    figure.canvas.draw()
    (ax,) = figure.axes
    labels = {text.get_text(): text.get_window_extent() for text in ax.texts}
    assert list(labels) == ["d", "c", "a", "b"]  # from below
    heights = [box.y0 for box in labels.values()]
    assert np.all(np.diff(heights) > 10)
    assert [ax.texts[i].get_color() for i in (2, 3)] == list(PALETTE[:2])
    (places,) = figures.lines(np.arange(1, 8), {"a": np.ones(7)}).axes
    assert places.get_xticks().tolist() == [*range(1, 8)]


def test_image_grid_marks_mistakes_and_shows_ink_dark():
    images = np.zeros((3, 8, 8))
    images[:, 2:6, 2:6] = 16.0
    titles = ["3", "8, not 5", "7"]
    figure = figures.image_grid(images, titles, wrong=[False, True, False], ink=True)
    assert [ax.get_title() for ax in figure.axes] == titles
    hues = [ax.spines["left"].get_edgecolor()[:3] == to_rgb(PALETTE[1]) for ax in figure.axes]
    assert hues == [False, True, False]
    assert share(pixels(figure), "black", 2) > 0.05
    assert share(pixels(figure), PALETTE[1]) > 0.002
    assert share(pixels(figures.image_grid(images, titles)), PALETTE[1]) == 0


def test_image_grid_keeps_colours_and_draws_boxes():
    photo = np.full((20, 30, 3), (0, 0, 255), np.uint8)
    figure = figures.image_grid([photo, photo[:10]], boxes=[[(5, 4, 15, 12, "cat")], []])
    assert share(pixels(figure), "blue", 1) > 0.3
    (box,) = figure.axes[0].patches
    assert box.get_bbox().bounds == (4.5, 3.5, 10, 8)
    assert "cat" in texts(figure)


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    [((5, 5, 1, 6), 1, 6), ((7, 7, 3, 64), 8, 8), ((3, 3, 20, 32), 8, 16), ((5, 5, 1, 20), 3, 8)],
)
def test_filters_are_all_there(shape, rows, columns):
    kernel = np.random.default_rng(0).standard_normal(shape)
    (ax,) = figures.filters(kernel).axes
    side = shape[0] * (24 // shape[0]) + 2
    assert ax.images[0].get_array().shape[:2] == (rows * side - 2, columns * side - 2)


def test_a_filter_shows_its_own_numbers_with_zero_in_the_middle():
    kernel = np.zeros((2, 2, 1, 2))
    kernel[0, 1, 0, 1] = -3.0
    image = figures.filters(kernel).axes[0].images[0]
    picture = np.ma.filled(image.get_array(), np.nan)
    assert picture[0, 26 + 12] == -3.0  # the second tile's upper right quarter
    assert np.isnan(picture[0, 24])
    assert np.nansum(picture) == -3.0 * 12 * 12
    assert image.get_clim() == (-3.0, 3.0)


def test_contours_and_the_paths_over_them():
    ways = {"GD": [[-9, 2], [-4, -1], [0, 0]], "momentum": [[-9, 2], [0, 1]]}
    figure = figures.contour_paths(
        lambda x, y: 0.05 * x**2 + y**2, ways, (-10, 4, -3, 3), minimum=(0, 0)
    )
    (ax,) = figure.axes
    drawn = {line.get_label(): line.get_xydata().tolist() for line in ax.get_lines()}
    assert drawn["GD"] == ways["GD"]
    assert drawn["momentum"] == ways["momentum"]
    assert ax.get_xlim() == (-10, 4)
    (rings,) = ax.collections
    x, y = rings.get_paths()[3].vertices[:, 0], rings.get_paths()[3].vertices[:, 1]
    np.testing.assert_allclose(0.05 * x**2 + y**2, rings.levels[3], rtol=2e-2)


def test_confusion_shows_counts_and_shades_by_the_true_class():
    figure = figures.confusion([[8, 2], [0, 5]], ["benign", "malignant"])
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.8, 0.2], [0, 1]])
    assert {text.get_text(): text.get_position() for text in ax.texts} == {
        **{"8": (0, 0), "2": (1, 0), "5": (1, 1)}
    }
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("true", "predicted")


def test_heatmap_names_both_sides():
    figure = figures.heatmap([[0.1, 0.9, 0.0]], ["2"], ["3", "may", "2009"])
    ax, bar = figure.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["3", "may", "2009"]
    assert ax.images[0].get_clim() == (0.0, 0.9)
    assert bar.get_ylim() == (0.0, 0.9)


def test_heatmap_of_few_names_keeps_them_large_and_upright():
    names = ["step" if t % 20 == 0 else "" for t in range(60)]
    ax = figures.heatmap(np.zeros((3, 60)), ["a", "b", "c"], names, limits=(0.0, 2.0)).axes[0]
    label = ax.get_xticklabels()[0]
    assert (label.get_rotation(), label.get_size()) == (0, 9)
    assert ax.images[0].get_clim() == (0.0, 2.0)
    crowded = figures.heatmap(np.zeros((3, 60)), ["a", "b", "c"], ["step"] * 60).axes[0]
    label = crowded.get_xticklabels()[0]
    assert (label.get_rotation(), label.get_size()) == (50, 6)


def test_bars_of_a_case_stand_together_and_an_arm_keeps_its_hue():
    found = {"short": {"look": 0.9, "vector": 0.8}, "long": {"vector": 0.5}}
    figure = figures.grouped(found, "BLEU")
    (ax,) = figure.axes
    drawn = {(b.get_width(), to_rgb(b.get_facecolor())): b.get_y() for b in ax.patches}
    look, vector = (to_rgb(hue) for hue in PALETTE[:2])
    places = [drawn[0.9, look], drawn[0.8, vector], drawn[0.5, vector]]
    assert len(drawn) == 3 and places[1] - places[0] < places[2] - places[1]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["short", "long"]
    assert {"0.9", "0.8", "0.5", "look", "vector"} <= set(texts(figure))


def test_bars_start_at_zero_and_say_their_value():
    figure = figures.bars({"GD": 0.9, "Adam": 0.97}, {"Adam": 0.01}, "accuracy", best="Adam")
    (ax,) = figure.axes
    assert [bar.get_width() for bar in ax.patches] == [0.9, 0.97]
    assert ax.get_xlim()[0] == 0
    assert [text.get_text() for text in ax.texts] == ["0.9", "0.970 ± 0.010"]
    assert to_rgb(ax.patches[1].get_facecolor()) == to_rgb(PALETTE[0])
    assert to_rgb(ax.patches[0].get_facecolor()) != to_rgb(PALETTE[0])


def test_points_are_coloured_named_and_backed_by_what_a_model_decides():
    xy = np.array([[0.0, 0], [0, 1], [3, 0], [3, 1]])
    classes = [0, 0, 1, 1]
    midst = figures.points(xy, classes, ["left", "right"])
    assert [text.get_text() for text in midst.axes[0].texts] == ["left", "right"]
    assert [cloud.get_offsets().tolist() for cloud in midst.axes[0].collections] == [
        *[xy[:2].tolist(), xy[2:].tolist()]
    ]
    shaded = figures.points(xy, classes, ["left", "right"], lambda p: (p[:, 0] > 1).astype(int))
    region = shaded.axes[0].collections[0].get_array()
    assert region[:, 0].max() == 0 and region[:, -1].min() == 1
    words = figures.points(xy, texts=["man", "woman", "king", "queen"])
    assert texts(words) == ["man", "woman", "king", "queen"]
    both = figures.points(xy, classes, ["left", "right"], texts=["man", "", "king", ""])
    assert [text.get_text() for text in both.axes[0].texts] == ["man", "king"]
    assert {"left", "right"} <= set(texts(both))


def test_a_word_that_would_stand_on_an_earlier_one_is_left_out():
    rng = np.random.default_rng(0)
    xy = np.concatenate([rng.normal(size=(150, 2)), [[40.0, 40.0]]])
    names = [f"word{i}" for i in range(151)]
    (ax,) = figures.points(xy, texts=names).axes
    told = [text.get_text() for text in ax.texts]
    assert told[0] == "word0" and told[-1] == "word150" and len(told) < 60
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_boundaries_show_each_model_in_its_own_panel():
    xy = np.array([[0.0, 0], [0, 1], [3, 0], [3, 1]])
    models = {"left": lambda p: p[:, 0] > 1, "never": lambda p: np.zeros(len(p))}
    figure = figures.boundaries(xy, [0, 0, 1, 1], models, columns=1)
    left, never = figure.axes
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["left", "never"]
    region = left.collections[0].get_array()
    assert region[:, 0].max() == 0 and region[:, -1].min() == 1
    assert never.collections[0].get_array().max() == 0
    assert never.collections[1].get_offsets().tolist() == xy.tolist()


def test_the_palette_is_told_apart_by_the_colour_blind():
    """Distances in CIELAB of what each kind sees, by the matrices of Machado et al. (2009)."""
    kinds = [
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    ]
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    srgb = np.array([to_rgb(hue) for hue in PALETTE[:7]])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    for matrix in [np.eye(3), *kinds]:
        xyz = np.clip(linear @ np.array(matrix).T, 0, 1) @ (to_xyz / to_xyz.sum(1)[:, None]).T
        f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
        lab = f @ np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]]).T
        apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
        assert apart[np.triu_indices(7, 1)].min() > 15


def test_a_saved_figure_is_a_sharp_png_of_the_same_bytes(tmp_path):
    def draw():
        return figures.bars({"GD": 0.9, "Adam": 0.97})

    first = figures.save(draw(), tmp_path / "figures" / "a.png")
    second = figures.save(draw(), tmp_path / "b.png")
    assert first.read_bytes() == second.read_bytes()
    image = Image.open(io.BytesIO(first.read_bytes()))
    assert image.width == 1296
    assert "Software" not in image.info
    assert [path.name for path in first.parent.iterdir()] == ["a.png"]


def test_style_comes_and_goes_whatever_the_user_set():
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30}):
        with figures.style():
            assert matplotlib.rcParams["axes.facecolor"] == "white"
        assert matplotlib.rcParams["font.size"] == 30
        assert share(pixels(figures.bars({"a": 1.0})), "black") < 0.02
    assert dict(matplotlib.rcParams) == before


def test_no_pyplot_and_nothing_heavy_at_import():
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from ngjax.report import figures, metrics_log, page, summary, terminal\n"
        "heavy = {'matplotlib', 'tensorboardX', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "figures.bars({'a': 1.0})\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_blank_figure_has_the_size_asked_for():
    assert blank(2.0, 3.0).get_size_inches().tolist() == [3.0, 2.0]


def test_trials_show_each_knob_the_lost_ones_and_the_best():
    knobs = {"alpha": [1e-4, 1e-2, 1.0], "rule": ["adam", "momentum", "adam"]}
    figure = figures.trials(knobs, [2.0, 0.5, np.nan], "dev loss", log=("alpha",), best=1)
    left, right = figure.axes
    assert left.get_xscale() == "log" and right.get_xscale() == "linear"
    assert [t.get_text() for t in right.get_xticklabels()] == ["adam", "momentum"]
    dots, cross, ring = (c.get_offsets().data for c in left.collections)
    np.testing.assert_allclose(dots, [[1e-4, 2.0], [1e-2, 0.5]])
    np.testing.assert_allclose(cross[:, 0], [1.0])
    np.testing.assert_allclose(ring, [[1e-2, 0.5]])
    assert {"alpha", "rule", "dev loss"} <= set(texts(figure))


def test_samples_cast_a_shadow_and_mark_what_is_sought():
    sets = {"grid": [[0, 0], [0, 1], [1, 0]], "random": [[0.2, 0.3]]}
    figure = figures.samples(sets, ("what matters", "the rest"), 0.4)
    grid = figure.axes[0]
    optimum, shadow = grid.get_lines()
    assert set(optimum.get_xdata()) == {0.4}
    np.testing.assert_allclose(shadow.get_xdata(), [0, 0, 1])
    assert {"grid", "random", "what matters", "the rest"} <= set(texts(figure))


def test_predictions_show_the_mistakes_first():
    images = np.zeros((6, 4, 4, 1), np.uint8)
    figure = figures.predictions(images, [0, 1, 1, 0, 1, 0], [0, 1, 0, 0, 0, 0], "ab", shown=4)
    assert [ax.get_title("center") for ax in figure.axes] == ["b (a)", "b (a)", "a (a)", "b (b)"]
    assert share(pixels(figure), PALETTE[1]) > 0


def test_feature_maps_have_a_row_a_layer_and_its_own_scale():
    volume = np.arange(32.0).reshape(4, 4, 2)
    figure = figures.feature_maps({"conv1": volume, "pool1": 1000 * volume[::2, ::2, :1]}, count=2)
    assert [len(ax.images) for ax in figure.axes] == [1, 1, 1]
    assert [ax.get_ylabel() for ax in figure.axes] == ["conv1\n4x4x2", "", "pool1\n2x2x1"]
    assert [ax.images[0].get_clim() for ax in figure.axes] == [(0, 31), (0, 31), (0, 20000)]
