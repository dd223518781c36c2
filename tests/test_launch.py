"""The command line as it is typed, wrong words included."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def launch(*words, cwd=ROOT, **kw):
    return subprocess.run(
        typed(words), capture_output=True, text=True, cwd=cwd, env=ENVIRONMENT, timeout=240, **kw
    )


def typed(words):
    kept = f"--cache_dir={os.environ['JAX_COMPILATION_CACHE_DIR']}"
    return [sys.executable, str(ROOT / "launch.py"), kept, *words]


def test_no_argument_prints_the_catalogue():
    done = launch()
    assert done.returncode == 0 and not done.stderr
    for word in ("lenet", "4.4, 4.6", "4 Convolutional networks", "--experiment=NAME --help"):
        assert word in done.stdout


def test_help_lists_every_knob_with_type_default_and_meaning():
    done = launch("--experiment=lenet", "--help")
    assert done.returncode == 0
    assert "--optimizer.rule = adam  (descent|momentum|rmsprop|adam|lbfgs)" in done.stdout
    assert "--run.batch_size = 64  (int)" in done.stdout
    assert "examples an update sees, over all devices" in done.stdout
    assert "notes (variant=notes)" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--experiment=lenett"], "no such experiment; did you mean lenet?"),
        (["--experimnt=lenet"], "--experimnt: no such flag; did you mean experiment?"),
        (["--experiment=lenet", "--optimizer.rul=adam"], "did you mean optimizer.rule?"),
        (["--experiment=lenet", "--learning_rate=1"], "did you mean optimizer.learning_rate?"),
        (["--experiment=lenet", "--optimizer.rule=adm"], "did you mean adam?"),
        (["--experiment=lenet", "--run.epochs=many"], "expected a whole number"),
        (["--experiment=resnet", "--remat=maybe"], "--remat=maybe: expected true or false"),
        (["--experiment=lenet", "--run.epochs=0"], "--run.epochs: must be 1 or more"),
        (["--experiment=lenet", "--optimizer.learning_rate=nan"], "expected a finite number"),
        (["--experiment=optimizers", "--centralised", "false"], "false: a stray word"),
        (["lenet"], "lenet: a stray word"),
        (["--experiment=lenet", "--arms=1999"], "has no such arm; did you mean 1998?"),
        (["--experiment=lenet", "--variant=1998"], "--variant: arm notes sets it"),
        (["--experiment=lenet", "--data.name=mnst"], "mnist"),
        (["--experiment=lenet", "--run.batch_size=30", "--devices=4"], "use 28 or 32"),
        (["--experiment=lenet", "--devices=0"], "devices"),
        (["--experiment=lenet", "--mode=evaluate"], "mode"),
        (["--experiment=lenet", "--mode=eval", "--workdir=nowhere"], "no checkpoint of 1998"),
        (["--flagfile=nowhere.txt"], "nowhere.txt"),
        (["--experiment"], "experiment"),
    ],
)
def test_a_mistake_is_answered_in_one_line_and_leaves_nothing(words, message, tmp_path):
    done = launch(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("launch.py: ")
    assert not list(tmp_path.iterdir())


def test_a_flagfile_may_hold_the_experiment_and_its_knobs(tmp_path):
    flags = tmp_path / "flags.txt"
    flags.write_text("--experiment=optimizers\n--smoke\n--arms=adam,momentum\n--hidden=5,4\n")
    done = launch(f"--flagfile={flags}", f"--workdir={tmp_path / 'run'}")
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["arms"]["adam"]["hidden"] == [5, 4]
    again = launch(f"--flagfile={flags}", f"--workdir={tmp_path / 'run'}")
    assert again.returncode == 0 and "holds this run, complete" in again.stdout


def test_a_rate_that_blows_up_exits_with_3_and_names_the_step(tmp_path):
    done = launch(
        "--experiment=language_model",
        "--smoke",
        "--arms=rnn",
        "--optimizer.learning_rate=1e30",
        "--optimizer.clip_norm=0",
        "--optimizer.rule=descent",
        f"--workdir={tmp_path}",
    )
    assert done.returncode == 3
    assert "at step" in done.stderr.strip().splitlines()[-1]
    assert json.loads((tmp_path / "summary.json").read_text())["status"] != "complete"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_the_same_command_goes_on(tmp_path, number, code):
    words = [
        "--experiment=optimizers",
        "--arms=stochastic",
        "--run.epochs=40",
        "--data.limit=400",
        f"--workdir={tmp_path}",
    ]
    running = subprocess.Popen(
        typed(words),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    rows = tmp_path / "metrics.jsonl"
    while running.poll() is None and not (rows.exists() and rows.read_text().count("\n") > 3):
        time.sleep(0.05)
    running.send_signal(number)
    _, told = running.communicate(timeout=60)
    assert running.returncode == code, told
    assert "saved at step" in told.strip().splitlines()[-1]
    done = launch(*words)
    assert done.returncode == 0, done.stderr
    fresh = [word.replace(str(tmp_path), str(tmp_path / "fresh")) for word in words]
    assert launch(*fresh).returncode == 0

    def found(folder):
        summary = json.loads((folder / "summary.json").read_text())
        return summary["arms"]["stochastic"]["seeds"]["0"]

    one, other = found(tmp_path), found(tmp_path / "fresh")
    assert one["params_sha256"] == other["params_sha256"]
    assert one["metrics"] == other["metrics"]
