import jax
import numpy as np
import pytest

from ngjax.ops import graph


def notes_example():
    a, b, c = map(graph.variable, "abc")
    u = graph.named("u", b * c)
    v = graph.named("v", a + u)
    return graph.named("J", 3 * v), {"a": a, "b": b, "c": c, "u": u, "v": v}


def test_the_notes_example_worked_by_hand():
    J, at = notes_example()
    values = graph.forward(J, {"a": 5, "b": 3, "c": 2})
    assert [values[at[name]] for name in "uv"] == [6, 11] and values[J] == 33
    slopes = graph.backward(J, values)
    assert {name: slopes[node] for name, node in at.items()} == {
        "a": 3,
        "b": 6,
        "c": 9,
        "u": 3,
        "v": 3,
    }
    assert slopes[J] == 1


FUNCTIONS = {
    "add": (lambda x, y: x + y + 2, lambda x, y: x + y + 2),
    "subtract": (lambda x, y: (1 - x) - (y - x) - y, lambda x, y: (1 - x) - (y - x) - y),
    "multiply": (lambda x, y: 2 * x * y * x, lambda x, y: 2 * x * y * x),
    "divide": (lambda x, y: x / y / 3 + 1 / x, lambda x, y: x / y / 3 + 1 / x),
    "negate": (lambda x, y: -(x * y), lambda x, y: -(x * y)),
    "exp": (lambda x, y: graph.exp(x * y) - x, lambda x, y: jax.numpy.exp(x * y) - x),
    "log": (lambda x, y: graph.log(x + y), lambda x, y: jax.numpy.log(x + y)),
    "sigmoid": (lambda x, y: graph.sigmoid(x - y), lambda x, y: jax.nn.sigmoid(x - y)),
    "reread": (
        lambda x, y: (s := graph.sigmoid(x)) * s + graph.log(s) * (1 - s) * y,
        lambda x, y: (s := jax.nn.sigmoid(x)) * s + jax.numpy.log(s) * (1 - s) * y,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_slopes_are_those_of_jax_and_of_differences(name):
    ours, theirs = FUNCTIONS[name]
    x, y = graph.variable("x"), graph.variable("y")
    output = ours(x, y)

    def at(one, other):
        return graph.forward(output, {"x": one, "y": other})

    values = at(0.7, 1.3)
    slopes = graph.backward(output, values)
    with jax.enable_x64(True):
        value, wanted = jax.value_and_grad(theirs, (0, 1))(0.7, 1.3)
    assert values[output] == pytest.approx(float(value), rel=1e-14)
    assert [slopes[x], slopes[y]] == pytest.approx([float(w) for w in wanted], rel=1e-13)
    step = 1e-6
    difference = (at(0.7 + step, 1.3)[output] - at(0.7 - step, 1.3)[output]) / (2 * step)
    assert slopes[x] == pytest.approx(difference, rel=1e-8)


def test_a_sigmoid_far_out_neither_overflows_nor_warns():
    z = graph.variable("z")
    a = graph.sigmoid(z)
    values = graph.forward(a, {"z": -1000.0})
    assert values[a] == 0.0 and graph.backward(a, values)[z] == 0.0


def test_a_long_chain_is_no_recursion():
    x = graph.variable("x")
    output = x
    for _ in range(20_000):
        output = output + x
    values = graph.forward(output, {"x": 2.0})
    assert values[output] == 40_002 and graph.backward(output, values)[x] == 20_001


def test_every_node_comes_once_behind_what_it_reads():
    J, at = notes_example()
    nodes = list(graph.order(J))
    assert len(nodes) == len(set(nodes)) == 7  # a, b, c, 3, u, v, J
    place = {node: i for i, node in enumerate(nodes)}
    assert all(place[x] < place[node] for node in nodes for x in node.inputs)
    assert set(graph.order(J, {at["u"]})) == set(nodes) - {at["b"], at["c"]}


def test_links_are_the_slopes_between_named_nodes():
    J, _ = notes_example()
    values = graph.forward(J, {"a": 5, "b": 3, "c": 2})
    found = {(x.name, n.name): slope for (x, n), slope in graph.links(J, values).items()}
    assert found == {
        ("b", "u"): 2,
        ("c", "u"): 3,
        ("a", "v"): 1,
        ("u", "v"): 1,
        ("v", "J"): 3,
    }


def test_links_pass_through_what_has_no_name():
    a, y = graph.variable("a"), graph.variable("y")
    L = graph.named("L", -(y * graph.log(a) + (1 - y) * graph.log(1 - a)))
    values = graph.forward(L, {"a": 0.7, "y": 1})
    slope = graph.links(L, values)[a, L]
    assert slope == pytest.approx(-1 / 0.7, rel=1e-14)
    assert slope == graph.backward(L, values)[a]


def test_formulas_read_as_they_are_written():
    J, at = notes_example()
    assert [graph.formula(node) for node in (at["a"], at["u"], at["v"], J)] == [
        "",
        "b c",
        "a + u",
        "3 v",
    ]
    x, y = graph.variable("x"), graph.variable("y")
    assert graph.formula(3 * (x + y * x)) == "3 (x + y x)"
    assert graph.formula(x - (y - graph.log(1 - x))) == "x - (y - log(1 - x))"
    assert graph.formula(graph.sigmoid(x + 1)) == "sigma(x + 1)"
    assert graph.formula(-(x + y) / (x * y)) == "-(x + y) / (x y)"


def test_an_input_that_is_not_told_is_named():
    J, _ = notes_example()
    with pytest.raises(KeyError, match="c"):
        graph.forward(J, {"a": 5, "b": 3})


def test_a_name_changes_no_value_and_nothing_is_shared_between_passes():
    x = graph.variable("x")
    plain = x * x
    called = graph.named("f", plain)
    one, other = graph.forward(called, {"x": 3.0}), graph.forward(called, {"x": 4.0})
    assert (one[called], other[called]) == (9.0, 16.0)
    assert graph.backward(called, one)[x] == 6.0
    assert np.isclose(graph.backward(called, other)[x], 8.0)
