"""The command line as it is typed, wrong words included."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest
from commands import ENVIRONMENT, HASTE, answered, launch, typed


def test_no_argument_prints_the_catalogue():
    done = launch()
    assert done.returncode == 0 and not done.stderr
    for word in ("lenet", "4.4, 4.6", "4 Convolutional networks", "--experiment=NAME --help"):
        assert word in done.stdout


def test_help_lists_every_knob_with_type_default_and_meaning(tmp_path):
    done = answered("--experiment=lenet", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "--optimizer.rule = adam  (descent|momentum|rmsprop|adam|lbfgs)" in done.stdout
    assert "--run.batch_size = 64  (int)" in done.stdout
    assert "examples an update sees, over all devices" in done.stdout
    assert "notes (variant=notes)" in done.stdout


MISTAKES = {
    "no such experiment; did you mean lenet?": ["--experiment=lenett"],
    "--experimnt: no such flag; did you mean experiment?": ["--experimnt=lenet"],
    "did you mean optimizer.rule?": ["--experiment=lenet", "--optimizer.rul=adam"],
    "did you mean optimizer.learning_rate?": ["--experiment=lenet", "--learning_rate=1"],
    "did you mean adam?": ["--experiment=lenet", "--optimizer.rule=adm"],
    "expected a whole number": ["--experiment=lenet", "--run.epochs=many"],
    "--remat=maybe: expected true or false": ["--experiment=resnet", "--remat=maybe"],
    "--run.epochs: must be 1 or more": ["--experiment=lenet", "--run.epochs=0"],
    "expected a finite number": ["--experiment=lenet", "--optimizer.learning_rate=nan"],
    "false: a stray word": ["--experiment=optimizers", "--centralised", "false"],
    "lenet: a stray word": ["lenet"],
    "has no such arm; did you mean 1998?": ["--experiment=lenet", "--arms=1999"],
    "--variant: arm notes sets it": ["--experiment=lenet", "--variant=1998"],
    "mnist": ["--experiment=lenet", "--data.name=mnst"],
    "use 28 or 32": ["--experiment=lenet", "--run.batch_size=30", "--devices=4"],
    "devices": ["--experiment=lenet", "--devices=0"],
    "mode": ["--experiment=lenet", "--mode=evaluate"],
    "no checkpoint of 1998": ["--experiment=lenet", "--mode=eval", "--workdir=nowhere"],
    "nowhere.txt": ["--flagfile=nowhere.txt"],
    "experiment": ["--experiment"],
}
STARTED = ("no such experiment; did you mean lenet?", "use 28 or 32", "no checkpoint of 1998")


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_answered_in_one_line_and_leaves_nothing(message, tmp_path):
    ask = launch if message in STARTED else answered  # some as a user meets them
    done = ask(*MISTAKES[message], cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("launch.py: ")
    assert not list(tmp_path.iterdir())


def test_a_flagfile_may_hold_the_experiment_and_its_knobs(tmp_path):
    flags = tmp_path / "flags.txt"
    flags.write_text("--experiment=optimizers\n--smoke\n--arms=adam,momentum\n--hidden=5,4\n")
    done = launch(f"--flagfile={flags}", f"--workdir={tmp_path / 'run'}", **HASTE)
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["arms"]["adam"]["hidden"] == [5, 4]
    again = answered(f"--flagfile={flags}", f"--workdir={tmp_path / 'run'}", cwd=tmp_path)
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
        **HASTE,
    )
    assert done.returncode == 3
    assert "at step" in done.stderr.strip().splitlines()[-1]
    assert json.loads((tmp_path / "summary.json").read_text())["status"] != "complete"


def test_a_signal_saves_and_the_same_command_goes_on(tmp_path):
    """SIGTERM, then Ctrl-C of the run that goes on, then its end."""
    words = (
        "--experiment=optimizers",
        "--arms=stochastic",
        "--run.epochs=40",
        "--data.limit=400",
    )
    here, rows = f"--workdir={tmp_path / 'stopped'}", tmp_path / "stopped" / "metrics.jsonl"
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        before = rows.read_text().count("\n") if rows.exists() else 0
        running = subprocess.Popen(
            typed((*words, here)),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        while running.poll() is None and not (
            rows.exists() and rows.read_text().count("\n") > before + 3
        ):
            time.sleep(0.05)
        running.send_signal(number)
        _, told = running.communicate(timeout=60)
        assert running.returncode == code, told
        assert "saved at step" in told.strip().splitlines()[-1]
    done = launch(*words, here)
    assert done.returncode == 0, done.stderr
    assert answered(*words, f"--workdir={tmp_path / 'fresh'}", cwd=tmp_path).returncode == 0

    def found(folder):
        summary = json.loads((folder / "summary.json").read_text())
        return summary["arms"]["stochastic"]["seeds"]["0"]

    one, other = found(tmp_path / "stopped"), found(tmp_path / "fresh")
    assert one["params_sha256"] == other["params_sha256"]
    assert one["metrics"] == other["metrics"]
