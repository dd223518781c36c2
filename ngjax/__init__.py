"""ngjax: the deep-learning course notes as JAX experiments."""
