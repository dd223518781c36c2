import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax.optim import clip_by_global_norm

GRADIENT = {"W": jnp.asarray([[3.0, 0.0]]), "b": jnp.asarray([4.0])}  # length 5


@pytest.mark.parametrize(("limit", "factor"), [(1.0, 0.2), (5.0, 1.0), (7.0, 1.0)])
def test_long_gradients_are_shortened_and_short_ones_kept(limit, factor):
    for tx in (clip_by_global_norm(limit), optax.clip_by_global_norm(limit)):
        clipped, _ = tx.update(GRADIENT, tx.init(GRADIENT))
        np.testing.assert_allclose(clipped["W"], [[3 * factor, 0]], rtol=1e-6)
        np.testing.assert_allclose(clipped["b"], [4 * factor], rtol=1e-6)


def test_zero_stays_zero_nan_stays_visible_and_dtype_is_kept():
    tx = clip_by_global_norm(jnp.float32(1.0))
    assert tx.update(jnp.zeros(3), tx.init(jnp.zeros(3)))[0].tolist() == [0, 0, 0]
    assert np.isnan(tx.update(jnp.asarray([1.0, np.nan]), tx.init(jnp.zeros(2)))[0]).all()
    long = jnp.full(4, 8, jnp.bfloat16)
    clipped, _ = tx.update(long, tx.init(long))
    assert clipped.dtype == jnp.bfloat16
    np.testing.assert_allclose(clipped.astype("f4"), 0.5, rtol=1e-2)
