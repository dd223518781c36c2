"""Style transfer: slopes by differences, no NaN, bad pictures in a line, what is kept."""

import dataclasses
import io

import jax
import numpy as np
import pytest
from PIL import Image

from experiments.ch4_convnets import style_transfer as topic
from ngjax import config as cfg
from ngjax import data
from ngjax.report import figures as draw
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.types import Context, UserError

SMALL = cfg.override(
    topic.Config(),
    (
        *("width=0.0625", "style_layers=conv1_1,conv2_1", "content_layer=conv2_1"),
        *("run.steps=4", "frames=3", "size=24"),
    ),
)


def trained(config):
    return fit(Program(topic.build(config), config.run, jax.devices()[:1]), seed=0).state


def written(path, pixels):
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return str(path)


@pytest.fixture
def constant(tmp_path):
    return written(tmp_path / "constant.png", np.full((20, 24, 3), 128))


def test_the_slope_is_that_of_differences():
    config = dataclasses.replace(SMALL, start="noise")
    with jax.enable_x64(True):
        task = topic.build(config)
        wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), task.constants)
        params, extra = task.init(jax.random.key(0))
        x = np.asarray(params["pixels"], np.float64)
        context = Context(None, 0, task.hyper, wide, train=True)

        @jax.jit
        def cost(x):
            return task.loss({"pixels": x}, extra, {}, context)[0][0]

        slope = np.asarray(jax.grad(cost)(x))
        for place in [(0, 0, 0), (7, 11, 1), (15, 23, 2)]:
            step = np.zeros_like(x)
            step[place] = 1e-6
            numeric = (cost(x + step) - cost(x - step)) / 2e-6
            assert slope[place] == pytest.approx(float(numeric), rel=1e-4)


@pytest.mark.parametrize("rule", ["adam", "lbfgs"])
@pytest.mark.parametrize("black", [False, True])
def test_constant_pictures_make_no_nan(rule, black, constant, tmp_path):
    dark = written(tmp_path / "black.png", np.zeros((20, 24, 3)))
    config = dataclasses.replace(SMALL, content=constant, style=dark if black else constant)
    changes = (f"optimizer.rule={rule}", "optimizer.schedule=constant")
    state = trained(cfg.override(config, changes))
    assert np.isfinite(state.params["pixels"]).all()


def test_a_picture_in_its_own_style_stays_as_it_is():
    same = cfg.override(SMALL, ("style=china", "variation=0", "optimizer.rule=descent"))
    pixels = trained(same).params["pixels"]
    np.testing.assert_array_equal(topic.shown(pixels), topic.pictures(same)[0])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("content=missing.jpg",), "--content=missing.jpg: no such file"),
        (("style=chinaa",), "did you mean china"),
        (("style_layers=conv5_1",), "--style_layers=conv5_1: the network has conv1_1"),
        (("content_layer=conv9_9",), "--content_layer=conv9_9: the network has conv1_1"),
        (("style_layers=conv3_1",), "a unit of conv3_1 sees 24 a side"),
        (("network=vgg19",), "--network=vgg19: needs --weights"),
        (("network=mobilenet", "weights=none.npz"), "none.npz: no such file"),
    ],
)
def test_mistakes_are_told_in_a_line(changes, told):
    with pytest.raises(UserError) as error:
        topic.build(cfg.override(SMALL, changes))
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_broken_picture_is_named(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"\xff\xd8\xff not a picture")
    with pytest.raises(UserError, match=r"broken\.jpg: not a readable image") as error:
        topic.build(dataclasses.replace(SMALL, style=str(path)))
    assert "\n" not in str(error.value)


def test_a_style_smaller_than_the_filter_is_refused(tmp_path):
    path = written(tmp_path / "tiny.png", np.zeros((2, 9, 3)))
    with pytest.raises(UserError, match=r"tiny\.png: 9 x 2 pixels, and a unit of conv1_1 sees 3"):
        topic.build(dataclasses.replace(SMALL, style=path))


def test_pictures_on_the_way_are_kept():
    state, config = trained(SMALL), SMALL
    assert topic.moments(config).tolist() == [0, 1, 3]
    frames = state.extra["frames"]
    np.testing.assert_array_equal(frames[0], topic.pictures(config)[0])
    assert (frames[1] != frames[0]).any() and (frames[2] != frames[1]).any()
    longer = trained(cfg.override(config, ("run.steps=3", "optimizer.schedule=constant")))
    other = trained(cfg.override(config, ("run.steps=4", "optimizer.schedule=constant")))
    np.testing.assert_array_equal(other.extra["frames"][2], topic.shown(longer.params["pixels"]))


def test_a_larger_picture_is_scaled_and_a_smaller_one_left(tmp_path):
    path = written(tmp_path / "a.png", np.zeros((30, 60, 3)))
    assert data.picture(path, size=20).shape == (10, 20, 3)
    assert data.picture(path, size=100).shape == (30, 60, 3)


def test_a_gif_has_its_frames():
    frames = [np.full((8, 6, 3), level, np.uint8) for level in (0, 100, 200)]
    with Image.open(io.BytesIO(draw.gif(frames))) as film:
        assert (film.n_frames, film.size) == (3, (6, 8))
    with Image.open(io.BytesIO(draw.png(frames[1]))) as picture:
        np.testing.assert_array_equal(np.asarray(picture), frames[1])
