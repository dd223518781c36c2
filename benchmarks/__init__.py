"""Measurements, each one command; no part of the tests."""
