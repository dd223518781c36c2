"""Word embeddings: both losses by loops, rows without a part stay, questions, answers."""

from __future__ import annotations

import collections
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.ch5_sequences import word_embeddings as topic
from ngjax import data
from ngjax.data.text import phrases
from ngjax.experiment import Learned
from ngjax.types import Context, UserError

SMALL = topic.Config(
    dimension=5, window=2, negative=3, data=data.Data(name="python_docs", limit=20_000, dev=0.2)
)


def ln_sigmoid(z):
    return -np.log1p(np.exp(-z))


def by_loops(method, params, batch):
    """(total, count), word by word."""
    E, Theta = (np.asarray(params[name], np.float64) for name in ("E", "Theta"))
    total = count = 0
    for b, centre in enumerate(batch["centre"]):
        near = batch["context"][b][np.asarray(batch["context_mask"][b]) == 1]
        if method == "skip-gram":
            pairs = [(E[centre], Theta[o]) for o in near]
        else:
            pairs = [(E[near].mean(axis=0), Theta[centre])] if len(near) else []
        for e, theta in pairs:
            total -= ln_sigmoid(theta @ e)
            total -= sum(ln_sigmoid(-Theta[n] @ e) for n in batch["noise"][b])
            count += 1
    return total, count


@pytest.mark.parametrize("method", ["skip-gram", "cbow"])
def test_the_loss_by_loops_and_rows_without_a_part(method):
    task = topic.build(dataclasses.replace(SMALL, method=method))
    V = len(topic.vocabulary(SMALL))
    generator = np.random.default_rng(0)
    params = {n: jnp.asarray(generator.normal(size=(V, 5)), jnp.float32) for n in ("E", "Theta")}
    index = jnp.arange(100, 112)
    mask = jnp.ones(12).at[-2:].set(0)
    constants = jax.tree.map(jnp.asarray, task.constants)

    @jax.jit
    def run(params):
        drawn = {"index": index, "slot": jnp.arange(12)}
        batch = {**task.train.batch(constants, drawn, jax.random.key(1)), "mask": mask}

        def loss(params):
            (total, count), _ = task.loss(params, {}, batch, Context(None, 0, {}))
            return total, count

        return batch, *jax.value_and_grad(loss, has_aux=True)(params)

    batch, (total, count), slopes = run(params)
    real = {name: np.asarray(leaf)[:10] for name, leaf in batch.items()}
    want, pairs = by_loops(method, params, real)
    assert pairs > 5
    assert (float(total), float(count)) == (pytest.approx(want, rel=1e-5), pairs)
    near = real["context"][real["context_mask"] == 1]
    inside, outside = (real["centre"], near) if method == "skip-gram" else (near, real["centre"])
    touched = {name: set(np.flatnonzero(np.abs(slopes[name]).sum(axis=1))) for name in slopes}
    assert touched["E"] <= {*inside}
    assert touched["Theta"] <= {*outside, *real["noise"].ravel()}
    assert {*near} <= touched["Theta" if method == "skip-gram" else "E"]


def test_apple_is_like_orange_and_one_hot_is_not():
    """The claim's experiment in small; one-hot vectors answer no better than by chance."""
    found = topic.judged("cbow", 1500)
    assert found["cbow"].unseen > 0.8 > 0.4 > found["one-hot"].unseen
    assert found["one-hot"].seen == 1
    oracle = np.eye(6)[phrases.CLASSES]
    words = (*phrases.WORDS, *{w for three in phrases.phrases()[0] for w in three[:-1]})
    vectors = np.concatenate([oracle, np.zeros((len(words) - 60, 6))])
    assert topic.next_word(vectors, words) == (1.0, 1.0)


def test_questions_are_counted_by_section(monkeypatch):
    words = ("man", "woman", "king", "queen", "apple")
    vectors = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [-1, 0.2, 0.1]], np.float32)
    questions = (
        ("Man", "Woman", "King", "Queen"),
        ("man", "woman", "king", "apple"),
        ("man", "woman", "king", "pear"),
        ("a", "b", "c", "d"),
    )
    held = dataclasses.replace(
        data.load(SMALL.data),
        train=data.Split(questions, np.array([0, 0, 1, 1])),
        classes=("family", "fruit"),
    )
    monkeypatch.setattr(topic.data, "load", lambda *args, **keywords: held)
    lines = topic.analogy_text(topic.Table(words, vectors), SMALL.data).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["family", "2", "2", "1", "50.0%"],
        ["fruit", "2", "0", "0", "-"],
        ["all", "4", "2", "1", "50.0%"],
    ]


def test_a_finished_run_answers_and_hands_out_its_vectors(tmp_path):
    words = topic.vocabulary(SMALL).tokens
    E = np.random.default_rng(0).normal(size=(len(words), 5)).astype(np.float32)
    learned = Learned("word_embeddings", SMALL, None, {"E": E}, {}, None)
    answer = topic.predict(learned, words[3])
    (tmp_path / "v.txt").write_bytes(answer.files[topic.FILE])
    read, vectors = data.read_vectors(tmp_path / "v.txt")
    texts = topic.texts_of(SMALL.data)["train"]
    said = collections.Counter(word for passage in texts for word in passage)
    times = [said[word] for word in read if word in said]
    assert times == sorted(times, reverse=True) and len(times) >= len(words) - 1
    assert sorted(read) == sorted(words)  # each once, the most frequent first
    np.testing.assert_allclose(vectors, E[[words.index(word) for word in read]], rtol=1e-5)
    cosines = E @ E[3] / np.linalg.norm(E, axis=1)
    cosines[3] = -np.inf
    assert answer.lines[0].split()[:2] == [words[3], words[int(cosines.argmax())]]
    assert "is to" in topic.predict(learned, " ".join(words[:3])).lines[0]
    for asked in ("nosuchword", " ".join(words[:2])):
        with pytest.raises(UserError, match=r"--input=.*give one known word"):
            topic.predict(learned, asked)
