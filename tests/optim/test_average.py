import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax.optim import ewa, exponentially_weighted_average
from ngjax.optim.average import corrected

SERIES = np.random.default_rng(1).standard_normal((100, 3))


def by_hand(series, beta, correct):
    v, out = np.zeros(series.shape[1:]), []
    for t, theta in enumerate(series, 1):
        v = beta * v + (1 - beta) * theta
        out.append(v / (1 - beta**t) if correct else v)
    return np.stack(out)


@pytest.mark.parametrize("correct", [False, True])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999])
def test_average_is_the_recursion_of_the_notes(beta, correct):
    with jax.enable_x64(True):
        np.testing.assert_allclose(
            ewa(SERIES, beta, correct), by_hand(SERIES, beta, correct), rtol=1e-12, atol=1e-14
        )
    rounded = float(np.float32(beta))  # the beta that float32 works with
    np.testing.assert_allclose(
        ewa(SERIES, beta, correct), by_hand(SERIES, rounded, correct), rtol=1e-6, atol=1e-6
    )


def test_weights_of_the_past_are_geometric():
    impulse = np.zeros(30)
    impulse[0] = 1
    with jax.enable_x64(True):
        np.testing.assert_allclose(ewa(impulse, 0.9), 0.1 * 0.9 ** np.arange(30), rtol=1e-12)


def test_worked_examples_of_the_notes():
    with jax.enable_x64(True):
        np.testing.assert_allclose(ewa(np.array([1.0, 2, 3]), 0.9), [0.1, 0.29, 0.561], rtol=1e-12)
        ones = np.ones(100)
        v = ewa(ones, 0.9)
        np.testing.assert_allclose(v[0], 0.1, rtol=1e-12)  # the bias is at the start,
        np.testing.assert_allclose(v[99], 0.99997, atol=5e-6)  # and gone later
        np.testing.assert_allclose(ewa(ones, 0.9, bias_correction=True), ones, rtol=1e-12)
        tail = 1 - ewa(np.ones(50), 0.98)[49]  # weight of all that is older than 50
        np.testing.assert_allclose(tail, 0.36417, atol=5e-6)  # 0.98^50, near 1/e
        np.testing.assert_allclose(1 - ewa(np.ones(10), 0.98)[9], 0.81707, atol=5e-6)


def test_correction_keeps_its_digits_in_float32():
    count = jnp.asarray(3)
    beta = np.float32(0.9999)
    exact = 1 / (1 - float(beta) ** 3)
    np.testing.assert_allclose(corrected(jnp.ones(()), beta, count), exact, rtol=1e-6)


def test_transformation_averages_pytrees_as_optax_does():
    series = {"W": jnp.asarray(SERIES[:, :2], jnp.float32), "b": jnp.asarray(SERIES[:, 2], "f4")}
    for correct in (False, True):
        ours = exponentially_weighted_average(0.5, correct)
        theirs = optax.ema(0.5, correct)
        state, other = (tx.init(jax.tree.map(lambda x: x[0], series)) for tx in (ours, theirs))
        for t in range(5):
            theta = jax.tree.map(lambda x, t=t: x[t], series)
            v, state = ours.update(theta, state)
            expected, other = theirs.update(theta, other)
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), v, expected)
        assert int(state.count) == 5


def test_integers_are_averaged_as_floats():
    np.testing.assert_allclose(ewa(np.array([4, 8]), 0.5), [2, 5], rtol=1e-6)
