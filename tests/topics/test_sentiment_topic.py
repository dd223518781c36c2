"""Sentiment: whose words have vectors, what is refused, folds and published vectors end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.ch5_sequences import sentiment as topic
from ngjax import config as cfg
from ngjax import data
from ngjax.experiment import plan as planning
from ngjax.experiment import predicting, runner
from ngjax.types import UserError

SENTENCES = {
    "train": [("a", "good", "film"), ("a", "bad", "film"), ("good",)],
    "test": [("a", "new", "film", "!")],
}
TINY = ("run.steps=3", "run.batch_size=8", "width=3", "embedding=3", "data.limit=40", "shortest=64")


def test_words_seen_often_enough_have_a_row_and_all_others_share_one():
    found = data.coded(SENTENCES, least=2)
    number = found.words.number
    rows = {word: int(found.row[number[word]]) for word in found.words.tokens}
    assert found.rows == 4  # a, film, good and all others
    assert sorted(rows[word] for word in ("a", "film", "good")) == [0, 1, 2]
    assert {rows[word] for word in ("bad", "new", "!", data.UNK)} == {3} == {int(found.row[-1])}
    assert found.inputs["train"].tolist()[2][1:] == [len(found.words)] * 3
    assert found.known(("never", "good")) and not found.known(("bad", "nowhere"))
    assert found.frequent(2) == ("a", "film", "good")
    assert found.frequent(99) == ("a", "film", "good")


def test_each_fold_knows_its_own_training_words_alone():
    found = data.coded(SENTENCES, folds=np.array([[0, 2], [1, 2]]))
    number, last = found.words.number, found.rows - 1
    own = found.row < last
    assert own[:, number["bad"]].tolist() == [False, True]
    assert own[:, number["film"]].tolist() == [True, True]
    assert not own[:, number["new"]].any() and not own[:, -1].any()


def test_published_vectors_stand_where_their_words_are(tmp_path: Path):
    path = tmp_path / "v.txt"
    path.write_text("good 1 2\nbad -1 -2\ngood 5 5\nodd 3 3\n")
    found = data.coded(SENTENCES, vectors=str(path))
    number = found.words.number
    assert found.vectors[found.row[number["good"]]].tolist() == [1, 2]
    assert found.vectors[found.row[number["odd"]]].tolist() == [3, 3]
    for word in ("film", data.UNK):
        assert found.vectors[found.row[number[word]]].tolist() == [0, 0]
    assert found.row[-1] == found.rows - 1 == 4


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("folds=1", "folds"),
        ("windows=0", "windows"),
        ("dropout=1", "dropout"),
        ("tune=true", "vectors"),
    ],
)
def test_a_config_that_cannot_be_is_refused(change, told):
    with pytest.raises((UserError, ValueError), match=told):
        cfg.override(topic.Config(), (change,))


def request(tmp_path: Path, *overrides, arm="bag"):
    asked = (*TINY, *overrides)
    return planning.Request("sentiment", asked, (arm,), workdir=tmp_path / "run", command=("x",))


def test_folds_and_published_vectors_end_to_end_then_asked(tmp_path: Path):
    path = tmp_path / "v.txt"
    path.write_text("good 1 2 3\nbad -1 -2 -3\nfood 0 1 0\n")
    asked = request(tmp_path, "folds=2", f"vectors={path}")
    summary = runner.run(planning.plan(asked))
    assert summary["arms"]["bag"]["metrics"]["test/accuracy"] >= 0
    assert "2 folds, mean" in (tmp_path / "run" / "report.html").read_text()
    told = predicting.ask("predict", asked, "Good food!")
    assert len(told) == 1 and "Good food!" in told[0] and "good 0." in told[0]
    lines = tmp_path / "lines.txt"
    lines.write_text("good food\nbad food\n")
    told = predicting.ask("predict", asked, str(lines))
    table = (tmp_path / "run" / "predictions" / "bag" / "classes.csv").read_text().splitlines()
    assert len(told) == 3 and table[0] == "text,class,bad,good" and len(table) == 3
    shares = [float(cell) for cell in table[1].split(",")[2:]]
    assert sum(shares) == pytest.approx(1, abs=2e-6)
    lines.write_text("good food\n\n")
    for source, words in (
        (" ", "--input= : holds no words"),
        ("zxqv", "none of its words has a vector"),
        (str(lines), "line 2: holds no words"),
    ):
        with pytest.raises(UserError, match=words) as refusal:
            predicting.ask("predict", asked, source)
        assert "\n" not in str(refusal.value)
