import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from ngjax.models.mlp import MLP


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
