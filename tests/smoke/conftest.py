"""How topics are run here: compiled in haste, and their programs let go of behind each of them."""

import gc

import jax
import pytest
from commands import OPTIONS
from jax._src import compiler  # no public name: options of every program, eager ones and pmap's too


@pytest.fixture(autouse=True)
def let_go_of_programs_of_a_topic():
    """All topics together compile more than a process has memory maps for."""
    yield
    jax.clear_caches()
    gc.collect()


@pytest.fixture
def compiled_in_haste(monkeypatch, let_go_of_programs_of_a_topic):
    """Unoptimised: a fifth of the seconds that XLA takes otherwise.

    For runs of a few steps of which no number is asked. Every other test, `test_every_topic` here
    among them, is of the programs that a user runs.
    """
    usual = compiler.get_compile_options

    def options(*arguments, **named):
        found = usual(*arguments, **named)
        found.env_option_overrides += list(OPTIONS.items())
        return found

    monkeypatch.setattr(compiler, "get_compile_options", options)
