"""A recurrent layer that answers: its size, its answer, and the music it draws."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.recurrent_network import RecurrentNetwork, recurrent_layer, sample_sets, widest
from ngjax.types import UserError

CELLS = ("rnn", "simplified_gru", "gru", "lstm")


@pytest.mark.parametrize("cell", CELLS)
def test_the_widest_layer_that_the_parameters_allow(cell):
    for parameters in (100, 4500):
        n = widest(cell, 2, parameters)
        counts = []
        for width in (n, n + 1):
            model = RecurrentNetwork(1, cell, width)
            shapes = jax.eval_shape(
                model.init, jax.random.key(0), model.initial_carry(1), jnp.zeros((1, 1, 2))
            )["params"]
            counts.append(sum(leaf.size for leaf in jax.tree.leaves(shapes["cell"])))
            assert shapes["output"]["kernel"].shape == (width, 1)
        assert counts[0] <= parameters < counts[1]


def test_widest_by_hand():
    """G n (n + D + 1) with D = 2: 65 * 68 = 4420, 3 * 37 * 40 = 4440, 4 * 32 * 35 = 4480."""
    assert [widest(cell, 2, 4500) for cell in ("rnn", "gru", "lstm")] == [65, 37, 32]
    assert widest("lstm", 88, 1) == 1


@pytest.mark.parametrize("cell", ["simplified_gru", "gru", "lstm"])
def test_as_much_of_the_memory_stays_at_first_as_is_asked(cell):
    """From c = 1, weights at zero and so c_tilde = 0: c<1> = sigmoid(keep) c."""
    layer = recurrent_layer(cell, 4, keep=2.0)
    ones, x = jnp.ones((1, 4)), jnp.zeros((1, 1, 3))
    carry = (ones, jnp.zeros((1, 4))) if cell == "lstm" else ones
    params = jax.jit(layer.init)(jax.random.key(0), carry, x)["params"]
    params = {name: jnp.zeros_like(w) if name != "b_a" else w for name, w in params.items()}
    after = layer.apply({"params": params}, carry, x)[0]
    memory = after[0] if cell == "lstm" else after
    np.testing.assert_allclose(memory, 1 / (1 + np.exp(-2.0)), rtol=1e-6)


@pytest.fixture(scope="module")
def small():
    model = RecurrentNetwork(3, "gru", 5, every=True)
    x = jax.random.bernoulli(jax.random.key(1), 0.5, (2, 6, 3)).astype(jnp.float32)
    params = jax.jit(model.init)(jax.random.key(0), model.initial_carry(2), x)["params"]
    return model, params, x


def test_answers_at_every_step_or_behind_the_last(small):
    model, params, x = small
    _, (z, out) = model.apply({"params": params}, model.initial_carry(2), x)
    want = out["a"] @ params["output"]["kernel"] + params["output"]["bias"][None, None]
    np.testing.assert_allclose(z, want, rtol=1e-6)
    last = RecurrentNetwork(3, "gru", 5)
    short = last.apply({"params": params}, last.initial_carry(2), x)[1][0]
    np.testing.assert_allclose(short, z[:, -1], rtol=1e-6)
    mask = (jnp.arange(6)[None] < jnp.array([[6], [4]])).astype(jnp.float32)
    padded = last.apply({"params": params}, last.initial_carry(2), x, mask)[1][0]
    np.testing.assert_allclose(padded, jnp.stack([z[0, -1], z[1, 3]]), rtol=1e-6)
    kept = jnp.array([[2.0, 0, 2, 0, 2], [0, 2, 0, 2, 0]])
    dropped = model.apply({"params": params}, model.initial_carry(2), x, None, kept)[1][0]
    some = np.asarray((out["a"] * kept[:, None]) @ params["output"]["kernel"])
    bias = np.asarray(params["output"]["bias"])
    np.testing.assert_allclose(np.asarray(dropped) - bias, some, rtol=1e-5, atol=1e-6)


def test_sets_are_drawn_as_often_as_they_are_likely(small):
    model, params, _ = small
    biased = {**params, "output": {"kernel": jnp.zeros((5, 3)), "bias": jnp.array([-2.0, 0, 2])}}
    drawn = sample_sets(model, biased, jax.random.key(0), jnp.zeros((8, 1, 3)), 500)
    share = np.asarray(drawn).mean(axis=(0, 1))
    np.testing.assert_allclose(share, 1 / (1 + np.exp([2.0, 0, -2])), atol=0.03)


def test_what_was_drawn_is_the_next_input(small):
    model, params, x = small
    drawn = sample_sets(model, params, jax.random.key(3), x, 4)
    longer = jnp.concatenate([x, drawn[:, :2].astype(x.dtype)], axis=1)
    z = model.apply({"params": params}, model.initial_carry(2), longer)[1][0]
    for i in range(2):
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(3), 2), i)
        even = jax.random.uniform(key, (3,))
        assert (np.asarray(drawn[i, 2]) == np.asarray(even < jax.nn.sigmoid(z[i, -1]))).all()


def test_an_unknown_cell_should_fail():
    with pytest.raises(UserError, match="'grü' is none of rnn, simplified_gru, gru, lstm"):
        RecurrentNetwork(1, "grü", 5).initial_carry(1)
