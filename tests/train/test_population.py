"""Every form of a population gives the members that plain runs give, from one compilation."""

from __future__ import annotations

import dataclasses
import functools
import os
import signal

import jax
import numpy as np
import pytest
from small import network, parabola

from ngjax import optim
from ngjax.train import devices as dev
from ngjax.train.engine import fit
from ngjax.train.feed import Feed
from ngjax.train.population import Member, Population
from ngjax.train.program import Program
from ngjax.train.record import NotFinite
from ngjax.train.settings import Run
from ngjax.train.signals import Interrupted
from ngjax.types import UserError

FORMS = ("sequential", "map", "vmap", "devices")
MEMBERS = [Member({"learning_rate": 0.1 * (k + 1)}, seed=k % 2) for k in range(5)]
RUN = {"batch_size": 64, "epochs": 2, "dtype": "float64"}


def program(task, devices=1, **run):
    return Program(task, Run(**{**RUN, **run}), dev.select(devices))


def plain(task, member, **run):
    own = dataclasses.replace(task, hyper={**task.hyper, **member.hyper})
    return fit(program(own, **run), member.seed)


def trained(task, form, members=MEMBERS, **run):
    population = Population(program(task, **run), form, dev.select(4))
    found = dict(population.train(members))
    return [found[place] for place in range(len(members))]


def assert_same(got, want, rtol=1e-6):
    for a, b in zip(jax.tree.leaves(got.state), jax.tree.leaves(want.state), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)
    assert got.metrics.keys() == want.metrics.keys()
    for name, value in want.metrics.items():
        assert got.metrics[name] == pytest.approx(value, rel=rtol), name
    assert got.steps == want.steps


EVERYTHING = {"norm": True, "carry": True, "dropout": 0.2}


CASES = {
    "everything": (EVERYTHING, {"accumulate": 2, "ema": 0.9, "log_every": 4}, 1e-6),
    "fetch": ({"fetch": True}, {}, 1e-6),
    "float32": ({}, {"dtype": "float32"}, 1e-3),  # rounds to 1e-7 a step, in any order
}


def varied(case):
    """(task, members) of a case."""
    options, *_ = CASES[case]
    if "dropout" not in options:
        return network(**options), MEMBERS
    members = [m._replace(hyper={**m.hyper, "dropout": 0.1 * m.seed}) for m in MEMBERS]
    return network(**options), members


@functools.cache
def plain_of(case, place):
    """The same for every form."""
    task, members = varied(case)
    return plain(task, members[place], **CASES[case][1])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_every_form_gives_the_members_of_plain_runs(form, case):
    (task, members), (_, run, rtol) = varied(case), CASES[case]
    found = trained(task, form, members, **run)
    for place in (1, 4):
        assert_same(found[place], plain_of(case, place), rtol)
    assert len({got.params_sha256 for got in found}) == len(members)


def without_batches(rule):
    optimizer = optim.Optimizer(rule=rule, learning_rate=0.1, l2=0.01)
    return dataclasses.replace(parabola(optim.make(optimizer)), hyper=optim.hyper(optimizer))


@functools.cache
def plain_chain(rule, l2):
    return plain(without_batches(rule), Member({"l2": l2}), steps=7)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rule", ["adam", "lbfgs"])
def test_chains_of_the_house_and_a_task_without_batches(form, rule):
    penalties = (0.0, 0.1, 1.0)
    members = [Member({"l2": l2}) for l2 in penalties]
    found = trained(without_batches(rule), form, members, steps=7)
    for l2, got in zip(penalties, found, strict=True):
        assert_same(got, plain_chain(rule, l2))


@pytest.mark.parametrize("form", FORMS)
def test_a_population_compiles_once(form):
    traced = []
    task = network()

    def counted(*arguments):
        traced.append(1)
        return task.loss(*arguments)

    made = program(dataclasses.replace(task, loss=counted), evaluate_every=4)
    population = Population(made, form, dev.select(2))
    dict(population.train(MEMBERS[:2]))
    after_first = len(traced)
    assert after_first
    dict(population.train([Member({"learning_rate": 0.5}, 7), Member({"learning_rate": 0.7}, 8)]))
    assert len(traced) == after_first
    if form == "sequential":
        dict(population.train(MEMBERS))
        assert len(traced) == after_first


RATES = (0.1, 1e300, 0.2)


@functools.cache
def plain_descent(rate):
    """The outcome, or what stopped it."""
    try:
        return plain(parabola(), Member({"learning_rate": rate}), steps=20)
    except NotFinite as stop:
        return stop


@pytest.mark.parametrize("form", FORMS)
def test_a_member_that_diverges_is_told_and_the_others_go_on(form):
    members = [Member({"learning_rate": rate}) for rate in RATES]
    found = trained(parabola(), form, members, steps=20)
    assert isinstance(found[1], NotFinite) and isinstance(plain_descent(RATES[1]), NotFinite)
    assert str(found[1]) == str(plain_descent(RATES[1]))
    for place in (0, 2):
        assert_same(found[place], plain_descent(RATES[place]))


@pytest.mark.parametrize(
    ("devices", "options", "run", "count", "form"),
    [
        (1, {}, {}, 32, "sequential"),  # one CPU: measured fastest
        (8, {}, {}, 32, "devices"),
        (8, {}, {}, 1, "sequential"),
        (8, {"fetch": True}, {}, 32, "sequential"),
        (8, {}, {"patience": 2}, 32, "sequential"),
        (8, {}, {"weights": "best"}, 32, "sequential"),
    ],
)
def test_the_form_is_chosen_by_devices_and_run(devices, options, run, count, form):
    made = Population(program(network(**options), **run), "auto", dev.select(devices))
    assert made.chosen(count) == form


def test_states_that_are_heavy_are_not_stacked_unasked(monkeypatch):
    monkeypatch.setattr("ngjax.train.population.STACKED", 1000)
    assert Population(program(network()), "auto", dev.select(8)).chosen(32) == "sequential"


def test_best_weights_and_patience_are_each_members_own():
    task = network()
    for run in ({"weights": "best"}, {"patience": 1}):
        with pytest.raises(UserError, match=r"--population=vmap: --run\.\w+.*; use sequential"):
            Population(program(task, **run), "vmap")
    found = dict(
        Population(program(task, weights="best", epochs=6)).train(
            MEMBERS[:2], objective=("dev/loss", "min")
        )
    )
    last = plain(task, MEMBERS[0], epochs=6)
    assert found[0].metrics["dev/loss"] <= last.metrics["dev/loss"] + 1e-12


def test_a_scalar_that_the_task_does_not_read_is_refused():
    with pytest.raises(KeyError, match="momentum"):
        dict(Population(program(network())).train([Member({"momentum": 0.9})]))


@pytest.mark.parametrize("form", FORMS[1:])
def test_a_signal_stops_members_in_step(form, monkeypatch):
    stretch, told = Feed.stretch, []

    def stopping(self, start, steps):
        if start:
            os.kill(os.getpid(), signal.SIGTERM)
        return stretch(self, start, steps)

    monkeypatch.setattr(Feed, "stretch", stopping)
    population = Population(program(parabola(), steps=2000), form, dev.select(2))
    with pytest.raises(Interrupted, match="nothing is saved"):
        told.extend(population.train([Member({"learning_rate": 0.1})] * 3))
    assert not told


def test_a_signal_between_members_keeps_those_that_were_told():
    told = []
    with pytest.raises(Interrupted):
        for place, _ in Population(program(parabola(), steps=20)).train(MEMBERS):
            told.append(place)
            os.kill(os.getpid(), signal.SIGTERM)
    assert told == [0]


def test_the_pace_of_one_member_tells_how_long_the_calls_of_the_next_may_be(monkeypatch):
    task, calls, train = network(), [], Program.train

    def counted(self, state, slots, stretch):
        calls.append(stretch.steps)
        return train(self, state, slots, stretch)

    monkeypatch.setattr(Program, "train", counted)
    results = trained(task, "sequential", MEMBERS[:2], weights="last")
    assert [result.steps for result in results] == [10, 10]
    assert calls[0] == 1  # how long a step takes is not known
    assert calls[-2:] == [5, 5] and sum(calls[:-2]) == 10  # as long as between two evaluations
