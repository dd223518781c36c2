"""--profile: so many device calls as a trace in the run folder, and nothing else changes."""

from __future__ import annotations

import collections
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ngjax.experiment import plan as planning
from ngjax.experiment import runner
from ngjax.train.trace import Trace

ROOT = Path(__file__).resolve().parents[1]
QUADRATIC = ["--experiment=quadratic", "--arms=descent", "--run.steps=3000"]


def launch(*words):
    kept = f"--cache_dir={os.environ['JAX_COMPILATION_CACHE_DIR']}"
    return subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), kept, *words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def told(done):
    """What a command says of its trace."""
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("profile")]


def traces(run):
    """The folders of the traces of a run."""
    return sorted((run / "profile" / "plugins" / "profile").glob("*"))


def events(trace):
    """Name -> how often a trace has it, as Perfetto reads it; xprof's file is there too."""
    assert len(list(trace.glob("*.xplane.pb"))) == 1
    with gzip.open(trace / "perfetto_trace.json.gz") as file:
        return collections.Counter(event.get("name") for event in json.load(file)["traceEvents"])


def weights(run, seed):
    summary = json.loads((run / "summary.json").read_text())
    return summary["arms"]["descent"]["seeds"][seed]["params_sha256"]


def test_calls_are_recorded_once_and_a_complete_run_has_none_left(tmp_path):
    run, plain = tmp_path / "run", tmp_path / "plain"
    lines = told(launch(*QUADRATIC, "--profile=2", f"--workdir={run}"))
    assert len(lines) == 1
    assert f"{run / 'profile'}: device calls recorded: 2, updates 2 to " in lines[0]
    (first,) = traces(run)
    found = events(first)
    assert found["device call"] == found["ThunkExecutor::Execute"] == 2
    assert not [name for name in found if name and "compile" in name.lower()]

    assert not told(launch(*QUADRATIC, f"--workdir={plain}")) and not (plain / "profile").exists()
    assert weights(run, "0") == weights(plain, "0")

    (line,) = told(launch(*QUADRATIC, "--profile=2", f"--workdir={run}"))
    assert "nothing recorded" in line and traces(run) == [first]


def asked(run, calls, steps, **more):
    request = planning.Request(
        "quadratic", (f"run.steps={steps}",), ("descent",), workdir=run, profile=calls, **more
    )
    return runner.run(planning.plan(request))


def test_a_fit_that_is_over_leaves_the_trace_to_the_next_one(tmp_path, capsys):
    asked(tmp_path, 0, 300)
    assert "profile" not in capsys.readouterr().out
    asked(tmp_path, 100, 300, seeds=2)  # seed 0 is done; seed 1 has fewer calls than are asked for
    out = capsys.readouterr().out
    assert "recorded: " in out and "updates 2 to 300" in out and "recorded: 100" not in out
    (trace,) = traces(tmp_path)
    assert events(trace)["device call"] == int(out.split("recorded: ")[1].split(",")[0])


def test_a_run_of_one_call_has_nothing_to_record(tmp_path, capsys):
    asked(tmp_path, 3, 1)
    assert capsys.readouterr().out.count("profile: nothing recorded") == 1
    assert not (tmp_path / "profile").exists()


def test_a_run_that_breaks_leaves_what_was_recorded(tmp_path, capsys):
    trace = Trace(5, tmp_path / "profile")
    with pytest.raises(KeyError), trace:
        heard = trace.over(lambda step, total, values: None)
        heard(1, 9, {})
        heard(4, 9, {})
        raise KeyError("broken")
    assert "recorded: 1, updates 2 to 4" in capsys.readouterr().out
    assert len(traces(tmp_path)) == 1
    assert trace.over(heard) is heard  # a second fit is not recorded


def test_off_it_stands_in_nobodys_way(tmp_path):
    trace = Trace(0, tmp_path / "profile")
    with trace:
        assert trace.over(print) is print
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--experiment=lenet", "--profile=-1"], "profile"),
        (["--experiment=lenet", "--profile=some"], "profile"),
        (
            ["--experiment=lenet", "--profile=2", "--mode=eval"],
            "--profile: belongs to --mode=train",
        ),
        (["--experiment=convolution", "--profile=2"], "--profile: convolution trains nothing"),
    ],
)
def test_a_mistake_is_one_line(words, message):
    done = launch(*words)
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
