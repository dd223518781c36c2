"""The YOLO topic: what it writes of a user's pictures, whose objects find a place."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from ngjax.data.boxes.detection import pack
from ngjax.experiment import Learned, load
from ngjax.experiment.catalogue import module
from ngjax.types import UserError

topic = module("yolo")
EXPERIMENT = load("yolo")


@pytest.fixture
def known(monkeypatch):
    """A set of two classes in the place of the scenes."""
    classes = ("cat", "dog")
    boxes = np.array([[[0.1, 0.1, 0.3, 0.3], [0.15, 0.12, 0.35, 0.3]]], np.float32)
    targets = pack([(boxes[0], [0, 1], [1, 1])])
    part = SimpleNamespace(inputs=np.zeros((1, 32, 32, 3), np.uint8), targets=targets)
    held = SimpleNamespace(classes=classes, train=part, test=part)
    monkeypatch.setattr(topic, "held_of", lambda config: held)
    monkeypatch.setattr(topic, "shapes", lambda which, count: np.full((count, 2), 0.2, np.float32))
    return held


def test_a_picture_gets_its_boxes_and_a_json(known, tmp_path):
    Image.new("RGB", (80, 40), "white").save(tmp_path / "a.jpg")
    asked = []

    def outputs(examples):
        asked.append(examples.inputs.shape)
        boxes = np.array([[[0.25, 0.5, 0.75, 1.0], [0, 0, 0.1, 0.1]]], np.float32)
        return {
            "boxes": boxes,
            "scores": np.array([[0.9, 0.2]]),
            "classes": np.array([[1, 0]]),
            "mask": np.array([[True, True]]),
        }

    learned = Learned("yolo", EXPERIMENT.config, None, None, None, outputs)
    answer = EXPERIMENT.predict(learned, str(tmp_path / "a.jpg"))
    assert asked == [(1, 32, 32, 3)]  # the whole picture, stretched as in training
    told = json.loads(answer.files["boxes.json"])
    assert told == [
        {
            "file": "a.jpg",
            "width": 80,
            "height": 40,
            "objects": [{"class": "dog", "score": 0.9, "box": [20.0, 20.0, 60.0, 40.0]}],
        }
    ]
    (tmp_path / "out.png").write_bytes(answer.files["a.jpg.boxes.png"])
    pixels = np.asarray(Image.open(tmp_path / "out.png"))
    assert pixels.shape == (40, 80, 3)
    assert (pixels[30, 20] != 255).any() and (pixels[30, 40] == 255).all()  # a frame, not a patch
    assert answer.lines == (f"{tmp_path / 'a.jpg'}  1 dog",)


def test_a_picture_that_is_none_is_refused(known, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no")
    learned = Learned("yolo", EXPERIMENT.config, None, None, None, None)
    with pytest.raises(UserError, match=r"a\.jpg: not a readable image"):
        EXPERIMENT.predict(learned, str(tmp_path / "a.jpg"))


def test_two_objects_of_one_cell_and_one_anchor_leave_one_without_a_place(known):
    assert topic.lost(EXPERIMENT.config, 2, 1) == (1, 2)
    known.train.targets[0, 1, :4] += 0.5
    assert topic.lost(EXPERIMENT.config, 2, 1) == (0, 2)


def test_the_notes_example(known):
    assert topic.worked(1).shape == (3, 3, 1, 8) and topic.worked(2).shape == (3, 3, 2, 8)
    y = topic.worked(2)
    assert not y[0].any()
    np.testing.assert_allclose(
        y[2, 1, 1], [1, 0.5, 0.19, 0.78, 1.5, 0, 1, 0], atol=1e-5
    )  # midpoint (0.5, 0.73), height 0.26 and width 0.5 of 3 cells
    assert not y[2, 1, 0].any()


def test_score_of_right_and_wrong_answers():
    targets = pack([(np.array([[0.1, 0.1, 0.3, 0.3]]), [1], [1])])
    outputs = {
        "boxes": targets[:, :, :4],
        "scores": np.ones((1, 1)),
        "classes": np.ones((1, 1), int),
        "mask": np.ones((1, 1), bool),
    }
    assert topic.score(2, outputs, {"targets": targets}) == {
        "recall50": 1.0,
        "mAP50": 1.0,
        "mAP": 1.0,
    }
    outputs["boxes"] = outputs["boxes"] + 0.3
    assert topic.score(2, outputs, {"targets": targets}) == {
        "recall50": 0.0,
        "mAP50": 0.0,
        "mAP": 0.0,
    }
