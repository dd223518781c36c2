"""CTC's rule and its decoders against the sum over all paths."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest

from ngjax.ops.ctc import collapse, greedy, prefix_beam


def summed(log_probability):
    """P of every transcript: all V^T paths, one by one."""
    T, V = log_probability.shape
    found = defaultdict(float)
    for path in itertools.product(range(V), repeat=T):
        found[collapse(path)] += math.exp(sum(log_probability[t, k] for t, k in enumerate(path)))
    return found


def drawn(T, V, seed, peak=2.0):
    z = peak * np.random.default_rng(seed).normal(size=(T, V))
    return z - np.log(np.exp(z).sum(1, keepdims=True))


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        ([0, 3, 0, 1, 1, 0, 20, 20], (3, 1, 20)),
        ([3, 3, 0, 1, 0, 20], (3, 1, 20)),
        ([1, 0, 1], (1, 1)),
        ([1, 1], (1,)),
        ([0, 0], ()),
        ([], ()),
        ([1, 2, 1, 1, 0, 1], (1, 2, 1, 1)),
    ],
)
def test_repeats_become_one_then_blanks_are_left_out(path, labels):
    assert collapse(path) == labels


def test_the_best_path_need_not_be_the_best_transcripts():
    """P(-) = 0.6, P(a) = 0.4 twice: the best path is "- -", 0.36; "a" has three, 0.64."""
    rows = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert greedy(rows) == ()
    (best, p), (second, q) = prefix_beam(rows, 10)
    assert (best, second) == ((1,), ())
    assert math.exp(p) == pytest.approx(0.64) and math.exp(q) == pytest.approx(0.36)


@pytest.mark.parametrize(
    ("T", "V", "seed"), [(5, 3, 0), (4, 4, 1), (7, 2, 2), (1, 3, 3), (6, 3, 4)]
)
def test_without_a_limit_the_beam_is_exact(T, V, seed):
    rows = drawn(T, V, T)
    want = summed(rows)
    found = dict(prefix_beam(rows, 10_000))
    assert set(found) == set(want) and sum(want.values()) == pytest.approx(1)
    for labels, p in want.items():
        assert math.exp(found[labels]) == pytest.approx(p, rel=1e-9)
    assert prefix_beam(rows, 10_000)[0][0] == max(want, key=want.get)


def test_a_narrow_beam_finds_the_best_of_sure_answers():
    for seed in range(20):
        rows = drawn(6, 3, seed, peak=5.0)
        want = summed(rows)
        found = prefix_beam(rows, 4, least=1e-4)
        assert len(found) <= 4 and found[0][0] == max(want, key=want.get)
        assert found[0][1] <= math.log(want[found[0][0]]) + 1e-9  # a beam only loses paths
        assert found[0][1] == pytest.approx(math.log(want[found[0][0]]), abs=0.2)


def test_a_long_clip_does_not_underflow():
    rows = np.log(np.full((3000, 2), 0.5))
    rows[1::2] = np.log([0.9, 0.1])
    best, p = prefix_beam(rows, 3)[0]
    assert math.isfinite(p) and p < -100 and len(best) > 100
