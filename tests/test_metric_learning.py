"""Tasks that learn a distance: what learns, what does not, and where it starts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ngjax import data, metric_learning, optim
from ngjax.data.dataset import Dataset, Split
from ngjax.metric_learning import Lesson
from ngjax.models.facenet import BACKBONE, FaceNet
from ngjax.ops.fisher import fisher
from ngjax.types import Context, Pace


@pytest.fixture(scope="module")
def held():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, 32, 24, 1)).astype(np.uint8)
    who = np.repeat(np.arange(8), 5).astype(np.int32)
    parts = {
        name: Split(images[start:stop], who[start:stop])
        for name, start, stop in (("train", 0, 20), ("dev", 20, 30), ("test", 30, 40))
    }
    words = dict.fromkeys(("origin", "licence", "notes"), "")
    names = tuple(f"p{k}" for k in range(8))
    return Dataset(name="x", title="x", kind="images", classes=names, **parts, **words)


@pytest.fixture(scope="module")
def backbone(held):
    """Random weights in the place of published ones."""
    model = FaceNet(6, network="mobilenet")
    variables = jax.jit(model.init)(jax.random.key(7), jnp.zeros((1, 32, 24, 1)))
    return {name: {BACKBONE: tree[BACKBONE]} for name, tree in variables.items()}


def task_of(held, network, known=None):
    return metric_learning.task(
        held,
        FaceNet(6, network=network),
        optim.Optimizer(rule="descent", learning_rate=0.1),
        Lesson("semi-hard"),
        lambda f, who, pixels, tests: {},
        each=2,
        fixed=True,
        backbone=known and {name: tree[BACKBONE] for name, tree in known.items()},
    )


def test_a_backbone_is_read_and_does_not_learn(held, backbone):
    task = task_of(held, "mobilenet", backbone)
    params, extra = task.init(jax.random.key(0))
    assert set(params) == {"encode"} and not extra, "the backbone is no part of what learns"
    images = held.test.inputs.astype(np.float32)
    context = Context(None, 0, task.hyper, {"backbone": task.constants["backbone"]})
    batch = {"inputs": jnp.asarray(images)}
    f = jax.jit(lambda p: task.predict(p, extra, batch, context))(params)
    whole = {**backbone, "params": {**backbone["params"], **params}}
    x = metric_learning.each_standardised(jnp.asarray(images))
    want, out = jax.jit(FaceNet(6, network="mobilenet").apply)(whole, x)
    np.testing.assert_allclose(f, want, atol=1e-5)
    assert out["features"].shape == (10, 4 * 3 * 256)


def test_the_last_layer_starts_from_fishers_discriminant_and_leaves_it(held):
    task = task_of(held, "edges")
    params, extra = task.init(jax.random.key(0))
    x = metric_learning.each_standardised(jnp.asarray(held.train.inputs.astype(np.float32)))
    a = FaceNet(6, network="edges").apply({"params": params}, x)[1]["features"]
    kernel, bias = fisher(np.float64(a), held.train.targets, 6)
    np.testing.assert_allclose(params["encode"]["kernel"], kernel, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(params["encode"]["bias"], bias, rtol=1e-4, atol=1e-4)
    index = jnp.arange(20)
    batch = {
        "inputs": jnp.asarray(held.train.inputs),
        "targets": jnp.asarray(held.train.targets),
        "slot": index,
        "index": index,
        "mask": jnp.ones(20),
    }
    context = Context(jax.random.key(0), 0, task.hyper, {"backbone": {}}, train=True)

    def loss(params):
        return jax.vmap(lambda _: task.loss(params, extra, batch, context)[0], axis_name="devices")(
            jnp.zeros(1)
        )[0][0]

    slopes = jax.grad(loss)(params)
    chain = task.tx(task.hyper, Pace(1, 1))
    updates, _ = chain.update(slopes, chain.init(params), params)
    assert float(jnp.abs(updates["encode"]["kernel"]).max()) > 0


def test_distances_are_squared_and_of_all_pairs():
    f = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    want = [[0, 2, 0.8], [2, 0, 0.4], [0.8, 0.4, 0]]
    np.testing.assert_allclose(metric_learning.distances(f), want, atol=1e-12)
    taken = metric_learning.distances(f, Lesson("logistic"))
    np.testing.assert_allclose(taken, [[0, 2, 1.2], [2, 0, 0.8], [1.2, 0.8, 0]], atol=1e-12)


def test_a_people_set_has_nobody_in_two_parts():
    held = data.load_people(data.Data(name="digits"))
    parts = [set(np.unique(getattr(held, name).targets)) for name in ("train", "dev", "test")]
    assert [len(part) for part in parts] == [6, 2, 2] and len(set.union(*parts)) == 10
