"""--mode=predict as it is typed: a user's own folder learned and named, wrong words included."""

from __future__ import annotations

import csv

import commands
import jax
import numpy as np
import pytest
from commands import answered
from PIL import Image

from ngjax.data import like
from ngjax.experiment.naming import probabilities
from ngjax.models.mobilenet import MobileNet
from ngjax.types import UserError

COLOURS = {"blue": (20, 30, 220), "red": (220, 30, 20)}


def launch(*words, cwd):
    """No number is asked of these runs but which class is likelier."""
    return commands.launch(*words, cwd=cwd, **commands.HASTE)


def paint(path, colour, generator, size=(40, 30)):
    pixels = np.full((size[1], size[0], 3), colour) + generator.integers(-20, 20, (*size[::-1], 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Photographs of a user in class folders, weights of MobileNet, and images to be named."""
    root, generator = tmp_path_factory.mktemp("user"), np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for n in range(10):
            paint(root / "photos" / name / f"{n}.png", colour, generator)
        paint(root / "new" / f"{name}.png", colour, generator, size=(64, 50))
    shapes = jax.eval_shape(
        MobileNet(0, blocks=12).init, jax.random.key(0), np.zeros((1, 32, 32, 3), np.float32)
    )
    names = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}
    arrays = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(shapes):
        _, part, leaf_name = (entry.key for entry in path)
        value = np.full(leaf.shape, float(leaf_name in ("scale", "var")), np.float32)
        if leaf_name == "kernel":
            fan_in = np.prod(leaf.shape[:-1])
            value = generator.normal(0, np.sqrt(2 / fan_in), leaf.shape).astype(np.float32)
        if "dw" in part and leaf_name == "kernel":
            leaf_name, value = "depthwise_kernel", value[..., None]
        arrays[f"{part}/{names.get(leaf_name, leaf_name)}"] = value
    np.savez(root / "weights.npz", **arrays)
    return root


FOLDER = (
    "--experiment=transfer_learning",
    "--backbone=mobilenet",
    "--weights=weights.npz",
    "--data.name=folder",
    "--data_dir=photos",
    "--data.size=32",
    "--arms=frozen",
    "--run.batch_size=10",
    "--optimizer.learning_rate=0.05",
    "--workdir=run",
)


@pytest.fixture(scope="module")
def trained(place):
    done = launch(*FOLDER, cwd=place)
    assert done.returncode == 0, done.stderr
    return place


def test_a_users_own_folder_is_learned_and_its_classes_are_named(trained):
    done = launch(*FOLDER, "--mode=predict", "--input=new/red.png", cwd=trained)
    assert done.returncode == 0, done.stderr
    arm, path, first, probability, second, other = done.stdout.split()
    assert (arm, path, first, second) == ("frozen", "new/red.png", "red", "blue")
    assert float(probability) > 0.5
    assert float(probability) + float(other) == pytest.approx(1, abs=2e-3)
    assert not (trained / "run" / "predictions").exists()


def test_a_folder_of_images_is_named_in_a_table(trained):
    without = [word for word in FOLDER if not word.startswith("--arms")]
    done = launch(*without, "--mode=predict", "--input=new", cwd=trained)  # the arms that are there
    assert done.returncode == 0, done.stderr
    assert "written to run/predictions/frozen/classes.csv" in done.stdout
    table = trained / "run" / "predictions" / "frozen" / "classes.csv"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(row["file"], row["class1"]) for row in rows] == [
        ("blue.png", "blue"),
        ("red.png", "red"),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--mode=predict",), "--input: give what"),
        (("--mode=predict", "--input=nowhere.png"), "--input=nowhere.png: no such file"),
        (("--mode=predict", "--input=photos"), "--input=photos: holds no image"),
        (("--mode=predict", "--input=weights.npz"), "weights.npz: not a readable image"),
        (("--mode=predict", "--input=new", "--workdir=other"), "other: holds no run; train first"),
        (("--mode=predict", "--input=new", "--seed=4"), "no checkpoint of frozen, seed 4"),
    ],
)
def test_wrong_words_are_answered_in_one_line(trained, words, message):
    done = answered(*FOLDER, *words, cwd=trained)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_weights_that_are_missing_are_told_in_one_line(place):
    words = [word for word in FOLDER if not word.startswith("--weights")]
    done = answered(*words, "--data.name=digits", "--workdir=none", cwd=place)
    assert done.returncode == 2
    assert "mobilenet_v1_1.0_224_to_conv_dw_13.npz: missing" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_topic_that_does_not_classify_images_says_so_and_writes_text(place):
    words = ("--experiment=language_model", "--smoke", "--arms=rnn", "--workdir=text")
    assert launch(*words, cwd=place).returncode == 0
    done = answered(*words, "--mode=predict", "--input=new", cwd=place)
    assert done.returncode == 2
    assert "language_model does not classify images" in done.stderr
    done = launch(*words, "--mode=sample", "--input=The ", cwd=place)
    assert done.returncode == 0, done.stderr
    texts = sorted((place / "text" / "samples" / "rnn").iterdir())
    assert [path.name for path in texts] == [f"temperature_{t}.txt" for t in ("0.5", "0.8", "1.0")]
    assert all(path.read_text().startswith("The ") for path in texts)
    assert "rnn  temperature 0.5:\nrnn  The " in done.stdout


def test_a_topic_that_changes_its_images_changes_the_users_too(place):
    words = ("--experiment=lenet", "--smoke", "--workdir=lenet")
    assert launch(*words, cwd=place).returncode == 0
    done = launch(*words, "--mode=predict", "--input=new/red.png", cwd=place)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["1998", "notes"]


def test_probabilities():
    z = np.log([[1.0, 2, 5], [8, 1, 1]])
    assert np.allclose(probabilities("x", z, 3), [[1 / 8, 2 / 8, 5 / 8], [0.8, 0.1, 0.1]])
    one = probabilities("x", np.log([[3.0]]), 2)  # sigmoid(log 3) = 3/4
    assert np.allclose(one, [[1 / 4, 3 / 4]])
    for z, classes in ((np.zeros((2, 3)), 4), (np.zeros((2, 1)), 3), (np.zeros(3), 3), ({}, 2)):
        with pytest.raises(UserError, match="x does not classify images"):
            probabilities("x", z, classes)


def test_an_image_is_made_like_those_of_the_set():
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = (30, 60, 90)  # the middle square
    assert np.abs(like(pixels, (10, 10, 3))[:, 2:-2].astype(int) - (30, 60, 90)).max() <= 1
    grey = like(pixels, (10, 10, 1))
    assert grey.shape == (10, 10, 1)
    assert abs(int(grey[5, 5, 0]) - (0.299 * 30 + 0.587 * 60 + 0.114 * 90)) <= 1
    assert like(pixels, (10, 30, 3)).shape == (10, 30, 3)
