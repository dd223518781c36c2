"""What a command imports before it has something to show: each takes a part of a second or more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SMOKE = ("--experiment=lenet", "--smoke", "--arms=1998")
DRAWING = ("matplotlib", "matplotlib.pyplot")
LEARNING = ("sklearn", "scipy.stats", "torch", "tensorflow", "optuna", "pandas", "skimage")
LOGGING = ("tensorboard", "tensorboardX", "wandb")
NOTEBOOK = ("IPython", "ipywidgets", "notebook")
SAVING = ("orbax",)  # a run needs it before its first step: to look for what to go on from
NETWORKS = ("flax", "optax", "chex", "scipy", "PIL")
BEFORE_A_STEP = (*DRAWING, *LEARNING, *LOGGING, *NOTEBOOK)

TOLD = """
import runpy, sys
sys.argv = sys.argv[1:]
def tell(*_):
    print("IMPORTED", *sys.modules, flush=True)
"""
AT_THE_FIRST_STEP = """
import os
from ngjax.train import program
def first(*arguments):
    tell()
    os._exit(0)
program.Program.train = first
runpy.run_path(sys.argv[0], run_name="__main__")
"""
AT_THE_END = """
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    tell()
"""


def imported(code, *words):
    """The modules that launch.py has imported where `code` tells."""
    kept = f"--cache_dir={os.environ['JAX_COMPILATION_CACHE_DIR']}"
    done = subprocess.run(
        [sys.executable, "-c", TOLD + code, str(ROOT / "launch.py"), kept, *words],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("IMPORTED ")]
    return set(line.split())


def among(heavy, modules):
    return [name for name in heavy if name in modules]


def test_before_its_first_step_a_run_imports_what_trains_alone(tmp_path):
    modules = imported(AT_THE_FIRST_STEP, *SMOKE, f"--workdir={tmp_path}")
    assert {"jax", "flax.linen", "optax", "ngjax.train.step"} <= modules  # the hook tells in time
    assert not among(BEFORE_A_STEP, modules)


@pytest.mark.parametrize(
    "words", [(), ("--index",), ("--help",)], ids=["catalogue", "index", "help"]
)
def test_what_only_prints_imports_no_network(words):
    modules = imported(AT_THE_END, *words)
    assert "ngjax.experiment.console" in modules
    assert not among((*BEFORE_A_STEP, *SAVING, *NETWORKS), modules)


def test_the_list_has_what_a_run_imports_later(tmp_path):
    """What is drawn and logged comes after the first step; a list of misspelt names finds none."""
    modules = imported(AT_THE_END, *SMOKE, f"--workdir={tmp_path}")
    assert among(("matplotlib", "tensorboardX"), modules) == ["matplotlib", "tensorboardX"]
