"""Harsh settings for every test: eight devices, no silent rank promotion, warnings are errors."""

import jax

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
