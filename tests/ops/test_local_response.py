"""Local response normalisation, channel by channel."""

import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops.local_response import local_response_normalise


@pytest.mark.parametrize(("channels", "n"), [(7, 5), (3, 5), (6, 3)])
def test_by_loops(channels, n):
    a = np.random.default_rng(0).normal(0, 40, (2, 3, 2, channels)).astype(np.float32)
    want = np.empty_like(a)
    for c in range(channels):
        near = a[..., max(0, c - n // 2) : c + n // 2 + 1]
        want[..., c] = a[..., c] / (2 + 1e-4 * (near**2).sum(-1)) ** 0.75
    np.testing.assert_allclose(local_response_normalise(jnp.asarray(a), n), want, rtol=1e-5)
