"""Reviews of restaurants, written by a fixed seed: where the order of words is the matter.

Three kinds of sentences, each good or bad with equal chances. `plain`: what is said is meant. Of
`negated` ones, words turn about what follows: the course's "completely lacking in good taste, good
service, and good ambience" (which never occurs in the set). In `contrast`, a good half and a bad
one, the clause that stands behind "but", or without "although", decides: the same words in another
order mean the opposite.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts, Split

COUNTS = {"train": 4000, "dev": 500, "test": 2000}
KINDS = ("plain", "negated", "contrast")
SHARES = (0.4, 0.3, 0.3)
# fmt: off
LACKING = (
    "completely", "lacking", "in", "good", "taste", ",", "good", "service", ",", "and", "good",
    "ambience", ".",
)

GOOD = (
    "good", "great", "excellent", "delicious", "lovely", "friendly", "charming", "wonderful",
    "fresh", "generous", "warm", "pleasant", "tasty", "superb", "perfect",
)
BAD = (
    "bad", "awful", "terrible", "bland", "rude", "slow", "dirty", "stale", "cold", "noisy",
    "greasy", "dull", "overpriced", "soggy", "disappointing",
)
THINGS = (
    "food", "service", "taste", "ambience", "staff", "dessert", "wine", "soup", "fish", "pasta",
    "music", "waiter", "room", "bread", "menu", "coffee", "salad", "garden", "kitchen",
    "breakfast",
)
# fmt: on
MORE = ("", "", "", "really", "quite", "very", "rather", "simply")
TURNED = ("not", "never", "hardly", "anything but", "far from")
WITHOUT = ("lacking in", "completely lacking in", "without any", "there is no")
BEGIN = ("", "", "", "we came on a sunday .", "honestly ,", "my second visit :", "for lunch ,")
END = (".", ".", "!", ", as my sister says .", ". we sat outside .", ", and it rained .")


def reviews(files: Mapping[str, Path], size: int = 0) -> Parts:
    """Good and bad reviews; no sentence stands in two parts."""
    generator = np.random.default_rng(58)
    seen = {tuple(LACKING)}
    splits = {}
    for part, count in COUNTS.items():
        inputs, targets = [], []
        while len(inputs) < count:
            good = bool(generator.integers(2))
            words = tuple(review(generator, good))
            if words not in seen:
                seen.add(words)
                inputs.append(words)
                targets.append(good)
        splits[part] = Split(tuple(inputs), np.array(targets, np.int32))
    return Parts(**splits, classes=("bad", "good"))


def kind_of(words: tuple[str, ...]) -> str:
    """Which of `KINDS` a written review is, by the words that only that kind has."""
    if ("but" in words and "anything but" not in " ".join(words)) or "although" in words:
        return "contrast"
    text = f" {' '.join(words)} "
    return "negated" if any(f" {turn} " in text for turn in (*TURNED, *WITHOUT)) else "plain"


def review(generator: np.random.Generator, good: bool) -> list[str]:
    """One review, as words."""
    kind = KINDS[generator.choice(len(KINDS), p=SHARES)]
    if kind == "contrast":
        body = _contrast(generator, good)
    else:
        clause = _plain if kind == "plain" else _negated
        body = " , ".join(clause(generator, good) for _ in range(generator.integers(1, 4)))
    return f"{_one(generator, BEGIN)} {body} {_one(generator, END)}".split()


def _contrast(generator: np.random.Generator, good: bool) -> str:
    said, meant = _plain(generator, not good), _plain(generator, good)
    forms = (
        f"{said} , but {meant}",
        f"although {said} , {meant}",
        f"{meant} , although {said}",
    )
    return _one(generator, forms)


def _plain(generator: np.random.Generator, good: bool) -> str:
    thing, word, more = _said(generator, good)
    forms = (f"the {thing} was {more} {word}", f"{more} {word} {thing}")
    return _one(generator, forms)


def _negated(generator: np.random.Generator, good: bool) -> str:
    """One turn gives the opposite, two give the thing itself."""
    thing, word, more = _said(generator, not good)
    turn = _one(generator, TURNED)
    others = [f"{_said(generator, not good)[1]} {_one(generator, THINGS)}" for _ in range(2)]
    listed = " , ".join([f"{word} {thing}", *others[: generator.integers(3)]])
    _, same, _ = _said(generator, good)
    forms = (
        f"the {thing} was {turn} {more} {word}",
        f"{_one(generator, WITHOUT)} {listed}",
        f"{_one(generator, TURNED)} {_one(generator, WITHOUT[:3])} {same} {thing}",
    )
    return _one(generator, forms)


def _said(generator: np.random.Generator, good: bool) -> tuple[str, str, str]:
    """A thing, a word of praise or blame, a word before it."""
    return (
        _one(generator, THINGS),
        _one(generator, GOOD if good else BAD),
        _one(generator, MORE),
    )


def _one(generator: np.random.Generator, choices: tuple[str, ...] | list[str]) -> str:
    return choices[int(generator.integers(len(choices)))]
