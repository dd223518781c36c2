"""A film of one's own is named by a finished run; what is no film is refused in a line."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ngjax.experiment import plan as planning
from ngjax.experiment import predicting, runner
from ngjax.types import UserError

NAMES = {"right", "left", "up", "down", "and"}


def test_a_folder_of_frames_is_named(tmp_path):
    request = planning.Request(
        "video_activity", arms=("mean",), smoke=True, workdir=tmp_path / "r", command=("launch.py",)
    )
    runner.run(planning.plan(request))
    for n in range(3):
        (tmp_path / "film").mkdir(exist_ok=True)
        pixels = np.zeros((12, 12), np.uint8)
        pixels[4:8, n : n + 4] = 255
        Image.fromarray(pixels).save(tmp_path / "film" / f"{n}.png")
    (told,) = predicting.ask("predict", request, str(tmp_path / "film"))
    arm, *words = told.split()
    shares = [float(word) for word in words if word[0].isdigit()]
    assert arm == "mean" and len(shares) == 5 and {w for w in words if w.isalpha()} <= NAMES
    assert shares == sorted(shares, reverse=True) and 0.1 < sum(shares) <= 1.01
    with pytest.raises(UserError, match="give a folder of 3 frames"):
        predicting.ask("predict", request, str(tmp_path / "film" / "0.png"))
