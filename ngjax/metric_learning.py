r"""Tasks that learn a distance: an encoding under which one person's photographs lie together.

    held = data.load_people(config.data)
    task = metric_learning.task(held, FaceNet(64), config.optimizer, "batch-hard", ...)

Nobody of dev and test is in training, so what is judged is the distance itself: `Task.score` sets
the threshold tau on the dev people and judges it on the test people (notes 4.14), beside the
distance of raw pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, metrics, optim
from ngjax.losses import triplet
from ngjax.models.facenet import FaceNet, features_of_edges
from ngjax.ops.distance import absolute_distances, squared_distances, unit
from ngjax.ops.fisher import fisher
from ngjax.types import Array, Aux, Batch, Context, Params, Source, Sum, Task

Learns = Literal["batch-hard", "semi-hard", "random", "classification", "both", "logistic"]
Score = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], Mapping[str, float]]


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What is brought down.

    Attributes:
        learns: triplets chosen "batch-hard", "semi-hard" or at "random"; "classification" by a
            softmax over the training people; "both" it and batch-hard triplets; "logistic": one
            person or two, by a logistic regression on |f(x1) - f(x2)| of all pairs.
        margin: alpha of the triplets.
    """

    learns: Learns = "batch-hard"
    margin: float = 0.2

    @property
    def classifies(self) -> bool:
        """Whether there is a softmax over training people."""
        return self.learns in ("classification", "both")


def each_standardised(images: Array) -> Array:
    """Every image [B, H, W, C] to mean 0 and deviation 1 of its own: the light counts no more.

    An image of one colour becomes zeros.
    """
    mu = images.mean((1, 2, 3), keepdims=True)
    off = images - mu
    return off / jnp.sqrt(jnp.mean(off * off, (1, 2, 3), keepdims=True) + 1.0)  # of 255 levels


def distances(f: np.ndarray, lesson: Lesson | None = None) -> np.ndarray:
    """d(x1, x2) of all pairs of encodings f [m, D] as the lesson has it, float64 [m, m].

    ||f1 - f2||^2; where a logistic regression was learned, sum_k w_k |f1_k - f2_k|, of encodings
    that `Task.predict` has multiplied by w already.
    """
    f = np.float64(f)
    if lesson and lesson.learns == "logistic":
        return np.stack([np.abs(f - own).sum(1) for own in f])  # row by row: no [m, m, D]
    d = (f * f).sum(1)[:, None] - 2 * f @ f.T + (f * f).sum(1)
    return np.maximum(d, 0)  # [m, m]


def pixel_distances(pixels: np.ndarray) -> np.ndarray:
    """||x1 - x2||^2 of images uint8 [m, H, W, C] as they are, levels from 0 to 1 (notes 4.14)."""
    return distances(np.float64(pixels).reshape(len(pixels), -1) / 255)


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
    """
    shape = held.train.inputs.shape[1:]
    both, judged = _tested(held)
    tests = {"inputs": both.inputs, "targets": both.targets, "judged": judged}

    start = _fisher(held, model, flip) if model.network == "edges" else {}

    def init(key: Array) -> tuple[Params, Any]:
        variables = dict(model.init(key, jnp.zeros((1, *shape))))
        return {**variables.pop("params"), **start}, variables

    def encode(
        params: Params, extra: Any, images: Array, train: bool
    ) -> tuple[Array, dict[str, Array], Any]:
        x = images.astype(jax.tree.leaves(params)[0].dtype)
        x = each_standardised(x)
        variables = {"params": params, **extra}
        if not train:
            f, out = model.apply(variables, x)
            return f, out, extra
        (f, out), extra = model.apply(variables, x, train=True, mutable=list(extra))
        return f, out, extra

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        f, out, extra = encode(params, extra, batch["inputs"], context.train)
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
        del context
        f, out, _ = encode(params, extra, batch["inputs"], train=False)
        if flip:
            f = unit(f + encode(params, extra, batch["inputs"][:, :, ::-1], train=False)[0])
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
        constants={**data.constants(held), "test": tests},
        predict=predict,
        score=scored,
    )


def _fisher(held: data.Dataset, model: FaceNet, flip: bool) -> dict[str, Any]:
    """The last layer's start where it alone learns: Fisher's, from the training people."""
    images, who = held.train.inputs, held.train.targets
    if flip:
        images, who = np.concatenate([images, images[:, :, ::-1]]), np.concatenate([who, who])
    features = jax.jit(lambda x: unit(features_of_edges(each_standardised(x))))
    a = np.float64(features(images.astype(np.float32)))
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
