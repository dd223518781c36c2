import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax import config
from ngjax.optim import Optimizer, hyper, make
from ngjax.types import Pace, UserError

RATES = {"descent": 2e-3, "momentum": 2e-3, "rmsprop": 2e-3, "adam": 2e-2, "lbfgs": 0.0}
RULES = list(RATES)
PACE = Pace(steps_per_epoch=10, total_steps=100)


def parabola_and_valley(params):
    """J(w) = w^2 - 10 w + 25, the notes' example, and beside it a milder Rosenbrock valley."""
    (w, x), y = params["w"][0], params["b"][0]
    return w**2 - 10 * w + 25 + (1 - x) ** 2 + 10 * (y - x**2) ** 2


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_reaches_the_minimum(rule):
    steps, schedule = (60, "constant") if rule == "lbfgs" else (20_000, "cosine")
    optimizer = Optimizer(rule=rule, learning_rate=RATES[rule], schedule=schedule)
    tx = make(optimizer)(hyper(optimizer), Pace(1, steps))
    loss = parabola_and_valley

    def step(carry, _):
        params, state = carry
        value, grad = jax.value_and_grad(loss)(params)
        updates, state = tx.update(grad, state, params, value=value, grad=grad, value_fn=loss)
        return (optax.apply_updates(params, updates), state), None

    params = {"w": np.zeros((1, 2), np.float32), "b": np.zeros(1, np.float32)}
    found, _ = jax.jit(lambda p: jax.lax.scan(step, (p, tx.init(p)), length=steps)[0])(params)
    np.testing.assert_allclose(found["w"], [[5, 1]], atol=2e-3)
    np.testing.assert_allclose(found["b"], [1], atol=2e-3)


FULL = {  # every stage at once, beside a plain chain
    "all": {
        "l2": 0.1,
        "l1": 0.01,
        "weight_decay": 0.1,
        "clip_norm": 1.0,
        "schedule": "inverse_time",
        "warmup_steps": 3,
        "parts": ("b=0.5",),
    },
    "none": {},
}


@pytest.mark.parametrize(("stages", "dtype"), [("all", "bfloat16"), ("none", "float32")])
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "lbfgs"])
def test_scalars_are_traced_state_is_stable_and_dtype_is_kept(rule, stages, dtype):
    optimizer = Optimizer(rule=rule, **FULL[stages])
    tx = make(optimizer)
    params = {"w": jnp.ones((2, 2), dtype), "b": jnp.ones(2, dtype)}
    traces = []

    @jax.jit
    def step(hyper, params, state):
        traces.append(1)
        updates, state = tx(hyper, PACE).update(params, state, params)
        return updates, optax.apply_updates(params, updates), state

    first = {name: jnp.float32(value) for name, value in hyper(optimizer).items()}
    state = tx(first, PACE).init(params)
    shapes = jax.eval_shape(lambda s: s, state)
    for factor in (1, 0.5, 0):
        scaled = {name: factor * value for name, value in first.items()}
        updates, params, state = step(scaled, params, state)
        assert jax.eval_shape(lambda s: s, state) == shapes
        assert {leaf.dtype for leaf in jax.tree.leaves((updates, params))} == {jnp.dtype(dtype)}
    assert len(traces) == 1


def test_the_chain_is_read_in_the_order_of_the_maths():
    optimizer = Optimizer(
        learning_rate=0.1, clip_norm=1.0, l2=0.5, l1=0.25, weight_decay=0.125, decay_rate=1.0,
        schedule="inverse_time",
    )  # fmt: skip
    tx = make(optimizer)(hyper(optimizer), PACE)
    w = jnp.full((1, 1), 2.0)
    updates, _ = tx.update(jnp.full((1, 1), 4.0), tx.init(w), w)
    # clipped to 1, + 0.5 * 2, + 0.25, + 0.125 * 2; times the rate 0.1 / (1 + 1)
    np.testing.assert_allclose(updates, [[-0.05 * (1 + 1 + 0.25 + 0.25)]], rtol=1e-6)


def test_decay_is_behind_the_rule_and_l2_before_it():
    w = jnp.full((1, 1), 2.0)
    for knobs, expected in (({"l2": 0.5}, -0.1), ({"weight_decay": 0.5}, -0.1 * (1 + 0.5 * 2))):
        optimizer = Optimizer(rule="adam", learning_rate=0.1, **knobs)
        tx = make(optimizer)(hyper(optimizer), PACE)
        updates, _ = tx.update(jnp.full((1, 1), 3.0), tx.init(w), w)
        np.testing.assert_allclose(updates, [[expected]], rtol=1e-5)  # Adam's first step is +-1


def test_bias_correction_is_adams_by_default_and_any_rules_on_demand():
    w = jnp.ones((1, 1))
    for rule, choice, expected in (
        ("momentum", None, 0.1 * 3),
        ("momentum", True, 3.0),
        ("rmsprop", None, 1 / 0.001**0.5),
        ("rmsprop", True, 1.0),
        ("adam", None, 1.0),
        ("adam", False, 0.1 / 0.001**0.5),
    ):
        optimizer = Optimizer(rule=rule, learning_rate=1.0, bias_correction=choice)
        tx = make(optimizer)(hyper(optimizer), PACE)
        updates, _ = tx.update(3.0 * w, tx.init(w), w)
        np.testing.assert_allclose(updates, [[-expected]], rtol=1e-4)


def test_composes_with_any_transformation_of_optax():
    optimizer = Optimizer(rule="momentum", learning_rate=1.0)
    tx = optax.chain(optax.centralize(), make(optimizer)(hyper(optimizer), PACE))
    w = jnp.ones((2, 2))
    updates, _ = tx.update(jnp.asarray([[1.0, 3.0], [3.0, 1.0]]), tx.init(w), w)
    np.testing.assert_allclose(updates, [[0.1, -0.1], [-0.1, 0.1]], rtol=1e-6, atol=1e-7)


def test_hyper_holds_what_the_chain_reads():
    assert hyper(Optimizer()) == {"learning_rate": 0.1}
    assert hyper(Optimizer(l1=0.5, weight_decay=0.1)) == {
        "learning_rate": 0.1, "l1": 0.5, "weight_decay": 0.1,
    }  # fmt: skip
    adam = hyper(Optimizer(rule="adam", clip_norm=2.0, schedule="exponential"))
    assert {"beta1", "beta2", "epsilon", "clip_norm"} < set(adam)
    assert adam["decay_rate"] == 0.95
    assert set(hyper(Optimizer(rule="lbfgs"))) == {"l2"}


def test_a_penalty_that_is_off_reads_no_weights():
    w, slopes, tx = jnp.full((2, 2), 3.0), jnp.ones((2, 2)), make(Optimizer())

    def update(hyper, w):
        chain = tx(hyper, PACE)
        return chain.update(slopes, chain.init(w), w)[0]

    for penalty, read in (({}, False), ({"l2": 0.5}, True), ({"weight_decay": 0.5}, True)):
        said = {"learning_rate": 1.0, **penalty}
        program = jax.make_jaxpr(functools.partial(update, said))(w).jaxpr
        inputs = [value for line in program.eqns for value in line.invars]
        assert any(value is program.invars[0] for value in inputs) == read
        np.testing.assert_allclose(update(said, w), -slopes - sum(penalty.values()) * w)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rule", "newton"),
        ("learning_rate", -0.1),
        ("learning_rate", float("nan")),
        ("beta1", 1.0),
        ("beta2", -0.1),
        ("epsilon", -1e-8),
        ("l2", -1.0),
        ("l1", -1.0),
        ("weight_decay", -1.0),
        ("clip_norm", -1.0),
        ("schedule", "never"),
        ("decay_rate", 0.0),
        ("decay_every", 0),
        ("decay_by", "day"),
        ("warmup_steps", -1),
        ("manual", ((2, 0.1),)),
        ("parts", ("conv1",)),
        ("memory", 0),
    ],
)
def test_values_out_of_range_should_fail_by_name(field, value):
    with pytest.raises(ValueError, match=f"^{field}: "):
        Optimizer(**{field: value})


@pytest.mark.parametrize("points", [(), ((2, 0.1), (2, 0.2)), ((3, 0.1), (2, 0.2)), ((1, -1.0),)])
def test_manual_points_in_disorder_should_fail(points):
    with pytest.raises(ValueError, match=r"^manual: "):
        Optimizer(schedule="manual", manual=points)


def test_config_language_reads_every_knob():
    words = (
        "rule=adam", "schedule=manual", "manual=3:0.1,6:0.01", "parts=conv1=0,head=0.1",
        "bias_correction=false",
    )  # fmt: skip
    optimizer = config.override(Optimizer(), words)
    assert optimizer.manual == ((3, 0.1), (6, 0.01))
    assert optimizer.parts == ("conv1=0", "head=0.1")
    assert optimizer.bias_correction is False
    assert all(knob.help for knob in config.knobs(Optimizer()))
    with pytest.raises(UserError, match=r"--beta1: must be in \[0, 1\), not 2"):
        config.override(Optimizer(), ("beta1=2",))
