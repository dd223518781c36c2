"""--devices: so many, or auto, which makes cores devices where that was measured to be quicker."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ngjax import config as cfg
from ngjax.experiment import device_count
from ngjax.experiment import plan as planning
from ngjax.experiment.catalogue import discover, load
from ngjax.train import devices as dev

ROOT = Path(__file__).resolve().parents[1]


def launch(*words, cores=None):
    """Typed, on a machine whose scheduler allows so many cores."""
    kept = f"--cache_dir={os.environ['JAX_COMPILATION_CACHE_DIR']}"
    command = [sys.executable, str(ROOT / "launch.py"), kept, *words]
    if cores:
        allowed = (
            "import os, runpy, sys\n"
            f"os.sched_getaffinity = lambda process: set(range({cores}))\n"
            "from ngjax.experiment import device_count\n"
            "device_count.QUOTA = device_count.Path('nowhere')\n"
            "sys.argv = sys.argv[1:]\n"
            "runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        command = [sys.executable, "-c", allowed, *command[1:]]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def said(done):
    """The one line about devices."""
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("devices: ")]
    return line


def used(folder):
    return json.loads((folder / "summary.json").read_text())["devices"]["count"]


def losses(folder):
    rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [row["train/loss"] for row in rows if "train/loss" in row]


def test_cores_are_devices_where_that_is_quicker_and_the_curve_is_that_of_one(tmp_path):
    words = ["--experiment=language_model", "--arms=gru", "--smoke"]
    words += ["--run.batch_size=24", "--width=128", "--length=8"]
    line = said(launch(*words, "--devices=auto", f"--workdir={tmp_path / 'auto'}", cores=3))
    assert re.match(r"devices: 3 \(of 3 cores: measured to be quicker for language_model", line)
    assert used(tmp_path / "auto") == 3
    done = launch(*words, f"--workdir={tmp_path / 'one'}")
    assert done.returncode == 0 and "devices:" not in done.stderr and used(tmp_path / "one") == 1
    np.testing.assert_allclose(losses(tmp_path / "auto"), losses(tmp_path / "one"), rtol=1e-5)
    again = launch(*words, "--seeds=2", f"--workdir={tmp_path / 'auto'}")
    assert again.returncode == 0 and used(tmp_path / "auto") == 1  # it goes on with one


def test_elsewhere_it_is_one_device(tmp_path):
    words = ["--experiment=logistic_regression", "--smoke", f"--workdir={tmp_path}"]
    line = said(launch(*words, "--devices=auto", cores=4))
    assert line.startswith("devices: 1 (cores as devices were not measured to be quicker for")
    assert "logistic_regression" in line and used(tmp_path) == 1


@pytest.mark.parametrize("word", ["many", "0", "-2", "1.5", "AUTO", ""])
def test_a_wrong_word_is_one_line(word, tmp_path):
    done = launch("--experiment=lenet", f"--devices={word}", f"--workdir={tmp_path / 'run'}")
    assert done.returncode == 2 and not (tmp_path / "run").exists()
    expected = f"launch.py: --devices={word}: expected a whole number from 1, or auto"
    assert done.stderr.strip() == expected


def test_more_than_there_are_is_one_line():
    done = launch("--experiment=lenet", "--devices=3", "--run.batch_size=64")
    assert done.returncode == 2 and "64 examples do not divide over 3 devices" in done.stderr


def planned(tmp_path, name="language_model", arms=("gru",), overrides=(), **more):
    request = planning.Request(
        name, overrides, arms, devices="auto", workdir=tmp_path, smoke=True, **more
    )
    return planning.plan(request)


@pytest.mark.parametrize(
    ("cores", "batch", "chosen"),
    [
        (1, 64, 1),
        (2, 64, 2),
        (3, 64, 2),  # three do not divide it
        (6, 48, 6),
        (64, 256, device_count.MOST),
        (8, 4 * device_count.LEAST, 4),
        (8, 2 * device_count.LEAST - 2, 1),  # of any two one would get too few
    ],
)
def test_every_core_gets_its_share(cores, batch, chosen, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(device_count, "cores", lambda: cores)
    made = planned(tmp_path, overrides=("width=128", f"run.batch_size={batch}"))
    assert len(made.devices) == chosen
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"devices: {chosen} (")


def test_all_arms_must_win(tmp_path, monkeypatch, capsys):
    """One number of devices is for the whole run."""
    monkeypatch.setattr(device_count, "cores", lambda: 4)
    own = {"cores_as_devices": lambda config: config.optimizer.rule == "adam"}
    monkeypatch.setattr(planning, "load", lambda name: dataclasses.replace(load(name), **own))
    assert len(planned(tmp_path, "optimizers", ("adam",)).devices) > 1
    assert len(planned(tmp_path, "optimizers", ("adam", "momentum")).devices) == 1
    assert "arm momentum" in capsys.readouterr().err


def test_a_topic_that_trains_nothing_has_one(tmp_path, capsys):
    assert len(planned(tmp_path, "convolution", ()).devices) == 1
    assert "convolution trains nothing" in capsys.readouterr().err


def test_accelerators_are_all_used(tmp_path, monkeypatch, capsys):
    class Gpu:
        platform, device_kind, process_index = "gpu", "H", 0

    eight = [Gpu() for _ in range(8)]
    monkeypatch.setattr(dev.jax, "local_devices", lambda process_index=0: eight)
    made = load("lenet")
    arms = {"1998": made.config}
    tasks = {"1998": made.build(made.config)}
    assert device_count.choose("auto", "lenet", made, tasks, arms) == tuple(eight)
    assert "devices: 8 (of 8 H: " in capsys.readouterr().err


def test_cores_are_those_of_the_scheduler_and_of_the_quota(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(6)))
    for text, expected in (("250000 100000", 2), ("max 100000", 6), ("9000000 100000", 6)):
        (tmp_path / "cpu.max").write_text(text)
        monkeypatch.setattr(device_count, "QUOTA", tmp_path / "cpu.max")
        assert device_count.cores() == expected
    monkeypatch.setattr(device_count, "QUOTA", tmp_path / "nowhere")
    assert device_count.cores() == 6


@pytest.mark.parametrize(
    ("name", "changes", "pays"),
    [
        ("language_model", (), True),
        ("language_model", ("tokens=words",), False),
        ("language_model", ("width=64",), False),
        ("vgg", ("field=32", "width=1"), True),
        ("vgg", (), False),
        ("resnet", ("field=32", "width=1"), True),
        ("resnet", ("field=32",), False),
        ("resnet", ("field=16", "width=1"), False),
    ],
)
def test_a_topic_says_yes_to_what_was_measured(name, changes, pays):
    experiment = load(name)
    assert experiment.cores_as_devices(cfg.override(experiment.config, changes)) is pays


@pytest.mark.parametrize("name", discover())
def test_what_a_topic_says_of_cores_can_be_asked_of_every_arm(name):
    experiment = load(name)
    for arm, config in planning.configs(planning.Request(name))[0].items():
        pays = experiment.cores_as_devices
        assert pays is None or pays(config) in (True, False), arm
