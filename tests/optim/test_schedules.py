import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax.optim import schedules
from ngjax.optim.chain import Optimizer, decay, hyper
from ngjax.types import Pace

EPOCHS = jnp.arange(1, 9)


def test_inverse_time_worked_example():
    rate = 0.2 * schedules.inverse_time(1.0)(EPOCHS[:3])
    np.testing.assert_allclose(rate, [0.1, 0.2 / 3, 0.05], rtol=1e-6)
    assert [f"{value:.4f}" for value in rate] == ["0.1000", "0.0667", "0.0500"]


def test_inverse_square_root_worked_example():
    np.testing.assert_allclose(0.2 * schedules.inverse_square_root(1.0)(4), 0.1, rtol=1e-6)
    smooth = np.diff(schedules.inverse_square_root(2.0)(EPOCHS))
    assert np.all(smooth < 0)  # no staircase


def test_exponential_is_a_power_and_optax_own():
    ours = schedules.exponential(0.95)(EPOCHS)
    np.testing.assert_allclose(ours, 0.95 ** np.arange(1, 9), rtol=1e-6)
    np.testing.assert_allclose(ours, optax.exponential_decay(1.0, 1, 0.95)(EPOCHS), rtol=1e-6)


def test_staircase_is_flat_then_steps_down():
    assert schedules.staircase(0.5, 3)(EPOCHS).tolist() == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_manual_holds_from_its_epochs_on():
    manual = schedules.manual(((3, 0.1), (6, 0.01)))
    np.testing.assert_allclose(manual(EPOCHS), [1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01], rtol=1e-6)


def test_epochs_count_from_one():
    seen = schedules.counted(lambda epoch: epoch, 3)(jnp.arange(7))
    assert seen.tolist() == [1, 1, 1, 2, 2, 2, 3]
    assert schedules.counted(lambda t: t)(jnp.arange(3)).tolist() == [1, 2, 3]


def test_warmup_rises_to_the_schedule_and_cosine_follows_it():
    steps = jnp.arange(13)
    factor = schedules.warmup(schedules.cosine(12, 4), 4)(steps)
    np.testing.assert_allclose(factor[:5], [0.25, 0.5, 0.75, 1, 1], rtol=1e-6)
    half = (1 + np.cos(np.pi * np.arange(9) / 8)) / 2
    np.testing.assert_allclose(factor[4:], half, rtol=1e-5, atol=1e-7)
    assert schedules.warmup(schedules.manual(()), 1)(0) == 1  # one update of warm-up is none


CASES = {  # schedule, its arguments, the factor at the updates 0, 3 and 6 of epochs of 3
    "constant": ({}, [1, 1, 1]),
    "inverse_time": ({}, [1 / 2, 1 / 3, 1 / 4]),
    "exponential": ({}, [0.95, 0.95**2, 0.95**3]),
    "inverse_sqrt": ({"decay_rate": 2.0}, [2, 2**0.5, 2 / 3**0.5]),
    "staircase": ({"decay_every": 2}, [1, 1, 0.5]),
    "manual": ({"manual": ((2, 0.1),)}, [1, 0.1, 0.1]),
    "cosine": ({}, [1, 0.75, 0.25]),
}


@pytest.mark.parametrize("name", CASES)
def test_config_makes_the_schedule_with_its_rate_traced(name):
    arguments, expected = CASES[name]
    optimizer = Optimizer(schedule=name, **arguments)

    @jax.jit
    def factors(hyper, steps):
        return jax.vmap(decay(optimizer, hyper, Pace(3, 9)))(steps)

    found = factors(hyper(optimizer), jnp.asarray([0, 3, 6]))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_decay_by_step_counts_updates():
    optimizer = Optimizer(schedule="inverse_sqrt", decay_by="step")
    factor = decay(optimizer, hyper(optimizer), Pace(3, 9))
    np.testing.assert_allclose(factor(jnp.asarray([0, 3, 8])), [1, 0.5, 1 / 3], rtol=1e-6)
