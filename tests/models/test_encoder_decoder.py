from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.encoder_decoder import (
    PAD,
    EncoderDecoder,
    alignment,
    beam,
    begin,
    greedy,
    shifted,
)
from ngjax.ops.dropout import Dropout
from ngjax.types import UserError

V, N, D, END, LONGEST = 9, 4, 3, 1, 6
X = np.array([[4, 3, 8, 2, END], [5, END, PAD, PAD, PAD], [6, 7, 2, END, PAD]], np.int32)
Y = np.array([[3, 5, END], [7, 8, 2], [END, PAD, PAD]], np.int32)
ARMS = ("general", "none")


quickly = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


@functools.cache
def made(attention, **keywords):
    model = EncoderDecoder(V, attention, N, D, **keywords)
    params = quickly(model.init)(jax.random.key(0), X, shifted(Y, END))["params"]
    return model, jax.tree.map(
        lambda leaf: leaf + 0.3 * jnp.sin(jnp.arange(leaf.size).reshape(leaf.shape)), params
    )  # biases are not zero


def gru(p, x, c):
    """c<1..T> of one sequence by the equations of notes 5.5."""
    W_ax, W_aa, b = (np.asarray(p[k], np.float64) for k in ("W_ax", "W_aa", "b_a"))
    sigmoid, out = lambda z: 1 / (1 + np.exp(-z)), []
    for e in x:
        z = e @ W_ax + b
        u, r = np.split(sigmoid(z[: 2 * N] + c @ W_aa[:, : 2 * N]), 2)
        c_tilde = np.tanh(z[2 * N :] + (r * c) @ W_aa[:, 2 * N :])
        c = u * c_tilde + (1 - u) * c
        out.append(c)
    return np.array(out)


def by_hand(p, attention, x, before):
    """(logits, alpha) of one sentence without padding, sums written out."""
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), p)
    e = p["E_x"][x]
    ahead = gru(p["encoder"]["forward"], e, np.zeros(N))
    back = gru(p["encoder"]["backward"], e[::-1], np.zeros(N))[::-1]
    a = np.concatenate([ahead, back], axis=1)
    summary = np.concatenate([ahead[-1], back[0]])
    s = np.tanh(summary @ p["W_s"]["kernel"] + p["W_s"]["bias"])
    words = p["E_y"][before]
    if attention == "none":
        words = np.concatenate([words, np.tile(summary, (len(words), 1))], axis=1)
    logits, alphas = [], []
    for s_t in gru(p["decoder"], words, s):
        c, alpha = summary, np.zeros(len(x))
        if attention == "general":
            scores = np.array([s_t @ (a_t @ p["W_alpha"]["kernel"]) for a_t in a])
            alpha = np.exp(scores) / np.exp(scores).sum()
            c = sum(weight * a_t for weight, a_t in zip(alpha, a, strict=True))
        h = np.tanh(np.concatenate([s_t, c]) @ p["W_c"]["kernel"] + p["W_c"]["bias"])
        logits.append(p["E_y"] @ h + p["b_y"])
        alphas.append(alpha)
    return np.array(logits), np.array(alphas)


def alone(row):
    """A sentence without its padding."""
    return X[row][X[row] != PAD]


@pytest.mark.parametrize("attention", ARMS)
def test_is_the_equations_written_out_whatever_the_padding(attention):
    model, params = made(attention)
    logits, alpha = quickly(model.apply)({"params": params}, X, shifted(Y, END))
    for row in range(len(X)):
        want = by_hand(params, attention, alone(row), np.array([END, *Y[row, :2]]))
        length = len(alone(row))
        np.testing.assert_allclose(logits[row], want[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(alpha[row, :, :length], want[1], rtol=1e-4, atol=1e-5)
        assert not np.asarray(alpha[row, :, length:]).any()


@pytest.mark.parametrize("attention", ARMS)
def test_searches_find_what_the_equations_say_whatever_the_padding(attention):
    model, params = made(attention)

    @quickly
    def searched(x):
        begun = begin(model, params, x)
        found = beam(model, params, begun, 3, LONGEST, END)
        looked = alignment(model, params, begun, found.ids[:, 0], END)
        return greedy(model, params, begun, LONGEST, END), found, looked

    first, found, looked = searched(X)
    for row in range(len(X)):
        written = []
        while len(written) < LONGEST and END not in written:
            logits, _ = by_hand(params, attention, alone(row), np.array([END, *written]))
            written.append(int(logits[-1].argmax()))
        assert [*first[row]] == written + [END] * (LONGEST - len(written))
        for k in range(3):
            ids = [int(i) for i in found.ids[row, k]]
            ids = ids[: (*ids, END).index(END) + 1][:LONGEST]
            logits, alpha = by_hand(params, attention, alone(row), np.array([END, *ids[:-1]]))
            log_p = logits[range(len(ids)), ids] - np.log(np.exp(logits).sum(1))
            assert found.log_p[row, k] == pytest.approx(log_p.sum(), rel=1e-4)
            assert found.score[row, k] == pytest.approx(log_p.mean(), rel=1e-4)
            if k == 0:
                np.testing.assert_allclose(
                    looked[row, : len(ids), : len(alone(row))], alpha, atol=1e-5
                )


def test_padding_changes_no_gradient():
    model, params = made("general")

    @quickly
    def gradient(x, y):
        def total(params):
            logits = model.apply({"params": params}, x, shifted(y, END))[0]
            return jnp.sum(jnp.where((y != PAD)[..., None], jnp.sin(logits), 0))

        return jax.grad(total)(params)

    before = gradient(X, Y)
    after = gradient(np.pad(X, ((0, 0), (0, 6))), np.pad(Y, ((0, 0), (0, 2))))
    for one, two in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("attention", ARMS)
def test_parameters_are_counted(attention, bidirectional):
    model = EncoderDecoder(V, attention, N, D, bidirectional)
    params = jax.eval_shape(model.init, jax.random.key(0), X, shifted(Y, END))["params"]
    m = 2 * N if bidirectional else N
    count = 2 * V * D + V  # word vectors, of which the softmax uses one table; its bias
    count += (m // N) * 3 * N * (N + D + 1) + N * (m + 1)  # encoder, s<0>
    count += 3 * N * (N + D + 1 + (m if attention == "none" else 0))  # decoder
    count += D * (N + m + 1) + (m * N if attention == "general" else 0)  # W_c, W_alpha
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count


def test_dropout_hangs_on_the_slot_and_not_on_the_width():
    model, params = made("general")

    @quickly
    def logits(x, slot, rate):
        dropout = Dropout(jax.random.key(3), slot, rate)
        before = shifted(Y[: len(x)], END)
        plain = model.apply({"params": params}, x, before)[0]
        return model.apply({"params": params}, x, before, dropout)[0], plain

    slots = np.arange(3)
    both, plain = logits(X, slots, 0.5)
    wide = np.pad(X, ((0, 0), (0, 4)))
    np.testing.assert_allclose(logits(wide, slots, 0.5)[0], both, atol=1e-5)
    np.testing.assert_allclose(logits(X, slots, 0.0)[0], plain, atol=1e-6)
    assert np.abs(logits(X, slots + 3, 0.5)[0] - both).max() > 0.01


def test_an_unknown_attention_is_refused():
    with pytest.raises(UserError, match="attention: 'some' is none of general, none"):
        made("some")
