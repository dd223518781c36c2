"""t-SNE: what is logged before the first measurement, and maps of words."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from experiments.ch5_sequences import tsne as topic
from ngjax import config as cfg
from ngjax.ops import tsne
from ngjax.types import Context

SMALL = cfg.override(topic.Config(), ("data.limit=60", "perplexity=5", "run.log_every=5"))


def test_before_it_is_measured_the_loss_is_that_of_the_first_map():
    """It is measured when it is logged; KL(P || Q) is never below 0."""
    task = topic.build(SMALL)
    params, extra = task.init(jax.random.key(0))
    y, P = np.float64(params["y"]), np.float64(task.constants["P"])
    kernel = 1 / (1 + ((y[:, None] - y[None]) ** 2).sum(axis=2)) - np.eye(len(y))
    Q = kernel / kernel.sum()
    KL = np.sum(P[P > 0] * np.log(P[P > 0] / Q[P > 0]))
    context = Context(None, 0, {"exaggeration": 1.0}, task.constants, None, train=True)
    (total, count), _ = task.loss(params, extra, {}, context)
    assert count == 1 and float(total) == pytest.approx(KL, abs=1e-4) and KL > 0


def test_words_of_a_file_are_mapped_in_its_order(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 5))
    lines = [f"word{i} " + " ".join(f"{value:.4f}" for value in row) for i, row in enumerate(x)]
    path = tmp_path / "vectors.txt"
    path.write_text("\n".join(lines) + "\n")
    change = ("source=vectors", f"vectors={path}", "most=30", "perplexity=5")
    held = topic.examples(cfg.override(topic.Config(), change))
    assert held.words == tuple(f"word{i}" for i in range(30)) and held.names == ()
    np.testing.assert_allclose(held.x, x[:30], atol=1e-4)
    P = tsne.affinities(tsne.squared_distances(held.x), 5.0)
    assert P.shape == (30, 30) and float(P.sum()) == pytest.approx(1, abs=1e-5)
