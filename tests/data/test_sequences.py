from __future__ import annotations

import numpy as np
import pytest

from ngjax import data
from ngjax.data.dataset import Parts, Split
from ngjax.data.load import _limited, _split
from ngjax.types import UserError


def test_padding_stands_behind_the_end():
    values, length = data.padded([[1, 2, 3], [4], [5, 6]], fill=9)
    assert values.tolist() == [[1, 2, 3], [4, 9, 9], [5, 6, 9]]
    assert length.tolist() == [3, 1, 2] and length.dtype == np.int32


def test_frames_are_padded_to_a_given_width():
    values, length = data.padded([np.ones((2, 3), np.float32)], width=4)
    assert values.shape == (1, 4, 3) and values.sum() == 6 and length.tolist() == [2]


@pytest.mark.parametrize(
    ("sequences", "width", "told"),
    [
        ([], 0, "no sequences"),
        ([[1], []], 0, "sequence 2 is empty"),
        ([[1], [1, 2, 3]], 2, "sequence 2 has 3 steps, more than 2"),
    ],
)
def test_what_cannot_be_padded_is_refused(sequences, width, told):
    with pytest.raises(UserError, match=told):
        data.padded(sequences, width)


def test_batches_of_like_length_hold_every_example_once():
    length = np.random.default_rng(0).integers(1, 60, 1003).astype(np.int32)
    order = data.by_length(length)
    batches = order(1003, 10, 0, 0)
    assert batches.shape == (100, 10) and len(set(batches.ravel())) == 1000
    spread = np.ptp(length[batches], axis=1).mean()
    assert spread < 0.1 * np.ptp(length)
    assert (np.diff(length[batches].max(axis=1)) < 0).any(), "short and long batches in turn"
    assert np.array_equal(batches, order(1003, 10, 0, 0))
    assert not np.array_equal(batches, order(1003, 10, 0, 1))
    assert not np.array_equal(batches, order(1003, 10, 1, 0))


def test_sequences_with_tags_are_split_and_shortened():
    words = tuple((f"word{i}",) * (i + 1) for i in range(20))
    parts = Parts(Split(words, tuple(("O",) * len(w) for w in words)))
    assert len(_limited(parts.train, 7)) == 7
    splits, told = _split(parts, data.Data(dev=4.0, test=0.25))
    assert {name: len(part) for name, part in splits.items()} == {"train": 11, "dev": 4, "test": 5}
    assert "20 training examples" in told
    for part in splits.values():
        assert [len(w) for w in part.inputs] == [len(t) for t in part.targets]
