"""Every backward pass that is written by hand is the slope of its cost, and no sign in it is idle.

Three ways to the same numbers: by hand; `jax.grad` of another formula of the cost (`reference`,
one example a row); central differences of that formula in NumPy. Shapes, activations and depth are
drawn by the seed.

Then the source of each function is changed in one place: a plus for a minus, a minus dropped, a
comparison turned round, a divisor, factor or power dropped. Each such mutant must be told from the
original.
"""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.models.layers import BatchNorm
from ngjax.ops import activations, backprop, backprop_norm
from ngjax.ops.dropout import inverted_dropout
from ngjax.types import AXIS

SEEDS = range(4)
NEAR = 1e-7  # relative, to central differences
SAME = 1e-11  # relative, to automatic differentiation
STEP = 1e-5
EPSILON = 0.1  # of batch normalisation: large, so that its sign shows
HIDDEN = ("tanh", "sigmoid", "relu", "leaky_relu", "identity")


@pytest.fixture(autouse=True)
def exact():
    with jax.enable_x64(True):
        yield


# The costs once more, one example a row, `xp` being NumPy or jax.numpy.


def squash(name, z, xp):
    return {
        "tanh": lambda: xp.tanh(z),
        "sigmoid": lambda: (1 + xp.tanh(z / 2)) / 2,
        "relu": lambda: xp.where(z > 0, z, 0.0),
        "leaky_relu": lambda: xp.where(z > 0, z, 0.01 * z),
        "identity": lambda: z,
    }[name]()


def reference(parameters, problem, xp):
    """The mean loss of a network [(W, b) or (W, gamma, beta), ...]."""
    a, y = problem.X.T, problem.Y.T
    for layer, (W, *rest) in enumerate(parameters):
        z = a @ W.T
        if len(rest) == 1:
            z = z + rest[0].T
        else:
            gamma, beta = rest
            z = (z - z.mean(0, keepdims=True)) / xp.sqrt(z.var(0, keepdims=True) + EPSILON)
            z = z * gamma.T + beta.T
        if layer < len(parameters) - 1:
            a = squash(problem.names[layer], z, xp)
            if problem.masks:
                a = xp.where(problem.masks[layer].T == 1, a / problem.keep, 0.0)
    if problem.output == "softmax":
        return (xp.log(xp.exp(z).sum(1)) - (y * z).sum(1)).mean()
    return (xp.logaddexp(0.0, z) - y * z).mean()


def slopes_of_reference(parameters, problem):
    """By automatic differentiation, and by central differences in NumPy; lists of leaves."""
    auto = jax.jit(jax.grad(lambda p: reference(p, problem, jnp)))(parameters)
    leaves, structure = jax.tree.flatten(parameters)
    differences = []
    for k, leaf in enumerate(leaves):
        slope = np.zeros_like(leaf)
        for place in np.ndindex(leaf.shape):
            cost = []
            for sign in (1, -1):
                moved = [np.array(other) for other in leaves]
                moved[k][place] += sign * STEP
                cost.append(reference(jax.tree.unflatten(structure, moved), problem, np))
            slope[place] = (cost[0] - cost[1]) / (2 * STEP)
        differences.append(slope)
    return jax.tree.leaves(auto), differences


def distance(one, other):
    """Relative to their size; all leaves as one vector."""
    assert [np.shape(leaf) for leaf in one] == [np.shape(leaf) for leaf in other]
    one, other = (np.concatenate([np.ravel(leaf) for leaf in leaves]) for leaves in (one, other))
    return np.linalg.norm(one - other) / (np.linalg.norm(one) + np.linalg.norm(other))


# Problems, drawn by a seed.


def drawn(seed, output, depth=None, norm=False, drop=False):
    generator = np.random.default_rng(seed)
    depth = generator.integers(1, 5) if depth is None else depth
    sizes = [*generator.integers(1, 6, depth), 1 if output == "sigmoid" else 2 + seed % 4]
    m = int(generator.integers(4, 10))
    classes = generator.integers(0, max(2, sizes[-1]), m)
    if output == "sigmoid":
        Y = classes[None].astype(float)
        Y[0, :2] = 0, 1
    else:
        Y = np.eye(sizes[-1])[:, classes]
    parameters = []
    for layer, (before, n) in enumerate(itertools.pairwise(sizes), 1):
        rest = 2 if norm and layer < depth else 1
        shapes = [(n, before), *[(n, 1)] * rest]
        parameters.append(tuple(generator.standard_normal(shape) for shape in shapes))
    hidden = sizes[1:-1]
    problem = types.SimpleNamespace(
        X=generator.standard_normal((sizes[0], m)),
        Y=Y,
        names=[str(name) for name in generator.choice(HIDDEN, len(hidden))],
        output=output,
        keep=0.7,
        masks=[(generator.random((n, m)) < 0.7) * 1.0 for n in hidden] if drop else [],
    )
    return parameters, problem


class Expected:
    """Problems with the right slopes, worked out once."""

    def __init__(self):
        self.known = {}

    def __call__(self, seed, output, **more):
        key = (seed, output, *more.items())
        if key not in self.known:
            parameters, problem = drawn(seed, output, **more)
            auto, differences = slopes_of_reference(parameters, problem)
            cost = reference(parameters, problem, np)
            self.known[key] = parameters, problem, cost, auto, differences
        return self.known[key]


EXPECTED = Expected()


def must_be(slopes, auto, differences):
    assert distance(slopes, auto) < SAME
    assert distance(slopes, differences) < NEAR


# What each family of functions must do; `ops` is a module, the library's or a mutant.


def logistic(ops, seed):
    """Both forms of the slope, and both forms of the descent."""
    ((W, b),), problem, cost, auto, differences = EXPECTED(seed, "sigmoid", depth=1)
    X, Y = problem.X, problem.Y
    for form in (ops.logistic_loop, ops.logistic_vectorised):
        found = form(W.T, b[0, 0], X, Y)
        np.testing.assert_allclose(found.cost, cost, rtol=1e-12)
        must_be([np.transpose(found.dw), np.reshape(found.db, (1, 1))], auto, differences)
    alpha, costs, held = 0.3, [], [(np.zeros_like(W), np.zeros_like(b))]
    slope = jax.jit(jax.grad(lambda p: reference(p, problem, jnp)))
    for _ in range(3):
        costs.append(reference(held, problem, np))
        held = jax.tree.map(lambda p, d: p - alpha * np.asarray(d), held, slope(held))
    for form in ("loop", "vectorised"):
        w, b, J = ops.logistic_descent(X, Y, alpha, 3, form)
        np.testing.assert_allclose(np.transpose(w), held[0][0], rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(b, held[0][1][0, 0], rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(J, costs, rtol=1e-12)


def network(ops, seed, output="sigmoid", depth=None):
    """Forward, cost and both starts of the backward pass, of a network of plain layers."""
    parameters, problem, cost, auto, differences = EXPECTED(seed, output, depth=depth)
    layers = [ops.Layer(*layer) for layer in parameters]
    g = [activations.ACTIVATIONS[name] for name in problem.names]
    if output == "softmax":
        g.append((lambda z: activations.softmax(z, axis=0), None))
    else:
        g.append(activations.ACTIVATIONS["sigmoid"])
    A, caches = ops.forward(layers, problem.X, g)
    by_cost = ops.softmax_cost if output == "softmax" else ops.binary_cost
    np.testing.assert_allclose(by_cost(A, problem.Y), cost, rtol=1e-11)
    slopes = ops.backward_from_dZ(ops.output_dZ(A, problem.Y), caches)
    must_be(jax.tree.leaves(slopes), auto, differences)
    if output == "sigmoid":
        slopes = ops.backward(ops.binary_dA(A, problem.Y), caches)
        must_be(jax.tree.leaves(slopes), auto, differences)


def regularised(ops, seed, norm=True, drop=True, output="softmax"):
    """Hidden layers that are normalised, hidden units that are dropped, in a network of three."""
    more = {"depth": 3, "norm": norm, "drop": drop}
    parameters, problem, cost, auto, differences = EXPECTED(seed, output, **more)
    A, caches, masks = problem.X, [], problem.masks or [None] * 2
    for layer, (W, *rest) in enumerate(parameters[:-1]):
        g, slope = activations.ACTIVATIONS[problem.names[layer]]
        Z, normed = jnp.dot(W, A), None
        if norm:
            Z_tilde, normed = ops.batch_norm(Z, ops.Norm(*rest), EPSILON)
        else:
            Z_tilde = Z + rest[0]
        caches.append((A, W, slope(Z_tilde), normed, masks[layer]))
        A = g(Z_tilde)
        A = ops.dropout(A, masks[layer], problem.keep) if drop else A
    last = [backprop.Layer(*parameters[-1])]
    A, last_cache = backprop.forward(last, A, [(lambda z: activations.softmax(z, axis=0), None)])
    np.testing.assert_allclose(backprop.softmax_cost(A, problem.Y), cost, rtol=1e-11)
    dZ = backprop.output_dZ(A, problem.Y)
    slopes = [tuple(backprop.backward_from_dZ(dZ, last_cache)[0])]
    W_next = parameters[-1][0]
    for A_previous, W, slope, normed, D in reversed(caches):
        dA = jnp.dot(W_next.T, dZ)
        dA = ops.dropout_backward(dA, D, problem.keep) if drop else dA
        dZ, m = dA * slope, dA.shape[1]
        if norm:
            dZ, tail = ops.batch_norm_backward(dZ, normed)
        else:
            tail = (dZ.sum(axis=1, keepdims=True) / m,)
        slopes.append((jnp.dot(dZ, A_previous.T) / m, *tail))
        W_next = W
    must_be(jax.tree.leaves(slopes[::-1]), auto, differences)


def elementwise(ops, seed):
    """g and g' of every activation; softmax and its Jacobian, also where e^z overflows."""
    generator = np.random.default_rng(seed)
    z = generator.standard_normal(7) * 3
    for name in HIDDEN:
        g, slope = ops.ACTIVATIONS[name]
        np.testing.assert_allclose(g(z), squash(name, z, np), rtol=1e-13, atol=1e-15)
        auto = jax.vmap(jax.grad(lambda z, name=name: squash(name, z, jnp)))(z)
        ends = [squash(name, z + step, np) for step in (STEP, -STEP)]
        must_be([slope(z)], [auto], [(ends[0] - ends[1]) / (2 * STEP)])
    a = np.exp(z) / np.exp(z).sum()
    np.testing.assert_allclose(ops.softmax(z), a, rtol=1e-13)
    np.testing.assert_allclose(ops.softmax(z + 1000.0), a, rtol=1e-10)
    jacobian = jax.jacobian(lambda z: jnp.exp(z) / jnp.exp(z).sum())(z)
    np.testing.assert_allclose(ops.softmax_derivative(a), jacobian, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("seed", SEEDS)
def test_logistic_regression(seed):
    logistic(backprop, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_shallow_network(seed):
    network(backprop, seed, depth=2)


@pytest.mark.parametrize("seed", SEEDS)
def test_deep_network(seed):
    network(backprop, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_softmax_network(seed):
    network(backprop, seed, "softmax")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("norm", "drop"),
    [(True, False), (False, True), (True, True)],
    ids=["batch_norm", "dropout", "both"],
)
def test_regularised_network(seed, norm, drop):
    regularised(backprop_norm, seed, norm, drop)


@pytest.mark.parametrize("seed", SEEDS)
def test_activations(seed):
    elementwise(activations, seed)


# One change at a time.

SUBJECTS = {  # module -> the functions that are changed, and who must notice
    backprop: {
        "logistic_loop": logistic,
        "logistic_vectorised": logistic,
        "logistic_descent": logistic,
        "_descent": logistic,
        "forward": network,
        "backward": network,
        "backward_from_dZ": network,
        "binary_cost": network,
        "binary_dA": network,
        "softmax_cost": lambda ops, seed: network(ops, seed, "softmax"),
        "output_dZ": network,
    },
    backprop_norm: {
        "batch_norm": regularised,
        "batch_norm_backward": regularised,
        "dropout": regularised,
        "dropout_backward": regularised,
    },
    activations: {
        "sigmoid_derivative": elementwise,
        "tanh_derivative": elementwise,
        "relu_derivative": elementwise,
        "leaky_relu_derivative": elementwise,
        "softmax": elementwise,
        "softmax_derivative": elementwise,
    },
}
EQUIVALENT = {}  # (function, mutant) -> why it computes the same; there is none
SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add}
TURNED = {ast.Gt: ast.Lt, ast.GtE: ast.LtE}
DROPPED = (ast.Div, ast.Mult, ast.Pow)


def replacements(node):
    """What may stand in place of an expression or statement, each by a name."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in SWAPPED:
        other = copy.copy(node)
        other.op = SWAPPED[type(node.op)]()
        yield "flip", other
    if isinstance(node, ast.Compare) and type(node.ops[0]) in TURNED:
        yield "turn", ast.Compare(node.left, [TURNED[type(node.ops[0])]()], node.comparators)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "no minus", node.operand
    if isinstance(node, ast.BinOp) and isinstance(node.op, DROPPED):
        yield "left alone", node.left


class Replace(ast.NodeTransformer):
    """Puts a new node in the place of an old one."""

    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else super().generic_visit(node)


def code_only(function):
    """The statements of a function, its docstring, arguments and annotations left out."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return [node for statement in body for node in ast.walk(statement)]


def mutants(module, name):
    """(where and what, the whole module with that one change) of a function."""
    tree = ast.parse(inspect.getsource(module))
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
    for node in code_only(function):
        for kind, other in replacements(node):
            changed = Replace(node, other).visit(copy_around(tree, node))
            yield f"{ast.unparse(node)} -> {ast.unparse(other)} ({kind})", changed


def copy_around(tree, kept):
    """A copy of a tree in which one node is still itself."""
    return copy.deepcopy(tree, {id(kept): kept})


def executed(tree):
    module = types.ModuleType("mutant")
    code = compile(ast.fix_missing_locations(tree), "<mutant>", "exec")
    exec(code, module.__dict__)
    return module


def survivors(module, name, notice):
    """The changes that nobody notices, and how many there were."""
    living, count = [], 0
    for what, tree in mutants(module, name):
        count += 1
        changed = executed(tree)
        try:
            for seed in SEEDS:
                notice(changed, seed)
        except Exception:
            continue
        living.append(what)
    return living, count


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for module, names in SUBJECTS.items() for name in names],
    ids=lambda value: getattr(value, "__name__", value),
)
@pytest.mark.filterwarnings("ignore")  # a mutant may well divide by zero
def test_no_change_goes_unnoticed(module, name):
    living, count = survivors(module, name, SUBJECTS[module][name])
    assert count > 0
    assert living == [what for function, what in EQUIVALENT if function == name]


def test_an_unchanged_module_passes_as_a_mutant_would():
    """What kills the mutants is their change, not the way they are made."""
    for module, names in SUBJECTS.items():
        whole = executed(ast.parse(inspect.getsource(module)))
        for notice in dict.fromkeys(names.values()):
            notice(whole, 0)


def test_what_is_changed():
    source = "def f(x, m):\n    return -x + (x - 1) ** 2 / m * (x > 0)"
    tree = ast.parse(source)
    found = [what for node in code_only(tree.body[0]) for what, _ in replacements(node)]
    assert sorted(found) == [*["flip"] * 2, *["left alone"] * 3, "no minus", "turn"]


# The same numbers as the layers that networks are made of.


def test_batch_norm_is_the_layers():
    generator = np.random.default_rng(0)
    Z, gamma, beta = (generator.standard_normal(shape) for shape in ((4, 7), (4, 1), (4, 1)))
    norm = backprop_norm.Norm(gamma, beta)
    layer = BatchNorm(epsilon=EPSILON)
    variables = {
        "params": {"scale": gamma[:, 0], "bias": beta[:, 0]},
        "batch_stats": {"mean": np.zeros(4), "var": np.ones(4)},
    }

    def by_layer(Z):
        call = lambda z: layer.apply(variables, z, train=True, mutable=["batch_stats"])[0]  # noqa: E731
        return jax.vmap(call, axis_name=AXIS)(Z.T[None])[0].T

    Z_tilde, cache = backprop_norm.batch_norm(Z, norm, EPSILON)
    np.testing.assert_allclose(Z_tilde, by_layer(Z), rtol=1e-10, atol=1e-12)
    dZ_tilde = generator.standard_normal((4, 7))
    (dZ,) = jax.vjp(by_layer, jnp.asarray(Z))[1](jnp.asarray(dZ_tilde))
    np.testing.assert_allclose(
        backprop_norm.batch_norm_backward(dZ_tilde, cache)[0], dZ, rtol=1e-9, atol=1e-12
    )


def test_a_bias_in_front_of_batch_norm_has_no_slope():
    generator = np.random.default_rng(1)
    norm = backprop_norm.Norm(generator.standard_normal((3, 1)), np.zeros((3, 1)))
    _, cache = backprop_norm.batch_norm(generator.standard_normal((3, 5)), norm)
    dZ, _ = backprop_norm.batch_norm_backward(generator.standard_normal((3, 5)), cache)
    np.testing.assert_allclose(dZ.sum(axis=1), 0, atol=1e-12)


def test_dropout_is_the_layers():
    A = np.random.default_rng(2).standard_normal((6, 9)) + 10
    dropped = inverted_dropout(jax.random.key(0), jnp.arange(9), jnp.asarray(A.T), 0.4).T
    D = np.asarray(dropped != 0, float)
    assert 0 < D.mean() < 1
    np.testing.assert_allclose(backprop_norm.dropout(A, D, 0.6), dropped, rtol=1e-12)
