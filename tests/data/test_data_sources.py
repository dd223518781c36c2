import jax
import jax.numpy as jnp
import numpy as np

from ngjax.data import Dataset, Split, constants, fetched, resident

INPUTS = np.arange(40, dtype=np.uint8).reshape(10, 2, 2, 1)
TARGETS = np.arange(10, dtype=np.int32) % 3
SPLIT = Split(INPUTS, TARGETS)
KEY = jax.random.key(0)


def drawn(index, slots=None):
    slots = np.arange(len(index)) if slots is None else slots
    return {"index": jnp.array(index), "slot": jnp.array(slots)}


def test_resident_gathers_on_the_device():
    none = Split(INPUTS[:0], TARGETS[:0])
    dataset = Dataset(
        "x", "X", "images", SPLIT, Split(INPUTS[:2], TARGETS[:2]), none, (), "", "", ""
    )
    held = constants(dataset)
    assert list(held) == ["train", "dev"]
    source = resident(SPLIT, prefix="train")
    assert source.size == 10
    batch = jax.jit(source.batch)(held, drawn([7, 7, 0]), KEY)
    np.testing.assert_array_equal(batch["inputs"], INPUTS[[7, 7, 0]])
    np.testing.assert_array_equal(batch["targets"], TARGETS[[7, 7, 0]])
    assert batch["inputs"].dtype == jnp.uint8
    assert set(batch) == {"inputs", "targets"}


def shifted(key, image):
    return image + jax.random.randint(key, (), 1, 100).astype(image.dtype)


def test_augmentation_hangs_on_key_and_slot_alone():
    held = {"train": {"inputs": INPUTS, "targets": TARGETS}}
    source = resident(SPLIT, prefix="train", augment=shifted)
    batch = jax.jit(source.batch)
    whole = batch(held, drawn([3, 4, 5, 5]), KEY)["inputs"]
    for slot in range(4):
        expected = shifted(jax.random.fold_in(KEY, slot), INPUTS[[3, 4, 5, 5][slot]])
        np.testing.assert_array_equal(whole[slot], expected)
    halves = [
        batch(held, drawn(index, slots), KEY)["inputs"]
        for index, slots in (([3, 4], [0, 1]), ([5, 5], [2, 3]))
    ]
    np.testing.assert_array_equal(np.concatenate(halves), whole)
    assert not np.array_equal(whole[2], whole[3])


def test_fetched_from_a_file_equals_resident(tmp_path):
    np.save(tmp_path / "inputs.npy", INPUTS)
    on_disk = np.load(tmp_path / "inputs.npy", mmap_mode="r")
    source = fetched(Split(on_disk, TARGETS), augment=shifted)
    index = np.array([9, 0, 9])
    rows = source.fetch(index)
    assert type(rows["inputs"]) is np.ndarray
    batch = jax.jit(source.batch)(None, drawn(index) | rows, KEY)
    same = resident(SPLIT, prefix="dev", augment=shifted)
    held = {"dev": {"inputs": INPUTS, "targets": TARGETS}}
    other = jax.jit(same.batch)(held, drawn(index), KEY)
    np.testing.assert_array_equal(batch["inputs"], other["inputs"])
    np.testing.assert_array_equal(batch["targets"], other["targets"])
    assert source.size == same.size == 10
