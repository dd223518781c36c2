from pathlib import Path

import jax
import numpy as np
import optax
import pytest


@pytest.fixture
def follow():
    """Parameters after each update of given gradients."""

    def run(tx, params, gradients):
        def step(carry, gradient):
            params, state = carry
            updates, state = tx.update(gradient, state, params)
            params = optax.apply_updates(params, updates)
            return (params, state), params

        return jax.lax.scan(step, (params, tx.init(params)), gradients)[1]

    return run


@pytest.fixture(scope="session")
def torch_paths():
    """What PyTorch made of the same gradients: see tests/golden/optim.py."""
    with np.load(Path(__file__).parents[1] / "golden" / "optim.npz") as stored:
        return dict(stored)
