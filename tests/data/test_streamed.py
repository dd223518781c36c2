"""Images that stay on disk: the same run as in memory, and what is wrong with a file, named."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ngjax import data, optim, supervised
from ngjax.data.images import streamed
from ngjax.models.mlp import MLP
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.train.record import Hooks
from ngjax.train.settings import Run
from ngjax.train.signals import Interrupted
from ngjax.types import UserError

LAUNCH = Path(__file__).resolve().parents[2] / "launch.py"


def write(folder, images, side=6):
    generator = np.random.default_rng(len(folder.parts) + images)
    for k, label in enumerate(("dark", "light")):
        (folder / label).mkdir(parents=True)
        for i in range(images):
            pixels = generator.integers(100 * k, 100 * k + 120, (side, side, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i:02}.png")


@pytest.fixture
def root(tmp_path):
    write(tmp_path, 30)
    return tmp_path


def held(root, stream, **more):
    return data.load(data.Data(name="folder", directory=str(root), stream=stream, **more))


def program(found, **scale):
    found = data.changed(found, lambda images: images[..., :2])
    network = supervised.linen(MLP((4, 2)), found)
    task = supervised.task(
        found,
        network,
        optim.Optimizer(),
        supervised.classify,
        **{"scale": "pixel_mean", **scale},
        augment=data.shift_and_flip(1, flip=True),
    )
    return Program(task, Run(epochs=3, batch_size=8, evaluate_every=3), dev.select(1))


def test_a_run_from_disk_is_the_run_in_memory(root):
    memory, disk = (fit(program(held(root, stream)), 0) for stream in (False, True))
    assert disk.params_sha256 == memory.params_sha256
    assert disk.metrics == memory.metrics
    assert 0 < disk.input_wait_share < 1


def test_the_splits_are_those_of_memory(root):
    memory, disk = held(root, False, size=4, limit=40), held(root, True, size=4, limit=40)
    for part in ("train", "dev", "test"):
        a, b = getattr(memory, part), getattr(disk, part)
        np.testing.assert_array_equal(b.inputs[:], a.inputs)
        np.testing.assert_array_equal(b.targets, a.targets)
        assert b.inputs.shape == a.inputs.shape
    assert "images stay on disk" in disk.notes


def test_the_origins_own_parts_are_streamed_too(tmp_path):
    for part, images in (("train", 9), ("val", 4), ("test", 5)):
        write(tmp_path / part, images)
    memory, disk = held(tmp_path, False), held(tmp_path, True)
    for part, images in (("train", 9), ("dev", 4), ("test", 5)):
        found = getattr(disk, part)
        assert isinstance(found.inputs, streamed.Streamed) and len(found) == 2 * images
        np.testing.assert_array_equal(found.inputs, getattr(memory, part).inputs)
        np.testing.assert_array_equal(found.targets, getattr(memory, part).targets)
    Image.new("RGB", (9, 6)).save(tmp_path / "test" / "light" / "00.png")
    with pytest.raises(UserError, match=r"light/00\.png: 6 x 9 pixels, the first is 6 x 6"):
        held(tmp_path, True, limit=99).test.inputs[:]


@pytest.mark.parametrize("side", [6, 128])
def test_threads_hand_over_the_same_rows(tmp_path, monkeypatch, side):
    """Small images take one thread, larger ones all."""
    monkeypatch.setattr(streamed, "THREADS", 4)
    monkeypatch.setattr(streamed, "PIECE", 3)
    write(tmp_path, 10, side)
    found, wanted = held(tmp_path, True, dev=0, test=0), held(tmp_path, False, dev=0, test=0)
    images = found.train.inputs
    assert images._threads == (1 if side == 6 else 4)
    index = np.array([7, 0, 19, 7])
    np.testing.assert_array_equal(images[index], wanted.train.inputs[index])
    np.testing.assert_array_equal(images[:], wanted.train.inputs)
    np.testing.assert_array_equal(images[-1], wanted.train.inputs[-1])


@pytest.mark.parametrize("at", [3, 9])
def test_stopped_by_sigterm_and_resumed_is_the_unbroken_run(root, tmp_path_factory, at):
    compiled, folder = program(held(root, True)), tmp_path_factory.mktemp("saved")
    unbroken = fit(compiled, 0)

    def stop(step, total, latest):
        if step == at:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match=f"SIGTERM; saved at step {at}"):
        fit(compiled, 0, folder=folder, hooks=Hooks(progress=stop))
    resumed = fit(program(held(root, True)), 0, folder=folder)
    assert resumed.params_sha256 == unbroken.params_sha256
    assert resumed.metrics == unbroken.metrics


def test_a_broken_image_is_named(root):
    (root / "light" / "07.png").write_bytes(b"no image")
    found = held(root, True, dev=0, test=0)
    with pytest.raises(UserError, match=r"light/07\.png: not a readable image"):
        found.train.inputs[:]


def test_an_image_that_breaks_in_the_middle_of_a_run_is_named(root):
    compiled = program(held(root, True, dev=0, test=0), scale="pixels")

    def breaks(step, total, latest):
        if step == 3:
            (root / "light" / "07.png").unlink()

    with pytest.raises(UserError, match=r"light/07\.png: not a readable image \(FileNotFound"):
        fit(compiled, 0, hooks=Hooks(progress=breaks))


def test_the_command_line_names_a_broken_image_in_one_line(root, tmp_path_factory):
    whole = (root / "light" / "07.png").read_bytes()
    (root / "light" / "07.png").write_bytes(whole[: len(whole) // 2])
    words = ["--experiment=lenet", "--arms=1998", "--smoke", "--data.name=folder"]
    words += [f"--data_dir={root}", "--data.stream=true", "--data.test=0", "--data.dev=0"]
    where = tmp_path_factory.mktemp("run")
    done = subprocess.run(
        [sys.executable, LAUNCH, *words, f"--workdir={where / 'runs'}"],
        capture_output=True,
        text=True,
        cwd=where,
        env={**os.environ, "PYTHONPATH": str(LAUNCH.parent)},
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "light/07.png: not a readable image" in done.stderr


def test_an_image_of_another_size_is_named(root):
    Image.new("RGB", (9, 6)).save(root / "light" / "07.png")
    with pytest.raises(UserError, match=r"07\.png: 6 x 9 pixels, the first is 6 x 6"):
        held(root, True, dev=0, test=0).train.inputs[:]


def test_what_cannot_be_streamed_is_refused(root, tmp_path):
    with pytest.raises(UserError, match=r"--data\.stream: digits is no folder"):
        data.load(data.Data(stream=True))
    (root / "none").mkdir()
    with pytest.raises(UserError, match="'none' holds no picture"):
        held(root, True)
    for folder in ("none", "light"):
        shutil.rmtree(root / folder)
    with pytest.raises(UserError, match=r"'dark' is its only class folder; give two or more"):
        held(root, True)
