"""Every experiment that is found: it is described, its smoke run leaves the whole folder."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from ngjax import config as cfg
from ngjax.experiment import plan as planning
from ngjax.experiment import runner
from ngjax.experiment.catalogue import discover, load, module
from ngjax.types import UserError

NAMES = tuple(discover())


def test_the_four_first_topics_are_found_in_the_notes_order():
    first = [n for n in NAMES if n in ("logistic_regression", "optimizers", "lenet")]
    assert first == ["logistic_regression", "optimizers", "lenet"]
    assert "language_model" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name):
    entry, experiment = discover()[name], load(name)
    assert entry.notes and re.fullmatch(r"[\d., \-]+", entry.notes)
    assert entry.line and len(entry.line) <= 100
    assert f"launch.py --experiment={name}" in module(name).__doc__
    missing = [k.path for k in cfg.knobs(experiment.config) if not k.help]
    assert not missing, f"knobs without a comment: {missing}"
    for claim in experiment.claims.values():
        assert claim.__doc__, "a claim's docstring says what the notes say"


class Sources(HTMLParser):
    """Every address a page refers to."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for key, value in attrs if key in ("src", "href") and value]


@pytest.mark.parametrize("name", NAMES)
def test_smoke(name, tmp_path):
    folder = tmp_path / "run"
    made = planning.plan(planning.Request(name, smoke=True, workdir=folder, command=("launch.py",)))
    summary = runner.run(made)
    written = json.loads((folder / "summary.json").read_text())
    assert written["status"] == "complete" and written["experiment"] == name
    assert list(written["arms"]) == list(made.arms)
    assert all(c["holds"] is None for c in written["claims"].values())
    assert set(written) == set(summary)
    for arm in written["arms"].values():
        one = arm["seeds"]["0"]
        assert set(one) == {
            "metrics",
            "steps",
            "seconds",
            "examples_per_second",
            "params_sha256",
        }
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    if made.programs:
        assert {row["arm"] for row in rows} == set(made.arms)
        assert list((folder / "tensorboard").rglob("events*"))
        assert (folder / "figures" / "curves.png").stat().st_size > 5_000
    page = Sources()
    page.feed((folder / "report.html").read_text())
    assert page.found and all(src.startswith(("data:", "#")) for src in page.found)
    assert json.loads((folder / "config.json").read_text())["experiment"] == name
    assert planning.finished(made) == written


def request(tmp_path, **kw):
    return planning.Request("optimizers", smoke=True, workdir=tmp_path / "r", **kw)


def test_another_config_in_the_folder_is_refused(tmp_path):
    runner.run(planning.plan(request(tmp_path, arms=("adam",))))
    with pytest.raises(UserError, match=r"holds a run with another hidden") as refusal:
        planning.plan(request(tmp_path, arms=("adam",), overrides=("hidden=9",)))
    assert "\n" not in str(refusal.value)
    assert planning.finished(planning.plan(request(tmp_path, arms=("adam",))))
    assert planning.finished(planning.plan(request(tmp_path, arms=("adam", "batch")))) is None


def test_a_second_trainer_in_the_folder_is_refused(tmp_path):
    made = planning.plan(request(tmp_path, arms=("adam",)))
    made.folder.mkdir()
    with runner._lock(made.folder), pytest.raises(UserError, match="is running there"):
        runner.run(made)


def test_a_flag_that_an_arm_sets_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"--optimizer.rule: arm batch sets it"):
        planning.plan(request(tmp_path, overrides=("optimizer.rule=adam",)))


def test_an_unknown_arm_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(UserError, match=r"--arms=adm: .* did you mean adam\?"):
        planning.plan(request(tmp_path, arms=("adm",)))
    assert not (tmp_path / "r").exists()


def test_eval_mode_reads_and_writes_nothing(tmp_path):
    made = planning.plan(request(tmp_path, arms=("adam",)))
    summary = runner.run(made)
    before = {p: p.stat().st_mtime_ns for p in made.folder.rglob("*")}
    found = runner.evaluate(planning.plan(request(tmp_path, arms=("adam",))))
    want = summary["arms"]["adam"]["metrics"]
    for name, value in found["adam"][0].items():
        assert value == pytest.approx(want[name], rel=1e-6)
    assert before == {p: p.stat().st_mtime_ns for p in made.folder.rglob("*")}
    with pytest.raises(UserError, match="no checkpoint of adam, seed 5"):
        runner.evaluate(planning.plan(request(tmp_path, arms=("adam",), seed=5)))
