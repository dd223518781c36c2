"""Harsh settings for every test: eight devices, no silent rank promotion, warnings are errors.

Compiled programs are kept for the session, so that a program that many tests build compiles once;
the command lines that tests type find them by the environment. Loaded programs are let go of file
by file: a process that holds thousands of them runs out of memory maps.
"""

import gc
import os
import tempfile

import jax
import pytest

_compiled = tempfile.TemporaryDirectory(prefix="ngjax-compiled-")
os.environ["JAX_COMPILATION_CACHE_DIR"] = _compiled.name

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_compilation_cache_dir", _compiled.name)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(autouse=True, scope="module")
def let_go_of_programs():
    """Behind every file of tests."""
    yield
    jax.clear_caches()
    gc.collect()
