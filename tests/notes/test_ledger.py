"""The ledger: every claim the library computes comes out as the ledger says is right."""

from __future__ import annotations

import collections
import math
import re
import subprocess
import sys

import pytest

from ngjax.experiment import discover, load
from ngjax.notes import ledger
from ngjax.notes.checks import convolution, sequences

BY_ID = {entry.id: entry for entry in ledger.entries()}
COMPUTED = sorted(ledger.checks())
FIRST = "123"  # chapters whose every entry is accounted for
PRINTED = [entry for entry in ledger.entries() if entry.printed is not None]


@pytest.mark.parametrize("id", COMPUTED)
def test_the_library_computes_what_is_right(id):
    entry = BY_ID[id]
    found = ledger.check(entry)
    assert found.agrees is True, f"{found.computed} is not {entry.expected} +- {entry.tolerance}"


@pytest.mark.parametrize("entry", PRINTED, ids=lambda entry: entry.id)
def test_printed_values_agree_unless_they_are_errata(entry):
    right = ledger.agrees(entry.printed, entry.expected, entry.tolerance)
    if entry.verdict == "erratum":
        assert not right
        if entry.id in ledger.checks():
            assert not ledger.agrees(entry.printed, ledger.compute(entry.id), entry.tolerance)
    elif entry.verdict == "holds":
        assert right


def test_the_ledger_is_whole():
    verdicts = collections.Counter(entry.verdict for entry in ledger.entries())
    assert verdicts == {"holds": 176, "erratum": 132, "ambiguous": 26}
    assert len(BY_ID) == 334
    assert BY_ID.keys() >= ledger.checks().keys()
    assert all(BY_ID[id].expected is not None for id in COMPUTED)
    assert len(COMPUTED) >= 190


def test_the_ledger_follows_the_notes():
    sections = list(dict.fromkeys(entry.section for entry in ledger.entries()))
    assert sections[:4] == ["1.2", "1.3.1", "1.3.2", "1.3.3"]
    assert sections.index("4.9") < sections.index("4.10") < sections.index("5")
    assert sections[-1] == "refs"


def test_the_ledger_speaks_of_the_notes_alone():
    for entry in ledger.entries():
        prose = " ".join((entry.notes_say, entry.truth, entry.check, entry.source))
        assert not re.search(r"(?<![\w.])/(work|root|home|tmp)/|\bhost\b|\bcore\b", prose), entry.id


def test_looking_at_the_ledger_starts_nothing():
    code = (
        "import sys; from ngjax.notes import ledger; ledger.entries(); print('jax' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


@pytest.mark.parametrize(
    ("computed", "expected", "tolerance"),
    [
        (1.0, 1, 0),
        (1.05, 1, 0.1),
        ([1, [2.0, 3]], [1, [2, 3]], 0),
        ({"a": True, "b": "x"}, {"a": True, "b": "x"}, 0),
    ],
)
def test_what_agrees(computed, expected, tolerance):
    assert ledger.agrees(computed, expected, tolerance)


@pytest.mark.parametrize(
    ("computed", "expected", "tolerance"),
    [
        (1.2, 1, 0.1),
        (-1, 1, 0.1),
        (math.nan, 1, math.inf),
        (math.inf, 1, math.inf),
        (None, 1, 1),
        (None, True, 1),
        (True, 1, 1),
        (1, True, 0),
        ("1", 1, 1),
        (1, "1", 1),
        (False, True, 1),
        (1, [1], 1),
        ([1], 1, 1),
        ([1, 2], [1], 1),
        ([1, 2.5], [1, 2], 0.1),
        ({"a": 1}, {"b": 1}, 1),
        ({"a": 1, "b": 2}, {"a": 1}, 1),
        ({"a": [1, 3]}, {"a": [1, 2]}, 0.5),
        ([["a"]], [["b"]], 0),
    ],
)
def test_what_disagrees(computed, expected, tolerance):
    assert not ledger.agrees(computed, expected, tolerance)


@pytest.fixture
def another(monkeypatch):
    """Sets the computation of one entry to something else, for one test."""

    def change(id, function):
        checks = {**ledger.checks(), id: function}
        monkeypatch.setattr(ledger, "checks", lambda: checks)
        monkeypatch.setattr(ledger, "compute", ledger.compute.__wrapped__)

    return change


def test_a_wrong_value_is_reported(another):
    another("lenet-conv1-params", lambda: 208)
    assert ledger.check(BY_ID["lenet-conv1-params"]) == ledger.Check(208, False)


def test_no_value_from_a_computation_is_wrong_too(another):
    another("lenet-conv1-params", lambda: None)
    assert ledger.check(BY_ID["lenet-conv1-params"]).agrees is False


def test_what_is_not_computed_is_neither():
    assert ledger.check(BY_ID["bn-inventor-name"]) == ledger.Check(None, None)
    with pytest.raises(KeyError):
        ledger.compute("bn-inventor-name")


def test_errors_surface_with_the_entry_named(another):
    def fails():
        raise ZeroDivisionError("no")

    another("lenet-conv1-params", fails)
    with pytest.raises(ZeroDivisionError) as caught:
        ledger.check(BY_ID["lenet-conv1-params"])
    assert "lenet-conv1-params" in caught.value.__notes__[0]


def test_an_entry_computed_twice_is_refused(monkeypatch):
    twice = {**convolution.CHECKS, next(iter(sequences.CHECKS)): int}
    monkeypatch.setattr(convolution, "CHECKS", twice)
    with pytest.raises(ValueError, match=next(iter(sequences.CHECKS))):
        ledger.checks.__wrapped__()


def test_the_table_has_every_entry_once():
    text = ledger.table()
    *blocks, counts = text.split("\n\n")
    assert [block.split()[1] for block in blocks] == [entry.id for entry in ledger.entries()]
    assert max(map(len, text.splitlines())) <= ledger.WIDTH
    n = len(COMPUTED)
    assert counts == (
        "334 claims: 176 hold, 132 are errata, 26 are ambiguous\n"
        f"{n} computed by ngjax: {n} agree with what is right, 0 disagree"
    )


def test_the_table_shows_a_disagreement(monkeypatch):
    entry = BY_ID["maxpool-example"]
    monkeypatch.setattr(ledger, "entries", lambda: (entry,))
    monkeypatch.setattr(ledger, "compute", lambda id: entry.printed)
    block, counts = ledger.table().split("\n\n")
    lines = [" ".join(line.split()) for line in block.splitlines()]
    assert lines == [
        "4.3 maxpool-example ERRATUM DISAGREES",
        "notes 4×4 → [[9,6],[6,3]]",
        "right [[9,2],[6,3]]",
        "ngjax [[9, 6], [6, 3]]",
        "wanted [[9, 2], [6, 3]] within 0",
    ]
    assert counts.endswith("0 agree with what is right, 1 disagree")


def of_the_first_chapters():
    return {entry.id: entry for entry in ledger.entries() if entry.section[0] in FIRST}


def test_every_number_and_formula_of_the_first_three_chapters_is_computed():
    asked = {
        id
        for id, entry in of_the_first_chapters().items()
        if entry.kind != "property" and entry.expected is not None
    }
    assert asked - ledger.checks().keys() == {"hundred-years-history"}


def test_what_is_neither_computed_nor_claimed_says_why():
    claimed = {id for name in discover() for id in load(name).claims}
    left = of_the_first_chapters().keys() - claimed - ledger.checks().keys()
    reasons = ledger.unclaimed()
    assert left == reasons.keys()
    assert all(len(reason) > 20 for reason in reasons.values())
