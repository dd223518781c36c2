"""Tasks of the commonest kind: a data set and a network that gives an answer to every example.

    held = data.load(config.data, kinds=("images",))
    network = supervised.linen(MLP((64, len(held.classes))), held)
    task = supervised.task(held, network, config.optimizer, supervised.classify)

A topic whose loss or batches are of another kind makes its Task itself: `ngjax.types.Task`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ngjax import data, losses, metrics, optim
from ngjax.ops.dropout import Dropout
from ngjax.ops.normalise import moments, normalise, standardise
from ngjax.types import Array, Aux, Batch, Context, Metrics, Params, Sum, Task

Judge = Callable[[Array, Array, Array], tuple[Sum, Metrics]]  # outputs, targets, mask
Scale = Literal["standard", "pixel_mean", "pixels", "none"]


class Network(NamedTuple):
    """A pure function with parameters.

    Attributes:
        init: key -> (params, extra).
        apply: (params, extra, batch, context) -> (outputs [B, ...], extra); `batch["inputs"]` is
            scaled, in the type of the parameters.
    """

    init: Callable[[Array], tuple[Params, Any]]
    apply: Callable[[Params, Any, Batch, Context], tuple[Array, Any]]


def no_keywords(batch: Batch, context: Context) -> Mapping[str, Any]:
    """The network's call takes its inputs alone."""
    del batch, context
    return {}


def training(batch: Batch, context: Context) -> Mapping[str, Any]:
    """The network's call is told whether it trains: batch normalisation asks."""
    del batch
    return {"train": context.train}


def training_with_dropout(batch: Batch, context: Context) -> Mapping[str, Any]:
    """Likewise, and in training the network drops units at the rate hyper["dropout"]."""
    if not context.train:
        return {"train": False}
    dropout = Dropout(context.key, batch["slot"], context.hyper["dropout"])
    return {"train": True, "dropout": dropout}


def linen(
    model: nn.Module,
    held: data.Dataset,
    keywords: Callable[[Batch, Context], Mapping[str, Any]] = no_keywords,
) -> Network:
    """A Linen module that returns (outputs, activations by name) as a Network.

    Args:
        model: its collections beside "params" (batch statistics) are the Task's `extra`.
        held: the set whose examples it reads.
        keywords: what its call is given beside the inputs, as train=context.train; `init` calls it
            with the inputs alone.
    """
    shape = held.train.inputs.shape[1:]

    def init(key: Array) -> tuple[Params, Any]:
        variables = dict(model.init(key, jnp.zeros((1, *shape))))
        return variables.pop("params", {}), variables

    def apply(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Array, Any]:
        variables, given = {"params": params, **extra}, keywords(batch, context)
        if not (extra and context.train):
            return model.apply(variables, batch["inputs"], **given)[0], extra
        (outputs, _), extra = model.apply(variables, batch["inputs"], mutable=list(extra), **given)
        return outputs, extra

    return Network(init, apply)


def classify(z: Array, targets: Array, mask: Array) -> tuple[Sum, Metrics]:
    """One class of K: cross-entropy of softmax(z), z [B, K] (notes 2.7)."""
    cost = metrics.summed(losses.cross_entropy(z, targets), mask)
    return cost, {"accuracy": metrics.accuracy(z, targets, mask)}


def decide(z: Array, targets: Array, mask: Array) -> tuple[Sum, Metrics]:
    """Yes or no: the logistic loss of sigmoid(z), z [B, 1] (notes 1.3.3)."""
    z = z[:, 0]
    cost = metrics.summed(losses.binary_cross_entropy(z, targets.astype(z.dtype)), mask)
    return cost, {"accuracy": metrics.binary_accuracy(z, targets, mask)}


def estimate(y_hat: Array, targets: Array, mask: Array) -> tuple[Sum, Metrics]:
    """A number: the squared loss 1/2 (y_hat - y)^2, y_hat [B, 1] (notes 1.2, linear output)."""
    y_hat = y_hat[:, 0]
    off = y_hat - targets.astype(y_hat.dtype)
    return metrics.summed(losses.squared_loss(y_hat, targets), mask), {
        "absolute_error": metrics.summed(jnp.abs(off), mask)
    }


def scaling(held: data.Dataset, scale: Scale = "standard") -> dict[str, np.ndarray]:
    """{"mu", "sigma"} of x := (x - mu) / sigma, from the training set alone (notes 2.3).

    Args:
        held: images get one number for all pixels, a table one a column.
        scale: "standard": mean and deviation; "pixel_mean": images get the mean of every pixel
            (Krizhevsky et al. 2012) and one deviation; "pixels": 0 and 255; "none": 0 and 1.
    """
    inputs = held.train.inputs
    if scale == "standard":
        axis = 0 if inputs.ndim == 2 else tuple(range(inputs.ndim))
        mu, sigma = standardise(inputs, axis)
    elif scale == "pixel_mean":
        each = moments(inputs)  # images are bytes; one pass over them for both numbers
        mu = each.mean_and_deviation()[0]  # [1, H, W, C]
        sigma = each.over(tuple(range(inputs.ndim))).mean_and_deviation()[1]
    else:
        mu = np.zeros((1,) * inputs.ndim)
        sigma = np.full((1,) * inputs.ndim, 255.0 if scale == "pixels" else 1.0)
    return {"mu": mu, "sigma": sigma}


def scaled(held: data.Dataset, part: str, scale: Scale = "standard") -> np.ndarray:
    """The inputs of a part as the network of `task` gets them, float64 [m, ...]."""
    numbers = scaling(held, scale)
    return normalise(np.float64(getattr(held, part).inputs), numbers["mu"], numbers["sigma"])


def task(
    held: data.Dataset,
    network: Network,
    optimizer: optim.Optimizer,
    judge: Judge,
    *,
    scale: Scale = "standard",
    augment: data.Augment | None = None,
    evals: tuple[str, ...] = ("dev", "test"),
    hyper: Mapping[str, float] | None = None,
) -> Task:
    """The Task of teaching a network a data set that lies on the device.

    Args:
        held: the set.
        network: `linen(...)`, or functions of one's own.
        optimizer: config of the chain; another chain takes the place of the field `tx`.
        judge: `classify`, `decide`, `estimate` or one's own: a sum, never a mean.
        scale: of the inputs, by the training set's numbers; after augmentation.
        augment: of one example's inputs, in training.
        evals: the parts that are evaluated, those of them that have examples.
        hyper: traced scalars beside the chain's own, such as a dropout rate.
    """

    def outputs(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Array, Any]:
        numbers = context.constants["scale"]
        x = normalise(batch["inputs"], numbers["mu"], numbers["sigma"])
        x = x.astype(jax.tree.leaves(params)[0].dtype)
        return network.apply(params, extra, {**batch, "inputs": x}, context)

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        out, extra = outputs(params, extra, batch, context)
        cost, told = judge(out, batch["targets"], batch["mask"])
        return cost, Aux(extra, told)

    return Task(
        init=network.init,
        loss=loss,
        tx=optim.make(optimizer),
        hyper=optim.hyper(optimizer) | dict(hyper or {}),
        train=data.resident(held.train, prefix="train", augment=augment),
        evals=data.residents(held, evals),
        constants={**data.constants(held), "scale": scaling(held, scale)},
        predict=lambda params, extra, batch, context: outputs(params, extra, batch, context)[0],
    )


def _single(leaf: Any) -> np.ndarray:
    leaf = np.asarray(leaf)
    return leaf.astype(np.float32) if leaf.dtype == np.float64 else leaf


def activations(
    model: nn.Module, task: Task, params: Params, extra: Any, inputs: Array
) -> dict[str, Array]:
    """What each layer of a Linen network makes of examples, in its order, outside training.

    Args:
        model: as it was given to `linen`.
        task: of `task`, whose scale the inputs get.
        params: weights.
        extra: batch statistics and the like.
        inputs: [B, ...], not scaled.
    """
    numbers = task.constants["scale"]
    x = normalise(jnp.asarray(inputs, jnp.float32), numbers["mu"], numbers["sigma"])
    params, extra = jax.tree.map(_single, (params, extra))  # which a picture does with
    order: list[str] = []

    def made(variables: Any, x: Array) -> dict[str, Array]:
        out = model.apply(variables, x)[1]
        order.extend(out)  # trees that leave a compiled function are sorted by name
        return out

    found = jax.jit(made)({"params": params, **extra}, x)
    return {name: found[name] for name in order}
