"""The network of clips: its size, what each direction hears, and that padding changes nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.transcriber import Transcriber
from ngjax.types import UserError

B, F, M, V = 2, 11, 5, 4


def made(**kw):
    model = Transcriber(V, width=12, stack=3, **kw)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(B, F, M)), jnp.float32)
    return model, jax.jit(model.init)(jax.random.key(0), x), x


def size(**kw):
    model = Transcriber(V, width=12, stack=3, **kw)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((B, F, M)))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def test_number_of_parameters():
    first, second = (2 * (3 * 6 * (6 + D + 1) + 6) for D in (3 * M, 12))  # 6 more: b_aa
    assert size(depth=2) == first + second + (12 + 1) * V
    found = size(bidirectional=False, cell="rnn", depth=1)
    assert found == 12 * (12 + 3 * M + 1) + (12 + 1) * V


@pytest.mark.parametrize(("bidirectional", "hears"), [(True, True), (False, False)])
def test_only_two_directions_hear_what_follows(bidirectional, hears):
    model, variables, x = made(bidirectional=bidirectional, depth=1)
    z, _ = model.apply(variables, x)
    assert z.shape == (B, 4, V)
    other, _ = model.apply(variables, x.at[:, 6:].add(1.0))  # frames of steps 2 and 3
    moved = np.abs(np.asarray(other - z)).max((0, 2)) > 1e-6
    assert moved.tolist() == [hears, hears, True, True]


def test_padding_changes_nothing():
    model, variables, x = made(depth=2)
    length = jnp.array([11, 7])
    x = x.at[1, 7:].set(0)
    z, _ = model.apply(variables, x, length)
    more, _ = model.apply(variables, jnp.pad(x, ((0, 0), (0, 9), (0, 0))), length)
    alone, _ = model.apply(variables, x[1:, :7])
    assert np.allclose(more[:, :4], z, atol=1e-6)
    assert np.allclose(alone[0], z[1, :3], atol=1e-6)
    assert model.steps(7) == 3 and model.steps(jnp.array([9, 10])).tolist() == [3, 4]


def test_what_is_no_network_is_refused():
    with pytest.raises(UserError, match="'tanh' is none of rnn, simplified_gru, gru, lstm"):
        made(cell="tanh")
    odd = Transcriber(V, width=7)
    with pytest.raises(UserError, match="width: 7 units do not fall into two directions"):
        odd.init(jax.random.key(0), jnp.zeros((1, 4, M)))
