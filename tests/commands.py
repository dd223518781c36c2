"""Command lines of launch.py as they are typed, in a process of their own or in this one."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags, logging

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
KEPT = f"--cache_dir={os.environ['JAX_COMPILATION_CACHE_DIR']}"
OPTIONS = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,  # XLA's older writer of loops
}  # compiled in haste: a fifth of the seconds, where no number is asked
HASTE = {"XLA_FLAGS": " ".join(f"--{name}={int(value)}" for name, value in OPTIONS.items())}


def typed(words):
    """The command of a process of its own."""
    return [sys.executable, str(ROOT / "launch.py"), KEPT, *words]


def launch(*words, cwd=ROOT, **more):
    """A process of its own, to its end; `more` is told to it by its environment."""
    return subprocess.run(
        typed(words),
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**ENVIRONMENT, **more},
        timeout=240,
    )


def forget(names):
    """Flags that were defined for a while."""
    for name in names:
        delattr(flags.FLAGS, name)


@contextlib.contextmanager
def launcher():
    """launch.py as a module, its flags defined meanwhile."""
    before = set(flags.FLAGS)
    spec = importlib.util.spec_from_file_location("launch", ROOT / "launch.py")
    module = sys.modules["launch"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        yield module
    finally:
        forget(set(flags.FLAGS) - before)
        del sys.modules["launch"]


def answered(*words, cwd):
    """What `launch` returns, from this process, which has all imports behind it.

    Not for what is said to JAX before it starts (--devices), nor for signals.
    """
    loudness, out, errors = logging.get_verbosity(), io.StringIO(), io.StringIO()
    with (
        launcher() as module,
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
        pytest.raises(SystemExit) as ended,
    ):
        patch.chdir(cwd)
        patch.setattr(os, "_exit", sys.exit)
        patch.setattr(sys, "argv", ["launch.py", KEPT, *words])
        module.main(module.parse(sys.argv))
    logging.set_verbosity(loudness)
    return subprocess.CompletedProcess(words, ended.value.code, out.getvalue(), errors.getvalue())
