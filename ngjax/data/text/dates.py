"""Dates as people write them, and as ISO 8601 does: drawn by a fixed seed.

Every text means one thing, by these rules:

- 3.5.79 is the day before the month, 5/3/79 the month before the day, 1979-5-3 the year first;
- a year of two digits stands last, and lies from 1930 to 2029;
- two dates make an interval, which ISO 8601 writes with a "/" between them.

No day of the dev or test set is in the training set.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts, Split
from ngjax.data.entry import Entry

COUNTS = {"train": 20_000, "dev": 1_000, "test": 2_000}
HELD_DAYS = 2_000  # that only dev draws from, and as many only test
FIRST, DAYS = datetime.date(1930, 1, 1), 36_525  # a hundred years
LONGEST = 72  # characters; what is longer is drawn again
INTERVALS = 0.4  # share of texts that hold two dates

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS = (*("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),)
_ORDINALS = {
    **{"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"},
    **{"nine": "ninth", "twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth"},
}
_SINGLE = (  # day, month, year, weekday each written in a way of its own
    "{d} {month} {y}",
    "{th} {month} {y}",
    "{th} of {month} {y}",
    "the {th} of {month}, {y}",
    "{month} {d}, {y}",
    "{month} {th}, {y}",
    "{weekday}, {d} {month} {y}",
    "{weekday}, {month} {d}, {y}",
    "{weekday} the {th} of {month} {y}",
    "{year4}, {month} {d}",
    "{year4} {month} {d}",
    "{d}. {month} {y}",
    "{d}-{mon}-{y}",
    "{n}.{m}.{year}",
    "{nn}.{mm}.{year}",
    "{m}/{n}/{year}",
    "{mm}/{nn}/{year}",
    "{year4}-{m}-{n}",
    "{year4}/{mm}/{nn}",
    "{spelt} of {month} {y}",
    "the {spelt} of {month}, {yearspelt}",
    "{month} the {spelt}, {yearspelt}",
    "{weekday}, {month} {spelt} {y}",
)
_PAIRS = (
    "{} - {}",
    "{} to {}",
    "from {} to {}",
    "{} until {}",
    "between {} and {}",
    "from {} till {}",
)


def spelt(number: int) -> str:
    """A number below 100 in words."""
    if number < 20:
        return _UNITS[number]
    tens, unit = divmod(number, 10)
    return _TENS[tens] + (f"-{_UNITS[unit]}" if unit else "")


def ordinal(number: int) -> str:
    """first, second, ... ninety-ninth."""
    head, dash, last = spelt(number).rpartition("-")
    return head + dash + _ORDINALS.get(last, f"{last}th")


def year_spelt(year: int) -> str:
    """Nineteen seventy-nine, two thousand and six."""
    century, rest = divmod(year, 100)
    if century == 20:
        return "two thousand" + (f" and {spelt(rest)}" if rest else "")
    middle = "hundred" if not rest else f"oh {spelt(rest)}" if rest < 10 else spelt(rest)
    return f"{spelt(century)} {middle}"


def written(date: datetime.date, generator: np.random.Generator) -> str:
    """A date as somebody might write it."""
    form = _SINGLE[generator.integers(len(_SINGLE))]
    day, month, year = date.day, MONTHS[date.month - 1], date.year
    weekday = WEEKDAYS[date.weekday()]
    short_year = generator.random() < 0.3
    apostrophe = "'" if generator.random() < 0.5 else ""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day % 10 if day not in (11, 12, 13) else 0, "th")
    name = month if generator.random() < 0.6 else month[:3]
    text = form.format(
        d=day,
        th=f"{day}{ending}",
        n=day,
        nn=f"{day:02}",
        m=date.month,
        mm=f"{date.month:02}",
        month=name,
        mon=month[:3],
        y=f"{apostrophe}{year % 100:02}" if short_year else year,
        year=f"{year % 100:02}" if short_year else year,
        year4=year,
        weekday=weekday if generator.random() < 0.6 else weekday[:3],
        spelt=ordinal(day),
        yearspelt=year_spelt(year),
    )
    case = generator.integers(4)
    return text.lower() if case == 0 else text.upper() if case == 1 else text


def drawn(days: np.ndarray, count: int, generator: np.random.Generator) -> Split:
    """So many texts about these days, with what they mean."""
    rows = []
    while len(rows) < count:
        pair = generator.random() < INTERVALS
        one, two = np.sort(generator.choice(days, 2, replace=False))
        dates = [FIRST + datetime.timedelta(int(day)) for day in ((one, two) if pair else (one,))]
        texts = [written(date, generator) for date in dates]
        if pair:
            text = _PAIRS[generator.integers(len(_PAIRS))].format(*texts)
        else:
            (text,) = texts
        if len(text) <= LONGEST:
            rows.append((text, "/".join(date.isoformat() for date in dates)))
    return Split(tuple(rows))


def dates(files: Mapping[str, Path], size: int = 0) -> Parts:
    """Train, dev and test, each about days of its own."""
    generator = np.random.default_rng(5)
    order = generator.permutation(DAYS)
    days = {
        "test": order[:HELD_DAYS],
        "dev": order[HELD_DAYS : 2 * HELD_DAYS],
        "train": order[2 * HELD_DAYS :],
    }
    return Parts(
        **{part: drawn(days[part], count, generator) for part, count in COUNTS.items()},
        classes=("written", "iso"),
    )


ENTRIES = (
    Entry(
        name="dates",
        title="Dates as people write them, and in ISO 8601",
        kind="pairs",
        reader=dates,
        home="drawn by a fixed seed",
        licence="none needed",
        embedded=True,
    ),
)
