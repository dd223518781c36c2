"""What is said before JAX starts, in processes of their own, and what a run tells of its memory."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
from commands import ENVIRONMENT, HASTE, ROOT, answered, launch

from ngjax.train import machine

SMOKE = ["--experiment=quadratic", "--smoke"]


def test_deterministic_is_said_last_and_what_was_there_stays():
    code = (
        "import os\nfrom ngjax.train import machine\nmachine.be_deterministic()\n"
        "import jax\njax.numpy.ones(2).block_until_ready()\nprint(os.environ['XLA_FLAGS'])"
    )
    mine = "--xla_gpu_deterministic_ops=false --xla_cpu_multi_thread_eigen=true"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**ENVIRONMENT, "XLA_FLAGS": mine},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{mine} {machine.DETERMINISTIC}"


def test_a_deterministic_run_tells_its_memory(tmp_path):
    done = launch(*SMOKE, "--deterministic", f"--workdir={tmp_path}", **HASTE)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert 50e6 < summary["peak_memory_bytes"] < 20e9
    told = f"{summary['peak_memory_bytes'] / 1e6:,.0f} MB"
    assert f"most memory</th><td>{told}<" in (tmp_path / "report.html").read_text()


def test_a_wrong_word_for_deterministic_is_one_line(tmp_path):
    done = answered(*SMOKE, "--deterministic=perhaps", cwd=tmp_path)
    assert done.returncode == 2 and "deterministic" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_peak_of_a_process_grows_with_what_it_holds():
    here = np.ones(900_000_000, np.uint8)  # a process that starts another passes on no peak of its
    del here
    code = (
        "import jax, numpy as np; from ngjax.train import machine\n"
        "cpu = jax.devices('cpu')[0]; before = machine.peak_bytes(cpu)\n"
        "held = np.ones(400_000_000, np.uint8); print(machine.peak_bytes(cpu) - before)"
    )
    asked = {"capture_output": True, "text": True, "check": True, "env": ENVIRONMENT}
    # A process begins at the peak of the one that starts it: a shell's is small.
    shell = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", code]
    told = subprocess.run(shell, **asked)
    assert 0.9 * 400e6 < int(told.stdout) < 1.2 * 400e6


def test_an_accelerator_tells_its_own_peak():
    class Device:
        def memory_stats(self):
            return {"peak_bytes_in_use": 123}

    assert machine.peak_bytes(Device()) == 123
