"""Enrolment as a user types it: a folder of those known, a folder of others."""

from __future__ import annotations

import csv
import io
import os

import numpy as np
import pytest
from PIL import Image

from experiments.ch4_convnets.face_recognition import NOBODY, enrolment
from ngjax import data
from ngjax.experiment import plan as planning
from ngjax.experiment import predicting, runner
from ngjax.types import UserError

OVERRIDES = ("run.steps=2", "encoding.size=16")


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A trained run, and digits as files: two known, one of whom is asked for again."""
    root = tmp_path_factory.mktemp("faces")
    request = planning.Request(
        "face_recognition",
        OVERRIDES,
        arms=("edges",),
        workdir=root / "run",
        command=("launch.py",),
    )
    runner.run(planning.plan(request))
    held = data.load(data.Data(name="digits"))
    for name, digit, number in (("known/zero", 0, 0), ("known/one", 1, 0), ("new/same", 0, 0)):
        image = held.train.inputs[held.train.targets == digit][number, ..., 0]
        path = root / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    return request, root


def test_the_same_photograph_is_named_and_written(asked):
    request, root = asked
    lines = predicting.ask("predict", request, f"{root / 'known'}{os.pathsep}{root / 'new'}")
    assert "2 enrolled, tau = " in lines[0]
    table = list(csv.DictReader(io.StringIO(next((root / "run").rglob("people.csv")).read_text())))
    assert [row["file"] for row in table] == ["same.png"]
    assert table[0]["person"] == table[0]["nearest"] == "zero"
    assert float(table[0]["distance"]) < 1e-6 < float(table[0]["threshold"])


def test_who_is_not_enrolled_is_told(asked):
    request, root = asked
    held = data.load(data.Data(name="digits"))
    blank = root / "blank" / "noise.png"
    blank.parent.mkdir(exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, held.train.inputs.shape[1:3])
    Image.fromarray(noise.astype(np.uint8)).save(blank)
    lines = predicting.ask("predict", request, f"{root / 'known'}{os.pathsep}{blank}")
    tau = float(lines[0].rpartition("= ")[2])
    far = float(lines[1].partition("distance ")[2].split()[0])
    assert (NOBODY in lines[1]) == (far > tau)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("one", "give the folder of those enrolled"),
        (f"nowhere{os.pathsep}nowhere", "no such folder; enrol a folder or an image a person"),
    ],
)
def test_wrong_places_are_told_in_one_line(asked, source, told):
    with pytest.raises(UserError, match=told) as refusal:
        predicting.ask("predict", asked[0], source)
    assert "\n" not in str(refusal.value)


def test_a_name_twice_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(UserError, match="enrols nobody"):
        enrolment(tmp_path)
    (tmp_path / "ann").mkdir()
    image = Image.fromarray(np.zeros((8, 8), np.uint8))
    image.save(tmp_path / "ann" / "1.png")
    image.save(tmp_path / "ann.png")
    with pytest.raises(UserError, match="'ann' is enrolled twice"):
        enrolment(tmp_path)
