"""Small Tasks that between them use every part of the engine."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from ngjax import metrics
from ngjax.types import AXIS, Aux, Source, Task

SIZE, FEATURES = 320, 6


def data(size=SIZE, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(size, FEATURES)).astype(np.float32)
    y = (x @ np.arange(-2.0, 4.0) + generator.normal(size=size) > 0).astype(np.float32)
    weight = generator.integers(0, 4, size).astype(np.float32)  # so devices hold unequal counts
    return {"x": x, "y": y, "weight": weight}


def gather(constants, drawn, key):
    del key
    picked = {name: constants[name][drawn["index"]] for name in ("x", "y", "weight")}
    return {**picked, "mask": drawn["mask"] * picked["weight"]}


def noisy(rate, key, slot, a):
    """Dropout whose mask of an example knows its slot and no device."""

    def keep(s):
        return jax.random.bernoulli(jax.random.fold_in(key, s), 1 - rate, a.shape[1:])

    return a * jax.vmap(keep)(slot) / (1 - rate)


def normalise(z, mask, extra, train):
    """Batch norm over the whole global batch, with moving statistics in `extra`."""
    if not train:
        return (z - extra["mean"][None]) / jnp.sqrt(extra["var"] + 1e-3)[None], extra
    count = lax.psum(jnp.sum(mask), AXIS)
    mean = lax.psum(jnp.sum(z * mask[:, None], 0), AXIS) / count
    var = lax.psum(jnp.sum((z - mean[None]) ** 2 * mask[:, None], 0), AXIS) / count
    moved = {"mean": 0.9 * extra["mean"] + 0.1 * mean, "var": 0.9 * extra["var"] + 0.1 * var}
    return (z - mean[None]) / jnp.sqrt(var + 1e-3)[None], moved


def network(tx=None, hyper=None, dropout=0.0, norm=False, carry=False, fetch=False, size=SIZE):
    """A 6-8-1 network: weights by mask, and dropout, batch norm, a carried state as asked."""
    held = data(size)

    def init(key):
        params = {
            "w1": jax.random.normal(key, (FEATURES, 8)) * 0.5,
            "w2": jnp.ones((8,)) * 0.3,
            "b": jnp.zeros(()),
        }
        return params, {"mean": jnp.zeros(8), "var": jnp.ones(8)} if norm else {}

    def loss(params, extra, batch, context):
        z = batch["x"] @ params["w1"]
        if norm:
            z, extra = normalise(z, batch["mask"], extra, context.train)
        a = jnp.tanh(z)
        if dropout and context.train:
            a = noisy(context.hyper["dropout"].astype(a.dtype), context.key, batch["slot"], a)
        new = None
        if carry:
            before = 0.0 if context.carry is None else context.carry
            a = a + before
            new = lax.stop_gradient(0.5 * a)
        logits = a @ params["w2"] + params["b"]
        losses = optax.sigmoid_binary_cross_entropy(logits, batch["y"])
        accuracy = metrics.binary_accuracy(logits, batch["y"], batch["mask"])
        return metrics.summed(losses, batch["mask"]), Aux(extra, {"accuracy": accuracy}, new)

    def rows(index):
        return {name: held[name][index] for name in held}

    def fetched(constants, drawn, key):
        del constants, key
        return {**{k: drawn[k] for k in held}, "mask": drawn["mask"] * drawn["weight"]}

    train = Source(size, fetched, fetch=rows) if fetch else Source(size, gather)
    return Task(
        init=init,
        loss=loss,
        tx=tx or (lambda hyper, pace: optax.sgd(hyper["learning_rate"])),
        hyper=hyper or {"learning_rate": 0.3, "dropout": dropout},
        train=train,
        evals={"dev": Source(size - 7, gather)},
        constants=held,
        carry=(lambda batch: jnp.zeros((batch, 8))) if carry else None,
        predict=lambda params, extra, batch, context: batch["x"] @ params["w1"],
    )


def parabola(tx=None):
    """J(w) = w^2 - 10 w + 25: no data, the parameter is all."""

    def loss(params, extra, batch, context):
        del batch, context
        value = params["w"] ** 2 - 10 * params["w"] + 25
        return (value, jnp.ones(())), Aux(extra)

    return Task(
        init=lambda key: ({"w": jnp.zeros(())}, {}),
        loss=loss,
        tx=tx or (lambda hyper, pace: optax.sgd(hyper["learning_rate"])),
        hyper={"learning_rate": 0.1},
    )
