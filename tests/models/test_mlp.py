import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from ngjax.models.mlp import MLP
from ngjax.ops.dropout import Dropout

MODEL = MLP((20, 3, 1))
X = jnp.asarray(np.random.default_rng(0).normal(size=(7, 2)), jnp.float32)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_start_is_of_every_layer(activation):
    start = nn.initializers.constant(0.25)
    params = MLP((3, 2, 1), activation, start).init(jax.random.key(0), jnp.zeros((1, 4)))["params"]
    assert list(params) == ["a1", "a2", "a3"]
    for part in params.values():
        assert np.all(part["kernel"] == 0.25) and np.all(part["bias"] == 0)


@pytest.mark.parametrize(("activation", "gain"), [("tanh", 1.0), ("sigmoid", 1.0), ("relu", 2.0)])
def test_hidden_weights_start_with_the_variance_of_the_activation(activation, gain):
    params = MLP((400, 1), activation).init(jax.random.key(0), jnp.zeros((1, 100)))["params"]
    assert np.var(params["a1"]["kernel"]) == pytest.approx(gain / 100, rel=0.05)
    assert np.var(params["a2"]["kernel"]) == pytest.approx(1 / 400, rel=0.3)


def test_one_layer_is_logistic_regression_and_two_are_worked_by_hand():
    x = jnp.array([[1.0, -2.0]])
    line = {"a1": {"kernel": jnp.array([[0.5], [0.25]]), "bias": jnp.array([0.1])}}
    z, out = MLP((1,), "tanh").apply({"params": line}, x)
    np.testing.assert_allclose(z, [[0.1]], atol=1e-7)  # 0.5 - 0.5 + 0.1
    assert list(out) == ["a1"]
    both = {"a1": line["a1"], "a2": {"kernel": jnp.array([[2.0]]), "bias": jnp.array([-1.0])}}
    z, out = MLP((1, 1), "tanh").apply({"params": both}, x)
    np.testing.assert_allclose(z, [[2 * np.tanh(0.1) - 1]], atol=1e-6)
    np.testing.assert_allclose(out["a1"], [[np.tanh(0.1)]], atol=1e-7)


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
