"""Measurements: the same work by this project and by its peers. Never part of the tests."""
