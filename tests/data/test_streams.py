import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.data import streams, windows
from ngjax.types import UserError

KEY = jax.random.key(0)


def run(source, held, index):
    return jax.jit(source.batch)(held, {"index": jnp.asarray(index)}, KEY)


def test_by_hand():
    """14 tokens, 2 rows of 3: 13 predictions hold 2 windows a row; tokens 12 and 13 are over."""
    ids = np.arange(14, dtype=np.int32)
    source = streams(ids, 2, 3)
    order = source.order(source.size, 2, 0, 0)
    np.testing.assert_array_equal(order, [[0, 2], [1, 3]])
    first, second = (run(source, {"train": ids}, row) for row in order)
    np.testing.assert_array_equal(first["inputs"], [[0, 1, 2], [6, 7, 8]])
    np.testing.assert_array_equal(first["targets"], [[1, 2, 3], [7, 8, 9]])
    np.testing.assert_array_equal(second["inputs"], [[3, 4, 5], [9, 10, 11]])
    np.testing.assert_array_equal(first["start"], [True, True])
    np.testing.assert_array_equal(second["start"], [False, False])


@pytest.mark.parametrize(("n", "rows", "length"), [(1000, 8, 7), (57, 8, 7), (101, 1, 10)])
def test_rows_are_unbroken(n, rows, length):
    ids = np.random.default_rng(0).integers(0, 50, n).astype(np.int32)
    source = streams(ids, rows, length, prefix="x")
    order = source.order(source.size, rows, 3, 5)
    steps = (n - 1) // (rows * length)
    assert order.shape == (steps, rows)
    assert order.dtype == np.int32
    assert sorted(order.ravel()) == list(range(source.size))
    batches = [run(source, {"x": ids}, row) for row in order]
    texts = np.concatenate([np.asarray(b["inputs"]) for b in batches], axis=1)  # [B, S T]
    np.testing.assert_array_equal(texts.ravel(), ids[: texts.size])
    answers = np.concatenate([np.asarray(b["targets"]) for b in batches], axis=1)
    np.testing.assert_array_equal(answers.ravel(), ids[1 : texts.size + 1])
    assert n - 1 - texts.size < rows * length


def test_streams_of_another_batch_size_are_refused():
    source = streams(np.zeros(100, np.int32), 4, 5)
    with pytest.raises(ValueError, match="cut for 4 rows, not 8"):
        source.order(source.size, 8, 0, 0)


def test_text_too_short():
    with pytest.raises(UserError, match=r"--run\.batch_size=4 rows of 5 tokens.*text of 20"):
        streams(np.zeros(20, np.int32), 4, 5)
    assert streams(np.zeros(21, np.int32), 4, 5).size == 4


@pytest.mark.parametrize("n", [2, 5, 6, 7, 100])
def test_windows_cover_every_prediction_once(n):
    ids = np.arange(100, 100 + n, dtype=np.int32)
    source = windows(ids, 5, prefix="dev")
    batch = run(source, {"dev": ids}, np.arange(source.size))
    real = np.asarray(batch["token_mask"]) == 1
    np.testing.assert_array_equal(np.asarray(batch["inputs"])[real], ids[:-1])
    np.testing.assert_array_equal(np.asarray(batch["targets"])[real], ids[1:])
    assert batch["token_mask"].sum() == n - 1
    assert source.size == -(-(n - 1) // 5)


def test_nothing_to_predict():
    with pytest.raises(UserError, match="dev: a text of 1 tokens"):
        windows(np.zeros(1, np.int32), 5, prefix="dev")


def test_no_rows_are_refused():
    with pytest.raises(UserError, match=r"--run\.batch_size=0"):
        streams(np.arange(100), 0, 8)
