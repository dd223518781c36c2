"""Images that stay on disk: the same run as in memory, and what is wrong with a file, named."""

import numpy as np
import pytest
from PIL import Image

from ngjax import data, optim, supervised
from ngjax.models.mlp import MLP
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.train.settings import Run
from ngjax.types import UserError


@pytest.fixture
def root(tmp_path):
    generator = np.random.default_rng(0)
    for k, label in enumerate(("dark", "light")):
        (tmp_path / label).mkdir()
        for i in range(30):
            pixels = generator.integers(100 * k, 100 * k + 120, (6, 6, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{i:02}.png")
    return tmp_path


def held(root, stream, **more):
    return data.load(data.Data(name="folder", directory=str(root), stream=stream, **more))


def trained(found):
    found = data.changed(found, lambda images: images[..., :2])
    network = supervised.linen(MLP((4, 2)), found)
    task = supervised.task(
        found,
        network,
        optim.Optimizer(),
        supervised.classify,
        scale="pixel_mean",
        augment=data.shift_and_flip(1, flip=True),
    )
    run = Run(epochs=3, batch_size=8, evaluate_every=3)
    return fit(Program(task, run, dev.select(1)), 0)


def test_a_run_from_disk_is_the_run_in_memory(root):
    memory, disk = trained(held(root, False)), trained(held(root, True))
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


def test_a_broken_image_is_named(root):
    (root / "light" / "07.png").write_bytes(b"no image")
    found = held(root, True, dev=0, test=0)
    with pytest.raises(UserError, match=r"light/07\.png: not a readable image"):
        found.train.inputs[:]


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
