"""Words and their neighbours: tokens, subsampling, windows, what draws hang on; drawn phrases."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax import data
from ngjax.data.text import phrases
from ngjax.ops import alias
from ngjax.types import UserError

KEY = jax.random.key(0)


def test_words_of_passages():
    assert data.passages("The *list*, x_1 isn't 42\nset.\n\n  \nU.S. re-use <unk>") == [
        ["the", "list", "x_1", "isn't", "set"],
        ["u.s", "re-use", "<unk>"],
    ]
    assert data.passages("a b\nc\n") == [["a", "b"], ["c"]]


def test_known_words_and_the_text_without_the_others():
    texts = [["a", "b", "<unk>", "a"], ["c", "b", "a", "<unk>"]]
    known = data.known_words(texts, least=2)
    assert known.tokens == ("a", "b")
    assert data.known_words(texts, size=1).tokens == ("a",)
    text = data.corpus(texts, known)
    np.testing.assert_array_equal(text.ids, [0, 1, 0, 1, 0])
    np.testing.assert_array_equal(text.passage, [0, 0, 0, 1, 1])
    with pytest.raises(UserError, match="1 known words"):
        data.corpus([["a", "x"]], known)


def test_frequent_words_are_kept_less():
    """f = 0.9 and 0.1, t = 0.1: sqrt(1/9) and 1."""
    np.testing.assert_allclose(data.kept(np.array([90, 10]), 0.1), [1 / 3, 1])
    np.testing.assert_array_equal(data.kept(np.array([90, 10]), 0), [1, 1])


def drawn(ids, passage, keep, window=3, negative=4, *, train=True, index=None, slots=None):
    text = data.Corpus(np.array(ids, np.int32), np.array(passage, np.int32))
    keep = np.asarray(keep, np.float32)
    source = data.neighbours(text, keep, window, negative, prefix="x", train=train)
    noise = alias.table(np.arange(1.0, len(keep) + 1))
    index = np.arange(len(ids)) if index is None else index
    slots = np.arange(len(index)) if slots is None else slots
    held = {"x": text, "keep": keep, "noise": noise}
    batch = jax.jit(source.batch)(
        held, {"index": jnp.asarray(index), "slot": jnp.asarray(slots)}, KEY
    )
    return source, {name: np.asarray(leaf) for name, leaf in batch.items()}


def test_neighbours_stand_in_the_window_and_in_the_passage():
    n, C = 399, 3  # whole passages of seven
    ids, passage = np.arange(n), np.arange(n) // 7
    _, batch = drawn(ids, passage, np.ones(n), C)
    reached = np.zeros(C + 1)
    inner = 0
    for i in range(n):
        near = batch["context"][i][batch["context_mask"][i] == 1]
        assert len(set(near)) == len(near) and i not in near
        assert (passage[near] == passage[i]).all() and (np.abs(near - i) <= C).all()
        reach = max(np.abs(near - i))
        want = [j for d in range(-reach, reach + 1) if d and 0 <= (j := i + d) < n]
        want = [j for j in want if passage[j] == passage[i]]
        assert set(near) == set(want)
        if i % 7 == 3:  # the whole window stands in the passage
            inner += 1
            reached[reach] += 1
    np.testing.assert_allclose(reached[1:] / inner, 1 / C, atol=4 * np.sqrt(2 / 9 / inner))


def test_noise_and_keeping_have_their_shares():
    keep = np.array([0.2, 1.0, 0.6])
    ids = np.random.default_rng(0).integers(0, 3, 6000)
    _, batch = drawn(ids, np.zeros(6000), keep, window=1, train=False)
    mask, context = batch["context_mask"][1:-1], batch["context"][1:-1]
    own = keep[batch["centre"][1:-1]][:, None]
    for word in range(3):
        here = context == word
        want = (own * keep[word] * here).sum() / here.sum()
        assert mask[here].mean() == pytest.approx(want, abs=0.03)
    shares = np.bincount(batch["noise"].ravel()) / batch["noise"].size
    np.testing.assert_allclose(shares, [1 / 6, 2 / 6, 3 / 6], atol=0.015)


def test_draws_hang_on_the_slot_and_not_on_the_batch():
    keep = np.full(50, 0.5)
    ids, passage = np.arange(50), np.zeros(50)
    _, whole = drawn(ids, passage, keep)
    _, part = drawn(ids, passage, keep, index=np.arange(20, 30), slots=np.arange(20, 30))
    for name, leaf in part.items():
        np.testing.assert_array_equal(leaf, whole[name][20:30])


def test_an_epoch_is_as_many_centres_as_are_kept_none_twice():
    keep = np.array([0.1, 1.0])
    ids = np.repeat([0, 1], [3000, 200])
    source, _ = drawn(ids, np.zeros(3200), keep, index=np.arange(4))
    assert source.size == 500
    counts = []
    for epoch in range(3):
        order = source.order(source.size, 50, 7, epoch)
        assert order.shape == (10, 50) and order.dtype == np.int32
        assert len(np.unique(order)) == 500
        counts.append((ids[order] == 1).sum())
    assert 190 <= np.mean(counts) <= 200  # nearly all of the rare word, a tenth of the frequent one
    again = source.order(source.size, 50, 7, 2)
    np.testing.assert_array_equal(order, again)


def test_no_sentence_holds_an_answer_and_half_of_the_words_have_none():
    text = phrases.sentences(500, seed=1)
    words = set(text.split())
    assert not words & set(phrases.ANSWERS) and set(phrases.WORDS) <= words
    asked, answers, told = phrases.phrases()
    of_word = {three[-1]: bool(label) for three, label in zip(asked, told, strict=True)}
    assert of_word["orange"] and not of_word["apple"] and told.mean() == 0.5
    assert np.bincount(answers[~told]).tolist() == [20] * 6
    assert {w for three in asked for w in three} <= words
    assert len(phrases.WORDS) == len(set(phrases.WORDS)) == len(phrases.CLASSES) == 60
