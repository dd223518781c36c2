import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax.optim import Optimizer, hyper, lbfgs, make
from ngjax.types import UserError

SIZES = {"steps_per_epoch": 1, "total_steps": 10}


def test_penalised_minimum_is_ridge_regression():
    generator = np.random.default_rng(0)
    X, y = generator.standard_normal((20, 3)), generator.standard_normal((20, 1))

    def loss(params):
        return jnp.sum((X @ params["W"] - y) ** 2) / 2

    with jax.enable_x64(True):
        params = {"W": jnp.zeros((3, 1))}
        tx = lbfgs(0.7)
        state = tx.init(params)
        step = jax.jit(lambda p, s: update(tx, loss, p, s))
        for _ in range(15):
            params, state = step(params, state)
        ridge = np.linalg.solve(X.T @ X + 0.7 * np.eye(3), X.T @ y)
        np.testing.assert_allclose(params["W"], ridge, rtol=1e-8)


def update(tx, loss, params, state):
    value, grad = jax.value_and_grad(loss)(params)
    updates, state = tx.update(grad, state, params, value=value, grad=grad, value_fn=loss)
    return optax.apply_updates(params, updates), state


def test_penalty_is_traced():
    optimizer = Optimizer(rule="lbfgs", l2=0.5)
    tx = make(optimizer, **SIZES)
    params = {"W": jnp.ones((2, 2))}
    state = tx(hyper(optimizer)).init(params)
    traces = []

    @jax.jit
    def step(hyper, params, state):
        traces.append(1)
        return update(tx(hyper), lambda p: jnp.sum((p["W"] - 3) ** 2) / 2, params, state)

    for l2, minimum in ((0.5, 2.0), (0.0, 3.0), (2.0, 1.0)):
        found, memory = params, state
        for _ in range(8):
            found, memory = step({"l2": jnp.float32(l2)}, found, memory)
        np.testing.assert_allclose(found["W"], minimum, rtol=1e-5)
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clip_norm", 1.0),
        ("parts", ("head=0",)),
        ("schedule", "cosine"),
        ("warmup_steps", 5),
        ("l1", 0.1),
        ("weight_decay", 0.1),
    ],
)
def test_what_a_line_search_cannot_honour_is_refused(name, value):
    optimizer = Optimizer(rule="lbfgs", **{name: value})
    with pytest.raises(UserError, match=f"^--optimizer.{name}=.*lbfgs"):
        make(optimizer, **SIZES)
