"""Notes 1.3.6, 1.4 and 1.5.3: the computation graph, loops against vectors, NumPy's calls."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.ops import graph
from ngjax.ops.vectorised import dot_loop, exp_loop, percent_of_column

FOODS = (  # calories from carbs, proteins, fats in 100 g of apples, beef, eggs, potatoes
    (56.0, 0.0, 4.4, 68.0),
    (1.2, 104.0, 52.0, 8.0),
    (1.8, 135.0, 99.0, 0.9),
)

TURNS = 30  # of a timing, of which the quickest counts


def _forward() -> list[float]:
    a, b, c = (graph.variable(name) for name in "abc")
    u = b * c
    v = a + u
    J = 3 * v
    values = graph.forward(J, {"a": 5, "b": 3, "c": 2})
    return [values[node] for node in (u, v, J)]


def _dot() -> Any:
    """The same number, and the quickest of several turns of either: a busy machine slows some."""
    generator = np.random.default_rng(0)
    w, x = generator.normal(size=(2, 200_000))
    vectors, lists = (jnp.asarray(w), jnp.asarray(x)), (w.tolist(), x.tolist())
    at_once = jax.jit(lambda w, x: jnp.dot(w, x) + 0.5)
    seconds: dict[str, list[float]] = {"loop": [], "vectorised": []}
    z = {}
    for _ in range(TURNS):
        for name, compute in (
            ("loop", lambda: dot_loop(*lists, 0.5)),
            ("vectorised", lambda: at_once(*vectors).block_until_ready()),
        ):
            start = time.perf_counter()
            z[name] = float(compute())
            seconds[name].append(time.perf_counter() - start)
    return {
        "equal": abs(z["vectorised"] - z["loop"]) <= 1e-9 * abs(z["loop"]),
        "faster10x": min(seconds["loop"]) >= 10 * min(seconds["vectorised"]),
    }


def _exp() -> bool:
    v = np.random.default_rng(0).normal(size=1000)
    return np.allclose(exp_loop(v), jnp.exp(v), rtol=1e-12)


def _fails(call: Any) -> bool:
    try:
        call()
    except TypeError:
        return True
    return False


CHECKS = MappingProxyType(
    {
        "compgraph-forward": _forward,
        "vectorised-dot-equals-loop": _dot,
        "exp-elementwise": _exp,
        "broadcast-food-table": lambda: percent_of_column(np.array(FOODS)).sum(axis=0),
        "randn-call-signature": lambda: {
            "randn_tuple_fails": _fails(lambda: np.random.randn((2, 2))),
            "np_zero_missing": not hasattr(np, "zero"),
        },
    }
)
