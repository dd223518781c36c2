"""The gains of t-SNE against scikit-learn's own loop."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.manifold._t_sne import _gradient_descent

from ngjax.optim import scale_by_gains


def test_gains_and_momentum_follow_scikit_learn():
    A = np.diag([1.0, 30.0, 0.1]) + 0.5
    start, rate, steps = np.array([3.0, -2.0, 5.0]), 0.01, 60

    def objective(p, *_, **__):
        return 0.5 * p @ A @ p, A @ p

    right, _, _ = _gradient_descent(
        objective, start.copy(), 0, steps, momentum=0.8, learning_rate=rate, min_grad_norm=0
    )
    tx = optax.chain(scale_by_gains(optax.trace(0.8)), optax.scale(-rate))
    p = jnp.asarray(start, jnp.float32)
    state = tx.init(p)
    for _ in range(steps):
        updates, state = tx.update(jnp.asarray(A, jnp.float32) @ p, state)
        p = optax.apply_updates(p, updates)
    np.testing.assert_allclose(p, right, rtol=2e-3, atol=1e-4)


def test_a_gain_by_hand():
    tx = scale_by_gains(optax.identity())
    state = tx.init(jnp.zeros(2))
    seen = []
    for slope in ([1.0, 1.0], [1.0, -1.0], [1.0, -1.0]):
        updates, state = tx.update(jnp.asarray(slope), state)
        seen.append(np.asarray(updates))
    assert seen[0] == pytest.approx([0.8, 0.8])
    assert seen[1] == pytest.approx([1.0, -0.64])
    assert seen[2] == pytest.approx([1.2, -0.84])
    for _ in range(40):
        updates, state = tx.update(-jnp.sign(state.last), state)
    assert np.asarray(state.gains) == pytest.approx([0.01, 0.01])
