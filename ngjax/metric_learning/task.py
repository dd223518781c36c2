"""The Task of teaching a network who is who."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, metrics, optim
from ngjax.losses import triplet
from ngjax.metric_learning.lesson import Lesson, each_standardised
from ngjax.models.facenet import BACKBONE, FaceNet
from ngjax.ops.distance import absolute_distances, squared_distances, unit
from ngjax.ops.fisher import fisher
from ngjax.types import Array, Aux, Batch, Context, Params, Source, Sum, Task

Score = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], Mapping[str, float]]


AT_ONCE = 64  # photographs whose features are computed in one call


def task(
    held: data.Dataset,
    model: FaceNet,
    optimizer: optim.Optimizer,
    lesson: Lesson,
    score: Score,
    *,
    each: int,
    augment: data.Augment | None = None,
    flip: bool = False,
    fixed: bool = False,
    backbone: Mapping[str, Any] | None = None,
) -> Task:
    """The Task of teaching a network who is who.

    Args:
        held: people, of `data.load_people`.
        model: the encoding.
        optimizer: config of the chain.
        lesson: the loss.
        score: (encodings, people, pixels, tests) -> metrics, where `tests` tells test people from
            those of dev, whose turn it is to set the threshold; for "dev" all are.
        each: photographs of a person in a batch.
        augment: of one photograph, in training.
        flip: an encoding is the mean of the photograph's and its mirror image's.
        fixed: the last layer alone learns, and starts from Fisher's discriminant.
        backbone: variables of the model's part `BACKBONE`, which do not learn.
    """
    shape = held.train.inputs.shape[1:]
    both, judged = _tested(held)
    tests = {"inputs": both.inputs, "targets": both.targets, "judged": judged}

    known = dict(backbone or {})
    start = _fisher(held, model, known, flip) if fixed else {}

    def init(key: Array) -> tuple[Params, Any]:
        variables = _learned(model.init(key, jnp.zeros((1, *shape))))
        return {**variables.pop("params"), **start}, variables

    def encode(
        params: Params, extra: Any, images: Array, context: Context, train: bool
    ) -> tuple[Array, dict[str, Array], Any]:
        x = images.astype(jax.tree.leaves(params)[0].dtype)
        x = each_standardised(x)
        variables = _with_backbone({"params": params, **extra}, context.constants["backbone"])
        if not (train and extra):
            f, out = model.apply(variables, x)
            return f, out, extra
        (f, out), extra = model.apply(variables, x, train=True, mutable=list(extra))
        return f, out, extra

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        f, out, extra = encode(params, extra, batch["inputs"], context, context.train)
        person, slot = batch["targets"], batch["slot"]
        mask = batch["mask"] * batch.get("judged", batch["mask"])
        if context.train and lesson.learns == "classification":
            return _classified(out["cosines"], person, mask, extra)
        crowd = triplet.gathered(f, person, slot, mask)
        same, other = triplet.relations(person, slot, mask, crowd)
        if context.train and lesson.learns == "logistic":
            w = out["weights"][None, :]
            z = out["bias"] - absolute_distances(f * w, crowd.f * w)  # [B, M]
            return _told_apart(z, same, other, extra)
        d = squared_distances(f, crowd.f)  # [B, M]
        if context.train and lesson.learns == "random":
            chosen = triplet.at_random(d, same, other, context.key, slot)
        elif context.train and lesson.learns == "semi-hard":
            chosen = triplet.semi_hard(d, same, other)
        else:
            chosen = triplet.batch_hard(d, same, other)
        cost = triplet.hinge(chosen.d_ap, chosen.d_an, lesson.margin)
        total, count = metrics.summed(cost, chosen.valid)
        told: dict[str, Sum] = {"active": metrics.summed(cost > 0, chosen.valid)}
        if context.train and lesson.learns == "both":
            classes, aux = _classified(out["cosines"], person, mask, extra)
            total, count = total + classes[0], classes[1]
            told |= aux.metrics
        return (total, count), Aux(extra, told)

    def predict(params: Params, extra: Any, batch: Batch, context: Context) -> Array:
        f, out, _ = encode(params, extra, batch["inputs"], context, train=False)
        if flip:
            mirrored = batch["inputs"][:, :, ::-1]
            f = unit(f + encode(params, extra, mirrored, context, train=False)[0])
        return f * out["weights"][None, :] if lesson.learns == "logistic" else f

    def scored(f: Any, batch: Mapping[str, np.ndarray]) -> Mapping[str, float]:
        tests = batch.get("judged", batch["mask"]) > 0
        return score(np.float64(f), batch["targets"], batch["inputs"], tests)

    return Task(
        init=init,
        loss=loss,
        tx=optim.make(optimizer),
        hyper=optim.hyper(optimizer),
        train=data.people_by_photographs(held.train, each, augment),
        evals={
            "dev": data.resident(held.dev, prefix="dev"),
            "test": _judging(data.resident(both, prefix="test")),
        },
        constants={**data.constants(held), "test": tests, "backbone": known},
        predict=predict,
        score=scored,
    )


def _learned(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Variables without those of the backbone, and without collections that hold no others."""
    found = {
        collection: {part: leaves for part, leaves in tree.items() if part != BACKBONE}
        for collection, tree in variables.items()
    }
    return {collection: tree for collection, tree in found.items() if tree}


def _with_backbone(variables: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of the whole model, in the type of those that learn."""
    dtype = jax.tree.leaves(variables["params"])[0].dtype
    known = jax.tree.map(lambda leaf: leaf.astype(dtype), dict(known))
    collections = {*variables, *known}
    return {
        name: {**variables.get(name, {}), **({BACKBONE: known[name]} if name in known else {})}
        for name in collections
    }


def _fisher(
    held: data.Dataset, model: FaceNet, known: Mapping[str, Any], flip: bool
) -> dict[str, Any]:
    """The last layer's start where it alone learns: Fisher's, from the training people."""
    images, who = held.train.inputs, held.train.targets
    if flip:
        images, who = np.concatenate([images, images[:, :, ::-1]]), np.concatenate([who, who])

    @jax.jit
    def features(x: Array) -> Array:
        x = each_standardised(x)
        anyhow = _learned(model.init(jax.random.key(0), x[:1]))  # the last layer is not read
        return model.apply(_with_backbone(anyhow, known), x)[1]["features"]

    parts = np.array_split(images, -(-len(images) // AT_ONCE))
    a = np.concatenate([np.float64(features(part.astype(np.float32))) for part in parts])
    kernel, bias = fisher(a, who, model.size)
    return {"encode": {"kernel": jnp.asarray(kernel), "bias": jnp.asarray(bias)}}


def _behind(dev: data.Split, test: data.Split) -> data.Split:
    """Dev people, who set the threshold, then test people, who are judged by it."""
    return data.Split(
        np.concatenate([dev.inputs, test.inputs]), np.concatenate([dev.targets, test.targets])
    )


def _tested(held: data.Dataset) -> tuple[data.Split, np.ndarray]:
    """Both, and who is judged, [m]."""
    both = _behind(held.dev, held.test)
    return both, (np.arange(len(both)) >= len(held.dev)).astype(np.float32)


def _judging(source: Source) -> Source:
    """The source of "test" whose batches also say who is "judged"."""

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        judged = constants["test"]["judged"][drawn["index"]]  # [B]
        return {**source.batch(constants, drawn, key), "judged": judged}

    return dataclasses.replace(source, batch=batch)


def _classified(z: Array, person: Array, mask: Array, extra: Any) -> tuple[Sum, Aux]:
    """Cross-entropy of a softmax over the training people."""
    cost = metrics.summed(losses.cross_entropy(z, person), mask)
    return cost, Aux(extra, {"accuracy": metrics.accuracy(z, person, mask)})


def _told_apart(z: Array, same: Array, other: Array, extra: Any) -> tuple[Sum, Aux]:
    """The logistic loss of "one person" over all pairs z [B, M], both kinds weighing the same."""
    cost = losses.binary_cross_entropy(z, same.astype(z.dtype))
    pairs, right = same | other, (z > 0) == same
    weight = jnp.where(same, other.sum(), same.sum()) * pairs / (2 * pairs.sum())
    return metrics.summed(cost, weight), Aux(extra, {"accuracy": metrics.summed(right, pairs)})
