"""The triplet loss and its mining: loops over all triplets, finite differences, any devices."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.losses import triplet
from ngjax.ops.distance import absolute_distances, squared_distances, unit
from ngjax.types import AXIS

PEOPLE = np.array([0, 0, 0, 1, 1, 2, 2, 3], np.int32)  # the last one has no positive
MASK = np.array([1, 1, 1, 1, 1, 1, 0, 1], np.float64)  # so has the sixth, whose only one is padding
B, D = len(PEOPLE), 3
FAR = 5.0  # a margin at which also triplets drawn at random cost something


@pytest.fixture
def f():
    return np.random.default_rng(0).normal(size=(B, D))


def others(a):
    positive = [p for p in range(B) if p != a and PEOPLE[p] == PEOPLE[a] and MASK[p] and MASK[a]]
    negative = [n for n in range(B) if PEOPLE[n] != PEOPLE[a] and MASK[n] and MASK[a]]
    return positive, negative


def d(f, a, b):
    return ((f[a] - f[b]) ** 2).sum()


def hard_by_loops(f, margin):
    costs = []
    for a in range(B):
        positive, negative = others(a)
        if positive and negative:
            far = max(d(f, a, p) for p in positive)
            costs.append(max(far - min(d(f, a, n) for n in negative) + margin, 0))
    return costs


def semi_by_loops(f, margin):
    costs = []
    for a in range(B):
        positive, negative = others(a)
        for p in positive if negative else []:
            farther = [d(f, a, n) for n in negative if d(f, a, n) > d(f, a, p)]
            d_an = min(farther) if farther else max(d(f, a, n) for n in negative)
            costs.append(max(d(f, a, p) - d_an + margin, 0))
    return costs


def cost(f, kind, margin, person=PEOPLE, mask=MASK, slot=None, key=None):
    """(total, count) inside the axis."""
    slot = jnp.arange(B) if slot is None else slot
    crowd = triplet.gathered(f, person, slot, mask)
    same, other = triplet.relations(person, slot, mask, crowd)
    apart = squared_distances(f, crowd.f)
    if kind == "random":
        found = triplet.at_random(apart, same, other, key, slot)
    else:
        found = {"hard": triplet.batch_hard, "semi": triplet.semi_hard}[kind](apart, same, other)
    paid = triplet.hinge(found.d_ap, found.d_an, margin)
    return jnp.where(found.valid, paid, 0).sum(), found.valid.sum()


def alone(f, kind, margin, **more):
    return jax.tree.map(
        lambda leaf: leaf[0],
        jax.vmap(lambda f: cost(f, kind, margin, **more), axis_name=AXIS)(f[None]),
    )


@pytest.mark.parametrize("margin", [0.0, 0.2, 3.0])
@pytest.mark.parametrize(("kind", "loops"), [("hard", hard_by_loops), ("semi", semi_by_loops)])
def test_mining_is_what_loops_over_all_triplets_choose(f, kind, loops, margin):
    with jax.enable_x64(True):
        total, count = map(float, alone(jnp.asarray(f), kind, margin))
    costs = loops(f, margin)
    assert count == len(costs) > 3
    np.testing.assert_allclose(total, sum(costs), rtol=1e-12)


@pytest.mark.parametrize("kind", ["hard", "semi", "random"])
def test_gradient_is_that_of_finite_differences(f, kind):
    with jax.enable_x64(True):
        key = jax.random.key(2)

        def total(f):
            return alone(f, kind, FAR, key=key)[0]

        gradient = np.asarray(jax.grad(total)(jnp.asarray(f)))
        step, slopes = 1e-6, np.zeros_like(f)
        for at in itertools.product(range(B), range(D)):
            nudge = np.zeros_like(f)
            nudge[at] = step
            slopes[at] = (total(jnp.asarray(f + nudge)) - total(jnp.asarray(f - nudge))) / 2 / step
    assert np.abs(slopes).max() > 0.1
    np.testing.assert_allclose(gradient, slopes, atol=1e-7)


@pytest.mark.parametrize("kind", ["hard", "semi", "random"])
@pytest.mark.parametrize("devices", [2, 8])
def test_devices_mine_what_one_mines_and_their_gradients_add_up(f, kind, devices):
    with jax.enable_x64(True):
        key = jax.random.key(2)
        want = jax.tree.map(float, alone(jnp.asarray(f), kind, FAR, key=key))
        slope = jax.grad(lambda f: alone(f, kind, FAR, key=key)[0])(jnp.asarray(f))

        def share(f, person, mask, slot):
            def own(f):
                return cost(f, kind, FAR, person, mask, slot, key)

            (total, count), back = jax.value_and_grad(own, has_aux=True)(f)
            return jax.lax.psum((total, count), AXIS), back

        dealt = [x.reshape(devices, -1, *x.shape[1:]) for x in (f, PEOPLE, MASK, np.arange(B))]
        (total, count), back = jax.pmap(share, axis_name=AXIS)(*map(jnp.asarray, dealt))
        total, count, back = map(np.asarray, (total, count, back))
    np.testing.assert_allclose(total[0], want[0], rtol=1e-12)
    assert count[0] == want[1]
    np.testing.assert_allclose(np.asarray(back).reshape(B, D), slope, rtol=1e-10, atol=1e-12)


def test_random_triplets_are_triplets_and_change_with_the_key(f):
    with jax.enable_x64(True):
        found = set()
        for seed in range(8):
            drawn = alone(jnp.asarray(f), "random", 100.0, key=jax.random.key(seed))
            total, count = map(float, drawn)
            assert count == len(hard_by_loops(f, 0))
            assert total <= sum(hard_by_loops(f, 100.0)) + 1e-9
            found.add(float(total))
    assert len(found) > 1


def test_the_notes_steps_by_hand():
    anchor, positive, negative = jnp.zeros((1, 2)), jnp.asarray([[0.5, 0.5]]), jnp.eye(2)[:1] / 2
    loss = triplet.triplet_loss(anchor, positive, negative, 0.2)
    np.testing.assert_allclose(loss, [0.5 - 0.25 + 0.2], rtol=1e-6)
    assert triplet.triplet_loss(anchor, negative, positive, 0.2)[0] == 0  # .25 - .5 + .2 < 0


@pytest.mark.parametrize("kind", ["hard", "semi"])
def test_no_triplet_no_cost_and_no_nan(kind):
    lonely = np.arange(B, dtype=np.int32)
    slope = jax.grad(lambda f: alone(f, kind, 0.2, person=lonely)[0])(jnp.ones((B, D)))
    assert alone(jnp.ones((B, D)), kind, 0.2, person=lonely) == (0, 0)
    np.testing.assert_array_equal(slope, 0)


def test_distances_and_lengths(f):
    g = np.random.default_rng(1).normal(size=(4, D))
    with jax.enable_x64(True):
        np.testing.assert_allclose(
            squared_distances(jnp.asarray(f), jnp.asarray(g)),
            [[((a - b) ** 2).sum() for b in g] for a in f],
        )
        np.testing.assert_allclose(
            absolute_distances(jnp.asarray(f), jnp.asarray(g)),
            [[np.abs(a - b).sum() for b in g] for a in f],
        )
        np.testing.assert_allclose(jnp.linalg.norm(unit(jnp.asarray(f)), axis=1), 1, rtol=1e-14)
    assert np.isfinite(jax.grad(lambda f: unit(f).sum())(jnp.zeros(D))).all()
