"""Every form against the compiler's convolution, PyTorch, loops and the notes' own matrices."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ngjax.ops import convolve as rules
from ngjax.ops.convolve import convolve, convolve_by_loops, output_size, true_convolution
from ngjax.ops.convolve_forms import FORMS
from ngjax.types import UserError

GOLDEN = Path(__file__).parents[1] / "golden" / "ops.npz"
SIX = np.array(  # notes 4.1.1
    [
        [3, 0, 1, 2, 7, 4],
        [1, 5, 8, 9, 3, 1],
        [2, 7, 2, 5, 1, 3],
        [0, 1, 3, 1, 7, 8],
        [4, 2, 1, 6, 2, 8],
        [2, 4, 5, 2, 3, 9],
    ]
)
EDGE = np.array([[1, 0, -1]] * 3)
SEVEN = np.array(  # notes 4.1.3
    [
        [2, 3, 7, 4, 6, 2, 9],
        [6, 6, 9, 8, 7, 4, 3],
        [3, 4, 8, 3, 8, 9, 7],
        [7, 8, 3, 6, 6, 3, 4],
        [4, 2, 1, 8, 3, 4, 6],
        [3, 2, 4, 1, 9, 8, 3],
        [0, 1, 3, 9, 2, 1, 4],
    ]
)
FILTER = np.array([[3, 4, 4], [1, 0, 2], [-1, 0, 3]])
CASES = {  # name -> H, W, f_H, f_W, C, F, stride, padding
    "same": (6, 7, 3, 3, 2, 3, 1, "SAME"),
    "same, stride 2, even": (8, 6, 3, 3, 3, 2, 2, "SAME"),
    "same, stride 3, even filter": (7, 10, 4, 2, 1, 2, 3, "SAME"),
    "valid": (7, 6, 5, 3, 4, 2, 1, "VALID"),
    "valid, stride 2, rows left over": (8, 10, 3, 3, 2, 2, 2, "VALID"),
    "number": (5, 6, 3, 2, 2, 3, 1, 1),
    "more zeros than the filter": (4, 5, 2, 3, 2, 2, 2, 3),
    "1x1": (5, 4, 1, 1, 3, 2, 1, "SAME"),
    "1x1, stride 2, padded": (5, 6, 1, 1, 2, 3, 2, 1),
    "stride beyond the filter": (9, 8, 2, 1, 1, 2, 3, "VALID"),
    "bands of two columns": (5, 8, 3, 3, 1, 16, 1, "VALID"),
    "bands of two columns, stride": (6, 11, 3, 4, 2, 12, 2, 2),
}


DILATED = {  # name -> the same and dilation
    "dilated": (8, 9, 3, 3, 2, 3, 1, "VALID", 2),
    "dilated, same": (7, 8, 3, 2, 2, 2, 1, "SAME", 3),
    "dilated, same, stride": (9, 8, 3, 3, 1, 2, 2, "SAME", 2),
    "dilated, padded, stride, rows left over": (9, 10, 3, 2, 2, 2, 3, 2, 2),
    "dilated, bands of two columns": (8, 8, 3, 3, 1, 16, 1, "SAME", 2),
    "dilated 1x1": (5, 4, 1, 1, 2, 3, 1, 0, 4),
}


def drawn(case, dtype=np.float64):
    H, W, f_H, f_W, C, F, stride, padding, *dilation = (CASES | DILATED)[case]
    rng = np.random.default_rng(7)
    x, w = rng.normal(size=(2, H, W, C)), rng.normal(size=(f_H, f_W, C, F))
    return (
        jnp.asarray(x, dtype),
        jnp.asarray(w, dtype),
        {
            "stride": stride,
            "padding": padding,
            **({"dilation": dilation[0]} if dilation else {}),
        },
    )


def reference(x, w, stride, padding, dilation=1):
    zeros = padding if isinstance(padding, str) else [(padding, padding)] * 2
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, w, (stride, stride), zeros, rhs_dilation=(dilation, dilation), dimension_numbers=layout
    )


def value_and_gradients(rule, x, w):
    y, pull = jax.vjp(rule, x, w)
    return y, *pull(jnp.cos(y))


def by_forms(x, w, how, forms):
    """Value and gradients by each form, and by the compiler's convolution, in one program."""
    rules_ = {form: functools.partial(convolve, form=form, **how) for form in forms}
    rules_["reference"] = functools.partial(reference, **how)
    return jax.jit(
        lambda x, w: {name: value_and_gradients(rule, x, w) for name, rule in rules_.items()}
    )(x, w)


@pytest.mark.parametrize("case", [*CASES, *DILATED])
def test_forms_equal_lax(case):
    with jax.enable_x64(True):
        x, w, how = drawn(case)
        forms = ["auto", *(f for f in FORMS if f != "matmul" or w.shape[:2] == (1, 1))]
        found = by_forms(x, w, how, forms)
        theirs = found.pop("reference")
        for form, ours in found.items():
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, b, atol=1e-10, err_msg=form)


def test_forms_equal_lax_inside_a_loop():
    def descend(rule, x, w):
        def step(_, now):
            _, dx, dw = value_and_gradients(rule, *now)
            return now[0] - 0.01 * dx, now[1] - 0.01 * dw

        return lax.fori_loop(0, 3, step, (x, w))

    with jax.enable_x64(True):
        x, w, how = drawn("same, stride 2, even")
        rules_ = {
            form: functools.partial(convolve, form=form, **how)
            for form in ("auto", "im2col", "toeplitz", "canonical", "spread", "one_core")
        }
        found = jax.jit(lambda x, w: {f: descend(rule, x, w) for f, rule in rules_.items()})(x, w)
        now, step = (
            (x, w),
            jax.jit(lambda x, w: value_and_gradients(functools.partial(reference, **how), x, w)),
        )
        for _ in range(3):
            _, *slopes = step(*now)
            now = [a - 0.01 * d for a, d in zip(now, slopes, strict=True)]
        for form, ours in found.items():
            for a, b in zip(ours, now, strict=True):
                np.testing.assert_allclose(a, b, atol=1e-10, err_msg=form)


def test_forward_mode():
    with jax.enable_x64(True):
        x, w, how = drawn("same")
        for form in ("lax", "im2col", "toeplitz"):
            _, moved = jax.jvp(lambda w, f=form: convolve(x, w, form=f, **how), (w,), (w,))
            np.testing.assert_allclose(moved, reference(x, w, **how), atol=1e-10)  # linear in w


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_type_is_kept(dtype):
    x, w, how = drawn("1x1", dtype)
    found = jax.eval_shape(lambda x, w: by_forms(x, w, how, ["auto", *FORMS]), x, w)
    assert {a.dtype for a in jax.tree.leaves(found)} == {jnp.dtype(dtype)}


MANY = {  # enough channels for columns to be set apart: H, W, f_H, f_W, C, F and the rest
    "same": (6, 7, 3, 3, 17, 16, 1, "SAME", 1),
    "stride, rows left over": (8, 9, 3, 2, 16, 18, 2, "VALID", 1),
    "stride 3, padded": (7, 8, 2, 3, 17, 17, 3, 2, 1),
    "dilated": (9, 8, 3, 3, 18, 16, 1, "SAME", 2),
    "dilated, stride": (9, 10, 3, 2, 16, 17, 2, 2, 2),
    "one column": (5, 3, 3, 3, 17, 16, 1, "VALID", 1),
    "a large batch": (4, 5, 3, 3, 2, 16, 1, "SAME", 1),
}


@pytest.mark.parametrize("case", MANY)
def test_columns_set_apart(case):
    H, W, f_H, f_W, C, F, stride, padding, dilation = MANY[case]
    rng = np.random.default_rng(8)
    x = rng.normal(size=(20 if case == "a large batch" else 2, H, W, C))
    w = rng.normal(size=(f_H, f_W, C, F))
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    with jax.enable_x64(True):
        found = by_forms(jnp.asarray(x), jnp.asarray(w), how, ["spread", "one_core"])
        for form in ("spread", "one_core"):
            for a, b in zip(found[form], found["reference"], strict=True):
                np.testing.assert_allclose(a, b, atol=1e-10, err_msg=form)
        for form, apart in (("spread", C >= 16), ("one_core", False)):  # fewer stay
            text = jax.jit(functools.partial(convolve, form=form, **how)).lower(x, w).as_text()
            assert ("lhs_dilate = [1, 2]" in text) == apart


@pytest.mark.parametrize("devices", [1, 2])
def test_double_precision_and_devices_of_a_core_keep_their_columns(devices, monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: devices)
    threads = jax.default_backend() == "cpu" and devices == 1
    with jax.enable_x64(True):
        x, w = jnp.ones((1, 4, 4, 17)), jnp.ones((3, 3, 17, 16))
        for dtype, apart in ((jnp.float64, False), (jnp.float32, threads)):
            rule = jax.jit(lambda x, w: convolve(x, w))  # traced anew
            text = rule.lower(x.astype(dtype), w.astype(dtype)).as_text()
            assert ("lhs_dilate = [1, 2]" in text) == apart


@pytest.mark.parametrize(("F", "apart"), [(16, False), (17, True)])
def test_one_core_sets_the_gradient_of_many_filters_apart(F, apart):
    x, w = jnp.ones((17, 4, 5, 3)), jnp.ones((3, 3, 3, F))
    slope = jax.grad(lambda w: convolve(x, w, form="one_core").sum())
    assert ("lhs_dilate = [1, 2]" in jax.jit(slope).lower(w).as_text()) == apart


@pytest.mark.parametrize(
    ("form", "columns", "C", "F", "stride", "kernel"),
    [
        ("one_core", 8, 3, 16, 1, (3, 6, 3, 64)),  # four columns as one of 64 filters
        ("one_core", 8, 3, 16, 2, (3, 9, 3, 64)),
        ("one_core", 6, 3, 16, 1, (3, 5, 3, 48)),  # six do not fall into fours
        ("one_core", 8, 3, 12, 1, (3, 6, 3, 48)),
        ("one_core", 8, 16, 16, 1, (3, 4, 16, 32)),
        ("one_core", 8, 17, 16, 1, (3, 3, 17, 16)),
        ("one_core", 7, 3, 16, 1, (3, 3, 3, 16)),
        ("spread", 8, 3, 32, 1, (3, 4, 3, 64)),
        ("spread", 8, 8, 16, 1, (3, 3, 8, 16)),
        ("canonical", 8, 3, 16, 1, (3, 3, 3, 16)),
    ],
)
def test_columns_abreast(form, columns, C, F, stride, kernel):
    rng = np.random.default_rng(9)
    x, w = rng.normal(size=(2, 5, stride * columns, C)), rng.normal(size=(3, 3, C, F))
    how = {"stride": stride, "padding": 1}
    with jax.enable_x64(True):
        found = by_forms(jnp.asarray(x), jnp.asarray(w), how, [form])
        for a, b in zip(found[form], found["reference"], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-10)
        text = jax.jit(functools.partial(convolve, form=form, **how)).lower(x, w).as_text()
        (line,) = (line for line in text.splitlines() if "stablehlo.convolution" in line)
        assert f"tensor<{'x'.join(map(str, kernel))}xf64>" in line


@pytest.mark.parametrize("form", ["canonical", "spread", "one_core"])
def test_half_precision_in_written_forms(form):
    x, w, how = drawn("valid", np.float32)
    rule = functools.partial(convolve, form=form, **how)
    whole = value_and_gradients(rule, x, w)
    half = jax.jit(functools.partial(value_and_gradients, rule))(
        x.astype(jnp.bfloat16), w.astype(jnp.bfloat16)
    )
    for a, b in zip(half, whole, strict=True):
        np.testing.assert_allclose(np.float32(a), b, atol=0.05 * float(jnp.abs(b).max()))


@pytest.mark.parametrize(
    ("case", "stride", "padding"),
    [("plain", 1, 0), ("stride", 2, 1), ("oblong", 1, 2), ("large", 3, 2)],
)
def test_torch(case, stride, padding):
    archive = np.load(GOLDEN)
    golden = {
        part: archive[f"convolve/{case}/{part}"] for part in ("x", "w", "dy", "y", "dx", "dw")
    }

    def by(form, x, w, dy):
        y, pull = jax.vjp(
            functools.partial(convolve, stride=stride, padding=padding, form=form), x, w
        )
        return y, *pull(dy)

    forms = ("lax", "im2col", "toeplitz", "canonical", "spread", "one_core")
    with jax.enable_x64(True):
        found = jax.jit(lambda *a: {form: by(form, *a) for form in forms})(
            *(jnp.asarray(golden[part]) for part in ("x", "w", "dy"))
        )
    for form, outcome in found.items():
        for ours, part in zip(outcome, ("y", "dx", "dw"), strict=True):
            np.testing.assert_allclose(ours, golden[part], atol=1e-12, err_msg=form)


def test_bands_are_as_narrow_as_they_can_be():
    x, w = jnp.ones((1, 32, 32, 1)), jnp.ones((5, 5, 1, 6))  # LeNet-5: 28 columns, seven bands
    program = jax.jit(functools.partial(convolve, padding="VALID", form="toeplitz")).lower(x, w)
    # 28 rows of seven bands; five rows of eight columns give four columns of six filters
    assert "(tensor<196x40xf32>, tensor<40x24xf32>)" in program.as_text()


def test_choice():
    def choose(kernel, side, out, backend="cpu"):
        return rules.choose_form(kernel, side, out, backend)

    assert choose((5, 5, 1, 6), 32, 28) == "toeplitz"  # LeNet-5, both layers
    assert choose((5, 5, 6, 16), 14, 10) == "toeplitz"
    assert choose((5, 5, 3, 32), 36, 32) == "spread"
    assert choose((3, 3, 1, 16), 10, 8) == "im2col"  # digits
    assert choose((3, 3, 3, 32), 34, 32) == "spread"  # VGG's first: its patches are too many
    assert choose((3, 3, 64, 64), 18, 16) == "spread"  # VGG, ResNet
    assert rules.choose_form((3, 3, 64, 64), 18, 16, "cpu", devices=2) == "one_core"  # a core each
    for devices in (1, 2):
        chosen = rules.choose_form((3, 3, 64, 64), 18, 16, "cpu", double=True, devices=devices)
        assert chosen == "canonical"
    assert choose((1, 1, 192, 16), 28, 28) == "matmul"
    assert choose((1, 1, 192, 16), 28, 28, "gpu") == "lax"


def test_notes_edges():
    expected = [[-5, -4, 0, 8], [-10, -2, 2, 3], [0, -2, -4, -7], [-3, -2, -3, -16]]
    np.testing.assert_array_equal(convolve_by_loops(SIX, EDGE), expected)
    x, w = jnp.float32(SIX)[None, :, :, None], jnp.float32(EDGE)[:, :, None, None]
    for form in ("auto", *(form for form in FORMS if form != "matmul")):
        y = convolve(x, w, padding="VALID", form=form)
        np.testing.assert_array_equal(y[0, :, :, 0], expected)


def test_notes_stride():  # the print has 83 for 88 and 127 for 117
    expected = [[91, 100, 88], [69, 91, 117], [44, 72, 74]]
    np.testing.assert_array_equal(convolve_by_loops(SEVEN, FILTER, stride=2), expected)
    x, w = jnp.float32(SEVEN)[None, :, :, None], jnp.float32(FILTER)[:, :, None, None]
    y = convolve(x, w, stride=2, padding="VALID")
    np.testing.assert_array_equal(y[0, :, :, 0], expected)


def test_flip():
    flipped = np.array([[3, 0, -1], [2, 0, 1], [4, 4, 3]])
    ours = true_convolution(SEVEN, FILTER)
    np.testing.assert_array_equal(ours, convolve_by_loops(SEVEN, flipped))
    assert (ours != convolve_by_loops(SEVEN, FILTER)).any()


def test_only_true_convolution_is_associative():
    rng = np.random.default_rng(3)
    A, B, C = (rng.integers(-5, 5, (n, n)) for n in (5, 3, 3))

    def both(rule):  # full padding: f - 1
        return rule(rule(A, B, padding=2), C, padding=2), rule(A, rule(B, C, padding=2), padding=4)

    left, right = both(true_convolution)
    np.testing.assert_array_equal(left, right)
    left, right = both(convolve_by_loops)
    assert (left != right).any()


def test_loops_over_volumes():
    rng = np.random.default_rng(4)
    x, w = rng.integers(-3, 4, (6, 7, 3)), rng.integers(-3, 4, (3, 3, 3, 2))
    y = convolve(jnp.float32(x)[None], jnp.float32(w), stride=2, padding=1)[0]
    for k in range(2):
        np.testing.assert_array_equal(y[..., k], convolve_by_loops(x, w[..., k], 2, 1))
    with pytest.raises(UserError, match="equally deep"):
        convolve_by_loops(x, w[..., 0, 0])


def test_dilation():
    rng = np.random.default_rng(6)
    x, w = rng.integers(-3, 4, (9, 8)), rng.integers(-3, 4, (3, 2))
    spread = np.zeros((7, 4), int)  # the filter with its gaps written out
    spread[::3, ::3] = w
    for stride, padding in ((1, 0), (2, 1)):
        np.testing.assert_array_equal(
            convolve_by_loops(x, w, stride, padding, dilation=3),
            convolve_by_loops(x, spread, stride, padding),
        )
    assert output_size(9, 3, dilation=3) == output_size(9, 7) == 3
    assert output_size(9, 3, 2, 2, dilation=2) == output_size(9, 5, 2, 2)


@pytest.mark.parametrize(
    ("n", "f", "how"),
    [(6, 3, {}), (5, 2, {"stride": 2}), (6, 3, {"padding": 1}), (7, 2, {"dilation": 3})],
)
def test_pixel_use_is_counted(n, f, how):
    uses = np.zeros((n, n))
    for row in range(n):
        for column in range(n):  # each output that a single bright pixel shows in is a use of it
            image = np.zeros((n, n))
            image[row, column] = 1
            uses[row, column] = convolve_by_loops(image, np.ones((f, f)), **how).sum()
    np.testing.assert_array_equal(rules.pixel_use(n, f, **how), uses)


def test_sizes():
    assert output_size(6, 3) == 4
    assert output_size(6, 3, padding=1) == 6
    assert output_size(7, 3, stride=2) == 3
    assert output_size(6, 3, stride=2) == 2  # floor of 2.5
    assert [output_size(n, 3) for n in (39, 37)] == [37, 35]
    assert output_size(37, 5, stride=2) == 17
    assert [output_size(11, f, rules.same_padding(f)) for f in (1, 3, 5, 7)] == [11] * 4


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: output_size(4, 5), "does not fit"),
        (lambda: output_size(4, 3, stride=0), "stride 0"),
        (lambda: output_size(4, 3, padding=-1), "padding -1"),
        (lambda: output_size(4, 3, dilation=0), "dilation 0"),
        (lambda: output_size(4, 3, dilation=2), "does not fit"),
        (lambda: rules.same_padding(4), "no whole number"),
        (lambda: convolve(jnp.ones((1, 5, 5, 2)), jnp.ones((3, 3, 2, 1)), form="matmul"), "1x1"),
        (lambda: convolve(jnp.ones((1, 5, 5, 2)), jnp.ones((3, 3, 3, 1))), "equally deep"),
        (lambda: convolve(jnp.ones((1, 5, 5, 2)), jnp.ones((3, 3, 2, 1)), padding="X"), "padding"),
        (lambda: convolve(jnp.ones((1, 5, 5, 2)), jnp.ones((3, 3, 2, 1)), form="fft"), "form"),
    ],
)
def test_refused(call, word):
    with pytest.raises(UserError, match=word):
        call()
