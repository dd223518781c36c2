"""The language model: its formula, its gradient, and what sampling draws."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax.models.language_model import LanguageModel, sample
from ngjax.models.recurrent import Dropout
from ngjax.types import UserError

V, B, T = 7, 3, 5
MODEL = LanguageModel(V, "lstm", width=6, depth=2, embedding=4)
SMALL = LanguageModel(V, "rnn", width=6, depth=2, embedding=4)


def start(model=MODEL, scale=0.7, dtype=np.float32):
    generator = np.random.default_rng(0)
    ids = jnp.asarray(generator.integers(0, V, (B, T)))
    shapes = jax.eval_shape(model.init, jax.random.key(0), model.initial_carry(B), ids)["params"]
    params = jax.tree.map(
        lambda leaf: jnp.asarray(generator.normal(0, scale, leaf.shape), dtype), shapes
    )
    return params, ids


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        # E and softmax 7*4 + 7*(6+1) = 77; a layer G*n(n+D+1), D = 4 and then 6
        ("rnn", 77 + 6 * (6 + 4 + 1) + 6 * (6 + 6 + 1)),
        ("gru", 77 + 3 * (6 * (6 + 4 + 1) + 6 * (6 + 6 + 1))),
        ("lstm", 77 + 4 * (6 * (6 + 4 + 1) + 6 * (6 + 6 + 1))),
    ],
)
def test_parameter_count(cell, count):
    model = LanguageModel(V, cell, width=6, depth=2, embedding=4)
    carry, ids = model.initial_carry(1), jnp.zeros((1, 1), jnp.int32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), carry, ids)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == count


def test_is_the_notes_formula():
    model = LanguageModel(V, "rnn", width=6, depth=1, embedding=4)
    params, ids = start(model)
    carry, (logits, activations) = model.apply({"params": params}, model.initial_carry(B), ids)
    p = jax.tree.map(np.asarray, params)
    layer, a = p["stack"]["layers_0"], np.zeros((B, 6))
    for t in range(T):
        e = np.eye(V)[np.asarray(ids[:, t])] @ p["E"]  # the one-hot product of the notes
        a = np.tanh(a @ layer["W_aa"] + e @ layer["W_ax"] + layer["b_a"])
        np.testing.assert_allclose(activations["embedding"][:, t], e, atol=1e-6)
        np.testing.assert_allclose(activations["a"][:, t], a, atol=1e-5)
        np.testing.assert_allclose(
            logits[:, t], a @ p["softmax"]["kernel"] + p["softmax"]["bias"], atol=1e-5
        )
    np.testing.assert_allclose(carry[0], a, atol=1e-5)


def test_pieces_are_the_whole_text_and_padding_changes_nothing():
    params, ids = start()
    mask = jnp.asarray([[1, 1, 0, 0, 0]] * B)

    @jax.jit
    def run(params, ids):
        apply, carry = partial(MODEL.apply, {"params": params}), MODEL.initial_carry(B)
        middle, (first, _) = apply(carry, ids[:, :2])
        end, (second, _) = apply(middle, ids[:, 2:])
        return apply(carry, ids), (middle, first), (end, second), apply(carry, ids, mask)

    (last, (logits, _)), (middle, first), (end, second), (padded, (masked, _)) = run(params, ids)
    close = partial(np.testing.assert_allclose, atol=1e-6)
    close(jnp.concatenate([first, second], 1), logits)
    jax.tree.map(close, end, last)
    close(masked[:, :2], first)
    jax.tree.map(close, padded, middle)


def test_an_id_outside_of_the_vocabulary_is_not_silent():
    params, ids = start()
    _, (logits, _) = MODEL.apply(
        {"params": params}, MODEL.initial_carry(B), ids.at[1, 2].set(V), None
    )
    bad = np.isnan(logits).all(-1)
    np.testing.assert_array_equal(bad, [[0] * 5, [0, 0, 1, 1, 1], [0] * 5])


def test_gradient_is_the_finite_difference():
    """With padding and dropout, in every parameter at once."""
    with jax.enable_x64(True):
        params, ids = start(SMALL, dtype=np.float64)
        direction = jax.tree.map(lambda p: jnp.cos(jnp.arange(p.size)).reshape(p.shape), params)
        mask = jnp.asarray([[1, 1, 1, 1, 0]] * B)
        dropout = Dropout(jax.random.key(2), jnp.arange(B), 0.3)

        @jax.jit
        @jax.value_and_grad
        def loss(params):
            carry = SMALL.initial_carry(B, jnp.float64)
            _, (logits, _) = SMALL.apply({"params": params}, carry, ids, mask, dropout)
            each = optax.softmax_cross_entropy_with_integer_labels(logits[:, :-1], ids[:, 1:])
            return (each * mask[:, 1:]).sum()

        h, move = 1e-6, lambda h: jax.tree.map(lambda p, d: p + h * d, params, direction)
        _, gradient = loss(params)
        products = jax.tree.map(lambda g, d: (g * d).sum(), gradient, direction)
        slope = sum(jax.tree.leaves(products))
        numeric = (loss(move(h))[0] - loss(move(-h))[0]) / (2 * h)
        np.testing.assert_allclose(numeric, slope, rtol=1e-7)
        assert all(abs(product) > 1e-6 for product in jax.tree.leaves(products))


def test_dropout_leaves_evaluation_alone_and_falls_on_every_connection_upwards():
    params, ids = start(SMALL)
    carry = SMALL.initial_carry(B)
    without = SMALL.apply({"params": params}, carry, ids)[1][0]
    run = jax.jit(
        lambda rate: SMALL.apply(
            {"params": params}, carry, ids, None, Dropout(jax.random.key(2), jnp.arange(B), rate)
        )[1][0]
    )
    np.testing.assert_allclose(run(0.0), without, atol=1e-6)
    assert np.abs(run(0.5) - without).max() > 1e-2
    # all dropped: only the bias of the softmax is left
    bias = np.broadcast_to(params["softmax"]["bias"], (B, T, V))
    np.testing.assert_allclose(run(1.0), bias, atol=1e-6)


def test_temperature_zero_is_the_most_probable_word():
    params, prompt = start(SMALL)
    drawn = np.asarray(sample(SMALL, params, jax.random.key(0), prompt, 8, temperature=0.0))
    text = np.concatenate([prompt, drawn], 1)  # read again as a whole
    _, (logits, _) = SMALL.apply({"params": params}, SMALL.initial_carry(B), text)
    np.testing.assert_array_equal(drawn, np.argmax(logits, -1)[:, T - 1 : -1])
    assert len(np.unique(drawn)) > 1


def test_a_draw_knows_its_place_and_not_the_batch_size():
    params, prompt = start(SMALL)
    key = jax.random.key(5)
    together = sample(SMALL, params, key, prompt, 8, 2.0)
    np.testing.assert_array_equal(sample(SMALL, params, key, prompt[:2], 8, 2.0), together[:2])
    same = sample(SMALL, params, key, jnp.repeat(prompt[:1], B, 0), 8, 2.0)
    assert (same[0] != same[1]).any()  # one prompt, another place: another text


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_are_the_softmax_at_the_temperature(temperature):
    params, _ = start(SMALL)
    p = np.array([0.4, 0.2, 0.15, 0.1, 0.08, 0.05, 0.02])
    softmax = {"kernel": jnp.zeros((6, V)), "bias": jnp.log(p)}
    params = params | {"softmax": softmax}
    prompt = jnp.zeros((500, 1), jnp.int32)
    drawn = sample(SMALL, params, jax.random.key(3), prompt, 20, temperature)
    want = p ** (1 / temperature) / (p ** (1 / temperature)).sum()
    found = np.bincount(np.asarray(drawn).ravel(), minlength=V) / drawn.size
    deviation = np.sqrt(want * (1 - want) / drawn.size)
    assert (np.abs(found - want) < 4 * deviation).all()


def test_after_the_end_comes_only_the_end():
    params, _ = start(SMALL)
    key, prompt = jax.random.key(1), jnp.zeros((500, 1), jnp.int32)
    free = np.asarray(sample(SMALL, params, key, prompt, 20, 1.0))
    ended = np.asarray(sample(SMALL, params, key, prompt, 20, 1.0, end=2))
    reached = np.cumsum(free == 2, axis=1) > 0
    assert (free[reached] != 2).any()
    np.testing.assert_array_equal(ended, np.where(reached, 2, free))


def test_learns_a_sentence_and_says_it():
    """Notes 5.3: "cats average 15 hours of sleep a day EOS", nine targets, words 0 to 7 and 8."""
    ids = jnp.asarray([[8, *range(9)]])  # from EOS to EOS
    model = LanguageModel(9, "gru", width=16, depth=1, embedding=8)
    carry, tx = model.initial_carry(1), optax.adam(0.02)
    params = jax.jit(model.init)(jax.random.key(0), carry, ids)["params"]

    def loss(params):
        _, (logits, _) = model.apply({"params": params}, carry, ids[:, :-1])
        return optax.softmax_cross_entropy_with_integer_labels(logits, ids[:, 1:]).sum()

    def update(state, _):
        params, opt_state = state
        value, gradient = jax.value_and_grad(loss)(params)
        updates, opt_state = tx.update(gradient, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), value

    (params, _), values = jax.jit(lambda s: jax.lax.scan(update, s, length=100))(
        (params, tx.init(params))
    )
    np.testing.assert_allclose(values[0], 9 * np.log(9), rtol=0.15)  # it begins nearly uniform
    assert values[-1] < 1.0
    said = sample(model, params, jax.random.key(0), ids[:, :1], 12, 0.0, end=8)
    np.testing.assert_array_equal(said[0], [*range(8), 8, 8, 8, 8])


def test_mistakes_are_refused_by_name():
    with pytest.raises(UserError, match="cell: 'elman' is none of rnn, simplified_gru, gru, lstm"):
        LanguageModel(V, "elman").initial_carry(1)
    with pytest.raises(UserError, match="depth: 0"):
        LanguageModel(V, depth=0).initial_carry(1)
    params, prompt = start()
    with pytest.raises(UserError, match="prompt: empty"):
        sample(MODEL, params, jax.random.key(0), prompt[:, :0], 3)
