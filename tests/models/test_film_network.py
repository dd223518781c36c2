"""Four ways to read a film: what each of them can and cannot see."""

from __future__ import annotations

import functools

import jax
import numpy as np
import pytest

from ngjax.models.film_network import FilmNetwork
from ngjax.types import UserError


@pytest.fixture(scope="module")
def film():
    return jax.random.uniform(jax.random.key(1), (2, 3, 8, 8, 1))


@functools.cache
def made(reading):
    """Compiled once a reading: film -> (scores, parameters)."""
    model = FilmNetwork(5, reading, filters=(2, 3), features=4, width=6)

    def read(film):
        variables = model.init(jax.random.key(0), film)
        return model.apply(variables, film)[0], variables["params"]

    return jax.jit(read)


def scores(reading, film, order=(0, 1, 2)):
    return jax.tree.map(np.asarray, made(reading)(film[:, np.array(order)]))


def test_one_frame_sees_the_first_alone(film):
    (one, _), (other, _) = scores("one_frame", film), scores("one_frame", film, (0, 2, 2))
    np.testing.assert_allclose(one, other, rtol=1e-6)
    assert np.abs(one - scores("one_frame", film, (1, 0, 2))[0]).max() > 1e-3


def test_the_mean_does_not_see_the_order(film):
    np.testing.assert_allclose(
        scores("mean", film)[0], scores("mean", film, (2, 0, 1))[0], rtol=1e-5, atol=1e-6
    )
    assert np.abs(scores("mean", film)[0] - scores("mean", film, (0, 0, 1))[0]).max() > 1e-4


@pytest.mark.parametrize("reading", ["channels", "sequence"])
def test_the_others_see_it(film, reading):
    assert np.abs(scores(reading, film)[0] - scores(reading, film, (2, 1, 0))[0]).max() > 1e-3


def test_sizes(film):
    """Convolutions (3 3 C 2 + 2) and (3 3 2 3 + 3), then 2x2x3 = 12 features to 4."""
    shapes = jax.tree.map(np.shape, scores("channels", film)[1])
    assert shapes["conv1"]["kernel"] == (3, 3, 3, 2)
    shapes = jax.tree.map(np.shape, scores("sequence", film)[1])
    assert shapes["conv1"]["kernel"] == (3, 3, 1, 2) and shapes["frame"]["kernel"] == (12, 4)
    assert shapes["lstm"]["W_ax"] == (4, 24) and shapes["softmax"]["kernel"] == (6, 5)


def test_an_unknown_reading_should_fail(film):
    with pytest.raises(UserError, match="reading: 'backwards'"):
        FilmNetwork(5, "backwards").init(jax.random.key(0), film)
