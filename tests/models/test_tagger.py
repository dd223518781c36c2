"""A label for every step: what each network sees, and that padding is nothing to it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.tagger import Labeller, Tagger, Words, along_time, potentials
from ngjax.ops.dropout import Dropout
from ngjax.types import UserError

B, T, D, K = 2, 7, 3, 4
SEEN = {  # which steps may tell of step 3
    "window": {2, 3, 4},
    "time_delay": {1, 2, 3, 4, 5},
    "delayed": {0, 1, 2, 3, 4, 5},
    "forward": {0, 1, 2, 3},
    "backward": {3, 4, 5, 6},
    "bidirectional": set(range(T)),
}


def made(sight):
    how = {"sight": "forward", "delay": 2} if sight == "delayed" else {"sight": sight}
    model = Labeller(K, cell="rnn", width=6, reach=1, depth=2, **how)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(B, T, D)))
    params = model.init(jax.random.key(0), x, jnp.ones((B, T)))["params"]
    return model, params, x


@pytest.mark.parametrize("sight", SEEN)
def test_what_a_network_sees(sight):
    model, params, x = made(sight)

    def third(x):
        return model.apply({"params": params}, x, jnp.ones((B, T)))[0][0, 3].sum()

    slope = np.abs(np.asarray(jax.grad(third)(x)))[0].sum(axis=-1)  # [T]
    assert set(np.flatnonzero(slope > 0)) == SEEN[sight]


@pytest.mark.parametrize("sight", SEEN)
def test_padding_is_nothing(sight):
    model, params, x = made(sight)
    mask = jnp.arange(T)[None] < jnp.array([4, 7])[:, None]
    whole = model.apply({"params": params}, x, mask)[0][0, :4]
    alone = model.apply({"params": params}, x[:1, :4], jnp.ones((1, 4)))[0][0]
    np.testing.assert_allclose(whole, alone, atol=1e-6)


def test_a_tagger_reads_letters_of_words_it_lacks():
    tagger = Tagger(Words(5, 9, 4, 3, 6), Labeller(K, width=8, crf=True))
    inputs = np.zeros((2, 3, 5), np.int32)
    inputs[..., 0] = 4  # the same unknown word, spelled 1 2 and 3 2
    inputs[0, :, 1:3], inputs[1, :, 1:3] = (1, 2), (3, 2)
    params = tagger.init(jax.random.key(0), inputs)["params"]
    z, found = tagger.apply({"params": params}, inputs)
    assert z.shape == (2, 3, K) and found["x"].shape == (2, 3, 10) and found["a"].shape == (2, 3, 8)
    assert np.abs(z[0] - z[1]).max() > 1e-4
    assert potentials(params["labeller"]).transition.shape == (K, K)
    # an LSTM each way, E, letters, the convolution, the softmax, the chain
    count = 2 * 4 * 4 * (4 + 10 + 1) + 5 * 4 + 9 * 3 + 6 * (3 * 3 + 1) + K * 9 + K * K + 2 * K
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count


def test_dropout_along_time_knows_no_width():
    dropout = Dropout(jax.random.key(1), jnp.array([4, 9]), 0.5)
    a = jnp.ones((2, 5, 8))
    whole, cut = along_time(dropout, 0, a), along_time(dropout, 0, a[:, :2])
    np.testing.assert_array_equal(whole[:, :2], cut)
    np.testing.assert_array_equal(whole, np.broadcast_to(whole[:, :1], whole.shape))
    assert set(np.unique(whole)) == {0, 2}


@pytest.mark.parametrize("how", [{"cell": "gru2"}, {"sight": "sideways"}])
def test_an_unknown_network_is_refused(how):
    with pytest.raises(UserError, match="is none"):
        Labeller(K, **how).init(jax.random.key(0), jnp.ones((1, 2, D)), jnp.ones((1, 2)))
