"""Kneser-Ney n-grams: an example by hand, sums of one, dictionaries as the second way."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from ngjax.ops import kneser_ney

HALF = (0.5, 0.5, 0.5)


def given(model, history):
    """P(. | history) [V]."""
    texts = [[*history, w] for w in range(model.vocabulary)]
    return np.array([kneser_ney.probabilities(model, text)[-1] for text in texts])


def test_bigrams_by_hand():
    """The text a b a c a b, every discount 1/2.

    Behind how many different words: a 2 (b, c), b 1, c 1, of 4; 3/2 were taken, so that
    P_1(a) = 1.5/4 + 1.5/4 1/3 = 1/2 and P_1(b) = P_1(c) = 0.5/4 + 1/8 = 1/4. Behind a stand b twice
    and c once, 1 of 3 was taken: P(b|a) = 1.5/3 + 1/3 1/4 and so on.
    """
    model = kneser_ney.fit(np.array([0, 1, 0, 2, 0, 1]), 3, 2, discounts=HALF)
    np.testing.assert_allclose(given(model, ()), [1 / 2, 1 / 4, 1 / 4])
    np.testing.assert_allclose(given(model, (0,)), [1 / 6, 7 / 12, 1 / 4])
    np.testing.assert_allclose(given(model, (1,)), [3 / 4, 1 / 8, 1 / 8])
    text = np.array([0, 1, 0])
    assert kneser_ney.perplexity(model, text) == pytest.approx((7 / 12 * 3 / 4) ** -0.5)


def test_san_francisco():
    """A word that is frequent behind one other word alone is not likely behind a third one."""
    san, francisco, glasses = 0, 1, 2
    text = [san, francisco] * 20 + [3, glasses, 4, glasses, 5, glasses, 6]
    model = kneser_ney.fit(np.array(text), 8, 2)
    after_new = given(model, (7,))
    assert text.count(francisco) > text.count(glasses)
    assert after_new[glasses] > after_new[francisco]


def by_dictionaries(ids, V, order, boundary, D):
    """The rule as it is written, n-gram by n-gram."""
    starts = [0] * len(ids)
    for t in range(1, len(ids)):
        starts[t] = t - 1 if ids[t - 1] == boundary else starts[t - 1]
    raw = [collections.Counter() for _ in range(order)]
    left = [collections.defaultdict(set) for _ in range(order)]
    for t in range(len(ids)):
        for k in range(order):
            if t - k >= starts[t]:
                raw[k][tuple(ids[t - k : t + 1])] += 1
            if t - k - 1 >= starts[t]:
                left[k][tuple(ids[t - k : t + 1])].add(ids[t - k - 1])

    def count(k, gram):
        if k == order - 1 or not left[k][gram]:
            return raw[k][gram]
        return len(left[k][gram])

    def p(k, gram):
        if k < 0:
            return 1 / V
        counts = {w: count(k, (*gram[:-1], w)) for w in range(V)}
        total = sum(counts.values())
        lower = p(k - 1, gram[1:])
        if not total:
            return lower
        taken = {w: min(D[min(c, 3) - 1], c) if c else 0 for w, c in counts.items()}
        kept = counts[gram[-1]] - taken[gram[-1]]
        return kept / total + sum(taken.values()) / total * lower

    return p


@pytest.mark.parametrize("boundary", [None, 0])
def test_dictionaries_say_the_same(boundary):
    generator = np.random.default_rng(3)
    train = np.minimum(generator.integers(0, 5, 150), generator.integers(0, 5, 150))
    D, V, order = (0.4, 0.8, 1.1), 5, 3
    model = kneser_ney.fit(train, V, order, boundary, D)
    p = by_dictionaries(list(train), V, order, boundary, D)
    new = generator.integers(0, 5, 60)
    found = kneser_ney.probabilities(model, new)
    for t in range(1, len(new)):
        past = next((s for s in range(t - 1, -1, -1) if new[s] == boundary), 0)
        past = max(past, t - order + 1)
        gram = tuple(new[past : t + 1])
        assert found[t] == pytest.approx(p(len(gram) - 1, gram), rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_probabilities_sum_to_one(order):
    generator = np.random.default_rng(1)
    train = np.minimum(generator.integers(0, 12, 4000), generator.integers(0, 12, 4000))
    model = kneser_ney.fit(train, 13, order, boundary=0)  # one word was never seen
    for _ in range(20):
        P = given(model, generator.integers(0, 13, 5))
        assert P.min() > 0
        assert P.sum() == pytest.approx(1, abs=1e-12)


def test_estimated_discounts_are_chen_and_goodmans():
    """n_1..n_4 = 4, 2, 1, 1: Y = 1/2, D = 1 - 2/2 2/4, 2 - 3/2 1/2, 3 - 4/2 1."""
    counts = [1] * 4 + [2] * 2 + [3, 4]
    train = np.repeat(np.arange(8), counts)
    model = kneser_ney.fit(train, 8, 1)
    np.testing.assert_allclose(model.orders[0].taken, [0.5] * 4 + [1.25] * 2 + [1, 1])


@pytest.mark.parametrize(("ids", "order"), [([], 2), ([0, 1], 0), ([0, 3], 2), ([0, -1], 2)])
def test_refusals(ids, order):
    with pytest.raises(ValueError, match=r"ids must|order"):
        kneser_ney.fit(np.array(ids, int), 3, order)
