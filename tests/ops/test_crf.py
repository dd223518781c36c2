"""The chain's sums and its best path, beside all K^T paths written out."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops import crf

B, T, K = 3, 4, 3
LENGTHS = (4, 2, 1)


@pytest.fixture(scope="module")
def chain():
    generator = np.random.default_rng(0)
    drawn = [generator.normal(0, 1, shape) for shape in ((K, K), (K,), (K,), (B, T, K))]
    tags = generator.integers(0, K, (B, T))
    mask = np.arange(T)[None] < np.array(LENGTHS)[:, None]
    return crf.Potentials(*map(jnp.asarray, drawn[:3])), drawn[3], tags, mask.astype(np.float32)


def by_hand(potentials, emission, path):
    score = potentials.start[path[0]] + potentials.end[path[-1]]
    score += sum(emission[t, k] for t, k in enumerate(path))
    return float(score + sum(potentials.transition[a, b] for a, b in itertools.pairwise(path)))


def all_paths(potentials, emission, length):
    paths = list(itertools.product(range(K), repeat=length))
    return paths, np.array([by_hand(potentials, emission, path) for path in paths])


def test_the_forward_algorithm_sums_over_all_paths(chain):
    potentials, emission, tags, mask = chain
    found = np.asarray(jax.jit(crf.log_partition)(potentials, emission, mask))
    told = np.asarray(jax.jit(crf.path_score)(potentials, emission, tags, mask))
    cost = np.asarray(crf.negative_log_likelihood(potentials, emission, tags, mask))
    for i, length in enumerate(LENGTHS):
        _, scores = all_paths(potentials, emission[i], length)
        assert found[i] == pytest.approx(np.log(np.exp(scores).sum()), abs=1e-4)
        want = by_hand(potentials, emission[i], tags[i, :length])
        assert told[i] == pytest.approx(want, abs=1e-4)
        assert cost[i] == pytest.approx(found[i] - want, abs=1e-4)


def test_viterbi_finds_the_best_of_all_paths(chain):
    potentials, emission, _, mask = chain
    for scale in (0.3, 1, 3):  # transitions decide more and more
        given = crf.Potentials(potentials.transition * scale, potentials.start, potentials.end)
        found = np.asarray(crf.viterbi(given, jnp.asarray(emission), jnp.asarray(mask)))
        for i, length in enumerate(LENGTHS):
            paths, scores = all_paths(given, emission[i], length)
            assert tuple(found[i, :length]) == paths[int(scores.argmax())]
            assert not found[i, length:].any()


def test_padding_changes_no_gradient(chain):
    potentials, emission, tags, mask = chain

    def total(emission, width):
        return crf.negative_log_likelihood(
            potentials, emission[:, :width], tags[:, :width], mask[:, :width]
        )[1]

    whole, cut = (jax.grad(total)(jnp.asarray(emission), width) for width in (4, 2))
    np.testing.assert_allclose(whole, cut, atol=1e-6)
    np.testing.assert_array_equal(whole[1, 2:], 0)
