"""Programs are let go of behind every topic."""

import gc

import jax
import pytest


@pytest.fixture(autouse=True)
def let_go_of_programs_of_a_topic():
    """All topics together compile more than a process has memory maps for."""
    yield
    jax.clear_caches()
    gc.collect()
