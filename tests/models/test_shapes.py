"""The shapes: their formulas, what they read back, and what they share."""

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.models import shapes

KEY = jax.random.key(0)
GENERATOR = np.random.default_rng(0)


def test_a_drawer_reads_its_own_columns():
    model = shapes.Drawer(classes=3, height=2, width=4, embedding=3)
    which, before = jnp.array([2, 0]), jnp.zeros((2, 5, 2))
    params = model.init(KEY, model.initial_carry(2), which, before)["params"]
    y = shapes.drawn(model, params, which, 5)
    before = jnp.pad(y, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    _, z = model.apply({"params": params}, model.initial_carry(2), which, before)
    np.testing.assert_allclose(y, jax.nn.sigmoid(z), rtol=1e-5)
    assert np.abs(y[0] - y[1]).max() > 1e-4


def test_a_reader_answers_from_the_last_state_there_is():
    model = shapes.Reader(classes=3, width=4)
    x = jnp.asarray(GENERATOR.normal(size=(2, 6, 2)), jnp.float32)
    mask = jnp.arange(6)[None] < jnp.array([[4], [6]])
    params = model.init(KEY, x, mask)["params"]
    z = model.apply({"params": params}, x, mask)
    alone = model.apply({"params": params}, x[:1, :4], jnp.ones((1, 4)))
    assert z.shape == (2, 3)
    np.testing.assert_allclose(z[:1], alone, rtol=1e-5)


def test_a_transcriber_reads_back_its_own_likeliest_tokens():
    model = shapes.Transcriber(tokens=5, width=6)
    x, mask = jnp.asarray(GENERATOR.normal(size=(3, 4, 2)), jnp.float32), jnp.ones((3, 4))
    shape = jax.eval_shape(model.init, KEY, x, mask, jnp.zeros((3, 2), int))["params"]
    params = jax.tree.map(lambda v: jnp.asarray(GENERATOR.normal(0, 1, v.shape), v.dtype), shape)
    tokens = np.asarray(shapes.transcribed(model, params, x, mask, 6))
    before = np.pad(tokens, ((0, 0), (1, 0)))[:, :-1]
    z = model.apply({"params": params}, x, mask, jnp.asarray(before))
    np.testing.assert_array_equal(tokens, np.asarray(z).argmax(axis=-1))
    assert len({tuple(row) for row in tokens}) > 1


def test_concatenated_words_are_a_matrix_on_one_hot_vectors():
    V, K, T, n = 5, 2, 3, 4
    model = shapes.Concatenated(V, K, T, n)
    ids, mask = np.array([[1, 4, 0], [2, 0, 0]]), np.array([[1, 1, 1], [1, 0, 0]], np.float32)
    params = model.init(KEY, ids, mask)["params"]
    count = T * V * n + n + n * T * K + T * K
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count
    params = jax.tree.map(np.asarray, params)
    o = np.eye(V)[ids] * mask[..., None]  # [B, T, V]
    W = params["W"].reshape(T * V, n)
    a = np.maximum(o.reshape(2, -1) @ W + params["b"], 0)
    want = a @ params["labels"]["kernel"] + params["labels"]["bias"]
    found = model.apply({"params": params}, ids, mask)
    np.testing.assert_allclose(found, want.reshape(2, T, K), rtol=1e-5, atol=1e-6)


def test_only_the_recurrent_labeller_knows_a_moved_sentence():
    ids, there = jnp.array([[1, 2, 3, 0, 0]]), jnp.array([[1, 1, 1, 0, 0]])
    found = {}
    for model in (shapes.Concatenated(5, 2, 5, 8), shapes.WordLabeller(5, 2, 8)):
        params = model.init(KEY, ids, there)["params"]
        place = model.apply({"params": params}, ids, there)[0, :3]
        moved = model.apply({"params": params}, jnp.roll(ids, 2, 1), jnp.roll(there, 2, 1))[0, 2:]
        found[type(model).__name__] = float(jnp.abs(place - moved).max())
    assert found["WordLabeller"] < 1e-6 < 0.01 < found["Concatenated"]
