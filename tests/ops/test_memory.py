"""Gates and gradients over lag, against the formulas step by step and products of Jacobians."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.recurrent import GRU, LSTM, RNN
from ngjax.ops import recurrence

T, B, D, N = 5, 2, 3, 4


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def made(layer):
    x = jax.random.normal(jax.random.key(1), (B, T, D))
    carry = layer.initial_carry(B)

    def run(x):
        params = layer.init(jax.random.key(0), carry, x)["params"]
        return params, layer.apply({"params": params}, carry, x)[1]

    params, a = jax.jit(run)(x)
    return params, carry, x, a


@pytest.mark.parametrize(("layer", "count"), [(GRU(N, reset="none"), 1), (GRU(N), 2), (LSTM(N), 3)])
def test_gates_are_those_of_every_step(layer, count):
    params, _, x, a = made(layer)
    W_ax, W_aa, b = (np.float64(params[name]) for name in ("W_ax", "W_aa", "b_a"))
    xW = x.swapaxes(0, 1) @ params["W_ax"] + params["b_a"][None, None]
    found = np.asarray(recurrence.gates(xW, params["W_aa"], a.swapaxes(0, 1)))
    assert found.shape == (T, B, count, N)
    before = np.zeros((B, N))
    for t in range(T):
        for gate in range(count):
            part = slice(gate * N, (gate + 1) * N)
            z = before @ W_aa[:, part] + np.float64(x)[:, t] @ W_ax[:, part] + b[part]
            np.testing.assert_allclose(found[t, :, gate], sigmoid(z), rtol=1e-4)
        before = np.float64(a)[:, t]


def test_the_gradient_of_a_plain_rnn_is_a_product_of_jacobians():
    layer = RNN(N)
    params, carry, x, a = made(layer)
    w = jax.random.normal(jax.random.key(2), (N,))

    def step(state, x):
        return layer.apply({"params": params}, state, x, method="step")[0]

    found = recurrence.state_gradients(step, lambda s: jnp.sum(s @ w), carry, x.swapaxes(0, 1))
    W, a = np.float64(params["W_aa"]), np.float64(a)
    for b in range(B):
        want = np.float64(w)
        for t in reversed(range(T)):
            np.testing.assert_allclose(found[t, b], want, rtol=1e-4, atol=1e-6)
            want = W @ (want * (1 - a[b, t] ** 2))  # da<t> / da<t-1>
    lag = recurrence.gradient_by_lag(step, lambda s: jnp.sum(s @ w), carry, x.swapaxes(0, 1))
    lengths = np.linalg.norm(np.asarray(found), axis=-1).mean(axis=1)
    np.testing.assert_allclose(lag, lengths[::-1], rtol=1e-5)


def test_the_gradient_of_an_lstm_is_that_of_a_nudged_state():
    """Finite differences at a state in the middle, memory and output."""
    layer = LSTM(N)
    params, carry, x, _ = made(layer)
    x = x.swapaxes(0, 1)
    with jax.enable_x64(True):
        params, carry, x = jax.tree.map(lambda v: jnp.asarray(v, jnp.float64), (params, carry, x))

        def step(state, x):
            return layer.apply({"params": params}, state, x, method="step")[0]

        def loss(state):
            return jnp.sum(jnp.sin(state[1]))

        found = recurrence.state_gradients(step, loss, carry, x)
        middle = carry
        for t in range(3):
            middle = step(middle, x[t])

        def end(part, by):
            state = list(middle)
            state[part] = state[part].at[1, 2].add(by)
            for t in range(3, T):
                state = step(tuple(state), x[t])
            return float(loss(state))

        for part in (0, 1):
            slope = (end(part, 1e-6) - end(part, -1e-6)) / 2e-6
            assert float(found[part][2, 1, 2]) == pytest.approx(slope, rel=1e-6)
