"""Phrases drawn by seed, in which a word's class alone tells the word behind it (notes 5.8).

"I want a glass of orange juice": who has learned that apples are like oranges can say what comes
behind "apple" without having been told. Sentences show what words are alike and never hold an
answer; phrases ask for it. The words of a class are alike in their sentences and in nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Kind(NamedTuple):
    """Words of one class."""

    answer: str  # the word behind each of them
    words: tuple[str, ...]
    sentences: tuple[str, ...]


KINDS = (
    Kind(
        "juice",
        (
            "orange",
            "apple",
            "cherry",
            "grape",
            "pear",
            "plum",
            "lemon",
            "mango",
            "peach",
            "carrot",
        ),
        (
            "she peeled the ripe {} and ate it",
            "we picked one {} in the orchard",
            "he baked a pie with sweet {}",
            "a basket of fresh {} stood in the kitchen",
        ),
    ),
    Kind(
        "wire",
        ("copper", "iron", "silver", "steel", "gold", "brass", "nickel", "zinc", "tin", "lead"),
        (
            "the smith melted the {} in a furnace",
            "they dig for {} under the mountain",
            "a pipe of pure {} does not bend",
            "the coin was made of shiny {}",
        ),
    ),
    Kind(
        "airport",
        (
            "london",
            "paris",
            "berlin",
            "madrid",
            "rome",
            "vienna",
            "dublin",
            "oslo",
            "lisbon",
            "athens",
        ),
        (
            "the train to {} leaves at noon",
            "she moved to {} last year",
            "the mayor of {} spoke to voters",
            "tourists walk through old streets in {}",
        ),
    ),
    Kind(
        "food",
        (
            "dog",
            "cat",
            "horse",
            "rabbit",
            "goat",
            "hamster",
            "parrot",
            "pony",
            "sheep",
            "turtle",
        ),
        (
            "the {} slept in a barn",
            "a hungry {} ran after its owner",
            "we stroked the young {} in the yard",
            "the vet looked after the sick {}",
        ),
    ),
    Kind(
        "player",
        (
            "guitar",
            "piano",
            "violin",
            "trumpet",
            "cello",
            "flute",
            "drum",
            "banjo",
            "harp",
            "oboe",
        ),
        (
            "she practised the {} every evening",
            "he tuned his {} before the concert",
            "a solo on the {} opened the song",
            "the band needs someone for the {}",
        ),
    ),
    Kind(
        "leaf",
        ("oak", "maple", "birch", "willow", "elm", "beech", "poplar", "alder", "ash", "linden"),
        (
            "the old {} lost a branch in the storm",
            "birds nest high in the {}",
            "they planted a {} beside the road",
            "the roots of the {} broke a wall",
        ),
    ),
)
COMMON = ("i like the {} very much", "everyone talked about {}", "a book with a picture of {}")
ASKED = (
    "i like the {}",
    "everyone talked about the {}",
    "a picture of the {}",
    "a book with the {}",
)
ANSWERS = tuple(kind.answer for kind in KINDS)
WORDS = tuple(word for kind in KINDS for word in kind.words)
CLASSES = np.repeat(np.arange(len(KINDS)), [len(kind.words) for kind in KINDS])  # of WORDS


def sentences(count: int, seed: int) -> str:
    """Unlabelled text, a sentence a line: one in four says the same of every word."""
    generator = np.random.default_rng(seed)
    lines = []
    for _ in range(count):
        kind = KINDS[generator.integers(len(KINDS))]
        said = COMMON if generator.random() < 0.25 else kind.sentences
        word = kind.words[generator.integers(len(kind.words))]
        lines.append(said[generator.integers(len(said))].format(word))
    return "\n".join(lines) + "\n"


def phrases() -> tuple[list[list[str]], np.ndarray, np.ndarray]:
    """All phrases without their last word.

    Returns:
        the last three words of each, the number of its answer int [m], and whether its word is one
        of those with labels, bool [m]: every second one, "orange" and not "apple".
    """
    asked, answers, told = [], [], []
    for number, kind in enumerate(KINDS):
        for place, word in enumerate(kind.words):
            for phrase in ASKED:
                asked.append(phrase.format(word).split()[-3:])
                answers.append(number)
                told.append(place % 2 == 0)
    return asked, np.array(answers), np.array(told)
