"""Two processes make the run that one makes, to the last bit: real ones, over the loopback."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import one_of_two
import pytest
from commands import ENVIRONMENT, HASTE, KEPT, ROOT, answered
from small import network

from ngjax.experiment import plan as planning
from ngjax.experiment import runner
from ngjax.train import devices as dev
from ngjax.train import link
from ngjax.train.feed import Feed, evaluation_batches

LAUNCH = [sys.executable, str(ROOT / "launch.py")]
SMOKE = ("--experiment=optimizers", "--arms=momentum", "--smoke")
MOMENTUM = ("optimizers", "momentum", ("run.steps=30", "run.evaluate_every=10", "hidden=8"))
STEPS = ("run.steps=200", "run.evaluate_every=10", "run.batch_size=12")  # over 4 and 6 devices
CARRIED = ("language_model", "rnn", STEPS)


@contextlib.contextmanager
def started(processes, *words, last=(), devices=4, launch=LAUNCH, told=HASTE):
    """The same command on hosts of some devices in all, the last one with words of its own."""
    command = [*launch, KEPT, f"--devices={devices // processes}", *map(str, words)]
    where = f"--coordinator=127.0.0.1:{free_port()}"
    of = [where, f"--num_processes={processes}"] if processes > 1 else []
    commands = [command + (of and [*of, f"--process_id={i}"]) for i in range(processes)]
    commands[-1] += last
    with at_work(commands, [told] * processes) as running:
        yield running


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def at_work(commands, told=({}, {}, {}, {})):
    """Processes, each told something by its environment, none of which outlives the test."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [
        subprocess.Popen(words, env={**ENVIRONMENT, **more}, cwd=ROOT, **pipes)
        for words, more in zip(commands, told, strict=False)
    ]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()


def ended(running):
    """(exit code, stdout, stderr) of each."""
    said = [process.communicate(timeout=120) for process in running]
    return [(process.returncode, *text) for process, text in zip(running, said, strict=True)]


def ran(processes, *words, devices=4, told=HASTE):
    with started(processes, *words, devices=devices, told=told) as running:
        found = ended(running)
    assert [code for code, _, _ in found] == [0] * processes, found
    return found


def typed(name, arm, overrides, folder):
    flags = (f"--experiment={name}", f"--arms={arm}", f"--workdir={folder}", "--smoke")
    return (*flags, *(f"--{override}" for override in overrides))


def unbroken(name, arm, overrides, folder, devices=4):
    """The run of one process, as hastily compiled."""
    ran(1, *typed(name, arm, overrides, folder), devices=devices)
    return result(folder, devices)


def until_it_is_at_work(running, rows):
    """Wait for more lines of the log than there are now."""
    before = rows.read_text().count("\n") if rows.exists() else 0
    while running[0].poll() is None and not (
        rows.exists() and rows.read_text().count("\n") > before + 1
    ):
        time.sleep(0.02)


def result(folder, devices=4):
    """What must not depend on hosts: weights, final metrics, every logged row, the figures."""
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["devices"]["count"] == devices and summary["status"] == "complete"
    (arm,) = summary["arms"].values()
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    figures = sorted(path.name for path in (folder / "figures").iterdir())
    one = arm["seeds"]["0"]
    rows = [{**row, "seconds": 0} for row in rows]
    return one["params_sha256"], one["metrics"], one["steps"], rows, figures


def test_two_processes_of_two_devices_are_one_of_four(tmp_path):
    """As a user's programs are compiled; the one process is this one."""
    words = typed(*MOMENTUM, tmp_path / "two")
    (_, told, _), (_, other, progress) = ran(2, *words, told={})
    assert "report" in told and "report" not in other and not progress  # the first one speaks
    name, arm, overrides = MOMENTUM
    alone = planning.Request(
        name, overrides, (arm,), devices=4, workdir=tmp_path / "one", smoke=True
    )
    runner.run(planning.plan(alone))
    assert result(tmp_path / "two") == result(tmp_path / "one")
    (_, told, _), (_, other, _) = ran(2, *words)
    assert "holds this run, complete" in told and "holds" not in other


def test_a_signal_to_either_stops_all_at_one_step_and_any_hosts_go_on(tmp_path):
    """SIGTERM to the last of three processes, then to the first of two; one process ends it.

    A text read in windows: what each process carries of its own rows is saved whole.
    """
    rows, at = tmp_path / "run" / "metrics.jsonl", []
    words = typed(*CARRIED, rows.parent)
    for processes, which in ((3, 2), (2, 0)):
        with started(processes, *words, devices=6) as running:
            until_it_is_at_work(running, rows)
            running[which].send_signal(signal.SIGTERM)
            found = ended(running)
        assert [code for code, _, _ in found] == [143] * processes, found
        last = {errors.strip().splitlines()[-1] for _, _, errors in found}
        assert len(last) == 1 and "stopped by SIGTERM; saved at step" in next(iter(last))
        at.append(int(last.pop().split("saved at step ")[1].split(";")[0]))
        kept = {int(p.name) for p in rows.parent.glob("checkpoints/*/0/*") if p.name.isdigit()}
        assert max(kept) == at[-1] < 200
    assert at[0] < at[1]
    ran(1, *words, devices=6)
    assert result(rows.parent, 6) == unbroken(*CARRIED, tmp_path / "one", 6)


def test_a_killed_process_ends_the_other_in_a_line_and_the_same_command_goes_on(tmp_path):
    """SIGKILL of the second process, then of the first, which all of them know one another by."""
    rows = tmp_path / "run" / "metrics.jsonl"
    words = typed(*CARRIED, rows.parent)
    for which in (1, 0):
        with started(2, *words) as running:
            until_it_is_at_work(running, rows)
            running[which].kill()
            since = time.monotonic()
            code, _, errors = ended([running[1 - which]])[0]
            took = time.monotonic() - since
        assert took < 30
        # Process 0 holds JAX's own service: its end JAX sees too, and may abort a moment before us.
        assert code == link.LOST or (which, code) == (0, -signal.SIGABRT), (code, errors)
        if code == link.LOST:
            last = errors.splitlines()[-1]
            assert last.startswith(f"launch.py: process {which} of 2 was killed or crashed; the")
        if which == 1:
            assert all(" step " in line for line in errors.splitlines()[:-1]), errors  # progress
    ran(2, *words)
    assert result(rows.parent) == unbroken(*CARRIED, tmp_path / "one")


def test_a_stuck_process_ends_all_with_their_stacks(tmp_path):
    """One of two sleeps before a step: it knows of nothing wrong, and the other one waits."""
    stuck = [sys.executable, str(Path(__file__).with_name("stuck.py"))]
    words = (*SMOKE, "--run.steps=500", "--watchdog=4", f"--workdir={tmp_path / 'run'}")
    with started(2, *words, launch=stuck) as running:
        found = ended(running)
    for code, _, errors in found:
        assert code == link.STUCK, errors
        assert "is stuck: no device call finished within 4 s" in errors.splitlines()[-1]
        assert "most recent call first" in errors and "ngjax/train/engine.py" in errors
    assert "stuck.py" in found[1][2]  # the stack says where


def test_tasks_of_slurm_find_one_another(tmp_path):
    """The environment that srun gives to two tasks of one node."""
    port = next(port for port in range(61440, 65536) if is_free(port))
    slurm = {"SLURM_JOB_ID": str(port - 61440), "SLURM_STEP_NODELIST": "127.0.0.1"}
    told = [
        {**HASTE, **slurm, "SLURM_NTASKS": "2", "SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)}
        for i in range(2)
    ]
    words = (*SMOKE, "--devices=2", "--coordinator=auto", f"--workdir={tmp_path / 'run'}")
    with at_work([[*LAUNCH, KEPT, *words]] * 2, told) as running:
        (code, told, _), (other, silent, nothing) = ended(running)
    assert (code, other) == (0, 0) and "report" in told
    assert "report" not in silent and not nothing
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["devices"]["count"] == 4


def is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_carry_predictions_and_scores_are_whole_on_every_process(tmp_path):
    """Batch norm sums as the library does: equal to rounding, not to the last bit."""
    worker, port = Path(__file__).with_name("one_of_two.py"), free_port()
    files = [tmp_path / f"{i}.npz" for i in range(2)]
    commands = [[sys.executable, worker, port, i, files[i]] for i in range(2)]
    with at_work([[str(word) for word in command] for command in commands]) as running:
        found = ended(running)
    assert [code for code, _, _ in found] == [0, 0], found
    one, first, second = one_of_two.seen(4), *(np.load(file) for file in files)
    assert set(first) == set(second) == set(one) and one["dev/rows"] == 313
    for name, leaf in one.items():
        np.testing.assert_array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], leaf, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--coordinator=h:1"], "--coordinator: give --num_processes too"),
        (["--process_id=0"], "--process_id: give --coordinator too"),
        (["--coordinator=h:1", "--num_processes=2", "--process_id=2"], "must be below 2"),
        (["--coordinator=auto"], "--coordinator=auto: no task of a cluster here; start it by srun"),
        (["--coordinator=host", "--num_processes=2", "--process_id=1"], "write host:port"),
    ],
)
def test_half_of_the_flags_are_refused_in_one_line(tmp_path, words, message):
    done = answered(*SMOKE, *words, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr
    assert done.stderr.startswith("launch.py: ") and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_processes_that_are_asked_for_different_things_refuse_it(tmp_path):
    with started(2, *SMOKE, f"--workdir={tmp_path / 'run'}", last=["--seed=1"]) as running:
        found = ended(running)
    for code, _, errors in found:
        assert code == 2 and "give every process the same other flags" in errors, found
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_every_process_fetches_its_own_rows_and_no_other(processes):
    task, n = network(fetch=True), 4 // processes
    fetched = []

    def fetch(index):
        fetched.append(len(index))
        return task.train.fetch(index)

    source = dataclasses.replace(task.train, fetch=fetch)
    whole = Feed(task.train, 32, 0, devices=4, parts=2, most=8)
    owns = [slice(p * n, (p + 1) * n) for p in range(processes)]
    feeds = [Feed(source, 32, 0, devices=4, parts=2, most=8, own=own) for own in owns]
    fetched.clear()
    found = [feed.stretch(3, 5) for feed in feeds]
    assert fetched == [5 * 32 // processes] * processes
    for name, leaf in whole.stretch(3, 5).drawn.items():
        np.testing.assert_array_equal(np.concatenate([f.drawn[name] for f in found]), leaf)
    np.testing.assert_array_equal(np.concatenate([f.slots() for f in feeds]), whole.slots())
    fetched.clear()
    shares = [list(evaluation_batches(source, 100, 4, own)) for own in owns]
    assert sum(fetched) == 400  # 320 examples in four padded batches
    for i, batch in enumerate(evaluation_batches(task.train, 100, 4)):
        for name, leaf in batch.items():
            np.testing.assert_array_equal(np.concatenate([s[i][name] for s in shares]), leaf)


def test_one_process_agrees_with_itself_at_no_cost():
    assert dev.agree(3, -4) == (3, -4) and dev.leads()
    assert dev.alike(lambda: pytest.fail("one process need not tell"))
    assert dev.own(dev.select(3)) == slice(0, 3)
