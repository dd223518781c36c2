from __future__ import annotations

import datetime
import re

import pytest

from ngjax.data.text import dates

PARTS = dates.dates({})
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def days(part):
    return {day for _, iso in part.inputs for day in iso.split("/")}


def test_sizes_lengths_and_days_of_its_own():
    held = {name: getattr(PARTS, name) for name in dates.COUNTS}
    assert {name: len(part) for name, part in held.items()} == dates.COUNTS
    assert max(len(text) for part in held.values() for text, _ in part.inputs) <= dates.LONGEST
    train, dev, test = map(days, held.values())
    assert not train & dev and not train & test and not dev & test
    assert all(datetime.date.fromisoformat(day).isoformat() == day for day in train | dev | test)


def test_no_text_means_two_things():
    meant = {}
    for name in dates.COUNTS:
        for text, iso in getattr(PARTS, name).inputs:
            assert meant.setdefault(text.lower(), iso) == iso


def year(text):
    return int(text) if len(text) > 2 else int(text) + (2000 if int(text) < 30 else 1900)


NUMERIC = {  # read anew, by the rules alone
    r"(\d+)\.(\d+)\.(\d+)": lambda d, m, y: (y, m, d),
    r"(\d+)/(\d+)/(\d{2}|\d{4})": lambda m, d, y: (y, m, d),
    r"(\d{4})[-/](\d+)[-/](\d+)": lambda y, m, d: (y, m, d),
}


@pytest.mark.parametrize("pattern", NUMERIC)
def test_numbers_mean_what_the_rules_say(pattern):
    found = 0
    for text, iso in PARTS.test.inputs:
        match = re.fullmatch(pattern, text)
        if match and not (len(match[1]) == 4 and "{4}" not in pattern.split(")")[0]):
            y, m, d = NUMERIC[pattern](*match.groups())
            assert datetime.date(year(y), int(m), int(d)).isoformat() == iso
            found += 1
    assert found > 30


def test_names_of_months_and_weekdays_are_right():
    found = 0
    for text, iso in PARTS.test.inputs:
        if "/" in iso:
            continue
        date, words = datetime.date.fromisoformat(iso), re.findall("[a-z]+", text.lower())
        named = [MONTHS.index(word[:3]) + 1 for word in words if word[:3] in MONTHS]
        assert named in ([], [date.month])
        weekday = [
            word for word in words if word[:3] in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        ]
        assert all(date.strftime("%A").lower().startswith(word) for word in weekday)
        found += len(weekday)
    assert found > 100


def test_intervals_begin_with_the_earlier_day():
    pairs = [iso.split("/") for _, iso in PARTS.test.inputs if "/" in iso]
    assert len(pairs) > 500 and all(one < two for one, two in pairs)


def test_words_by_hand():
    assert [dates.ordinal(n) for n in (1, 2, 3, 5, 8, 12, 20, 21, 30, 31)] == [
        "first",
        "second",
        "third",
        "fifth",
        "eighth",
        "twelfth",
        "twentieth",
        "twenty-first",
        "thirtieth",
        "thirty-first",
    ]
    assert dates.year_spelt(1979) == "nineteen seventy-nine"
    assert dates.year_spelt(2000) == "two thousand"
    assert dates.year_spelt(2006) == "two thousand and six"
    assert dates.year_spelt(1905) == "nineteen oh five"
