import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax.optim import add_l1, add_l2, add_weight_decay, l2_penalty
from ngjax.optim.penalty import everything, frobenius_norm, l1_penalty

PARAMS = {"W": jnp.asarray([[1.0, -2.0], [0.0, 4.0]]), "b": jnp.asarray([3.0, -3.0])}
ZERO = jax.tree.map(jnp.zeros_like, PARAMS)


def added(tx):
    return tx.update(ZERO, tx.init(PARAMS), PARAMS)[0]


def test_l2_worked_example():
    w = {"w": jnp.asarray([[1.0, -2.0]])}  # lambda = 0.7, m = 10
    tx = add_l2(0.7 / 10)
    slope, _ = tx.update(jax.tree.map(jnp.zeros_like, w), tx.init(w), w)
    np.testing.assert_allclose(slope["w"], [[0.07, -0.14]], rtol=1e-6)


def test_weight_decay_factor_worked_example():
    w = jnp.asarray([[2.0]])  # alpha = 0.1, lambda = 0.7, m = 10, no gradient of the data
    for tx in (
        optax.chain(add_l2(0.07), optax.scale(-0.1)),
        optax.chain(add_weight_decay(0.07), optax.scale(-0.1)),
    ):
        updates, _ = tx.update(jnp.zeros_like(w), tx.init(w), w)
        np.testing.assert_allclose(optax.apply_updates(w, updates), [[1.986]], rtol=1e-6)


def test_frobenius_norm_of_the_notes():
    W = jnp.asarray([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(2 * l2_penalty(W, 1.0), 30.0)
    np.testing.assert_allclose(frobenius_norm(W), np.linalg.norm(W, "fro"), rtol=1e-6)
    two = {"a": W, "b": jnp.asarray([100.0]), "c": 2 * W}  # all weights together, no bias
    np.testing.assert_allclose(frobenius_norm(two), np.sqrt(30 + 120), rtol=1e-6)


def test_l1_penalty_of_the_notes():
    w = jnp.asarray([[1.0, -2.0, 3.0]])  # lambda = 0.7, m = 10
    np.testing.assert_allclose(l1_penalty(w, 0.7 / 20), 0.21, rtol=1e-6)


@pytest.mark.parametrize("mask", [None, everything])
def test_added_gradients_are_the_slopes_of_the_penalties(mask):
    chosen = {} if mask is None else {"mask": mask}
    slope = jax.grad(lambda p: l2_penalty(p, 0.3, **chosen))(PARAMS)
    jax.tree.map(np.testing.assert_allclose, added(add_l2(0.3, **chosen)), slope)
    np.testing.assert_allclose(added(add_l2(0.3, **chosen))["W"], 0.3 * PARAMS["W"])
    np.testing.assert_allclose(added(add_l1(0.3, **chosen))["W"], [[0.3, -0.3], [0, 0.3]])
    slope = jax.grad(lambda p: l1_penalty(p, 0.3, **chosen))(PARAMS)
    away = PARAMS["W"] != 0  # at zero there is no slope
    np.testing.assert_allclose(added(add_l1(0.3, **chosen))["W"][away], slope["W"][away], rtol=1e-6)
    np.testing.assert_allclose(added(add_l1(0.3, **chosen))["b"], slope["b"], rtol=1e-6)


def test_biases_are_penalised_only_when_asked():
    for word in (add_l2, add_l1, add_weight_decay):
        np.testing.assert_array_equal(added(word(0.3))["b"], [0, 0])
        assert np.all(np.asarray(added(word(0.3, everything))["b"]) != 0)


def test_penalties_refuse_to_guess_parameters():
    tx = add_l2(0.1)
    with pytest.raises(ValueError, match="reads the parameters"):
        tx.update(ZERO, tx.init(PARAMS))
