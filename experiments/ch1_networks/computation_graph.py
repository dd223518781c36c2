r"""Derivatives and the computation graph: one pass for values, one pass back for all slopes.

    u = bc,   v = a + u,   J = 3v             at (5, 3, 2):   u = 6,   v = 11,   J = 33
    dJ/dv = 3,   dJ/du = 3,   dJ/da = 3,   dJ/db = 3c = 6,   dJ/dc = 3b = 9
    z = w^T x + b,   a = sigma(z):   da = -y/a + (1 - y)/(1 - a),   dz = da a (1 - a) = a - y

Notes 1.3.5 and 1.3.6 (df(a)/a is printed for df/da, d/dv for dJ/dv, and dz = 1 - y for a - y).
The graph is `ngjax.ops.graph`; it is held against `jax.grad`, central differences and, for the cost
over real examples, the loop of algorithm 1.3.2, whose print forgets the dz in dw1.

    python launch.py --experiment=computation_graph
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, supervised
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.ops import backprop, graph
from ngjax.ops.gradient_check import gradient_check
from ngjax.report.numbers import short

POINT = {"a": 5.0, "b": 3.0, "c": 2.0}  # where the notes stand
SCORES = (-4.0, -1.0, 0.0, 0.4, 3.0)  # z of the logistic chain, for y = 0 and y = 1
EXACT, NEAR = 1e-12, 1e-7  # relative: between exact derivatives, and to a difference


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    a: float = 5.0  # the notes' point
    b: float = 3.0  # the notes' point
    c: float = 2.0  # the notes' point
    step: float = 0.001  # by which a moves where a slope is read off
    examples: int = 40  # real examples that the graph of the whole cost has
    data: data.Data = data.Data(name="breast_cancer", dev=0.0, test=0.2)

    def __post_init__(self) -> None:
        """Refuse what gives no slope."""
        if not 0 < self.step < 1:
            raise ValueError(f"step: must be in (0, 1), got {self.step}")
        if self.examples < 1:
            raise ValueError(f"examples: must be 1 or more, got {self.examples}")


def example() -> graph.Node:
    """J = 3(a + bc), with the notes' names for its parts."""
    a, b, c = (graph.variable(name) for name in "abc")
    u = graph.named("u", b * c)
    v = graph.named("v", a + u)
    return graph.named("J", 3 * v)


def loss_of(a: graph.Node, y: Any) -> graph.Node:
    """L = -(y log a + (1 - y) log(1 - a))."""
    return -(y * graph.log(a) + (1 - y) * graph.log(1 - a))


def chain() -> graph.Node:
    """The loss of one example of two features."""
    y, w1, x1, w2, x2, b = (graph.variable(name) for name in ("y", "w1", "x1", "w2", "x2", "b"))
    z = graph.named("z", w1 * x1 + w2 * x2 + b)
    a = graph.named("a", graph.sigmoid(z))
    return graph.named("L", loss_of(a, y))


def whole_cost(X: np.ndarray, Y: np.ndarray) -> graph.Node:
    """J = (1/m) sum L over examples X (2, m), Y (1, m), which are constants of the graph."""
    w1, w2, b = (graph.variable(name) for name in ("w1", "w2", "b"))
    total: Any = 0.0
    for (x1, x2), y in zip(X.T, Y[0], strict=True):
        total = total + loss_of(graph.sigmoid(w1 * x1 + w2 * x2 + b), y)
    return graph.named("J", total / X.shape[1])


def passes(output: graph.Node, inputs: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """{"values", "slopes"} of every named node."""
    values = graph.forward(output, inputs)
    slopes = graph.backward(output, values)
    nodes = [node for node in values if node.name]
    return {
        "values": {node.name: values[node] for node in nodes},
        "slopes": {node.name: slopes[node] for node in nodes},
    }


def elsewhere(point: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """dJ/da, dJ/db, dJ/dc by `jax.grad` and by central differences, in float64."""

    def cost(at: Mapping[str, jax.Array]) -> jax.Array:
        return 3 * (at["a"] + at["b"] * at["c"])

    with jax.enable_x64(True):
        at = {name: jnp.asarray(value) for name, value in point.items()}
        exact = {name: float(slope) for name, slope in jax.grad(cost)(at).items()}
        check = gradient_check(cost, at, epsilon=1e-5, worst=len(at))
    return {"grad": exact, "differences": {c.name[0]: c.approximation for c in check.worst}}


def stepped(f: Callable[[Any], graph.Node], a: float, step: float) -> dict[str, float]:
    """f(a), f(a + step), the slope read off them, and the slope by the graph."""
    at = graph.variable("a")
    output = graph.named("f", f(at))
    here, there = (graph.forward(output, {"a": x}) for x in (a, a + step))
    return {
        "f(a)": here[output],
        "f(a+step)": there[output],
        "read": (there[output] - here[output]) / step,
        "slope": graph.backward(output, here)[at],
    }


FUNCTIONS: dict[str, Callable[[Any], graph.Node]] = {
    "3a": lambda a: 3 * a,
    "a^2": lambda a: a * a,
    "ln a": graph.log,
}


def logistic() -> list[dict[str, float]]:
    """da and dz by the graph, at every score and label."""
    rows = []
    for y in (0.0, 1.0):
        for z in SCORES:
            at = graph.variable("z")
            a = graph.named("a", graph.sigmoid(at))
            L = graph.named("L", loss_of(a, y))
            values, slopes = passes(L, {"z": z}).values()
            rows.append({"y": y, "z": z, "a": values["a"], "da": slopes["a"], "dz": slopes["z"]})
    return rows


def over_examples(config: Config, seed: int) -> dict[str, Any]:
    """The gradient (dw1, dw2, db) of the cost over real examples, three ways."""
    held = data.load(config.data, kinds=("table",), classes=2)
    X = supervised.scaled(held, "train")[: config.examples, :2].T  # [2, m]
    Y = np.float64(held.train.targets[: config.examples])[None]  # [1, m]
    w1, w2, b = np.random.default_rng(seed).normal(size=3)
    cost = whole_cost(X, Y)
    values = graph.forward(cost, {"w1": w1, "w2": w2, "b": b})
    slopes = {n.name: s for n, s in graph.backward(cost, values).items() if n.name}
    J, dw, db = backprop.logistic_loop(np.array([[w1], [w2]]), b, X, Y)

    def written(theta: jax.Array) -> jax.Array:
        return backprop.logistic_vectorised(theta[:2, None], theta[2], X, Y).cost

    ours = np.array([slopes[name] for name in ("w1", "w2", "b")])
    with jax.enable_x64(True):
        theta = jnp.array([w1, w2, b])
        exact = np.asarray(jax.grad(written)(theta))
        ratio = gradient_check(written, theta, jnp.asarray(ours)).ratio
        printed = np.append(X.mean(axis=1), ours[2])  # dw_j += x_j, without its dz
        as_printed = gradient_check(written, theta, jnp.asarray(printed)).ratio
    return {
        "nodes": len(values),
        "J": values[cost],
        "J by the loop": float(J),
        "graph": ours,
        "loop": np.append(dw[:, 0], db),
        "grad": exact,
        "ratio": ratio,
        "ratio as printed": as_printed,
    }


def run(config: Config, seed: int) -> dict[str, Any]:
    """Everything the claims and pictures read."""
    point = {name: getattr(config, name) for name in "abc"}
    found = passes(example(), point)
    return {
        **found["values"],
        **{f"dJ/d{name}": slope for name, slope in found["slopes"].items()},
        **elsewhere(point),
        "steps": {
            (name, a): stepped(f, a, config.step)
            for name, f in FUNCTIONS.items()
            for a in (2.0, 5.0)
        },
        "logistic": logistic(),
        "cost": over_examples(config, seed),
    }


def found_in(results: Results) -> dict[str, Any]:
    """What the first seed of the first arm found."""
    return next(iter(results.only.found.values()))


def at_the_notes_point(results: Results) -> dict[str, Any]:
    """The same, where the run stands where the notes do."""
    config = results.only.config
    if {name: getattr(config, name) for name in "abc"} != POINT:
        raise NotAsked("the notes' numbers are those of (a, b, c) = (5, 3, 2)")
    return found_in(results)


def at_the_notes_step(results: Results) -> dict[tuple[str, float], dict[str, float]]:
    """Slopes read off a step, where it is the notes'."""
    if results.only.config.step != 0.001:
        raise NotAsked("the notes' numbers are those of a step of 0.001")
    return found_in(results)["steps"]


def apart(one: Any, other: Any) -> float:
    """The largest difference, relative to the largest number."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    return float(np.abs(one - other).max() / np.abs(other).max())


def values_go_forward(results: Results) -> tuple[bool, str]:
    """Notes 1.3.6: at a = 5, b = 3, c = 2 the graph gives u = 6, v = 11, J = 33."""
    found = at_the_notes_point(results)
    values = [found[name] for name in "uvJ"]
    return values == [6, 11, 33], "u = {:g}, v = {:g}, J = {:g}".format(*values)


def slopes_go_back(results: Results) -> tuple[bool, str]:
    """Notes 1.3.6: dJ/dv = 3, dJ/da = 3, and by the same rule dJ/du = 3, dJ/db = 6, dJ/dc = 9."""
    found = at_the_notes_point(results)
    slopes = {name: found[f"dJ/d{name}"] for name in "vuabc"}
    told = ", ".join(f"dJ/d{name} = {slope:g}" for name, slope in slopes.items())
    return list(slopes.values()) == [3, 3, 3, 6, 9], told


def three_ways_agree(results: Results) -> tuple[bool, str]:
    """Notes 1.3.6: the chain rule is jax.grad (to 1e-12) and a central difference (to 1e-7)."""
    found = found_in(results)
    ours = [found[f"dJ/d{name}"] for name in "abc"]
    exact = apart(ours, [found["grad"][name] for name in "abc"])
    near = apart(ours, [found["differences"][name] for name in "abc"])
    return exact < EXACT and near < NEAR, f"off jax.grad by {exact:.0e}, differences by {near:.0e}"


def line_has_slope_3(results: Results) -> tuple[bool, str]:
    """Notes 1.3.5: 3a goes from 6 to 6.003 and from 15 to 15.003 as a moves by 0.001: slope 3."""
    at = at_the_notes_step(results)
    two, five = at["3a", 2.0], at["3a", 5.0]
    values = [two["f(a)"], two["f(a+step)"], five["f(a)"], five["f(a+step)"]]
    slopes = [two["read"], five["read"]]
    holds = apart(values, [6, 6.003, 15, 15.003]) < EXACT and apart(slopes, 3) < 1e-9
    told = ", ".join(f"{value:.6g}" for value in values)
    return holds, f"3a: {told}; slopes {slopes[0]:.6f}, {slopes[1]:.6f}"


def square_has_its_own_slopes(results: Results) -> tuple[bool, str]:
    """Notes 1.3.5: a^2 is 4.004 at 2.001 and 25.010 at 5.001: slopes 4 and 10, off by the step."""
    at, step = at_the_notes_step(results), results.only.config.step
    two, five = at["a^2", 2.0], at["a^2", 5.0]
    values = apart([two["f(a+step)"], five["f(a+step)"]], [4.004001, 25.010001])
    off = apart([two["read"] - 4, five["read"] - 10], step)
    exact = [two["slope"], five["slope"]] == [4, 10]
    told = f"slopes read {two['read']:.6f}, {five['read']:.6f}"
    return values < EXACT and off < 1e-6 and exact, told


def log_has_slope_one_over_a(results: Results) -> tuple[bool, str]:
    """Notes 1.3.5: d ln(a)/da = 1/a; read off a step, to the step's own size."""
    config, at = results.only.config, found_in(results)["steps"]
    rows = {a: at["ln a", a] for a in (2.0, 5.0)}
    exact = all(row["slope"] == 1 / a for a, row in rows.items())
    close = all(abs(row["read"] - 1 / a) < config.step for a, row in rows.items())
    told = ", ".join(f"{row['read']:.6f} at {a:g}" for a, row in rows.items())
    return exact and close, f"slopes read {told}"


def da_of_the_loss(results: Results) -> tuple[bool, str]:
    """Notes 1.3.6: da = -y/a + (1 - y)/(1 - a)."""
    rows = found_in(results)["logistic"]
    formula = [float(backprop.binary_dA(row["a"], row["y"])) for row in rows]
    off = apart([row["da"] for row in rows], formula)
    return off < EXACT, f"off by {off:.0e} over {len(rows)} pairs of z and y"


def dz_is_a_minus_y(results: Results) -> tuple[bool, str]:
    """Notes 1.3.6, corrected: dz = da a (1 - a) = a - y; the printed 1 - y is another number."""
    rows = found_in(results)["logistic"]
    dz = [row["dz"] for row in rows]
    right = apart(dz, [row["a"] - row["y"] for row in rows])
    printed = apart(dz, [1 - row["y"] for row in rows])
    return right < EXACT < printed, f"off a - y by {right:.0e}, off 1 - y by {printed:.2f}"


def cost_over_examples(results: Results) -> tuple[bool, str]:
    """Notes 1.3.6: algorithm 1.3.2 is the graph's gradient (to 1e-12), and not without its dz."""
    cost = found_in(results)["cost"]
    loop, exact = apart(cost["graph"], cost["loop"]), apart(cost["graph"], cost["grad"])
    told = (
        f"{cost['nodes']} nodes: off the loop by {loop:.0e}, jax.grad by {exact:.0e}; "
        f"gradient check {cost['ratio']:.0e}, without dz {cost['ratio as printed']:.2f}"
    )
    right = max(loop, exact) < EXACT and cost["ratio"] < NEAR
    return right and cost["ratio as printed"] > 0.01, told


def drawn(output: graph.Node, inputs: Mapping[str, float], given: Collection[str] = ()) -> Any:
    """The named nodes with both passes; the slope in a given one is not asked."""
    from ngjax.report import figures as draw

    values = graph.forward(output, inputs)
    slopes = graph.backward(output, values)
    nodes = {}
    for node in (node for node in values if node.name):
        made = f"{node.name} = {graph.formula(node)}" if node.operation else node.name
        lines = ("L(a, y)" if node.name == "L" else made, short(values[node]))
        slope = f"d{output.name}/d{node.name} = {short(slopes[node])}"
        nodes[node.name] = lines if node.name in given else (*lines, slope)
    edges = {
        (x.name, n.name): "" if x.name in given else short(float(f"{slope:.3g}"))
        for (x, n), slope in graph.links(output, values).items()
    }
    return draw.graph(nodes, edges, ("values, from left to right", "slopes, from right to left"))


def figures(results: Results) -> Iterator[Picture]:
    """Both graphs with both passes, and what a slope is."""
    from ngjax.report import figures as draw

    config = results.only.config
    yield Picture(
        "graph-of-j",
        "J = 3(a + bc). On an arrow back: the slope of its own step; in a box: their product.",
        drawn(example(), {name: getattr(config, name) for name in "abc"}),
    )
    inputs = {"w1": 0.5, "x1": 1.0, "w2": -0.3, "x2": 2.0, "b": 0.2, "y": 1.0}
    yield Picture(
        "graph-of-the-loss",
        "The loss of one example: dz = a - y, dw1 = x1 dz, dw2 = x2 dz, db = dz.",
        drawn(chain(), inputs, ("x1", "x2", "y")),
    )
    a = np.linspace(0, 6, 121)
    steps = found_in(results)["steps"]
    tangents = {
        f"slope {short(row['slope'])} at {at:g}": np.where(
            abs(a - at) < 1.6, row["f(a)"] + row["slope"] * (a - at), np.nan
        )
        for at, row in ((at, steps["a^2", at]) for at in (2.0, 5.0))
    }
    yield Picture(
        "slopes-of-the-square",
        "a^2 has another slope at every a: the straight lines that touch it at 2 and at 5.",
        draw.lines(a, {"a^2": a**2, **tangents}, xlabel="a", ylabel="f(a)"),
    )


def texts(results: Results) -> Iterator[Text]:
    """The slopes that were read off, and the logistic chain."""
    step = results.only.config.step
    found = found_in(results)
    head = f"{'f':6}{'a':>4}{'f(a)':>14}{f'f(a + {step:g})':>16}{'read off':>14}{'df/da':>14}"
    rows = [
        f"{name:6}{a:4g}{row['f(a)']:14.6f}{row['f(a+step)']:16.6f}"
        f"{row['read']:14.6f}{row['slope']:14.6f}"
        for (name, a), row in found["steps"].items()
    ]
    yield Text("Slopes read off a step", "\n".join([head, *rows]))
    head = f"{'y':>2}{'z':>7}{'a':>12}{'da':>12}{'dz':>12}{'a - y':>12}"
    rows = [
        f"{row['y']:2g}{row['z']:7.1f}{row['a']:12.6f}{row['da']:12.6f}{row['dz']:12.6f}"
        f"{row['a'] - row['y']:12.6f}"
        for row in found["logistic"]
    ]
    yield Text("The logistic chain", "\n".join([head, *rows]))


EXPERIMENT = Experiment(
    notes="1.3.5, 1.3.6",
    config=Config(),
    run=run,
    arms={"graph": ()},
    smoke=("examples=4",),
    claims={
        "compgraph-forward": values_go_forward,
        "compgraph-backward": slopes_go_back,
        "chain-rule-is-autodiff-is-differences": three_ways_agree,
        "deriv-3a": line_has_slope_3,
        "deriv-a2": square_has_its_own_slopes,
        "deriv-ln": log_has_slope_one_over_a,
        "logistic-da": da_of_the_loss,
        "logistic-dz": dz_is_a_minus_y,
        "alg132-dw1": cost_over_examples,
    },
    figures=figures,
    texts=texts,
    terms=("partial derivative symbol",),
)
