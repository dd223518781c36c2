"""Every experiment that is found is described; one a family resumes, and is one on any devices."""

from __future__ import annotations

import json
import os
import re
import signal

import pytest

from ngjax import config as cfg
from ngjax.experiment import plan as planning
from ngjax.experiment import runner
from ngjax.experiment.catalogue import discover, load, module
from ngjax.report.progress import Progress
from ngjax.train.signals import Interrupted
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


# One topic a family in the suite; `pytest -m long` takes all that train.
FAMILIES = ("logistic_regression", "optimizers", "lenet", "language_model")
TRAINED = [
    pytest.param(name, marks=() if name in FAMILIES else pytest.mark.long)
    for name in NAMES
    if load(name).build
]


def small(name, folder, steps=6, **more):
    """The first arm that leaves the run alone: some steps in float64, all told, a look midway."""
    arms = load(name).arms
    arm = next(a for a, changes in arms.items() if not any(c.startswith("run.") for c in changes))
    wanted = {
        "run.steps": steps,
        "run.log_every": 1,
        "run.evaluate_every": steps // 2,
        "run.dtype": "float64",
        "run.batch_size": 16,
    }
    overrides = tuple(f"{path}={value}" for path, value in wanted.items())
    asked = planning.Request(
        name, overrides, arms=(arm,), smoke=True, workdir=folder, command=("launch.py",), **more
    )
    return planning.plan(asked)


def curve(folder):
    """What was logged, line by line, but for the time."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{**json.loads(line), "seconds": 0} for line in lines]


def seed_of(summary):
    return next(iter(summary["arms"].values()))["seeds"]["0"]


@pytest.mark.parametrize("name", TRAINED)
def test_stopped_and_resumed_is_the_unbroken_run(name, tmp_path, monkeypatch):
    unbroken = seed_of(runner.run(small(name, tmp_path / "unbroken")))
    update = Progress.update

    def stop(self, step, total, values):
        update(self, step, total, values)
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "update", stop)
        with pytest.raises(Interrupted, match="saved at step 3"):
            runner.run(small(name, tmp_path / "stopped"))
    assert planning.finished(small(name, tmp_path / "stopped")) is None
    resumed = seed_of(runner.run(small(name, tmp_path / "stopped")))
    assert resumed["params_sha256"] == unbroken["params_sha256"]
    assert resumed["metrics"] == unbroken["metrics"]

    assert curve(tmp_path / "stopped") == curve(tmp_path / "unbroken")


@pytest.mark.parametrize("name", TRAINED)
def test_any_number_of_devices_logs_the_same_curve(name, tmp_path):
    for n in (1, 2, 4, 8):
        runner.run(small(name, tmp_path / str(n), steps=20, devices=n))
    one = curve(tmp_path / "1")
    assert [row["step"] for row in one if "train/loss" in row] == [*range(1, 21)]
    for n in (2, 4, 8):
        for here, there in zip(curve(tmp_path / str(n)), one, strict=True):
            numbers = {name: value for name, value in there.items() if not isinstance(value, str)}
            assert here == {**there, **{k: pytest.approx(v, rel=1e-6) for k, v in numbers.items()}}


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
    with runner.locked(made.folder), pytest.raises(UserError, match="is running there"):
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
