from __future__ import annotations

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops.beam import beam_search, greedy_search

END, WORDS, LONGEST, UNITS, BATCH = 0, 3, 4, 5, 3
generator = np.random.default_rng(0)
W, E, U = (
    generator.normal(size=shape).astype(np.float32) * 1.5
    for shape in ((UNITS, UNITS), (WORDS, UNITS), (UNITS, WORDS))
)
BEGUN = generator.normal(size=(BATCH, UNITS)).astype(np.float32)


def step(h, ids):
    """A network whose answer hangs on every word before."""
    h = jnp.tanh(h @ W + jnp.asarray(E)[ids])
    return h, h @ U


def log_p(row, ids):
    """log P of a sequence, by NumPy alone, word after word."""
    h, last, total = BEGUN[row].astype(np.float64), END, 0.0
    for word in ids:
        h = np.tanh(h @ W + E[last])
        z = h @ U
        total += z[word] - np.log(np.exp(z).sum())
        last = word
    return total


def all_sequences():
    for length in range(1, LONGEST + 1):
        for head in itertools.product(range(1, WORDS), repeat=length - 1):
            yield (*head, END)
    yield from itertools.product(range(1, WORDS), repeat=LONGEST)


def filled(ids):
    return (*ids, *[END] * (LONGEST - len(ids)))


@functools.partial(jax.jit, static_argnums=0)
def searched(width, alpha):
    return beam_search(step, BEGUN, BATCH, width, LONGEST, start=END, end=END, alpha=alpha)


def search(width, alpha):
    return jax.tree.map(np.asarray, searched(width, alpha))


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_beam_that_holds_all_is_exhaustive_search(alpha):
    sequences = list(all_sequences())
    found = search(40, alpha)
    for row in range(BATCH):
        scores = {ids: log_p(row, ids) / len(ids) ** alpha for ids in sequences}
        ranked = sorted(scores, key=scores.get, reverse=True)
        assert [tuple(ids) for ids in found.ids[row][: len(ranked)]] == [*map(filled, ranked)]
        want = [scores[ids] for ids in ranked]
        np.testing.assert_allclose(found.score[row][: len(ranked)], want, rtol=1e-5)
        assert (found.score[row][len(ranked) :] == -np.inf).all()
    total = np.exp(found.log_p[:, : len(sequences)]).sum(1)
    np.testing.assert_allclose(total, 1, rtol=1e-5)  # the sequences are all there are


def test_length_normalisation_changes_who_wins():
    assert (search(40, 0.0).ids[:, 0] != search(40, 1.0).ids[:, 0]).any()


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_width_one_is_greedy_search(alpha):
    greedy = greedy_search(step, BEGUN, BATCH, LONGEST, start=END, end=END)
    np.testing.assert_array_equal(search(1, alpha).ids[:, 0], greedy)
    for row, ids in enumerate(np.asarray(greedy)):
        last = []
        for word in ids[: (*ids, END).index(END) + 1]:
            best = max(range(WORDS), key=lambda w: log_p(row, (*last, w)))
            assert best == word
            last.append(best)


def test_a_narrow_beam_tells_the_truth_and_is_no_better_than_all():
    best = search(40, 1.0).score[:, 0]
    for width in (1, 2, 3):
        found = search(width, 1.0)
        assert (found.score[:, 0] <= best + 1e-5).all()
        assert (np.diff(found.score, axis=1) <= 0).all()
        for row, k in np.ndindex(BATCH, width):
            ids = [int(i) for i in found.ids[row, k]]
            ids = ids[: (*ids, END).index(END) + 1][:LONGEST]
            assert found.log_p[row, k] == pytest.approx(log_p(row, ids), rel=1e-4)
            assert found.score[row, k] == pytest.approx(log_p(row, ids) / len(ids), rel=1e-4)
