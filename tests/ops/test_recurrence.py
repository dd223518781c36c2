"""Recurrent layers over time against the notes' formulas unrolled, finite differences, PyTorch."""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.ops import recurrence

T, B, D, N = 4, 3, 2, 5
GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "recurrent.npz"


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


# Numbers worked by hand, one unit and one feature. logit(p) makes a gate of p.


def logit(p):
    return np.log(p / (1 - p))


def one(*z):
    return jnp.asarray(z)[None, None, :]


def test_gru_numbers_by_hand():
    with jax.enable_x64(True):
        c, W = jnp.array([[0.5]]), jnp.zeros((1, 2)).at[0, 1].set(1.0)
        # gamma_u = 1: c<1> = c_tilde = tanh(1 * 0.5 + 1 * 0.2 + 0.1) = tanh(0.8)
        last, a = recurrence.scan_simplified_gru(one(50.0, 0.2 + 0.1), W, c)
        np.testing.assert_allclose(a[0, 0, 0], 0.6640368, atol=5e-8)
        np.testing.assert_array_equal(last, a[0])  # the output is a<t> = c<t>, not a<t-1>
        # gamma_u = 0.25, c_tilde = 1, c<0> = 0: 0.25; gamma_u = 0 keeps c<0>
        zeros = jnp.zeros((1, 2))
        _, a = recurrence.scan_simplified_gru(one(logit(0.25), 50.0), zeros, jnp.zeros((1, 1)))
        np.testing.assert_allclose(a[0, 0, 0], 0.25, atol=1e-12)
        _, a = recurrence.scan_simplified_gru(one(-800.0, 50.0), zeros, c)
        assert a[0, 0, 0] == 0.5
        # gamma_r = 0: the candidate does not see c<0>; tanh(0.2) whatever the recurrent weight
        W = jnp.array([[0.0, 0.0, 9.0]])
        _, a = recurrence.scan_gru(one(50.0, -800.0, 0.2), W, c)
        np.testing.assert_allclose(a[0, 0, 0], np.tanh(0.2), atol=1e-12)


def test_lstm_numbers_by_hand():
    with jax.enable_x64(True):
        # gamma_u = 0.3, gamma_f = 0.9, gamma_o = 0.5, c_tilde = 1, c<0> = 0.5
        z, W = one(logit(0.3), logit(0.9), logit(0.5), 50.0), jnp.zeros((1, 4))

        def memory(c):
            (c, a), _ = recurrence.scan_lstm(z, W, (c, jnp.zeros((1, 1))))
            return c[0, 0], a

        (c, a), slope = jax.value_and_grad(memory, has_aux=True)(jnp.array([[0.5]]))
        np.testing.assert_allclose(c, 0.75, atol=1e-12)  # 0.3 * 1 + 0.9 * 0.5
        np.testing.assert_allclose(slope, [[0.9]], atol=1e-12)  # dc<t>/dc<t-1> = gamma_f
        np.testing.assert_allclose(a, [[0.3175745]], atol=5e-8)  # 0.5 * tanh(0.75)


def test_gates_let_the_gradient_live_a_hundred_steps():
    with jax.enable_x64(True):
        start = jnp.array([[0.1]])

        def slope(scan):
            return float(jax.grad(lambda c: scan(c).sum())(start)[0, 0])

        def gru(c):  # gamma_u = 1e-4
            z = jnp.broadcast_to(one(logit(1e-4), 0.0), (100, 1, 2))
            return recurrence.scan_simplified_gru(z, jnp.zeros((1, 2)), c)[0]

        def lstm(c):  # gamma_f = 0.99
            z = jnp.broadcast_to(one(0.0, logit(0.99), 0.0, 0.0), (100, 1, 4))
            return recurrence.scan_lstm(z, jnp.zeros((1, 4)), (c, 0 * c))[0][0]

        def rnn(a):
            return recurrence.scan_rnn(jnp.zeros((100, 1, 1)), jnp.full((1, 1), 0.5), a)[0]

        np.testing.assert_allclose(slope(gru), (1 - 1e-4) ** 100, rtol=1e-9)  # 0.990
        np.testing.assert_allclose(slope(lstm), 0.99**100, rtol=1e-9)  # 0.366
        assert 0 < slope(rnn) < 1e-20


# PyTorch: rows of gates instead of columns, LSTM i f g o, GRU r z n with z = 1 - gamma_u.


def torch_gru(golden, name):
    """A row-stacked GRU array of PyTorch as our columns u, r, c."""
    r, z, n = np.split(golden[name], 3)
    return jnp.asarray(np.concatenate([-z, r, n]).T)


def torch_lstm(golden, name):
    i, f, g, o = np.split(golden[name], 4)
    return jnp.asarray(np.concatenate([i, f, o, g]).T)


def torch_rnn(golden, name):
    return jnp.asarray(golden[name].T)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_equals_torch(name):
    columns = {"rnn": torch_rnn, "gru": torch_gru, "lstm": torch_lstm}[name]
    with jax.enable_x64(True), np.load(GOLDEN) as file:
        golden = {k.removeprefix(f"{name}/"): file[k] for k in file if k.startswith(f"{name}/")}
        n = golden["a"].shape[-1]

        def run(x, W_ax, W_aa, b_ih, b_hh, h, c):
            xW = x @ W_ax + b_ih[None, None, :]
            if name == "gru":  # the gates' biases merge, the candidate's do not
                xW = xW.at[..., : 2 * n].add(b_hh[None, None, : 2 * n])
                h, a = recurrence.scan_gru_reset_after(xW, W_aa, b_hh[2 * n :], h)
                return a, (h,)
            xW = xW + b_hh[None, None, :]
            if name == "rnn":
                h, a = recurrence.scan_rnn(xW, W_aa, h)
                return a, (h,)
            (c, h), a = recurrence.scan_lstm(xW, W_aa, (c, h))
            return a, (h, c)

        def loss(*arguments):
            a, state = run(*arguments)
            return (a * golden["weight"]).sum() + sum((s * s).sum() for s in state), (a, state)

        sides = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        weights = [columns(golden, side) for side in sides]
        c = golden["c0"][0] if name == "lstm" else None
        arguments = (jnp.asarray(golden["x"]), *weights, golden["h0"][0], c)
        active = tuple(range(6 + (name == "lstm")))
        gradient, (a, state) = jax.jit(jax.grad(loss, active, has_aux=True))(*arguments)

        np.testing.assert_allclose(a, golden["a"], atol=1e-12)
        np.testing.assert_allclose(state[0], golden["hT"][0], atol=1e-12)
        want = [golden["x_grad"], *(columns(golden, f"{side}_grad") for side in sides)]
        want += [golden["h0_grad"][0]] + ([golden["c0_grad"][0]] if name == "lstm" else [])
        assert len(gradient) == len(want)
        for got, expected in zip(gradient, want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)
