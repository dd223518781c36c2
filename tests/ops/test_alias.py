"""The alias method: the table is the distribution, and draws have its frequencies."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops import alias


@pytest.mark.parametrize("weights", [[1], [3, 0, 1], [1] * 7, list(range(1, 40)), [1e-9, 1, 1e9]])
def test_the_table_is_the_distribution(weights):
    share, other = alias.table(np.array(weights, float))
    assert share.min() >= 0 and share.max() <= 1
    p = share.astype(np.float64)
    np.add.at(p, other, 1.0 - share)
    np.testing.assert_allclose(p / len(p), np.array(weights) / np.sum(weights), atol=1e-7)


def test_draws_have_its_frequencies():
    p = np.array([0.5, 0.25, 0.15, 0.1, 0.0])
    bits = jax.random.bits(jax.random.key(0), (20_000,), jnp.uint32)
    chance = jax.random.uniform(jax.random.key(1), (20_000,))
    found = np.bincount(jax.jit(alias.draw)(alias.table(p), bits, chance), minlength=5) / 20_000
    assert (np.abs(found - p) <= 4 * np.sqrt(p * (1 - p) / 20_000)).all()
    assert jnp.issubdtype(alias.draw(alias.table(p), bits, chance).dtype, jnp.int32)


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [np.inf, 1]])
def test_no_distribution(weights):
    with pytest.raises(ValueError, match="weights"):
        alias.table(np.array(weights, float))
