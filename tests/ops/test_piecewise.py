"""Depth by construction: tents against the map itself, counts against what is worked by hand."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

from ngjax.ops import piecewise


@pytest.mark.parametrize("k", [1, 2, 3, 6])
@pytest.mark.parametrize("build", [piecewise.deep_tent, piecewise.wide_tent])
def test_both_networks_are_the_tent_map_folded(build, k):
    x = np.linspace(0, 1, 771)
    want = x
    for _ in range(k):
        want = np.where(want < 0.5, 2 * want, 2 - 2 * want)
    with jax.enable_x64(True):
        got = piecewise.relu_network(build(k), x[None])[0]
    np.testing.assert_allclose(got, want, atol=1e-12)


def test_the_map_itself():
    np.testing.assert_array_equal(
        piecewise.tent(np.array([0, 0.25, 0.5, 0.75, 1])), [0, 0.5, 1, 0.5, 0]
    )


@pytest.mark.parametrize(
    ("k", "pieces", "deep", "wide"), [(1, 2, 2, 2), (3, 8, 6, 8), (6, 64, 12, 64)]
)
def test_pieces_and_units(k, pieces, deep, wide):
    with jax.enable_x64(True):
        assert piecewise.linear_pieces(piecewise.deep_tent(k), k) == pieces
        assert piecewise.linear_pieces(piecewise.wide_tent(k), k) == pieces
    assert piecewise.hidden_units(piecewise.deep_tent(k)) == deep
    assert piecewise.hidden_units(piecewise.wide_tent(k)) == wide
    assert piecewise.fewest_wide_units(pieces) == wide - 1


def test_a_bend_less_is_a_piece_less():
    first, last = piecewise.wide_tent(3)
    fewer = [first._replace(W=first.W[:-1], b=first.b[:-1]), last._replace(W=last.W[:, :-1])]
    with jax.enable_x64(True):
        assert piecewise.linear_pieces(fewer, 3) == 7


@pytest.mark.parametrize(("k", "count"), [(1, 7), (2, 13), (4, 25)])
def test_parameters_of_the_deep_one(k, count):
    assert piecewise.parameter_count(piecewise.deep_tent(k)) == count


@pytest.mark.parametrize("build", [piecewise.deep_tent, piecewise.wide_tent])
def test_nothing_to_fold_is_refused(build):
    with pytest.raises(ValueError, match="got 0"):
        build(0)


@pytest.mark.parametrize(("n", "depth"), [(1, 0), (2, 1), (3, 2), (5, 3), (8, 3), (9, 4)])
def test_parity_by_a_tree(n, depth):
    rows = list(itertools.product((0, 1), repeat=n))
    parity, gates, deep = piecewise.xor_tree(np.array(rows).T)
    np.testing.assert_array_equal(parity, [sum(row) % 2 for row in rows])
    assert (gates, deep) == (n - 1, depth)


@pytest.mark.parametrize("n", [1, 2, 4, 7])
def test_the_terms_are_the_odd_rows_and_no_two_can_be_merged(n):
    terms = piecewise.and_terms(n).T
    assert len(terms) == 2 ** (n - 1) == len({tuple(t) for t in terms})
    assert all(t.sum() % 2 == 1 for t in terms)
    apart = [np.abs(a - b).sum() for a, b in itertools.combinations(terms, 2)]
    assert min(apart, default=2) == 2
