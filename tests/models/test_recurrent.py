"""Recurrent layers as modules: counts of parameters, carries, padding, depth, directions."""

import pathlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.recurrent import GRU, LSTM, RNN, Bidirectional, Dropout, Stacked
from ngjax.types import UserError

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "recurrent.npz"
B, T, D, N = 3, 4, 3, 4

LAYERS = {
    "rnn": RNN(N),
    "gru": GRU(N),
    "gru_after": GRU(N, reset="after"),
    "gru_simplified": GRU(N, reset="none"),
    "lstm": LSTM(N),
    "deep": Stacked((GRU(N), LSTM(5), RNN(2))),
}


def start(layer, seed=0):
    """(parameters moved away from zero biases, carry, x)."""
    generator = np.random.default_rng(seed)
    x = jnp.asarray(generator.normal(size=(B, T, D)), jnp.float32)
    carry = layer.initial_carry(B)
    shapes = jax.eval_shape(layer.init, jax.random.key(0), carry, x)
    draw = lambda leaf: jnp.asarray(generator.normal(0, 0.5, leaf.shape), leaf.dtype)  # noqa: E731
    return jax.tree.map(draw, shapes), jax.tree.map(draw, carry), x


def close(got, want, atol=1e-6):
    assert jax.tree.structure(got) == jax.tree.structure(want)
    jax.tree.map(lambda g, w: np.testing.assert_allclose(g, w, rtol=1e-5, atol=atol), got, want)


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        (RNN(4), 4 * (4 + 3 + 1)),  # 32
        (GRU(4), 3 * 4 * (4 + 3 + 1)),  # 96
        (GRU(4, reset="none"), 2 * 4 * (4 + 3 + 1)),  # 64, the unit of notes 5.4
        (GRU(4, reset="after"), 3 * 4 * (4 + 3 + 1) + 4),  # 100, b_aa beside
        (LSTM(4), 4 * 4 * (4 + 3 + 1)),  # 128
        (
            Stacked((RNN(4), RNN(4), RNN(4))),
            4 * (4 + 3 + 1) + 2 * 4 * (4 + 4 + 1),
        ),  # 104, notes 5.7
        (Bidirectional(LSTM(4), LSTM(4)), 2 * 128),
    ],
)
def test_parameter_count(layer, count):
    carry, x = layer.initial_carry(2), jnp.zeros((2, 5, 3))
    shapes = jax.eval_shape(layer.init, jax.random.key(0), carry, x)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == count


def test_parameters_do_not_grow_with_time():
    # n = 100, V = 10,000: 100 * (100 + 10,000 + 1) = 1,010,100, for any T
    for length in (1, 9):
        carry, x = jnp.zeros((1, 100)), jax.ShapeDtypeStruct((1, length, 10_000), jnp.float32)
        shapes = jax.eval_shape(RNN(100).init, jax.random.key(0), carry, x)
        assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 1_010_100


def test_each_gate_is_initialized_by_itself():
    layer = LSTM(32, forget_bias=2.0)
    x = jnp.zeros((1, 1, 16))
    params = jax.jit(layer.init)(jax.random.key(0), layer.initial_carry(1), x)["params"]
    for gate in np.split(np.asarray(params["W_aa"]), 4, axis=1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(32), atol=1e-5)
    spread = [gate.std() for gate in np.split(np.asarray(params["W_ax"]), 4, axis=1)]
    np.testing.assert_allclose(spread, np.sqrt(2 / (16 + 32)), rtol=0.1)  # Glorot, of one gate
    np.testing.assert_array_equal(params["b_a"], np.repeat([0, 2, 0, 0], 32))  # u, f, o, c


@pytest.mark.parametrize("name", LAYERS)
def test_pieces_and_single_steps_are_the_whole_sequence(name):
    layer = LAYERS[name]

    @jax.jit
    def run(params, carry, x):
        whole = layer.apply(params, carry, x)
        middle, first = layer.apply(params, carry, x[:, :2])
        end, second = layer.apply(params, middle, x[:, 2:])
        step = partial(layer.apply, params, method="step")
        carry, steps = jax.lax.scan(step, carry, jnp.swapaxes(x, 0, 1))
        pieces = (end, jnp.concatenate([first, second], 1))
        return whole, pieces, (carry, jnp.swapaxes(steps, 0, 1))

    whole, pieces, steps = run(*start(layer))
    close(pieces, whole)
    close(steps, whole)


@pytest.mark.parametrize("name", [*LAYERS, "bidirectional"])
def test_padding_changes_nothing(name):
    layer = LAYERS.get(name, Bidirectional(LSTM(N), Stacked((GRU(N), RNN(N)))))
    params, _, x = start(layer)
    mask = jnp.arange(T)[None, :] < jnp.array([T, 2, 2])[:, None]

    @jax.jit
    def run(params, x):
        carry = layer.initial_carry(B)
        padded = layer.apply(params, carry, jnp.where(mask[..., None], x, 99.0), mask * 1.0)
        return padded, layer.apply(params, carry, x), layer.apply(params, carry, x[:, :2])

    (last, a), (long_last, long_a), (short_last, short_a) = run(params, x)
    first, others = lambda s: s[:1], lambda s: s[1:]
    close(first(a), first(long_a))
    close(others(a)[:, :2], others(short_a))
    close(jax.tree.map(first, last), jax.tree.map(first, long_last))
    close(jax.tree.map(others, last), jax.tree.map(others, short_last))


def test_deep_is_layer_upon_layer():
    first, second = GRU(N), RNN(2)
    params, carry, x = start(Stacked((first, second)))
    last, a = Stacked((first, second)).apply(params, carry, x)
    bottom, between = first.apply({"params": params["params"]["layers_0"]}, carry[0], x)
    top, want = second.apply({"params": params["params"]["layers_1"]}, carry[1], between)
    close((last, a), ((bottom, top), want))


def test_bidirectional_sees_the_future_and_the_directions_never_meet():
    layer = Bidirectional(RNN(N), RNN(N))
    params, carry, x = start(layer)
    _, a = layer.apply(params, carry, x)
    _, changed = layer.apply(params, carry, x.at[:, -1].add(1.0))
    np.testing.assert_array_equal(a[:, :-1, :N], changed[:, :-1, :N])  # -> does not
    assert (np.abs(a - changed)[:, 0, N:].max(-1) > 1e-6).all()  # <- does
    back = {"params": params["params"]["backward"]}
    _, want = RNN(N).apply(back, carry[1], x[:, ::-1])
    close(a[..., N:], want[:, ::-1])


def test_plain_loop_is_the_same_layer():
    for plain in (RNN(N, hand_written=False), GRU(N, hand_written=False)):
        layer = plain.clone(hand_written=True)
        params, carry, x = start(layer)
        close(plain.apply(params, carry, x), layer.apply(params, carry, x))
        jax.jvp(lambda x, p=plain, w=params, c=carry: p.apply(w, c, x)[1], (x,), (x,))


def test_initial_carry_may_be_donated():
    """Each leaf is a buffer of its own."""
    layer = Stacked((LSTM(N), LSTM(N)))
    carry = layer.initial_carry(B)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(carry))
    jax.jit(lambda carry: jax.tree.map(jnp.exp, carry), donate_argnums=0)(carry)


def test_reset_is_refused_by_name():
    with pytest.raises(UserError, match="reset: 'never' is none of before, after, none"):
        GRU(N, reset="never").init(jax.random.key(0), jnp.zeros((1, N)), jnp.zeros((1, 1, D)))


def test_one_layer_twice_is_refused():
    twice = RNN(N)
    for layer in (Stacked((twice, twice)), Bidirectional(twice, twice)):
        with pytest.raises(UserError, match="share its weights"):
            layer.init(jax.random.key(0), layer.initial_carry(1), jnp.zeros((1, 1, N)))


def test_dropout_falls_between_layers_only():
    layer = Stacked((RNN(N), RNN(N)))
    params, carry, x = start(layer)

    @jax.jit
    def run(rate, slot, carry, x):
        dropout = Dropout(jax.random.key(1), slot, rate)

        def forward(module, carry, x):
            carry, a = module.through_time(carry, jnp.swapaxes(x, 0, 1), None, dropout)
            return carry, jnp.swapaxes(a, 0, 1)

        return layer.apply(params, carry, x, method=forward)

    slot = jnp.arange(B)
    want, a = layer.apply(params, carry, x)
    close(run(0.0, slot, carry, x), (want, a))
    last, dropped = run(0.5, slot, carry, x)
    close(last[0], want[0])  # the first layer reads x and itself: nothing falls there
    assert np.abs(dropped - a).max() > 1e-2
    assert run._cache_size() == 1  # the rate is traced
    _, share = run(0.5, slot[1:], jax.tree.map(lambda s: s[1:], carry), x[1:])
    close(share, dropped[1:])  # another device's share of the batch drops the same units


def test_dropout_differs_by_layer_example_and_time():
    ones = jnp.ones((T, B, 50))
    dropout = Dropout(jax.random.key(0), jnp.arange(B), 0.5)
    first, second = np.asarray(dropout(1, ones)), np.asarray(dropout(2, ones))
    assert set(np.unique(first)) == {0.0, 2.0}
    assert (first != second).any(-1).all()
    assert (first[0] != first[1]).any() and (first[:, 0] != first[:, 1]).any()


def test_deep_lstm_with_padding_equals_torch():
    with jax.enable_x64(True), np.load(GOLDEN) as file:
        golden = {k.removeprefix("padded/"): file[k] for k in file if k.startswith("padded/")}
        n = golden["a"].shape[-1]
        layer = Stacked((LSTM(n), LSTM(n)))

        def ours(rows):  # PyTorch: gates i f g o along rows
            i, f, g, o = np.split(rows, 4)
            return jnp.asarray(np.concatenate([i, f, o, g]).T)

        def layers(suffix, second_bias):
            return {
                f"layers_{l}": {
                    "W_ax": ours(golden[f"weight_ih_l{l}{suffix}"]),
                    "W_aa": ours(golden[f"weight_hh_l{l}{suffix}"]),
                    "b_a": ours(golden[f"bias_ih_l{l}{suffix}"])
                    + second_bias * ours(golden[f"bias_hh_l{l}{suffix}"]),
                }
                for l in range(2)
            }

        def states(when):
            return tuple((golden[f"c{when}"][l], golden[f"h{when}"][l]) for l in range(2))

        mask = np.arange(5)[None, :] < np.array([5, 3, 2])[:, None]

        def loss(params, carry, x):
            carry, a = layer.apply({"params": params}, carry, x, mask)
            a = jnp.swapaxes(a, 0, 1) * mask.T[..., None]  # PyTorch pads with zeros
            squares = sum((s * s).sum() for s in jax.tree.leaves(carry))
            return (a * golden["weight"]).sum() + squares, (a, carry)

        arguments = (layers("", 1.0), states("0"), jnp.asarray(golden["x"].swapaxes(0, 1)))
        gradient, (a, carry) = jax.jit(jax.grad(loss, (0, 1, 2), has_aux=True))(*arguments)
        np.testing.assert_allclose(a, golden["a"], atol=1e-12)
        close(carry, states("T"), atol=1e-12)
        gradient_carry = tuple((golden["c0_grad"][l], golden["h0_grad"][l]) for l in range(2))
        want = (layers("_grad", 0.0), gradient_carry, golden["x_grad"].swapaxes(0, 1))
        jax.tree.map(
            lambda g, w: np.testing.assert_allclose(g, w, rtol=1e-10, atol=1e-10), gradient, want
        )
