"""Each rule against its formula in NumPy, against optax and against PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax.optim import add_l2, add_weight_decay, scale_by_adam, scale_by_momentum, scale_by_rmsprop

B1, B2, EPS = 0.8, 0.99, 1e-3


def momentum(gradients, correct):
    v = 0
    for t, g in enumerate(gradients, 1):
        v = B1 * v + (1 - B1) * g
        yield v / (1 - B1**t) if correct else v


def rmsprop(gradients, correct):
    s = 0
    for t, g in enumerate(gradients, 1):
        s = B2 * s + (1 - B2) * g**2
        yield g / (np.sqrt(s / (1 - B2**t) if correct else s) + EPS)


def adam(gradients, correct):
    v = s = 0
    for t, g in enumerate(gradients, 1):
        v = B1 * v + (1 - B1) * g
        s = B2 * s + (1 - B2) * g**2
        v_hat, s_hat = (v / (1 - B1**t), s / (1 - B2**t)) if correct else (v, s)
        yield v_hat / (np.sqrt(s_hat) + EPS)


RULES = {
    "momentum": (momentum, lambda c: scale_by_momentum(B1, c), lambda c: optax.ema(B1, c)),
    "rmsprop": (
        rmsprop,
        lambda c: scale_by_rmsprop(B2, EPS, c),
        lambda c: optax.scale_by_rms(B2, EPS, eps_in_sqrt=False, bias_correction=c),
    ),
    "adam": (
        adam,
        lambda c: scale_by_adam(B1, B2, EPS, c),
        lambda c: optax.scale_by_adam(B1, B2, EPS) if c else None,
    ),
}


@pytest.mark.parametrize("correct", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_rule_is_its_formula_and_optax_own(rule, correct, follow, torch_paths):
    formula, ours, theirs = RULES[rule]
    gradients = torch_paths["gradients"]
    by_hand = np.cumsum(np.stack(list(formula(gradients, correct))), axis=0)
    with jax.enable_x64(True):
        start = jnp.zeros_like(gradients[0])
        path = follow(ours(correct), start, gradients)
        np.testing.assert_allclose(path, by_hand, rtol=1e-12, atol=1e-13)
        if theirs(correct) is not None:
            path = follow(theirs(correct), start, gradients)
            np.testing.assert_allclose(path, by_hand, rtol=1e-12, atol=1e-13)


def stepped(*words, rate):
    return optax.chain(*words, optax.scale(-rate))


TORCH = {  # the sentence of ours that PyTorch's optimizer is
    "descent": lambda: stepped(rate=0.1),
    "l2": lambda: stepped(add_l2(0.03), rate=0.1),
    "momentum": lambda: stepped(scale_by_momentum(0.9), rate=0.1 / (1 - 0.9)),
    "rmsprop": lambda: stepped(scale_by_rmsprop(0.9, EPS), rate=0.01),
    "adam": lambda: stepped(scale_by_adam(B1, B2, EPS), rate=0.01),
    "adamw": lambda: stepped(scale_by_adam(B1, B2, EPS), add_weight_decay(0.1), rate=0.01),
}


@pytest.mark.parametrize("name", TORCH)
def test_rule_walks_as_torch_does(name, follow, torch_paths):
    with jax.enable_x64(True):
        path = follow(TORCH[name](), jnp.asarray(torch_paths["start"]), torch_paths["gradients"])
        np.testing.assert_allclose(path[::9], torch_paths[name], rtol=1e-12, atol=1e-13)


def test_momentum_beside_dampening_and_trace(follow, torch_paths):
    gradients, start = torch_paths["gradients"], torch_paths["start"]
    with jax.enable_x64(True):
        ours = follow(stepped(scale_by_momentum(0.9), rate=1.0), jnp.asarray(start), gradients)
        trace = follow(stepped(optax.trace(0.9), rate=1 - 0.9), jnp.asarray(start), gradients)
        np.testing.assert_allclose(ours, trace, rtol=1e-12, atol=1e-13)
        # torch's dampened momentum takes v_1 = dW where the notes take (1 - beta) dW
        first = np.concatenate([gradients[:1] / (1 - 0.9), gradients[1:]])
        ours = follow(stepped(scale_by_momentum(0.9), rate=0.1), jnp.asarray(start), first)
        np.testing.assert_allclose(ours[::9], torch_paths["dampened"], rtol=1e-12, atol=1e-13)


def test_adam_worked_examples_of_the_notes():
    with jax.enable_x64(True):
        tx = scale_by_adam(0.9, 0.999, 1e-8)
        for gradient in (2.0, -2.0):
            state = tx.update(jnp.asarray(gradient), tx.init(jnp.zeros(())))[1]
            np.testing.assert_allclose(state.s, 0.004, rtol=1e-12)  # a square, with 1 - beta2
        step, _ = tx.update(jnp.asarray(1e-6), tx.init(jnp.zeros(())))
        np.testing.assert_allclose(1e-3 * step, 9.90099e-4, rtol=1e-6)  # epsilon outside the root


def test_squares_are_element_by_element():
    with jax.enable_x64(True):
        tx = scale_by_rmsprop(0.0, 0.0)
        _, state = tx.update(jnp.asarray([[1.0, 2.0], [3.0, 4.0]]), tx.init(jnp.zeros((2, 2))))
        np.testing.assert_allclose(state.s, [[1, 4], [9, 16]], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("rule", RULES)
def test_rule_keeps_dtype_also_under_strict_promotion_and_traced_scalars(rule, dtype):
    make = {
        "momentum": lambda h: scale_by_momentum(h, True),
        "rmsprop": lambda h: scale_by_rmsprop(h, 1e-8, True),
        "adam": lambda h: scale_by_adam(h, 0.999),
    }[rule]
    params = jnp.ones((2, 2), dtype)

    @jax.jit
    def update(beta, gradient):
        tx = make(beta)
        return tx.update(gradient, tx.init(params))[0]

    with jax.numpy_dtype_promotion("strict"):
        updates = update(jnp.float32(0.9), params)
    assert updates.dtype == dtype
    np.testing.assert_allclose(updates.astype("f4"), 1, rtol=1e-2)
