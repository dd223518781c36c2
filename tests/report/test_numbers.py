import math

import pytest

from ngjax.report.numbers import duration, rate, short, with_spread


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (1797, "1797"),
        (0.972222, "0.9722"),
        (0.5, "0.5"),
        (-16.0, "−16"),
        (-0.25, "−0.25"),
        (123.456, "123.5"),
        (12345.6, "12346"),
        (1234567, "1.235e6"),
        (1e-5, "1e−5"),
        (0.00012345, "0.0001234"),
        (math.nan, "NaN"),
        (-math.inf, "−∞"),
        (None, "—"),
    ],
)
def test_short(value, words):
    assert short(value) == words


@pytest.mark.parametrize(
    ("mean", "spread", "words"),
    [
        (0.972222, 0.0031, "0.9722 ± 0.0031"),
        (0.972222, 0.0, "0.9722"),
        (0.091, 1.7e-17, "0.091"),  # the noise of a mean, no spread
        (12.3456, 1.5, "12.3 ± 1.5"),
        (1234.5, 170.0, "1234 ± 170"),
        (-0.5, 0.05, "−0.500 ± 0.050"),
        (2e-6, 1e-7, "2e−6 ± 1e−7"),
        (math.nan, 0.1, "NaN"),
        (0.5, math.nan, "0.5"),
    ],
)
def test_with_spread(mean, spread, words):
    assert with_spread(mean, spread) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *[(0.42, "0.42 s"), (9.999, "10.0 s"), (99.99, "1 min 40 s")],
        *[(200, "3 min 20 s"), (3599.9, "1 h 0 min"), (7500, "2 h 5 min")],
    ],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"), [(12345.6, "12,300"), (812.4, "812"), (3.14159, "3.1"), (None, "—")]
)
def test_rate(value, words):
    assert rate(value) == words
