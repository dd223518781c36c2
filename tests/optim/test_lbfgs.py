import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax.optim import Optimizer, hyper, lbfgs, make
from ngjax.types import Pace, UserError

PACE = Pace(steps_per_epoch=1, total_steps=10)


def test_walks_as_optax_does_on_the_penalised_loss_to_ridge_regression():
    generator = np.random.default_rng(0)
    X, y = generator.standard_normal((20, 3)), generator.standard_normal((20, 1))

    def loss(params):
        return jnp.sum((X @ params["W"] - y) ** 2) / 2

    def penalised(params):
        return loss(params) + 30 * jnp.sum(params["W"] ** 2) / 2

    with jax.enable_x64(True):
        ours, theirs = (
            path(tx, f, {"W": np.full((3, 1), 10.0)}, 15)["W"]
            for tx, f in ((lbfgs(30.0), loss), (optax.lbfgs(memory_size=10), penalised))
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
        ridge = np.linalg.solve(X.T @ X + 30 * np.eye(3), X.T @ y)
        np.testing.assert_allclose(ours[-1], ridge, rtol=1e-8)


def path(tx, loss, params, steps):
    def step(carry, _):
        params, state = update(tx, loss, *carry)
        return (params, state), params

    run = jax.jit(lambda p: jax.lax.scan(step, (p, tx.init(p)), length=steps)[1])
    return run(params)


def update(tx, loss, params, state):
    value, grad = jax.value_and_grad(loss)(params)
    updates, state = tx.update(grad, state, params, value=value, grad=grad, value_fn=loss)
    return optax.apply_updates(params, updates), state


def test_penalty_is_traced():
    optimizer = Optimizer(rule="lbfgs", l2=0.5)
    tx = make(optimizer)
    params = {"W": jnp.ones((2, 2))}
    state = tx(hyper(optimizer), PACE).init(params)
    traces = []

    @jax.jit
    def step(hyper, params, state):
        traces.append(1)
        return update(tx(hyper, PACE), lambda p: jnp.sum((p["W"] - 3) ** 2) / 2, params, state)

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
        make(optimizer)


def test_mini_batches_are_refused():
    with pytest.raises(UserError, match=r"give --run.batch_size=0$"):
        make(Optimizer(rule="lbfgs"))({"l2": 0.0}, Pace(2, 10))
