"""Recurrent layers over time against numbers worked by hand and against PyTorch."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops import recurrence

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "recurrent.npz"


# Numbers worked by hand, one unit and one feature. logit(p) makes a gate of p.


def logit(p):
    return np.log(p / (1 - p))


def one(*z):
    return jnp.asarray(z)[None, None, :]


def test_gru_numbers_by_hand():
    with jax.enable_x64(True):
        c, W = jnp.array([[0.5]]), jnp.zeros((1, 2)).at[0, 1].set(1.0)
        # gamma_u = 1: c<1> = c_tilde = tanh(1 * 0.5 + 1 * 0.2 + 0.1) = tanh(0.8)
        last, a = recurrence.scan_simplified_gru(one(50.0, 0.2 + 0.1), W, c)
        np.testing.assert_allclose(a[0, 0, 0], 0.6640368, atol=5e-8)
        np.testing.assert_array_equal(last, a[0])  # the output is a<t> = c<t>, not a<t-1>
        # gamma_u = 0.25, c_tilde = 1, c<0> = 0: 0.25; gamma_u = 0 keeps c<0>
        zeros = jnp.zeros((1, 2))
        _, a = recurrence.scan_simplified_gru(one(logit(0.25), 50.0), zeros, jnp.zeros((1, 1)))
        np.testing.assert_allclose(a[0, 0, 0], 0.25, atol=1e-12)
        _, a = recurrence.scan_simplified_gru(one(-800.0, 50.0), zeros, c)
        assert a[0, 0, 0] == 0.5
        # gamma_r = 0: the candidate does not see c<0>; tanh(0.2) whatever the recurrent weight
        W = jnp.array([[0.0, 0.0, 9.0]])
        _, a = recurrence.scan_gru(one(50.0, -800.0, 0.2), W, c)
        np.testing.assert_allclose(a[0, 0, 0], np.tanh(0.2), atol=1e-12)


def test_lstm_numbers_by_hand():
    with jax.enable_x64(True):
        # gamma_u = 0.3, gamma_f = 0.9, gamma_o = 0.5, c_tilde = 1, c<0> = 0.5
        z, W = one(logit(0.3), logit(0.9), logit(0.5), 50.0), jnp.zeros((1, 4))

        def memory(c):
            (c, a), _ = recurrence.scan_lstm(z, W, (c, jnp.zeros((1, 1))))
            return c[0, 0], a

        (c, a), slope = jax.value_and_grad(memory, has_aux=True)(jnp.array([[0.5]]))
        np.testing.assert_allclose(c, 0.75, atol=1e-12)  # 0.3 * 1 + 0.9 * 0.5
        np.testing.assert_allclose(slope, [[0.9]], atol=1e-12)  # dc<t>/dc<t-1> = gamma_f
        np.testing.assert_allclose(a, [[0.3175745]], atol=5e-8)  # 0.5 * tanh(0.75)


def test_gates_let_the_gradient_live_a_hundred_steps():
    with jax.enable_x64(True):
        start = jnp.array([[0.1]])

        def slope(scan):
            return float(jax.grad(lambda c: scan(c).sum())(start)[0, 0])

        def gru(c):  # gamma_u = 1e-4
            z = jnp.broadcast_to(one(logit(1e-4), 0.0), (100, 1, 2))
            return recurrence.scan_simplified_gru(z, jnp.zeros((1, 2)), c)[0]

        def lstm(c):  # gamma_f = 0.99
            z = jnp.broadcast_to(one(0.0, logit(0.99), 0.0, 0.0), (100, 1, 4))
            return recurrence.scan_lstm(z, jnp.zeros((1, 4)), (c, 0 * c))[0][0]

        def rnn(a):
            return recurrence.scan_rnn(jnp.zeros((100, 1, 1)), jnp.full((1, 1), 0.5), a)[0]

        np.testing.assert_allclose(slope(gru), (1 - 1e-4) ** 100, rtol=1e-9)  # 0.990
        np.testing.assert_allclose(slope(lstm), 0.99**100, rtol=1e-9)  # 0.366
        assert 0 < slope(rnn) < 1e-20


# PyTorch: rows of gates instead of columns, LSTM i f g o, GRU r z n with z = 1 - gamma_u.


def torch_gru(golden, name):
    """A row-stacked GRU array of PyTorch as our columns u, r, c."""
    r, z, n = np.split(golden[name], 3)
    return jnp.asarray(np.concatenate([-z, r, n]).T)


def torch_lstm(golden, name):
    i, f, g, o = np.split(golden[name], 4)
    return jnp.asarray(np.concatenate([i, f, o, g]).T)


def torch_rnn(golden, name):
    return jnp.asarray(golden[name].T)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_equals_torch(name):
    columns = {"rnn": torch_rnn, "gru": torch_gru, "lstm": torch_lstm}[name]
    with jax.enable_x64(True), np.load(GOLDEN) as file:
        golden = {k.removeprefix(f"{name}/"): file[k] for k in file if k.startswith(f"{name}/")}
        n = golden["a"].shape[-1]

        def run(x, W_ax, W_aa, b_ih, b_hh, h, c):
            xW = x @ W_ax + b_ih[None, None, :]
            if name == "gru":  # the gates' biases merge, the candidate's do not
                xW = xW.at[..., : 2 * n].add(b_hh[None, None, : 2 * n])
                h, a = recurrence.scan_gru_reset_after(xW, W_aa, b_hh[2 * n :], h)
                return a, (h,)
            xW = xW + b_hh[None, None, :]
            if name == "rnn":
                h, a = recurrence.scan_rnn(xW, W_aa, h)
                return a, (h,)
            (c, h), a = recurrence.scan_lstm(xW, W_aa, (c, h))
            return a, (h, c)

        def loss(*arguments):
            a, state = run(*arguments)
            return (a * golden["weight"]).sum() + sum((s * s).sum() for s in state), (a, state)

        sides = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        weights = [columns(golden, side) for side in sides]
        c = golden["c0"][0] if name == "lstm" else None
        arguments = (jnp.asarray(golden["x"]), *weights, golden["h0"][0], c)
        active = tuple(range(6 + (name == "lstm")))
        gradient, (a, state) = jax.jit(jax.grad(loss, active, has_aux=True))(*arguments)

        np.testing.assert_allclose(a, golden["a"], atol=1e-12)
        np.testing.assert_allclose(state[0], golden["hT"][0], atol=1e-12)
        want = [golden["x_grad"], *(columns(golden, f"{side}_grad") for side in sides)]
        want += [golden["h0_grad"][0]] + ([golden["c0_grad"][0]] if name == "lstm" else [])
        assert len(gradient) == len(want)
        for got, expected in zip(gradient, want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)
