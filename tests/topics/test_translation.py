from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from experiments.ch5_sequences import translation
from ngjax import data
from ngjax.types import UserError

CONFIG = translation.Config(data=data.Data(name="dates", limit=60))


def test_every_example_stands_beside_its_translation():
    made = translation.prepare(CONFIG)
    for name in ("dev", "test"):
        part = made.constants[name]
        told = [made.texts[row] for row in part["row"]]
        assert sorted(told) == sorted(
            zip(
                *(getattr(getattr(made.held, name), side) for side in ("inputs", "targets")),
                strict=True,
            )
        )
        for x, y, (source, target) in zip(part["inputs"], part["targets"], told, strict=True):
            assert made.coder.decode(x) == source and made.coder.decode(y) == target


def test_training_leaves_out_what_is_too_long():
    short = translation.prepare(dataclasses.replace(CONFIG, longest=24))
    assert 0 < len(short.constants["train"]["inputs"]) < 60
    assert short.constants["train"]["inputs"].shape[1] <= 24
    assert len(short.constants["test"]["inputs"]) == 60  # a test example is never left out
    with pytest.raises(UserError, match="--longest=2: no training sentence is so short"):
        translation.prepare(dataclasses.replace(CONFIG, longest=2))


def test_scores_by_hand():
    task = translation.build(CONFIG)
    made = translation.prepare(CONFIG)
    part = made.constants["test"]
    right = np.full((60, 30), made.coder.end, np.int32)
    right[:, : part["targets"].shape[1]] = part["targets"]
    wrong = right.copy()
    wrong[:30:3, 0] = made.coder.words.number.get("x", 3)
    half = np.isin(
        np.arange(60),
        np.flatnonzero((part["inputs"] != 0).sum(1) > np.median((part["inputs"] != 0).sum(1))),
    )
    found = task.score({"greedy": wrong, "beam": right}, part)
    assert found["exact"] == found["exact_short"] == found["exact_long"] == 1
    assert found["greedy_exact"] == pytest.approx(50 / 60)
    worse = task.score({"greedy": right, "beam": wrong}, part)
    missed = np.isin(np.arange(60), np.arange(0, 30, 3))
    assert worse["exact_long"] == pytest.approx(1 - missed[half].mean())
    assert worse["exact_short"] == pytest.approx(1 - missed[~half].mean())
    assert set(task.score({"greedy": right}, part)) == {"greedy_exact"}
