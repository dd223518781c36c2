"""Is each way round the compiler still needed?  python -m benchmarks.probes [NAME ...]

The library computes some things otherwise than in the plain way, because XLA:CPU was slow at the
plain one. That is a fact about a version. Every probe times both, forward and backward, in a loop
as training runs them, turn about; a way round that gains less than a tenth has become needless.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jaxlib
from jax import lax

from ngjax.models.layers import BatchNorm
from ngjax.ops.convolve import convolve
from ngjax.ops.convolve_forms import filters_backward
from ngjax.ops.depthwise import depthwise_convolve
from ngjax.ops.pool import max_pool
from ngjax.ops.product import product
from ngjax.ops.recurrence.lstm import scan_lstm
from ngjax.train.devices import alone

NEEDLESS = 1.10  # plain time / ours, up to which the plain way will do
BLOCKS = 7  # of a stage, one after another
STEPS = 2  # of the loop
ROUNDS = 5  # of each, turn about

Rule = Callable[..., Any]


class Probe(NamedTuple):
    """One way round.

    Attributes:
        where: the file and form that stand or fall with it.
        shapes: of the arguments; all are differentiated.
        plain: what one would write.
        ours: what the library does.
    """

    where: str
    shapes: tuple[tuple[int, ...], ...]
    plain: Rule
    ours: Rule


def conv(form: str, **how: Any) -> Rule:
    return functools.partial(convolve, form=form, **how)


def lstm(hand_written: bool) -> Rule:
    def run(xW: jax.Array, W_aa: jax.Array, c: jax.Array, a: jax.Array) -> jax.Array:
        return scan_lstm(xW, W_aa, (c, a), hand_written=hand_written)[1]

    return run


def depthwise(form: str) -> Rule:
    return functools.partial(depthwise_convolve, form=form)


def blocks(filters: Rule) -> Rule:
    """The end of residual blocks, and a gradient of filters by it, which is not differentiated."""
    how = (1, ((1, 1), (1, 1)), 1, False)  # dilation, zeros, stride, columns apart

    def run(a: jax.Array, *branches: jax.Array) -> jax.Array:
        for z in branches:
            a = jax.nn.relu(a + z)
        dw = filters(*lax.stop_gradient((a, branches[0])), *how)
        return a + 1e-9 * dw.sum()

    return run


def normalised(layer: nn.Module, **how: bool) -> Rule:
    def run(z: jax.Array) -> jax.Array:
        variables = layer.init(jax.random.key(0), z, **how)
        call = functools.partial(layer.apply, variables, mutable=["batch_stats"], **how)
        return alone(lambda z: call(z)[0])(z)

    return run


FORMS = "ngjax/ops/convolve_forms.py"
PROBES = {
    "gradient in a loop": Probe(
        f"{FORMS}: canonical",
        ((32, 16, 16, 32), (3, 3, 32, 32)),
        conv("lax"),
        conv("canonical"),
    ),
    "convolution by YNNPACK": Probe(
        f"{FORMS}: spread",
        ((64, 16, 16, 64), (3, 3, 64, 64)),
        conv("canonical"),
        conv("spread"),
    ),
    "convolution by YNNPACK, stride 2": Probe(
        f"{FORMS}: spread",
        ((128, 32, 32, 16), (3, 3, 16, 32)),
        conv("canonical", stride=2),
        conv("spread", stride=2),
    ),
    "convolution of few channels, a core": Probe(
        f"{FORMS}: one_core, columns abreast",
        ((64, 32, 32, 3), (3, 3, 3, 16)),
        conv("canonical"),
        conv("one_core"),
    ),
    "convolution by threads, a core": Probe(
        f"{FORMS}: one_core",
        ((64, 16, 16, 32), (3, 3, 32, 32)),
        conv("spread"),
        conv("one_core"),
    ),
    "turned for the filters' gradient": Probe(
        "ngjax/ops/outline.py",
        ((128, 32, 32, 16),) * BLOCKS,
        blocks(filters_backward.__wrapped__),
        blocks(filters_backward),
    ),
    "batch normalisation": Probe(
        "ngjax/ops/batch_norm.py",
        ((64, 32, 32, 16),),
        normalised(nn.BatchNorm(), use_running_average=False),
        normalised(BatchNorm(), train=True),
    ),
    "1x1": Probe(
        f"{FORMS}: matmul",
        ((32, 16, 16, 64), (1, 1, 64, 64)),
        conv("spread"),
        conv("matmul"),
    ),
    "small patches": Probe(
        f"{FORMS}: im2col",
        ((128, 8, 8, 1), (3, 3, 1, 16)),
        conv("spread"),
        conv("im2col"),
    ),
    "large filters, small maps": Probe(
        f"{FORMS}: toeplitz",
        ((128, 14, 14, 6), (5, 5, 6, 16)),
        conv("spread", padding="VALID"),
        conv("toeplitz", padding="VALID"),
    ),
    "a layer of few units": Probe(
        "ngjax/ops/product.py: turned",
        ((128, 784), (784, 10)),
        lambda a, w: a @ w,
        product,
    ),
    "depthwise": Probe(
        "ngjax/ops/depthwise.py: shifts",
        ((2, 20, 20, 64), (3, 3, 64)),
        depthwise("lax"),
        depthwise("shifts"),
    ),
    "max-pool": Probe(
        "ngjax/ops/pool.py: dense",
        ((64, 32, 32, 16),),
        functools.partial(max_pool, form="lax"),
        functools.partial(max_pool, form="dense"),
    ),
    "max-pool, overlapping": Probe(
        "ngjax/ops/pool.py: dense",
        ((32, 33, 33, 16),),
        functools.partial(max_pool, window=3, stride=2, form="lax"),
        functools.partial(max_pool, window=3, stride=2, form="dense"),
    ),
    "recurrent gradient": Probe(
        "ngjax/ops/recurrence/through_time.py: hand_written",
        ((35, 20, 800), (200, 800), (20, 200), (20, 200)),
        lstm(False),
        lstm(True),
    ),
}


def looped(rule: Rule, arguments: tuple[jax.Array, ...]) -> Callable[[], None]:
    """A compiled loop that computes the rule and all its gradients, and moves along them."""

    def step(_: int, now: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        y, pull = jax.vjp(rule, *now)
        return tuple(a - 1e-6 * slope for a, slope in zip(now, pull(y), strict=True))

    run = jax.jit(lambda *now: lax.fori_loop(0, STEPS, step, now)).lower(*arguments).compile()

    def call() -> None:
        jax.block_until_ready(run(*arguments))

    call()
    return call


def times(probe: Probe) -> tuple[float, float]:
    """Least milliseconds of a step, plain and ours: what another process took is no part of it."""
    keys = jax.random.split(jax.random.key(0), len(probe.shapes))
    arguments = tuple(
        0.1 * jax.random.normal(key, shape) for key, shape in zip(keys, probe.shapes, strict=True)
    )
    calls = [looped(rule, arguments) for rule in (probe.plain, probe.ours)]
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for call, found in zip(calls, taken, strict=True):
            start = time.perf_counter()
            call()
            found.append(1e3 * (time.perf_counter() - start) / STEPS)
    return min(taken[0]), min(taken[1])


def verdict(plain: float, ours: float, version: str) -> str:
    """Needed, and by how much; or needless."""
    gain = plain / ours
    return f"needed: {gain:.2f}x" if gain > NEEDLESS else f"needless since jaxlib {version}"


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PROBES]
    if unknown:
        print(f"{unknown[0]!r}: no such probe; there are: {', '.join(PROBES)}", file=sys.stderr)
        return 2
    version = jaxlib.__version__
    print(f"jaxlib {version}, {jax.default_backend()}; milliseconds a step, plain and ours")
    for name in names or PROBES:
        plain, ours = times(PROBES[name])
        said = verdict(plain, ours, version)
        print(f"{name:34s} {plain:9.2f} {ours:9.2f}  {said:32s} {PROBES[name].where}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
