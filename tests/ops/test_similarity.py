"""Cosine, neighbours and analogies, against loops over all words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance

from ngjax.ops import similarity

E = np.random.default_rng(0).normal(size=(40, 6))


def test_cosine_is_scipys():
    want = [1 - distance.cosine(a, b) for a, b in zip(E[:5], E[5:10], strict=True)]
    np.testing.assert_allclose(similarity.cosine(E[:5], E[5:10]), want)
    np.testing.assert_array_equal(similarity.unit(np.zeros((1, 3))), np.zeros((1, 3)))


def test_one_hot_vectors_know_no_likeness():
    """Notes 5.8: product 0 and distance sqrt 2, whichever two; man is place 5391 of 10,000."""
    man, woman = np.zeros(10_000), np.zeros(10_000)
    man[5390] = woman[9852] = 1
    assert similarity.cosine(man, woman) == 0
    assert np.linalg.norm(man - woman) == pytest.approx(2**0.5)


@pytest.mark.parametrize("chunk", [3, 512])
def test_nearest_by_loops(chunk, monkeypatch):
    monkeypatch.setattr(similarity, "CHUNK", chunk)
    wanted = np.random.default_rng(1).normal(size=(8, 6))
    left_out = np.arange(16).reshape(8, 2)
    rows, likeness = similarity.nearest(E, wanted, 4, left_out)
    for q in range(8):
        scores = {v: 1 - distance.cosine(E[v], wanted[q]) for v in range(40)}
        best = sorted(scores.keys() - {*left_out[q]}, key=lambda v: -scores[v])[:4]
        assert rows[q].tolist() == best
        np.testing.assert_allclose(likeness[q], [scores[v] for v in best])
    assert similarity.nearest(E, E[:3], 1)[0][:, 0].tolist() == [0, 1, 2]


def test_analogies_by_loops():
    questions = np.random.default_rng(2).integers(0, 40, (20, 3))
    found = similarity.analogies(E, questions)
    for (a, b, c), d in zip(questions, found, strict=True):
        e = [row / np.linalg.norm(row) for row in E]
        scores = [-np.inf if v in (a, b, c) else e[v] @ (e[b] - e[a] + e[c]) for v in range(40)]
        assert d == int(np.argmax(scores))


def test_man_is_to_woman_as_king_is_to_queen():
    man, woman, king, queen, apple = [1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [-1, 0.2, 0.1]
    vectors = np.array([man, woman, king, queen, apple], float)
    assert similarity.analogies(vectors, np.array([[0, 1, 2]])).tolist() == [3]
