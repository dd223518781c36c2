"""Recurrent layers over time against the notes' formulas unrolled and finite differences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops import recurrence

T, B, D, N = 4, 3, 2, 5


def sigmoid(z):
    return 1 / (1 + jnp.exp(-z))


# The notes' formulas one step at a time, one matrix a gate, on the concatenation [a<t-1>, x<t>].


def rnn_step(W, b, state, x):
    return (jnp.tanh(jnp.concatenate([state[0], x], 1) @ W["a"] + b["a"]),)


def simplified_gru_step(W, b, state, x):
    (c,) = state
    both = jnp.concatenate([c, x], 1)
    gamma_u = sigmoid(both @ W["u"] + b["u"])
    c_tilde = jnp.tanh(both @ W["c"] + b["c"])
    return (gamma_u * c_tilde + (1 - gamma_u) * c,)


def gru_step(W, b, state, x):
    (c,) = state
    both = jnp.concatenate([c, x], 1)
    gamma_u, gamma_r = sigmoid(both @ W["u"] + b["u"]), sigmoid(both @ W["r"] + b["r"])
    c_tilde = jnp.tanh(jnp.concatenate([gamma_r * c, x], 1) @ W["c"] + b["c"])
    return (gamma_u * c_tilde + (1 - gamma_u) * c,)


def gru_reset_after_step(W, b, state, x):
    (c,) = state
    both = jnp.concatenate([c, x], 1)
    gamma_u, gamma_r = sigmoid(both @ W["u"] + b["u"]), sigmoid(both @ W["r"] + b["r"])
    memory = c @ W["c"][:N] + b["cc"]
    c_tilde = jnp.tanh(gamma_r * memory + x @ W["c"][N:] + b["c"])
    return (gamma_u * c_tilde + (1 - gamma_u) * c,)


def lstm_step(W, b, state, x):
    c, a = state
    both = jnp.concatenate([a, x], 1)
    gamma_u, gamma_f, gamma_o = (sigmoid(both @ W[g] + b[g]) for g in "ufo")
    c = gamma_u * jnp.tanh(both @ W["c"] + b["c"]) + gamma_f * c
    return (c, gamma_o * jnp.tanh(c))


STEPS = {
    "rnn": (rnn_step, "a"),
    "simplified_gru": (simplified_gru_step, "uc"),
    "gru": (gru_step, "urc"),
    "gru_reset_after": (gru_reset_after_step, "urc"),
    "lstm": (lstm_step, "ufoc"),
}


def unrolled(name, arguments, mask):
    step, _ = STEPS[name]
    state, emitted = arguments["state"], []
    for t in range(T):
        new = step(arguments["W"], arguments["b"], state, arguments["x"][t])
        if mask is not None:
            keep = mask[t][:, None]
            new = tuple(jnp.where(keep, n, s) for n, s in zip(new, state, strict=True))
        state = new
        emitted.append(state[-1])
    return state, jnp.stack(emitted)


def scanned(name, arguments, mask, hand_written=True):
    _, gates = STEPS[name]
    W = jnp.concatenate([arguments["W"][g] for g in gates], 1)
    b = jnp.concatenate([arguments["b"][g] for g in gates], 1)
    xW = arguments["x"] @ W[N:] + b[None]
    extra = (arguments["b"]["cc"][0],) if name == "gru_reset_after" else ()
    state = arguments["state"] if name == "lstm" else arguments["state"][0]
    scan = getattr(recurrence, f"scan_{name}")
    state, a = scan(xW, W[:N], *extra, state, mask, hand_written=hand_written)
    return state if name == "lstm" else (state,), a


def draw(name, seed=0):
    generator = np.random.default_rng(seed)
    _, gates = STEPS[name]
    arguments = {
        "W": {g: generator.normal(0, 0.7, (N + D, N)) for g in gates},
        "b": {g: generator.normal(size=(1, N)) for g in gates},
        "x": generator.normal(size=(T, B, D)),
        "state": tuple(generator.normal(size=(B, N)) for _ in range(1 + (name == "lstm"))),
    }
    if name == "gru_reset_after":
        arguments["b"]["cc"] = generator.normal(size=(1, N))
    return jax.tree.map(jnp.asarray, arguments)


def loss_of(run, name, mask, **options):
    """Every output takes part, each in another way."""
    weight = jnp.asarray(np.random.default_rng(1).normal(size=(T, B, N)))

    def loss(arguments):
        state, a = run(name, arguments, mask, **options)
        return (a * weight).sum() + sum((s * s).sum() for s in state)

    return loss


MASK = np.array([[0, 1, 1], [1, 1, 1], [1, 0, 1], [0, 0, 1]], bool)  # padding before and behind


@functools.cache
def compiled(name, masked):
    """Value and gradient of the hand-written layer, compiled once for all tests."""
    mask = jnp.asarray(MASK) if masked else None
    return jax.jit(jax.value_and_grad(loss_of(scanned, name, mask)))


def dot(gradient, direction):
    return sum(jax.tree.leaves(jax.tree.map(lambda g, d: (g * d).sum(), gradient, direction)))


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("name", STEPS)
def test_value_and_gradient_are_the_unrolled_formula_s(name, masked):
    with jax.enable_x64(True):
        arguments = draw(name)
        mask = jnp.asarray(MASK) if masked else None
        want, want_gradient = jax.value_and_grad(loss_of(unrolled, name, mask))(arguments)
        got, gradient = compiled(name, masked)(arguments)
        np.testing.assert_allclose(got, want, rtol=1e-12)
        assert jax.tree.structure(gradient) == jax.tree.structure(want_gradient)
        jax.tree.map(
            lambda g, w: np.testing.assert_allclose(g, w, rtol=1e-10, atol=1e-10),
            gradient,
            want_gradient,
        )


@pytest.mark.parametrize("name", STEPS)
def test_gradient_is_the_finite_difference(name):
    with jax.enable_x64(True):
        arguments, direction, h = draw(name), draw(name, seed=7), 1e-6
        loss = compiled(name, True)
        ahead, _ = loss(jax.tree.map(lambda p, d: p + h * d, arguments, direction))
        behind, _ = loss(jax.tree.map(lambda p, d: p - h * d, arguments, direction))
        slope = dot(loss(arguments)[1], direction)
        assert abs(slope) > 1e-3
        np.testing.assert_allclose((ahead - behind) / (2 * h), slope, rtol=1e-7)


@pytest.mark.parametrize("name", STEPS)
def test_plain_loop_knows_forward_mode(name):
    with jax.enable_x64(True):
        arguments, direction = draw(name), draw(name, seed=7)
        plain = loss_of(scanned, name, jnp.asarray(MASK), hand_written=False)
        value, slope = jax.jvp(plain, (arguments,), (direction,))
        want, gradient = compiled(name, True)(arguments)
        np.testing.assert_allclose(value, want, rtol=1e-12)
        np.testing.assert_allclose(slope, dot(gradient, direction), rtol=1e-10)


def test_hand_written_gradient_refuses_forward_mode():
    arguments = draw("lstm")
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(loss_of(scanned, "lstm", None), (arguments,), (arguments,))


@pytest.mark.parametrize("name", STEPS)
def test_one_weight_product_and_no_unrolling(name):
    """Of the products of the whole gradient only the recurrent ones are inside a loop."""
    arguments = draw(name)
    jaxpr = jax.make_jaxpr(jax.grad(loss_of(scanned, name, None)))(arguments)
    scans = [e for e in _equations(jaxpr.jaxpr) if e.primitive.name == "scan"]
    products = 2 if name == "gru" else 1
    assert [s.params["length"] for s in scans] == [T, T]
    for scan in scans:
        inside = [e.primitive.name for e in _equations(scan.params["jaxpr"].jaxpr)]
        assert inside.count("dot_general") == products


def _equations(jaxpr):
    for equation in jaxpr.eqns:
        yield equation
        if equation.primitive.name != "scan":
            for value in equation.params.values():
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    yield from _equations(inner)


@pytest.mark.parametrize("name", STEPS)
def test_a_state_does_not_see_the_future(name):
    arguments = draw(name)
    changed = arguments | {"x": arguments["x"].at[2].add(1.0)}
    before, after = scanned(name, arguments, None)[1], scanned(name, changed, None)[1]
    np.testing.assert_array_equal(before[:2], after[:2])
    assert (np.abs(before[2:] - after[2:]).max((1, 2)) > 1e-4).all()


@pytest.mark.parametrize("name", STEPS)
def test_what_stands_in_the_padding_changes_nothing(name):
    with jax.enable_x64(True):
        arguments, mask = draw(name), jnp.asarray(MASK)
        changed = arguments | {"x": jnp.where(mask[..., None], arguments["x"], 1e3)}
        value, gradient = compiled(name, True)(arguments)
        changed_value, changed_gradient = compiled(name, True)(changed)
        assert value == changed_value
        jax.tree.map(np.testing.assert_array_equal, gradient, changed_gradient)
        assert (np.asarray(gradient["x"])[~MASK] == 0).all()


def test_padded_steps_emit_the_state_they_carry():
    arguments, mask = draw("lstm"), jnp.asarray(MASK)
    (_, a_last), a = scanned("lstm", arguments, mask)
    np.testing.assert_array_equal(a[0, 0], arguments["state"][1][0])  # padding before
    np.testing.assert_array_equal(a[2:, 1], np.stack([a[1, 1]] * 2))  # padding behind
    np.testing.assert_array_equal(a[-1], a_last)
