"""A plain JAX loop: a Linen network, one jitted step with donated state, batches of NumPy."""

from __future__ import annotations

import functools
import importlib.metadata
import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from benchmarks.workers.serve import Made, main
from benchmarks.workloads import CHANNELS, RATE, Workload, drawn


class Network(nn.Module):
    """Any of the networks that read images."""

    workload: Workload

    @nn.compact
    def __call__(self, a, train: bool = True):
        kind, K = self.workload.kind, self.workload.classes
        flat = lambda a: a.reshape(len(a), -1)  # noqa: E731
        if kind == "lenet":
            for filters in (6, 16):
                a = nn.tanh(nn.Conv(filters, (5, 5), padding="VALID")(a))
                a = nn.avg_pool(a, (2, 2), (2, 2))
            a = nn.tanh(nn.Dense(120)(flat(a)))
            return nn.Dense(K)(nn.tanh(nn.Dense(84)(a)))
        if kind == "vgg":
            for place, filters in enumerate(CHANNELS):
                a = nn.relu(nn.Conv(filters, (3, 3))(a))
                a = nn.max_pool(a, (2, 2), (2, 2)) if place % 2 else a
            return nn.Dense(K)(nn.relu(nn.Dense(128)(flat(a))))
        if kind == "resnet20":
            conv = functools.partial(nn.Conv, kernel_size=(3, 3), use_bias=False, padding=1)
            norm = functools.partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
            a = nn.relu(norm()(conv(16)(a)))
            for filters in [16] * 3 + [32] * 3 + [64] * 3:
                stride = filters // a.shape[-1]
                z = nn.relu(norm()(conv(filters, strides=stride)(a)))
                z = norm()(conv(filters)(z))
                more = filters - a.shape[-1]
                a = jnp.pad(a[:, ::stride, ::stride], ((0, 0),) * 3 + ((more // 2, more // 2),))
                a = nn.relu(z + a)
            return nn.Dense(K)(a.mean((1, 2)))
        a = flat(a)
        for units in self.workload.hidden if kind == "mlp" else ():
            a = nn.relu(nn.Dense(units)(a))
        return nn.Dense(K)(a)


class Language(nn.Module):
    """Word vectors, recurrent layers by nn.RNN, softmax: (logits, state)."""

    workload: Workload

    @nn.compact
    def __call__(self, ids, carry):
        lstm = self.workload.kind == "lstm"
        depth, width, features = (2, 200, 200) if lstm else (1, 256, 64)
        a, after = nn.Embed(self.workload.classes, features)(ids), []
        for layer in range(depth):
            cell = nn.OptimizedLSTMCell(width) if lstm else nn.GRUCell(width)
            state, a = nn.RNN(cell)(a, initial_carry=carry[layer], return_carry=True)
            after.append(state)
        return nn.Dense(self.workload.classes)(a), after


def build(workload: Workload, contestant: str) -> Made:
    del contestant
    x, y = drawn(workload)
    size, tx = workload.batch, optax.adam(RATE)
    stream = itertools.cycle([(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)])
    key, carry = jax.random.key(0), ()
    if workload.kind in ("lstm", "gru"):
        model = Language(workload)
        lstm = workload.kind == "lstm"
        zeros = lambda n: jnp.zeros((size, n))  # noqa: E731
        carry = [(zeros(200), zeros(200)) for _ in range(2)] if lstm else [zeros(256)]
        variables = jax.jit(model.init)(key, x[:size], carry)
    else:
        model = Network(workload)
        variables = jax.jit(model.init)(key, x[:size])
    params, rest = variables["params"], {k: v for k, v in variables.items() if k != "params"}

    def loss_of(params, rest, carry, x, y):
        if carry:
            z, carry = model.apply({"params": params}, x, carry)
        else:
            z, rest = model.apply({"params": params, **rest}, x, mutable=list(rest))
        loss = optax.softmax_cross_entropy_with_integer_labels(z, y).mean()
        return loss, (rest, carry)

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state, x, y):
        params, rest, carry, opt = state
        (loss, (rest, carry)), slope = jax.value_and_grad(loss_of, has_aux=True)(
            params, rest, carry, x, y
        )
        updates, opt = tx.update(slope, opt)
        return (optax.apply_updates(params, updates), rest, carry, opt), loss

    held = [(params, rest, carry, tx.init(params))]
    parameters = sum(leaf.size for leaf in jax.tree.leaves(params))

    def chunk() -> float:
        for _ in range(workload.chunk):
            held[0], loss = step(held[0], *next(stream))
        return float(loss)

    versions = {name: importlib.metadata.version(name) for name in ("jax", "flax", "optax")}
    return Made(chunk, parameters, {"versions": versions})


if __name__ == "__main__":
    main(build)
