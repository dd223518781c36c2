"""The language model's topic: words, names, one stream at evaluation, the rate of a summed loss."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.ch5_sequences import language_model as topic
from ngjax import data
from ngjax.train.program import Program
from ngjax.types import Pace, UserError

SMALL = topic.Config(
    width=5,
    embedding=4,
    length=8,
    uniform=0.5,
    data=data.Data(name="python_docs", limit=4000),
    run=topic.Run(batch_size=4),
)
NAMES = ("anna", "bo", "cyrus", "dan", "eve", "fay", "gus", "hal", "ida", "jon")


def measured(config):
    """(values on dev, params, ids)."""
    task = topic.build(config)
    program = Program(task, config.run, jax.devices()[:1])
    state = program.initial(0)
    return program.evaluate(program.place(state), "dev"), state.params, task.constants["dev"]


def read_at_once(config, params, ids):
    """Nats of every token behind the first, the text read as one sequence from nothing."""
    model = topic.network(config, topic.vocabulary(config))
    ids = jnp.asarray(ids)[None]
    _, (z, _) = model.apply({"params": params}, model.initial_carry(1), ids[:, :-1])
    return np.asarray(optax.softmax_cross_entropy_with_integer_labels(z, ids[:, 1:]))[0]


@pytest.mark.parametrize("tokens", ["characters", "words"])
def test_a_whole_text_is_one_stream(tokens, monkeypatch):
    monkeypatch.setattr(topic, "PIECE", 7)
    config = dataclasses.replace(SMALL, tokens=tokens, words=40, judged=0)
    values, params, ids = measured(config)
    assert (len(ids) - 1) % 7 and len(ids) > 21
    nats = read_at_once(config, params, ids)
    assert values["dev/loss"] == pytest.approx(nats.mean(), rel=1e-5)
    cut = measured(dataclasses.replace(config, judged=7))[0]  # from nothing, every seven
    assert abs(cut["dev/loss"] - nats.mean()) > 1e-4


@pytest.fixture
def named(monkeypatch):
    parts = {
        "train": data.Split(NAMES[:6]),
        "dev": data.Split(NAMES[6:8]),
        "test": data.Split(NAMES[8:]),
    }
    held = dataclasses.replace(data.load(SMALL.data), kind="names", name="few", **parts)
    monkeypatch.setattr(topic.data, "load", lambda *args, **keywords: held)
    return SMALL


def test_every_name_is_read_from_nothing(named):
    values, params, rows = measured(named)
    known = topic.vocabulary(named)
    assert rows.shape == (2, 7) and (rows[:, 0] == known.number[data.EOS]).all()
    each = [
        read_at_once(named, params, known.encode([data.EOS, *name, data.EOS]))
        for name in NAMES[6:8]
    ]
    assert values["dev/loss"] == pytest.approx(np.concatenate(each).mean(), rel=1e-5)
    row = topic.in_a_row(rows, known.number[data.EOS])
    assert known.decode(row) == f"{data.EOS}gus{data.EOS}hal{data.EOS}"


def test_names_that_are_drawn_are_counted(named):
    params = measured(named)[1]
    told = topic.names_of(dataclasses.replace(named, sampled=30), params)
    lines = told.splitlines()
    assert len(lines) == topic.SHOWN + 2 and "of 30 names" in lines[-1]
    assert all(data.EOS not in line for line in lines)
    with pytest.raises(UserError, match="--tokens=words: few holds names"):
        topic.vocabulary(dataclasses.replace(named, tokens="words"))


def test_first_weights_are_even():
    task = topic.build(dataclasses.replace(SMALL, width=40, uniform=0.1))
    params, _ = jax.jit(task.init)(jax.random.key(0))
    for leaf in jax.tree.leaves(params):
        assert 0.08 < np.abs(leaf).max() <= 0.1
        assert abs(np.mean(leaf)) < 0.03


def test_a_rate_for_the_sum_over_time_is_translated():
    """Zaremba's update: rate 1, norm 5, gradients 20 times ours; here rate 20, norm 1/4."""
    optimizer = topic.optim.Optimizer(rule="descent", learning_rate=20, clip_norm=0.25)
    tx = topic.optim.make(optimizer)(topic.optim.hyper(optimizer), Pace(1, 1))
    for size in (0.001, 3.0):
        mean = {"w": size * jnp.asarray([1.0, -2.0, 2.0])}
        update = tx.update(mean, tx.init(mean), mean)[0]["w"]
        summed = 20 * mean["w"]
        want = -summed * min(1, 5 / float(jnp.linalg.norm(summed)))
        np.testing.assert_allclose(update, want, rtol=1e-6)
