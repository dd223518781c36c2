import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax.optim import add_weight_decay, by_part, clip_by_global_norm, scale_by_adam
from ngjax.optim.parts import factors, parse
from ngjax.types import UserError

PARAMS = {
    "conv1": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)},
    "conv10": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)},
    "head": {"kernel": jnp.ones((2, 1)), "bias": jnp.ones(1)},
}


@pytest.mark.parametrize(
    ("rules", "expected"),  # conv1 bias kernel, conv10 bias kernel, head bias kernel
    [
        (("conv1=0",), [0, 0, 1, 1, 1, 1]),
        (("conv1=0", "head=0.1"), [0, 0, 1, 1, 0.1, 0.1]),
        (("conv*=0.5",), [0.5, 0.5, 0.5, 0.5, 1, 1]),
        (("*=0", "head=1"), [0, 0, 0, 0, 1, 1]),  # the last that matches wins
        (("conv*/bias=0",), [0, 1, 0, 1, 1, 1]),
        (("kernel=2",), [1, 2, 1, 2, 1, 2]),
    ],
)
def test_patterns_match_whole_segments_and_the_last_wins(rules, expected):
    assert jax.tree.leaves(factors(PARAMS, rules)) == expected
    tx = by_part(optax.sgd(1.0), rules)
    updates, _ = tx.update(jax.tree.map(jnp.ones_like, PARAMS), tx.init(PARAMS), PARAMS)
    found = [float(leaf.ravel()[0]) for leaf in jax.tree.leaves(updates)]
    np.testing.assert_allclose(found, -np.asarray(expected), rtol=1e-6)


def test_frozen_parts_keep_no_state_feel_no_decay_and_count_in_no_norm():
    rules = ("conv1=0", "conv10=0")
    tx = by_part(
        optax.chain(clip_by_global_norm(1.0), scale_by_adam(), add_weight_decay(0.5)), rules
    )
    state = tx.init(PARAMS)
    moments = [leaf.size for leaf in jax.tree.leaves(state) if leaf.ndim]
    assert sum(moments) == 2 * (2 + 1)  # v and s of the head alone
    gradients = jax.tree.map(lambda p: 1e6 * p, PARAMS)
    gradients["head"] = {"kernel": jnp.asarray([[0.6], [0.0]]), "bias": jnp.asarray([0.8])}
    updates, _ = by_part(clip_by_global_norm(1.0), rules).update(
        gradients, by_part(clip_by_global_norm(1.0), rules).init(PARAMS), PARAMS
    )
    np.testing.assert_allclose(updates["head"]["bias"], [0.8], rtol=1e-6)  # length 1: untouched
    updates, _ = tx.update(gradients, state, PARAMS)
    assert not np.any(updates["conv1"]["kernel"])
    assert not np.any(updates["conv10"]["bias"])


@pytest.mark.parametrize("rule", ["conv1", "=0", "conv1=slow", "conv1=-1", "conv1=nan"])
def test_rules_that_are_none_should_fail(rule):
    with pytest.raises(ValueError, match="is not pattern=factor"):
        parse(rule)


def test_unknown_part_is_answered_with_the_nearest():
    tx = by_part(optax.sgd(1.0), ("haed=0",))
    with pytest.raises(UserError, match=r"haed matches no part of conv1, .*did you mean head\?"):
        tx.init(PARAMS)
