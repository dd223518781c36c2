r"""Vectorization: loop, NumPy, jit and vmap give the same numbers; the loop takes its time.

    z = w . x + b        u = Av        u_i = e^v_i
    Z = w^T X + b,   A = sigma(Z),   dZ = A - Y,   dw = (1/m) X dZ^T,   db = (1/m) sum dZ

Notes 1.4 (which prints the loop's += as "zt =", np.dot(w, T, X) for np.dot(w.T, X), and SIMO for
SIMD). The last two lines are of a whole set of real examples. Broadcasting is shown on calories in
100 g of four foods. Times are medians of turns taken one form after the other, on whatever machine
this is; the claim asks only that NumPy be five times as quick as the loop.

    python launch.py --experiment=vectorization
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, supervised
from ngjax.experiment import Experiment, Picture, Results, Text
from ngjax.ops import backprop
from ngjax.ops.activations import sigmoid
from ngjax.ops.vectorised import dot_loop, exp_loop, matrix_vector_loop, percent_of_column

SAME = 1e-9  # relative, between the forms, in float64
QUICKER = 5.0  # times as quick as the loop NumPy has to be
FOODS = ("apples", "beef", "eggs", "potatoes")
SOURCES = ("carbs", "proteins", "fats")
CALORIES = ((56.0, 0.0, 4.4, 68.0), (1.2, 104.0, 52.0, 8.0), (1.8, 135.0, 99.0, 0.9))
Form = Callable[[], Any]


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    n: int = 10_000  # length of w and x; above it, NumPy's product may wait for threads
    side: int = 100  # rows and columns of A, and length of v
    largest: int = 5  # powers of ten of n over which w . x is timed
    repeats: int = 15  # turns of every form
    data: data.Data = data.Data(name="breast_cancer", dev=0.0, test=0.2)

    def __post_init__(self) -> None:
        """Refuse what cannot be timed."""
        for name in ("n", "side", "largest", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")


def dot_forms(w: np.ndarray, x: np.ndarray, b: float) -> dict[str, Form]:
    """z = w . x + b, w and x [n]."""
    w_, x_ = jnp.asarray(w), jnp.asarray(x)
    jitted = jax.jit(lambda w, x: jnp.dot(w, x) + b)
    mapped = jax.jit(lambda w, x: jax.vmap(jnp.multiply)(w, x).sum() + b)
    return {
        "loop": lambda: dot_loop(w, x, b),
        "numpy": lambda: np.dot(w, x) + b,
        "jit": lambda: jitted(w_, x_),
        "vmap": lambda: mapped(w_, x_),
    }


def matrix_vector_forms(A: np.ndarray, v: np.ndarray) -> dict[str, Form]:
    """u = Av, A [R, C] and v [C]; vmap writes it for one row."""
    A_, v_ = jnp.asarray(A), jnp.asarray(v)
    jitted = jax.jit(jnp.dot)
    mapped = jax.jit(jax.vmap(jnp.dot, (0, None)))
    return {
        "loop": lambda: matrix_vector_loop(A, v),
        "numpy": lambda: np.dot(A, v),
        "jit": lambda: jitted(A_, v_),
        "vmap": lambda: mapped(A_, v_),
    }


def exp_forms(v: np.ndarray) -> dict[str, Form]:
    """u_i = e^v_i, v [n]; vmap writes it for one number."""
    v_ = jnp.asarray(v)
    jitted, mapped = jax.jit(jnp.exp), jax.jit(jax.vmap(jnp.exp))
    return {
        "loop": lambda: exp_loop(v),
        "numpy": lambda: np.exp(v),
        "jit": lambda: jitted(v_),
        "vmap": lambda: mapped(v_),
    }


def forward_forms(w: np.ndarray, b: float, X: np.ndarray) -> dict[str, Form]:
    """A = sigma(w^T X + b), w (n_x, 1) and X (n_x, m); vmap writes it for one example."""
    w_, X_ = jnp.asarray(w), jnp.asarray(X)

    def one(w: jax.Array, x: jax.Array) -> jax.Array:
        return sigmoid(jnp.dot(w[:, 0], x) + b)

    jitted = jax.jit(lambda w, X: sigmoid(jnp.dot(w.T, X) + b))  # b is broadcast to (1, m)
    mapped = jax.jit(lambda w, X: jax.vmap(one, (None, 1))(w, X)[None])
    return {
        "loop": lambda: [[1 / (1 + np.exp(-dot_loop(w[:, 0], x, b))) for x in X.T]],
        "numpy": lambda: 1 / (1 + np.exp(-(np.dot(w.T, X) + b))),
        "jit": lambda: jitted(w_, X_),
        "vmap": lambda: mapped(w_, X_),
    }


def gradient_forms(w: np.ndarray, b: float, X: np.ndarray, Y: np.ndarray) -> dict[str, Form]:
    """J, dw and db in one row (n_x + 2); vmap takes `jax.grad` of one example's loss."""
    w_, b_, X_, Y_ = (jnp.asarray(part) for part in (w, b, X, Y))

    def row(slope: tuple[Any, Any, Any]) -> Any:
        J, dw, db = slope
        return jnp.concatenate([J.reshape(1), dw.ravel(), db.reshape(1)])

    def numpy_row() -> np.ndarray:
        Z = np.dot(w.T, X) + b
        dZ = 1 / (1 + np.exp(-Z)) - Y
        J, dw, db = (np.logaddexp(0, Z) - Y * Z).mean(), np.dot(X, dZ.T) / X.shape[1], dZ.mean()
        return np.concatenate([[J], dw[:, 0], [db]])

    def loop_row() -> np.ndarray:
        J, dw, db = backprop.logistic_loop(w, b, X, Y)
        return np.concatenate([[J], dw[:, 0], [db]])

    def loss(w: jax.Array, b: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
        z = jnp.dot(w[:, 0], x) + b
        return jnp.logaddexp(0, z) - y * z

    each = jax.vmap(jax.value_and_grad(loss, (0, 1)), (None, None, 1, 0))

    def mapped(w: jax.Array, b: jax.Array, X: jax.Array, Y: jax.Array) -> jax.Array:
        J, (dw, db) = jax.tree.map(lambda leaf: leaf.mean(axis=0), each(w, b, X, Y[0]))
        return row((J, dw, db))

    jitted = jax.jit(lambda *parts: row(backprop.logistic_vectorised(*parts)))
    mapped_ = jax.jit(mapped)
    return {
        "loop": loop_row,
        "numpy": numpy_row,
        "jit": lambda: jitted(w_, b_, X_, Y_),
        "vmap": lambda: mapped_(w_, b_, X_, Y_),
    }


def compared(forms: Mapping[str, Form], repeats: int) -> dict[str, dict[str, float]]:
    """{"off", "seconds"}: how far each form is from the loop, and its median time.

    The forms take turns, so that whatever else the machine does falls on all of them; the first
    turn, which compiles, is not timed.
    """
    values = {name: np.asarray(form()) for name, form in forms.items()}
    size = np.abs(values["loop"]).max()
    off = {
        name: float(np.abs(value - values["loop"]).max() / size) for name, value in values.items()
    }
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(repeats):
        for name, form in forms.items():
            start = time.perf_counter()
            jax.block_until_ready(form())
            times[name].append(time.perf_counter() - start)
    return {"off": off, "seconds": {name: float(np.median(t)) for name, t in times.items()}}


def run(config: Config, seed: int) -> dict[str, Any]:
    """Every computation in every form: numbers and times."""
    generator = np.random.default_rng(seed)
    held = data.load(config.data, kinds=("table",), classes=2)
    X = supervised.scaled(held, "train").T  # (n_x, m)
    Y = np.float64(held.train.targets)[None]  # (1, m)
    w, b = 0.3 * generator.normal(size=(X.shape[0], 1)), 0.5
    w_long, x_long = generator.normal(size=(2, max(config.n, 10**config.largest)))
    A, v = generator.normal(size=(config.side, config.side)), generator.normal(size=config.side)
    table = np.array(CALORIES)
    with jax.enable_x64(True):
        computations = {
            "w.x + b": dot_forms(w_long[: config.n], x_long[: config.n], b),
            "Av": matrix_vector_forms(A, v),
            "exp(v)": exp_forms(x_long[: config.n]),
            "sigma(w^T X + b)": forward_forms(w, b, X),
            "J, dw, db": gradient_forms(w, b, X, Y),
        }
        found = {name: compared(forms, config.repeats) for name, forms in computations.items()}
        sizes = [10**k for k in range(1, config.largest + 1)]
        by_size = {
            n: compared(dot_forms(w_long[:n], x_long[:n], b), config.repeats)["seconds"]
            for n in sizes
        }
        broadcast = np.asarray(computations["sigma(w^T X + b)"]["numpy"]())
    percent = percent_of_column(table)
    tiled = 100 * table / np.tile(table.sum(axis=0), (len(table), 1))
    return {
        **{f"off: {name}": max(both["off"].values()) for name, both in found.items()},
        "computations": found,  # times are no metrics: they are another machine's tomorrow
        "by_size": by_size,
        "whole": {"shape": broadcast.shape, "wanted": (1, X.shape[1])},
        "foods": {"percent": percent, "tiled": tiled},
    }


def found_in(results: Results) -> dict[str, Any]:
    """What the first seed found."""
    return next(iter(results.only.found.values()))


def same(results: Results, name: str) -> tuple[bool, str]:
    """Whether all forms of a computation give the loop's numbers, and how far off they are."""
    off = dict(found_in(results)["computations"][name]["off"])
    off.pop("loop")
    told = ", ".join(f"{form} {value:.0e}" for form, value in off.items())
    return max(off.values()) <= SAME, f"relative to the loop: {told}"


def ratios(results: Results, name: str) -> dict[str, float]:
    """How many times as quick as the loop each form is."""
    seconds = found_in(results)["computations"][name]["seconds"]
    return {form: seconds["loop"] / value for form, value in seconds.items() if form != "loop"}


def dot_is_the_loop_and_quicker(results: Results) -> tuple[bool, str]:
    """Notes 1.4: np.dot(w, x) + b is the loop's z (to 1e-9) and faster (5 times or more)."""
    equal, told = same(results, "w.x + b")
    quicker = ratios(results, "w.x + b")
    times = ", ".join(f"{form} {ratio:.0f}" for form, ratio in quicker.items())
    return equal and quicker["numpy"] >= QUICKER, f"{told}; times as quick: {times}"


def matrix_vector(results: Results) -> tuple[bool, str]:
    """Notes 1.4: u = np.dot(A, v) is u_i = sum_j A_ij v_j by two loops (to 1e-9)."""
    return same(results, "Av")


def exponentials(results: Results) -> tuple[bool, str]:
    """Notes 1.4: np.exp(v) is the loop over math.exp(v[i]) (to 1e-9)."""
    return same(results, "exp(v)")


def whole_set(results: Results) -> tuple[bool, str]:
    """Notes 1.4, corrected: np.dot(w.T, X) + b is (1, m), each column its example's z (to 1e-9)."""
    equal, told = same(results, "sigma(w^T X + b)")
    whole = found_in(results)["whole"]
    return equal and whole["shape"] == whole["wanted"], f"shape {whole['shape']}; {told}"


def gradient_without_a_loop(results: Results) -> tuple[bool, str]:
    """Notes 1.4: dw = X dZ^T / m over the set is the loop over examples (to 1e-9)."""
    return same(results, "J, dw, db")


def every_vector_form_is_quicker(results: Results) -> tuple[bool, str]:
    """Notes 1.4: avoid explicit loops: NumPy is 5 times as quick or more in all computations."""
    quicker = {name: ratios(results, name)["numpy"] for name in found_in(results)["computations"]}
    told = ", ".join(f"{name} {ratio:.0f}" for name, ratio in quicker.items())
    return min(quicker.values()) >= QUICKER, f"times as quick: {told}"


def food_table(results: Results) -> tuple[bool, str]:
    """Notes 1.4: a (3, 4) table over its (1, 4) sums: broadcast as if tiled, columns make 100 %."""
    foods = found_in(results)["foods"]
    sums = foods["percent"].sum(axis=0)
    told = ", ".join(f"{f} {p:.1f}" for f, p in zip(FOODS, foods["percent"][0], strict=True))
    holds = np.allclose(sums, 100, atol=1e-9) and np.array_equal(foods["percent"], foods["tiled"])
    return holds, f"columns sum to {sums.min():.9g} ... {sums.max():.9g}; from carbs: {told} %"


def figures(results: Results) -> Iterator[Picture]:
    """How much quicker, at which size, and the foods."""
    from ngjax.report import figures as draw

    found = found_in(results)
    quicker = {
        f"{name}, {form}": float(f"{ratio:.2g}")
        for name in found["computations"]
        for form, ratio in ratios(results, name).items()
    }
    yield Picture(
        "times-as-quick-as-the-loop",
        "How many times as quick as the Python loop each form was in this run. Products under jit "
        "and long ones under NumPy use threads, and wait for them on a busy machine.",
        draw.bars(quicker, xlabel="times as quick as the loop"),
    )
    by_size = found["by_size"]
    yield Picture(
        "time-by-size",
        "w . x + b: a call has its price, so the loop may win over a handful of numbers.",
        draw.lines(
            list(by_size),
            {
                form: [1e6 * seconds[form] for seconds in by_size.values()]
                for form in next(iter(by_size.values()))
            },
            xlabel="length of w and x",
            ylabel="microseconds",
            log_x=True,
            log_y=True,
        ),
    )
    yield Picture(
        "calories",
        "Percent of the calories of each food that come from carbs, proteins and fats.",
        draw.heatmap(found["foods"]["percent"], SOURCES, FOODS),
    )


def texts(results: Results) -> Iterator[Text]:
    """Times and the food table."""
    found = found_in(results)
    forms = ("loop", "numpy", "jit", "vmap")
    rows = [f"{'':20}" + "".join(f"{form:>12}" for form in forms)]
    for name, both in found["computations"].items():
        seconds = (f"{1e6 * both['seconds'][form]:12.1f}" for form in forms)
        rows.append(f"{name:20}" + "".join(seconds))
    yield Text("Median microseconds of this run", "\n".join(rows))
    rows = [f"{'':10}" + "".join(f"{food:>20}" for food in FOODS)]
    for source, calories, percent in zip(SOURCES, CALORIES, found["foods"]["percent"], strict=True):
        cells = (f"{c:10.1f}{p:8.1f} %" for c, p in zip(calories, percent, strict=True))
        rows.append(f"{source:10}" + "".join(cells))
    yield Text("Calories in 100 g, and their share of the food's", "\n".join(rows))


EXPERIMENT = Experiment(
    notes="1.4",
    config=Config(),
    run=run,
    arms={"forms": ()},
    smoke=("n=50", "side=5", "largest=2", "repeats=2"),
    claims={
        "vectorised-dot-equals-loop": dot_is_the_loop_and_quicker,
        "matvec-loop": matrix_vector,
        "exp-elementwise": exponentials,
        "np-dot-wT": whole_set,
        "whole-set-gradient-equals-loop": gradient_without_a_loop,
        "loops-are-slow": every_vector_form_is_quicker,
        "broadcast-food-table": food_table,
    },
    figures=figures,
    texts=texts,
    terms=("broadcasting", "vectorization"),
)
