import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.mlp import MLP
from ngjax.ops.dropout import Dropout

MODEL = MLP((20, 3, 1))
X = jnp.asarray(np.random.default_rng(0).normal(size=(7, 2)), jnp.float32)


@pytest.fixture(scope="module")
def params():
    return jax.tree.map(np.asarray, jax.jit(MODEL.init)(jax.random.key(0), X))


def test_the_forward_pass_by_hand(params):
    a = np.asarray(X)
    for layer in ("a1", "a2"):
        a = np.maximum(a @ params["params"][layer]["kernel"] + params["params"][layer]["bias"], 0)
    z = a @ params["params"]["a3"]["kernel"] + params["params"]["a3"]["bias"]
    found, out = MODEL.apply(params, X)
    np.testing.assert_allclose(found, z, rtol=1e-5, atol=1e-6)
    assert [value.shape for value in out.values()] == [(7, 20), (7, 3), (7, 1)]


def test_dropout_of_nothing_changes_nothing(params):
    found, _ = MODEL.apply(params, X, Dropout(jax.random.key(1), jnp.arange(7), 0.0))
    np.testing.assert_array_equal(found, MODEL.apply(params, X)[0])


def test_dropout_falls_on_every_hidden_layer_and_on_nothing_else(params):
    dropout = Dropout(jax.random.key(1), jnp.arange(7), 0.5)
    z, out = MODEL.apply(params, X, dropout)
    whole = MODEL.apply(params, X)[1]["a1"]
    on = np.asarray(whole) > 0
    first = np.asarray(out["a1"])
    kept = first > 0
    assert 0.3 < kept[on].mean() < 0.7
    np.testing.assert_allclose(first[kept], 2 * np.asarray(whole)[kept], rtol=1e-6)
    by_hand = first @ params["params"]["a2"]["kernel"] + params["params"]["a2"]["bias"]
    by_hand = np.asarray(dropout(2, jnp.maximum(by_hand, 0)))
    np.testing.assert_allclose(out["a2"], by_hand, rtol=1e-5, atol=1e-6)
    by_hand = by_hand @ params["params"]["a3"]["kernel"] + params["params"]["a3"]["bias"]
    np.testing.assert_allclose(z, by_hand, rtol=1e-5, atol=1e-6)
