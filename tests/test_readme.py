"""The README is true: its catalogue, its example topic, the flags it names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from ngjax import config as cfg
from ngjax.experiment import console, load

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_the_catalogue_is_what_the_project_has():
    block = re.search(r"<!-- catalogue: .*?-->\n(.*?)<!-- end of the catalogue -->", README, re.S)
    assert block.group(1).strip() == console.markdown().strip()


def test_every_command_names_flags_that_exist():
    commands = re.findall(r"python launch\.py ((?:.*\\\n)*.*)", README)
    assert len(commands) > 5
    own = (ROOT / "launch.py").read_text()
    for command in commands:
        words = dict(re.findall(r"--([\w.]+)(?:=([\w.,/-]+))?", command))
        knobs = set()
        if name := words.get("experiment"):
            if name in ("NAME", "...", "least_squares"):
                continue
            knobs = {knob.path for knob in cfg.knobs(load(name).config)}
        for flag in words:
            assert flag in knobs or f'"{flag}"' in own or flag == "help", flag


def test_the_example_topic_runs_from_its_one_file(tmp_path):
    source = next(b for b in re.findall(r"```python\n(.*?)```", README, re.S) if "EXPERIMENT" in b)
    folder = tmp_path / "experiments" / "ch1_networks"
    folder.mkdir(parents=True)
    (folder / "least_squares.py").write_text(source)
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "launch.py"),
            "--experiment=least_squares",
            "--strict",
            "--cache_dir=",
            f"--workdir={tmp_path / 'run'}",
        ],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["claims"]["finds-the-line"]["holds"] is True
    assert set(summary["arms"]) == {"momentum", "adam"}
