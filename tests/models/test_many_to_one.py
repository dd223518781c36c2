"""One class for a sequence: beside loops in NumPy, and whatever the padding."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.many_to_one import Average, Recurrent
from ngjax.models.motif import MotifCNN
from ngjax.models.text_cnn import TextCNN
from ngjax.types import UserError

B, T, D, K = 3, 7, 5, 2
LENGTH = np.array([7, 1, 4])
MASK = (np.arange(T)[None] < LENGTH[:, None]).astype(np.float32)


def vectors():
    return np.random.default_rng(0).normal(size=(B, T, D)).astype(np.float32)


def started(model, *inputs):
    params = model.init(jax.random.key(1), *inputs)
    keys = jax.random.split(jax.random.key(2), len(jax.tree.leaves(params)))
    leaves = [
        leaf + 0.3 * jax.random.normal(key, leaf.shape)  # biases, too, are not zero
        for leaf, key in zip(jax.tree.leaves(params), keys, strict=True)
    ]
    return jax.tree.unflatten(jax.tree.structure(params), leaves)


MODELS = {
    "average": Average(K),
    "cnn": TextCNN(K, (2, 3), 4),
    "last": Recurrent(K, "gru", 4),
    "mean": Recurrent(K, "lstm", 4, bidirectional=True, pooling="mean"),
    "ends": Recurrent(K, "lstm", 4, bidirectional=True),
}


@pytest.mark.parametrize("name", MODELS)
def test_padding_changes_nothing(name):
    model, e = MODELS[name], vectors()
    params = started(model, e, MASK)
    apply = jax.jit(lambda e, mask: model.apply(params, e, mask)[0])
    z = apply(e, MASK)
    waste = np.where(MASK[..., None] > 0, e, 1e3).astype(np.float32)
    longer = np.concatenate([waste, np.full((B, 2, D), -1e3, np.float32)], axis=1)
    more = np.concatenate([MASK, np.zeros((B, 2), np.float32)], axis=1)
    np.testing.assert_allclose(apply(longer, more), z, rtol=2e-5, atol=1e-6)


def test_average_is_the_mean_of_the_words():
    model, e = MODELS["average"], vectors()
    params = started(model, e, MASK)
    W, b = (np.asarray(params["params"]["softmax"][name]) for name in ("kernel", "bias"))
    want = [e[i, :n].mean(axis=0) @ W + b for i, n in enumerate(LENGTH)]
    np.testing.assert_allclose(model.apply(params, e, MASK)[0], want, rtol=1e-5)


def test_text_cnn_is_kim_s_sum_in_loops():
    model, e = MODELS["cnn"], vectors()
    params = started(model, e, MASK)
    held = jax.tree.map(np.asarray, params["params"])
    want = []
    for i, n in enumerate(LENGTH):
        found = []
        for h in (2, 3):
            x = np.concatenate([np.zeros((h - 1, D)), e[i, :n], np.zeros((h - 1, D))])
            w, b = held[f"conv{h}_kernel"], held[f"conv{h}_bias"]
            c = [
                np.maximum(np.einsum("ud,udf->f", x[t : t + h], w) + b, 0) for t in range(n + h - 1)
            ]
            found.append(np.max(c, axis=0))
        want.append(np.concatenate(found) @ held["softmax"]["kernel"] + held["softmax"]["bias"])
    np.testing.assert_allclose(model.apply(params, e, MASK)[0], want, rtol=1e-4, atol=1e-5)


def test_pooling_takes_what_it_says():
    e = vectors()
    one = Recurrent(K, "gru", 4, pooling="max")
    params = started(one, e, MASK)
    _, out = one.apply(params, e, MASK)
    a = np.asarray(out["a"])
    want = [a[i, :n].max(axis=0) for i, n in enumerate(LENGTH)]
    np.testing.assert_allclose(out["pooled"], want, rtol=1e-6)
    _, out = Recurrent(K, "gru", 4, pooling="last").apply(params, e, MASK)
    np.testing.assert_allclose(
        out["pooled"], [a[i, n - 1] for i, n in enumerate(LENGTH)], rtol=1e-6
    )


def test_what_there_is_not_is_refused():
    with pytest.raises(UserError, match="cell: 'gpu'"):
        Recurrent(K, "gpu").init(jax.random.key(0), vectors(), MASK)
    with pytest.raises(UserError, match="pooling: 'sum'"):
        Recurrent(K, pooling="sum").init(jax.random.key(0), vectors(), MASK)


def test_motifs_are_looked_for_in_loops():
    h, F, stretch = 3, 4, 2
    x = np.asarray(jax.nn.one_hot(np.random.default_rng(1).integers(0, 4, (B, 10)), 4))
    model = MotifCNN(K, h, F, stretch)
    params = started(model, x)
    held = jax.tree.map(np.asarray, params["params"])
    want = []
    for row in x:
        a = np.array(
            [
                np.maximum(np.einsum("ua,uaf->f", row[t : t + h], held["motifs"]) + held["bias"], 0)
                for t in range(8)
            ]
        )
        m = a.reshape(4, stretch, F).max(axis=1).ravel()
        want.append(m @ held["softmax"]["kernel"] + held["softmax"]["bias"])
    np.testing.assert_allclose(model.apply(params, x)[0], want, rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match="need more than 3"):
        model.init(jax.random.key(0), jnp.zeros((1, 3, 4)))
