"""People: nobody in two parts, batches of P x K, sizes, and what is refused."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from ngjax import data
from ngjax.data.faces import portraits
from ngjax.types import UserError

GREY = np.random.default_rng(0)


def portrait(path, shape=(12, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(GREY.integers(0, 256, shape, dtype=np.uint8)).save(path)


@pytest.fixture
def album(tmp_path):
    """Eight people, three photographs each."""
    for person in "abcdefgh":
        for n in range(3):
            portrait(tmp_path / "album" / person / f"{n}.png")
    return tmp_path / "album"


def asked(album, **more):
    return data.Data(name="folder", directory=str(album), **more)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nobody_is_in_two_parts_and_everybody_in_one(album, seed):
    held = data.load_people(asked(album, split_seed=seed))
    parts = [set(part.targets.tolist()) for part in (held.train, held.dev, held.test)]
    assert list(map(len, parts)) == [4, 2, 2]
    assert parts == [{0, 1, 2, 3}, {4, 5}, {6, 7}]
    assert sorted(held.classes) == list("abcdefgh")
    pixels = [part.inputs.tobytes() for part in (held.train, held.dev, held.test)]
    assert sum(map(len, pixels)) == 24 * 12 * 10 * 3
    if seed == 0:
        assert held.classes == tuple("abcdefgh")


def test_seeds_draw_other_people(album):
    drawn = {data.load_people(asked(album, split_seed=seed)).classes for seed in range(5)}
    assert len(drawn) == 5


def test_digits_are_six_two_and_two():
    held = data.load_people(data.Data(name="digits"))
    assert [len(set(p.targets.tolist())) for p in (held.train, held.dev, held.test)] == [6, 2, 2]
    short = data.load_people(data.Data(name="digits", limit=12))
    assert np.bincount(short.train.targets).tolist() == [2] * 6


def test_a_person_of_one_photograph_is_named_or_passed_over(album):
    portrait(album / "lonely" / "0.png")
    with pytest.raises(UserError, match="'lonely' has one photograph") as refusal:
        data.load_people(asked(album))
    assert "\n" not in str(refusal.value)
    held = data.load_people(asked(album), skip_single=True)
    assert "lonely" not in held.classes and "1 people of one photograph" in held.notes


def test_too_few_people_are_refused(tmp_path):
    for person in "abcde":
        for n in range(2):
            portrait(tmp_path / person / f"{n}.png")
    with pytest.raises(UserError, match="5 people do not go into"):
        data.load_people(asked(tmp_path))


def test_batches_are_people_by_photographs(album):
    held = data.load_people(asked(album))
    source = data.people_by_photographs(held.train, 2)
    order = source.order(source.size, 6, 0, 0)
    assert order.shape == (2, 6)
    seen = set()
    for batch in order:
        who = held.train.targets[batch].reshape(3, 2)
        assert (who[:, 0] == who[:, 1]).all() and len(set(who[:, 0])) == 3
        assert len(set(batch.tolist())) == 6
        seen |= set(who[:, 0].tolist())
    assert len(seen) == 4, "who was left out comes first in the next batch"
    np.testing.assert_array_equal(order, source.order(source.size, 6, 0, 0))
    assert (order != source.order(source.size, 6, 0, 1)).any()
    assert (order != source.order(source.size, 6, 1, 0)).any()


@pytest.mark.parametrize("batch_size", [2, 5, 10])
def test_batches_that_are_not_people_by_photographs_are_refused(album, batch_size):
    source = data.people_by_photographs(data.load_people(asked(album)).train, 2)
    with pytest.raises(UserError, match="in steps of 2"):
        source.order(source.size, batch_size, 0, 0)


def test_sizes():
    large = np.arange(2 * 9 * 6, dtype=np.uint8).reshape(2, 9, 6, 1)
    blocks = data.sized(large, 2, 5)
    assert blocks.shape == (2, 4, 3, 1)
    assert blocks[0, 0, 0, 0] == np.rint(large[0, :2, :2].mean())
    assert data.sized(large, 12, 12).shape == (2, 12, 12, 1)
    assert data.sized(large, 4, 9) is not None and data.sized(large, 4, 9).shape == large.shape


def test_a_warp_of_nothing_is_the_image_and_a_mirror_is_its_mirror_image():
    image = jnp.asarray(GREY.integers(0, 256, (7, 5, 1)), jnp.float32)
    still = data.Warp(turn=0, zoom=0, shift=0, contrast=0)
    np.testing.assert_allclose(still(jax.random.key(0), image), image, atol=1e-3)
    mirror = data.Warp(turn=0, zoom=0, shift=0, contrast=0, flip=True)
    found = [mirror(jax.random.key(n), image) for n in range(12)]
    flipped = [bool(jnp.allclose(one, image[:, ::-1], atol=1e-3)) for one in found]
    kept = [bool(jnp.allclose(one, image, atol=1e-3)) for one in found]
    assert any(flipped) and any(kept) and all(a != b for a, b in zip(flipped, kept, strict=True))


def test_a_warp_turns_and_moves():
    image = np.zeros((9, 9, 1), np.float32)
    image[4, 4] = 100
    moved = data.Warp(turn=0, zoom=0, shift=0.4, contrast=0)(jax.random.key(3), jnp.asarray(image))
    rows, columns = np.nonzero(np.asarray(moved)[..., 0] > 1)
    assert (rows.mean(), columns.mean()) != (4, 4) and abs(rows.mean() - 4) < 4
    turned = data.Warp(turn=45, zoom=0, shift=0, contrast=0)(jax.random.key(3), jnp.asarray(image))
    assert turned[4, 4, 0] == pytest.approx(100, abs=1e-2)


@pytest.mark.parametrize("wrong", [{"turn": -1.0}, {"zoom": 1.0}])
def test_a_warp_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        data.Warp(**wrong)


@pytest.fixture
def att(tmp_path):
    for person in range(1, 41):
        for n in range(1, 11):
            portrait(tmp_path / f"s{person}" / f"{n}.pgm")
    return tmp_path


def test_the_orl_folder_is_read_grey_and_checked(att):
    digest = hashlib.sha256()
    for person in range(1, 41):
        for n in range(1, 11):
            digest.update((att / f"s{person}" / f"{n}.pgm").read_bytes())
    parts = portraits.orl({"": att}, 0, digest.hexdigest())
    assert parts.train.inputs.shape == (400, 12, 10, 1) and len(parts.classes) == 40
    with pytest.raises(UserError, match="delete the folder and get it again"):
        portraits.orl({"": att})
    (att / "s7" / "3.pgm").unlink()
    with pytest.raises(UserError, match=r"3\.pgm: cannot be read"):
        portraits.orl({"": att})


def test_olivetti_is_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    with pytest.raises(UserError, match="not in scikit-learn's cache"):
        portraits.olivetti({})
