"""Spaces and what is drawn of them: values worked by hand, every refusal, resuming."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
import pytest
from scipy import stats

from ngjax import config as cfg
from ngjax import search
from ngjax.types import UserError


@dataclasses.dataclass(frozen=True)
class Inner:
    learning_rate: float = 0.1  # alpha
    rule: Literal["adam", "momentum"] = "adam"  # which


@dataclasses.dataclass(frozen=True)
class Outer:
    width: int = 64  # units
    sizes: tuple[int, ...] = (3, 4)  # units of each layer
    rate: float | None = None  # none: the rule's own
    x: float = 0.5  # a dead one
    name: str = "a"  # a word
    on: bool = False  # a flag
    inner: Inner = Inner()


def space(text):
    return search.parse(text, Outer())


ALPHA = search.Axis("alpha", "log", 1e-4, 1.0)


@pytest.mark.parametrize(
    ("text", "u", "value"),
    [
        ("inner.learning_rate=log(1e-4,1)", 0.0, 1e-4),
        ("inner.learning_rate=log(1e-4,1)", 0.25, 1e-3),
        ("inner.learning_rate=log(1e-4,1)", 0.75, 0.1),
        ("inner.learning_rate=log(1e-4,1)", 1.0, 1.0),
        ("x=uniform(2,4)", 0.25, 2.5),
        ("x=int(0,3)", 0.99, 3),
        ("width=int(50,100)", 0.0, 50),
        ("width=int(50,100)", 0.999, 100),
        ("width=int(50,100)", 1.0, 100),
        ("width=int(2, 4)", 0.34, 3),
        ("width=log(16,256)", 0.5, 64),
        ("inner.rule=choice(adam,momentum)", 0.49, "adam"),
        ("inner.rule=choice(adam,momentum)", 0.5, "momentum"),
        ("sizes=choice(64,32 | 16)", 1.0, "16"),
        ("on=choice(true,false)", 0.0, "true"),
        ("rate=log(0.1,10)", 0.5, 1.0),
    ],
)
def test_an_axis(text, u, value):
    (axis,) = space(text)
    got = axis.at(u)
    assert got == pytest.approx(value, rel=1e-6) if isinstance(value, float) else got == value
    assert type(got) is type(value)
    changed = cfg.override(Outer(), search.overrides({axis.path: got}))
    assert cfg.override(Outer(), [f"{axis.path}={cfg.write(value)}"]) == changed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate=log(1e-4,1)", "is no knob; did you mean inner.learning_rate?"),
        ("widht=int(1,2)", "widht is no knob; did you mean width?"),
        ("x=lgo(1,2)", "x=lgo(...) is no kind of axis; did you mean log?"),
        ("x=log(0,1)", "begins above 0"),
        ("x=uniform(2,1)", "the first end must be the smaller one"),
        ("x=uniform(1,2,3)", "give two ends, uniform(a,b)"),
        ("x=uniform(a,2)", "expected a finite number"),
        ("x=uniform(0,inf)", "expected a finite number"),
        ("width=int(1.5,2)", "expected a whole number"),
        ("width=uniform(1,2)", "the knob is a whole number"),
        ("width=log(0.5,2)", "the knob is a whole number"),
        ("sizes=int(1,2)", "the knob is int,...; use choice(...)"),
        ("name=log(1,2)", "the knob is str; use choice(...)"),
        ("on=int(0,1)", "the knob is bool; use choice(...)"),
        ("inner.rule=choice(adm)", "did you mean adam?"),
        ("inner.rule=choice()", "give values, each once"),
        ("inner.rule=choice(adam,adam)", "give values, each once"),
        ("x=0.5", "x=0.5 is no axis; write KNOB=log(1e-4,1)"),
        ("x=log(1,2", "is no axis"),
        ("x=uniform(0,1) x=uniform(0,2)", "x stands there twice"),
        ("", "the notes tune first inner.learning_rate, width"),
    ],
)
def test_a_wrong_space_is_refused_in_one_line(text, message):
    with pytest.raises(UserError) as caught:
        space(text)
    assert message in str(caught.value) and str(caught.value).startswith("--search: ")
    assert "\n" not in str(caught.value)


def test_a_grid_of_25_sees_5_values_of_each_axis_and_random_25():
    two = space("inner.learning_rate=log(1e-4,1) x=uniform(0,1)")
    seen = {
        strategy: [search.draw(two, strategy, trial, 25) for trial in range(25)]
        for strategy in ("grid", "random")
    }
    for path in ("inner.learning_rate", "x"):
        assert len({draw[path] for draw in seen["grid"]}) == 5
        assert len({draw[path] for draw in seen["random"]}) == 25
    assert len({tuple(draw.items()) for draw in seen["grid"]}) == 25
    rates = sorted({draw["inner.learning_rate"] for draw in seen["grid"]})
    np.testing.assert_allclose(rates, [1e-4, 1e-3, 1e-2, 0.1, 1], rtol=1e-6)  # the notes' five


@pytest.mark.parametrize(
    ("text", "trials", "expected"),
    [
        ("x=uniform(0,1)", 7, (7,)),
        ("x=uniform(0,1) width=int(1,2)", 32, (16, 2)),
        ("inner.rule=choice(adam,momentum) width=int(2,4)", 100, (2, 3)),
        ("x=uniform(0,1) rate=uniform(0,1) inner.learning_rate=log(1e-3,1)", 124, (6, 5, 4)),
        ("x=uniform(0,1) rate=uniform(0,1) inner.learning_rate=log(1e-3,1)", 125, (5, 5, 5)),
        ("x=uniform(0,0)", 9, (1,)),
    ],
)
def test_the_points_of_a_grid_stay_within_the_budget(text, trials, expected):
    assert search.points(space(text), trials) == expected
    assert search.size(space(text), "grid", trials) == math.prod(expected) <= trials
    for axis, u in zip(
        space(text), zip(*search.grid(space(text), trials), strict=True), strict=True
    ):
        assert len({axis.at(place) for place in u}) == len(set(u))


def test_random_draws_are_uniform_along_u_and_independent():
    u = np.array([search.places((ALPHA, ALPHA), trial, 3) for trial in range(2000)])
    for axis in u.T:
        assert stats.kstest(axis, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(u.T)[0, 1]) < 0.06


def test_a_log_axis_spends_a_quarter_on_each_decade():
    drawn = np.array([ALPHA.at(u) for u in (np.arange(4000) + 0.5) / 4000])
    counts, _ = np.histogram(np.log10(drawn), bins=[-4, -3, -2, -1, 0])
    np.testing.assert_allclose(counts / 4000, 0.25, atol=1e-3)


def test_a_trial_is_a_function_of_seed_and_trial():
    two = space("inner.learning_rate=log(1e-4,1) width=int(50,100)")
    first = [search.draw(two, "random", trial, 10, seed=1) for trial in range(10)]
    assert first[7] == search.draw(two, "random", 7, 10, seed=1)
    assert first[7] == search.draw(two, "random", 7, 99, seed=1)
    assert first != [search.draw(two, "random", trial, 10, seed=2) for trial in range(10)]


def test_the_fine_round_stays_in_the_box_around_the_best_of_the_coarse_one():
    two = space("inner.learning_rate=log(1e-4,1) x=uniform(0,1) inner.rule=choice(adam,momentum)")
    assert search.rounds("coarse_to_fine", 21) == (range(11), range(11, 21))
    told = {t: float(abs(t - 4)) for t in range(11)} | {3: math.nan, 15: -1.0}
    centre = search.draw(two, "random", 4, 21)
    fine = [search.draw(two, "coarse_to_fine", t, 21, told=told) for t in range(11, 21)]
    assert search.draw(two, "coarse_to_fine", 4, 21) == centre
    for drawn in fine:
        decades = math.log10(drawn["inner.learning_rate"] / centre["inner.learning_rate"])
        assert abs(decades) <= 4 / 6 + 1e-5  # a third of four decades, to both sides
        assert abs(drawn["x"] - centre["x"]) <= 1 / 6 + 1e-5
        assert drawn["inner.rule"] == centre["inner.rule"]
    assert len({drawn["x"] for drawn in fine}) == 10
    nothing = search.draw(two, "coarse_to_fine", 15, 21, told=dict.fromkeys(range(11), math.inf))
    assert nothing == search.draw(two, "random", 15, 21)


@pytest.mark.parametrize(
    ("told", "mode", "expected"),
    [
        ({0: 3.0, 1: 1.0, 2: 1.0}, "min", 1),
        ({0: 3.0, 1: 1.0}, "max", 0),
        ({0: math.nan, 1: math.inf, 2: 5.0}, "min", 2),
        ({0: math.nan, 1: math.inf, 2: 5.0}, "max", 2),
        ({0: math.nan}, "min", None),
        ({}, "min", None),
    ],
)
def test_the_best(told, mode, expected):
    assert search.best(told, mode) == expected
