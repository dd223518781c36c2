"""Gradient descent by hand, in both forms, is what the engine does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ngjax.experiment.catalogue import module
from ngjax.ops.backprop import logistic_descent
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.program import Program

STEPS = 12


@pytest.mark.parametrize("devices", [1, 5])
def test_by_hand_and_through_the_engine_give_the_same_parameters(devices):
    topic = module("logistic_regression")
    config = topic.EXPERIMENT.config
    run = dataclasses.replace(config.run, steps=STEPS, evaluate_every=STEPS)
    config = dataclasses.replace(config, run=run)
    trained = fit(Program(topic.build(config), run, dev.select(devices)), 0).state.params
    X = topic.features(config).T  # [n_x, m]
    Y = np.float64(topic.loaded(config).train.targets)[None]  # [1, m]
    for form in ("vectorised", "loop"):
        w, b, _ = logistic_descent(X, Y, topic.rate_of(config), STEPS, form)
        np.testing.assert_allclose(trained["w"], w, rtol=0, atol=1e-12)
        np.testing.assert_allclose(trained["b"], b, rtol=0, atol=1e-12)
