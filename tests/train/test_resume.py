"""Stopped and resumed is never stopped; damage, signals and bad numbers are said."""

from __future__ import annotations

import json
import os
import shutil
import signal

import jax
import numpy as np
import optax
import pytest
from small import network

from ngjax.train import devices as dev
from ngjax.train.checkpoints import Checkpoints
from ngjax.train.engine import fit, restore
from ngjax.train.program import Program
from ngjax.train.record import Hooks, NotFinite
from ngjax.train.settings import Run
from ngjax.train.signals import Interrupted
from ngjax.types import UserError

OBJECTIVE = ("dev/accuracy", "max")
RUN = Run(epochs=4, batch_size=64, log_every=3, evaluate_every=5, ema=0.9)  # 20 steps


def program(devices=1, run=RUN):
    tx = lambda h, pace: optax.adam(h["learning_rate"])  # noqa: E731
    return Program(network(tx=tx, dropout=0.3, norm=True, carry=True), run, dev.select(devices))


class Rows:
    """A metrics log in memory, and a stop at a chosen step."""

    def __init__(self, at=None, by=None):
        self.rows, self.at, self.by = [], at, by

    def hooks(self):
        return Hooks(write=self.write, rewind=self.rewind, progress=self.progress)

    def write(self, step, epoch, seconds, values):
        self.rows.append((step, epoch, dict(values)))

    def rewind(self, step):
        self.rows = [row for row in self.rows if row[0] <= step]

    def progress(self, step, total, values):
        if self.at is not None and step >= self.at:
            self.at = None
            self.by()


def same(left, right):
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_array_equal(a, b)


class Killed(Exception):
    pass


def kill():
    raise Killed


@pytest.fixture(scope="module")
def compiled():
    """One program for all runs of it: what a run leaves is in its folder."""
    return program()


@pytest.fixture(scope="module")
def finished(compiled, tmp_path_factory):
    """(outcome, rows, folder) of the unbroken run."""
    rows, folder = Rows(), tmp_path_factory.mktemp("a")
    out = fit(compiled, 3, objective=OBJECTIVE, folder=folder, hooks=rows.hooks())
    return out, rows.rows, folder


@pytest.fixture
def unbroken(finished):
    return finished[:2]


@pytest.fixture
def complete(finished, tmp_path):
    """A folder of one's own that holds the unbroken run."""
    shutil.copytree(finished[2], tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize("at", [1, 7, 10, 18])
def test_killed_and_resumed_is_the_unbroken_run_bit_for_bit(tmp_path, compiled, unbroken, at):
    rows = Rows(at, kill)
    with pytest.raises(Killed):
        fit(compiled, 3, objective=OBJECTIVE, folder=tmp_path, hooks=rows.hooks())
    out = fit(compiled, 3, objective=OBJECTIVE, folder=tmp_path, hooks=rows.hooks())
    same(out.state, unbroken[0].state)
    assert out.metrics == unbroken[0].metrics
    assert out.params_sha256 == unbroken[0].params_sha256
    assert rows.rows == unbroken[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_the_very_step_and_resumes(tmp_path, compiled, unbroken, number):
    rows = Rows(8, lambda: os.kill(os.getpid(), number))
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="saved at step") as stop:
        fit(compiled, 3, objective=OBJECTIVE, folder=tmp_path, hooks=rows.hooks())
    assert stop.value.exit_code == 128 + number
    assert signal.getsignal(number) is before
    out = fit(compiled, 3, objective=OBJECTIVE, folder=tmp_path, hooks=rows.hooks())
    same(out.state, unbroken[0].state)
    assert rows.rows == unbroken[1]


def test_resumes_on_another_number_of_devices(tmp_path, unbroken):
    with pytest.raises(Killed):
        fit(program(8), 3, objective=OBJECTIVE, folder=tmp_path, hooks=Rows(10, kill).hooks())
    out = fit(program(2), 3, objective=OBJECTIVE, folder=tmp_path)
    for a, b in zip(jax.tree.leaves(out.state), jax.tree.leaves(unbroken[0].state), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


def test_a_finished_run_trains_no_further(complete, compiled, unbroken):
    steps = []
    again = fit(
        compiled,
        3,
        objective=OBJECTIVE,
        folder=complete,
        hooks=Hooks(progress=lambda step, total, values: steps.append(step)),
    )
    assert not steps
    assert again.metrics == unbroken[0].metrics
    assert again.params_sha256 == unbroken[0].params_sha256


def test_a_flipped_bit_is_seen_and_the_older_checkpoint_is_taken(complete, compiled, capsys):
    like = compiled.initial(3)
    data = max((complete / "20" / "state").glob("ocdbt.*/d/*"), key=lambda p: p.stat().st_size)
    with Checkpoints(complete, read_only=True) as saves:
        assert saves.latest(like).step == 20
    broken = bytearray(data.read_bytes())
    broken[len(broken) // 2] ^= 1
    data.write_bytes(bytes(broken))
    with Checkpoints(complete, read_only=True) as saves:
        assert saves.latest(like).step < 20
    warning = capsys.readouterr().err.strip()
    assert warning.startswith("warning: checkpoint") and "/20 is damaged" in warning
    assert "changed on disk" in warning  # the sums saw it; orbax reads flipped bits as they are
    assert len(warning.splitlines()) == 1


def test_where_every_checkpoint_is_damaged_nothing_is_trained(complete, compiled, capsys):
    for folder in complete.iterdir():
        for path in (folder / "manifest").rglob("*"):
            if path.is_file():
                path.write_bytes(b"")
    with pytest.raises(UserError, match="checkpoints are damaged; delete it"):
        fit(compiled, 3, objective=OBJECTIVE, folder=complete)
    capsys.readouterr()


def test_keeps_the_newest_and_the_best(tmp_path):
    run = Run(epochs=4, batch_size=64, evaluate_every=2, keep=2, weights="best")
    rows, judged = Rows(), program(run=run)
    out = fit(judged, 3, objective=("dev/loss", "max"), folder=tmp_path, hooks=rows.hooks())
    losses = {step: values["dev/loss"] for step, _, values in rows.rows if "dev/loss" in values}
    worst = max(losses, key=losses.get)  # "max" of the loss: the best is an early step
    assert worst not in (18, 20)
    kept = {int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()}
    assert kept == {worst, 18, 20}
    assert int(out.state.step) == worst
    assert out.metrics["dev/loss"] == pytest.approx(losses[worst], rel=1e-6)
    assert int(restore(judged, 3, tmp_path, ("dev/loss", "max")).step) == worst


def test_stops_early_when_the_objective_stays_away():
    run = Run(epochs=100, batch_size=64, evaluate_every=2, patience=3)
    out = fit(program(run=run), 3, objective=("dev/loss", "max"))
    assert out.steps < 30


@pytest.mark.parametrize("where", ["train", "dev"])
def test_a_bad_number_stops_the_run_and_names_the_step(tmp_path, where):
    task = network()
    loss = task.loss

    def poisoned(params, extra, batch, context):
        (total, count), aux = loss(params, extra, batch, context)
        bad = (context.step == 7) & (context.train == (where == "train"))
        return (jax.numpy.where(bad, np.nan, total), count), aux

    import dataclasses

    poisoned_task = dataclasses.replace(task, loss=poisoned)
    run = Run(epochs=4, batch_size=64, evaluate_every=7, log_every=20)
    message = "loss is nan at step 8" if where == "train" else "dev/loss is nan at step 7"
    with pytest.raises(NotFinite, match=message):
        fit(Program(poisoned_task, run, dev.select(2)), 0, folder=tmp_path)
    assert all(int(p.name) < 8 for p in tmp_path.iterdir() if p.name.isdigit())


def test_a_manifest_is_part_of_the_commit(complete):
    manifest = json.loads((complete / "20" / "manifest" / "metadata").read_text())
    assert manifest["step"] == 20
    assert all(len(digest) == 64 for digest in manifest["sha256"].values())
    assert "params/w1" in manifest["sha256"]


def test_a_damaged_newest_checkpoint_is_made_anew(complete, compiled, unbroken, capsys):
    (complete / "20" / "state" / "_METADATA").write_text("")
    again = fit(compiled, 3, objective=OBJECTIVE, folder=complete)
    assert again.params_sha256 == unbroken[0].params_sha256
    capsys.readouterr()
    with Checkpoints(complete, read_only=True) as saves:
        assert saves.latest(compiled.initial(3)).step == 20
    assert not capsys.readouterr().err


def test_a_state_that_is_not_finite_is_never_saved(tmp_path):
    broken = lambda h, pace: optax.stateless(  # noqa: E731
        lambda updates, params: jax.tree.map(lambda leaf: leaf * jax.numpy.nan, updates)
    )
    with pytest.raises(NotFinite, match="not finite after step 1"):
        run = Run(steps=2, batch_size=64, save_every=1)
        fit(Program(network(tx=broken), run, dev.select(1)), 0, folder=tmp_path)
    assert not [p for p in tmp_path.iterdir() if p.name.isdigit()]


def test_a_signal_in_the_last_evaluation_is_not_lost(tmp_path, compiled):
    hooks = Rows(20, lambda: os.kill(os.getpid(), signal.SIGTERM)).hooks()
    with pytest.raises(Interrupted, match="saved at step 20"):
        fit(compiled, 3, objective=OBJECTIVE, folder=tmp_path, hooks=hooks)
