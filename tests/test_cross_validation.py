"""Folds: who judges whom; the networks of all folds are those that would be trained alone."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ngjax import cross_validation, data, losses, metrics, optim
from ngjax.ops.dropout import Dropout
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.program import Program
from ngjax.train.settings import Run
from ngjax.types import Aux, Context, Pace, Task, UserError

M, D, K = 23, 6, 3


def examples():
    generator = np.random.default_rng(0)
    targets = np.sort(generator.integers(0, K, M)).astype(np.int32)
    x = generator.normal(size=(M, D)) + targets[:, None]
    return data.Split(x.astype(np.float32), targets)


def plain(tx=None):
    held = examples()

    def init(key):
        return {"W": 0.3 * jax.random.normal(key, (D, K))}, {"seen": jnp.zeros(())}

    def loss(params, extra, batch, context):
        x = batch["inputs"]
        if context.train:
            x = Dropout(context.key, batch["slot"], 0.3)(0, x)
        z = x @ params["W"]
        cost = metrics.summed(losses.cross_entropy(z, batch["targets"]), batch["mask"])
        told = {"accuracy": metrics.accuracy(z, batch["targets"], batch["mask"])}
        return cost, Aux({"seen": extra["seen"] + batch["mask"].sum()}, told)

    optimizer = optim.Optimizer(rule="momentum", learning_rate=0.1, clip_norm=0.05, l2=0.01)
    return Task(
        init=init,
        loss=loss,
        tx=tx or optim.make(optimizer),
        hyper=optim.hyper(optimizer),
        train=data.resident(held, prefix="all"),
        constants={"all": {"inputs": held.inputs, "targets": held.targets}},
        predict=lambda params, extra, batch, context: batch["inputs"] @ params["W"],
    )


@pytest.mark.parametrize("count", [2, 5, M])
def test_every_example_is_judged_once_by_who_has_not_seen_it(count):
    targets = examples().targets
    dealt = cross_validation.folds(targets, count)
    judged = [i for f in range(count) for i in dealt.test[f][dealt.mask[f] > 0]]
    assert sorted(judged) == list(range(M))
    for f in range(count):
        own = set(dealt.test[f][dealt.mask[f] > 0])
        assert not own & set(dealt.train[f]) and len(set(dealt.train[f])) == len(dealt.train[f])
        assert (dealt.fold[list(own)] == f).all()
    for k in range(K):
        shares = np.bincount(dealt.fold[targets == k], minlength=count)
        assert shares.max() - shares.min() <= 1


def test_folds_hang_on_the_seed_alone():
    targets = examples().targets
    first, again, other = (cross_validation.folds(targets, 4, seed).fold for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize("count", [0, 1, M + 1])
def test_a_count_of_folds_that_cannot_be_is_refused(count):
    with pytest.raises(UserError, match=f"--folds={count}"):
        cross_validation.folds(examples().targets, count)


def test_predictions_come_back_in_the_order_of_the_examples():
    dealt = cross_validation.folds(examples().targets, 5)
    outputs = np.stack([dealt.test.T, 10 * dealt.test.T], axis=-1)  # [k, F, 2]
    assert (dealt.gathered(outputs) == np.arange(M)[:, None] * [1, 10]).all()


@functools.cache
def alone(f, steps=5, batch_size=4):
    """A fold's run written out: its examples, its keys, its own chain."""
    task, dealt = plain(), cross_validation.folds(examples().targets, 3)
    task = dataclasses.replace(task, hyper={k: jnp.float32(v) for k, v in task.hyper.items()})
    held, key = examples(), jax.random.key(0)
    params, _ = task.init(jax.random.fold_in(key, f))
    per_epoch = dealt.train.shape[1] // batch_size
    tx = task.tx(task.hyper, Pace(per_epoch, steps))
    state, update = tx.init(params), jax.jit(tx.update)
    for step in range(steps):
        drawn = task.train.order(dealt.train.shape[1], batch_size, 0, step // per_epoch)
        index = dealt.train[f][drawn[step % per_epoch]]
        batch = {"inputs": held.inputs[index], "targets": held.targets[index]}
        batch |= {"mask": jnp.ones(batch_size), "slot": jnp.arange(batch_size)}
        loss_key = jax.random.split(jax.random.fold_in(key, step))[1]
        context = Context(jax.random.fold_in(loss_key, f), step, task.hyper, None, None, True)

        def mean(params, batch=batch, context=context):
            (total, count), _ = task.loss(params, {"seen": jnp.zeros(())}, batch, context)
            return total / count

        updates, state = update(jax.grad(mean)(params), state, params)
        params = optax.apply_updates(params, updates)
    return params


@pytest.mark.parametrize(("together", "devices"), [(0, 1), (2, 1), (0, 2)])
def test_folds_side_by_side_are_the_runs_of_each_alone(together, devices):
    task, dealt = plain(), cross_validation.folds(examples().targets, 3)
    crossed = cross_validation.cross_validated(task, dealt, together=together)
    program = Program(crossed, Run(steps=5, batch_size=4), dev.select(devices))
    out = fit(program, 0)
    want = [np.asarray(alone(f)["W"]) for f in range(3)]
    np.testing.assert_allclose(out.state.params["W"], want, rtol=2e-5, atol=1e-6)
    z = np.stack([examples().inputs[i] @ want[f] for i, f in enumerate(dealt.fold)])
    right = (z.argmax(axis=1) == examples().targets).mean()
    assert out.metrics["test/accuracy"] == pytest.approx(right, abs=1e-6)
    outputs, _ = program.predict(program.place(out.state), "test")
    np.testing.assert_allclose(dealt.gathered(outputs), z, rtol=1e-4, atol=1e-5)


def test_constants_of_a_fold_reach_its_network_and_others_are_asked_together():
    task, dealt = plain(), cross_validation.folds(examples().targets, 3)
    shifted = dataclasses.replace(
        task,
        predict=lambda params, extra, batch, context: jnp.broadcast_to(
            context.constants["shift"], batch["inputs"].shape[:1]
        ),
    )
    own = {"shift": np.float32([1, 20, 300])}
    crossed = cross_validation.cross_validated(shifted, dealt, own)
    params, extra = crossed.init(jax.random.key(0))
    context = Context(None, 0, {}, crossed.constants)
    batch = {"inputs": jnp.zeros((4, D))}
    np.testing.assert_allclose(crossed.predict(params, extra, batch, context), [107] * 4)
