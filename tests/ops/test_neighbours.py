import jax.numpy as jnp
import numpy as np

from ngjax.ops.neighbours import with_neighbours


def test_every_step_stands_among_its_neighbours():
    x = jnp.arange(1.0, 9).reshape(1, 4, 2)  # steps (1 2) (3 4) (5 6) (7 8)
    found = np.asarray(with_neighbours(x, 1, 2))[0]
    assert found.shape == (4, 8)
    assert list(found[0]) == [0, 0, 1, 2, 3, 4, 5, 6]
    assert list(found[3]) == [5, 6, 7, 8, 0, 0, 0, 0]


def test_its_product_is_a_convolution_over_time():
    generator = np.random.default_rng(0)
    x, filters = generator.normal(size=(6, 2)), generator.normal(size=(3, 2))
    found = np.asarray(with_neighbours(jnp.asarray(x), 1, 1)) @ filters.ravel()
    want = sum(np.correlate(np.pad(x[:, d], 1), filters[:, d], "valid") for d in range(2))
    np.testing.assert_allclose(found, want, rtol=1e-5)
