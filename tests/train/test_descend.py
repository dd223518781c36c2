import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax import data, optim, supervised
from ngjax.models.mlp import MLP
from ngjax.train import devices
from ngjax.train.descend import descend
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.train.record import Hooks
from ngjax.train.settings import Run

STEPS = 12


def made(**fields):
    held = data.load(data.Data(name="football"))
    optimizer = optim.Optimizer(learning_rate=0.3, **fields)
    network = supervised.linen(MLP((4, 1), "tanh"), held)
    return supervised.task(held, network, optimizer, supervised.decide)


@pytest.mark.parametrize("fields", [{}, {"rule": "adam", "l2": 0.01}])
def test_is_the_engines_full_batch_run(fields):
    task, rows = made(**fields), []
    run = Run(steps=STEPS, batch_size=0, dtype="float64", log_every=1)
    program = Program(task, run, devices.select(1))
    start = program.initial(0).params
    outcome = fit(program, 0, hooks=Hooks(write=lambda *row: rows.append(row[-1])))
    with jax.enable_x64(True):
        go = jax.jit(lambda params: descend(task, params, task.hyper, STEPS))
        params, told = go(jax.tree.map(jnp.float64, start))
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12),
        params,
        outcome.state.params,
    )
    for name, within in (("loss", 1e-10), ("accuracy", 1e-6)):  # shares are float32
        logged = [row[f"train/{name}"] for row in rows if f"train/{name}" in row]
        np.testing.assert_allclose(told[name], logged, rtol=within)


def test_hyper_parameters_may_be_mapped_over():
    task = made()
    start = jax.jit(lambda key: task.init(key)[0])(jax.random.key(0))

    def length(l2):
        params, _ = descend(task, start, {**task.hyper, "l2": l2}, STEPS)
        return jnp.linalg.norm(params["a1"]["kernel"])

    lengths = jax.jit(jax.vmap(length))(jnp.asarray([0.0, 0.1, 1.0]))
    assert lengths[0] > lengths[1] > lengths[2]
    np.testing.assert_allclose(lengths[1], jax.jit(length)(0.1), rtol=1e-5)
