"""A small corpus with tagged names, written from templates by a fixed seed: no real text.

It holds what makes names hard. A sentence's first word is a capital whatever it is, so "Teddy bears
are on sale ." and "Teddy Roosevelt spoke ." part only at the second word. A town's name is also a
club's and a family's, and what follows tells which. Some sentences are headlines, all capitals.
Half of the names of dev and test stand nowhere in train, and dev and test share none of those:
only the words round them and their spelling are left to go by.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngjax.data.dataset import Parts
from ngjax.data.text import tagged

SENTENCES = {"train": 3000, "dev": 600, "test": 1000}
SEED = 1997
HEADLINES = 0.08  # share of sentences in capitals
UNSEEN = 0.5  # share of dev's and test's names that train never holds
INVENTED = 0.5  # share of families, towns and countries made of syllables
SHARES = {"train": (0.0, 0.5), "dev": (0.5, 0.75), "test": (0.75, 1.0)}  # of every list of names

FIRST = """Anna Bert Carla David Emma Frank Grace Henry Ivy Jack Karen Lewis Mark Nora Oscar Paula
Quentin Rose Simon Teddy Ursula Victor Wendy Xavier Yvonne Adam Bella Conrad Daisy Edwin Fiona
George Hope Ian Julia Keith Laura Martin Nelly Owen Pearl Robin Sandy Thomas Una Viola Will
Clara Rusty Hazel Bill Faith Ned Olive Pat Ruby Ray Sunny Penny Basil"""
FAMILY = """Baker Cook Hunter Stone Wood Hill Page Field Brook Marsh Fox Wolf Roosevelt Taylor Mason
Fisher Potts Weaver Carter Young Rivers Winter Frost Snow Banks Wells Burns Bush Church Cross
Dale Day Drake English French Gold Green Hall Knight Lake Law March Moss North Park Pool Price
Reed Rich Savage Sharp Short Swan Tanner West Wise"""
TOWN = """Lincoln Jordan Washington Austin Florence Chelsea Hamilton Houston Preston Bristol Chester
Lancaster Kent Warwick Ashford Bradford Burton Clifton Denver Dover Everton Grafton Hastings
Hudson Kingston Langley Milton Nelson Norfolk Oxford Paris Quebec Reading Sheffield Stafford
Sydney Trent Upton Vernon Walton York Madison Carson Devon"""
COUNTRY = """Freedonia Ruritania Grenada Bolivia Armenia Colombia Croatia Estonia Gambia Jamaica
Liberia Namibia Romania Serbia Tunisia Zambia Albania Austria Libya Latvia Nigeria Panama Cuba
Slovenia"""
ONSET = "b br d dr f g gr h k kl l m n p pr r s st t tr v w z"
MIDDLE = "a e i o u ar el in or an"
ENDING = {
    "FAMILY": "son man ley ton ford er",
    "TOWN": "ton ford burg ville ley mouth",
    "COUNTRY": "ia nia dia",
}
FIRM = ("Motors", "Steel", "Foods", "Airways", "Bank", "Press", "Power", "Mills")
FORM = ("Inc", "Ltd", "Corp", "Group")

PLAIN = {  # slots that are no names
    "job": "doctor teacher farmer minister pilot singer judge clerk sailor poet",
    "thing": "bread wheat steel oil coal cotton sugar shoes paper clocks",
    "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "number": " ".join(map(str, range(2, 60))),
    "goods": "bears bushes gardens cakes shops books trees dogs prices tables rain roads wool",
    "deed": "smiled resigned won lost left spoke wept agreed retired laughed",
    "crowd": "Farmers Police Prices Shares Doctors Rain Talks Winters Rivers Fishers",
}

TEMPLATES = """{PER} {deed} on {day} .
{PER} , a {job} , was born in {LOC} .
{PER} and {PER} wrote a new book .
{PER} told {PER} that the {thing} had come from {LOC} .
The {job} {PER} met {PER} in {LOC} on {day} .
" We {deed} , " said {PER} of {ORG} .
" {LOC} is far away , " {PER} said .
{word} {goods} are on sale in {LOC} .
{word} {goods} are cheap , the {job} said .
{word} {goods} cost {number} pounds on {day} .
{crowd} in {LOC} {deed} on {day} .
{crowd} of {ORG} fell by {number} pence .
{LOC} lies {number} miles from {LOC} .
{LOC} sells {thing} to {LOC} .
{LOC} , in the north of {LOC} , has {number} schools .
{CLUB} beat {CLUB} {number} - {number} .
{CLUB} {number} {CLUB} {number}
{CLUB} lost at home to {CLUB} on {day} .
{CLUB} signed {PER} , a {MISC} {job} , for {number} games .
{ORG} sold its {thing} mills to {ORG} .
{ORG} , based in {LOC} , {deed} .
{ORG} said it would make {thing} in {LOC} .
The {MISC} {job} {deed} in {LOC} .
{MISC} {thing} is dearer than {MISC} {thing} .
{PER} won the {CUP} for {CLUB} .
The {CUP} begins in {LOC} on {day} .
{PER} ( {LOC} ) {number} , {PER} ( {LOC} ) {number}
It was a {job} who found {number} {goods} near {LOC} .
No {thing} was sold on {day} , the {job} said .
In {LOC} the price of {thing} rose by {number} on {day} .
{LOC} , {day} ."""


class _Writer:
    """Fills templates for one part; `lists` holds all names, the part says which it may use."""

    def __init__(self, lists: Mapping[str, list[str]], part: str) -> None:
        self.generator = np.random.default_rng([SEED, tuple(SENTENCES).index(part)])
        self.templates = TEMPLATES.split("\n")
        self.plain = {slot: words.split() for slot, words in PLAIN.items()}
        self.seen = {name: _share(words, "train") for name, words in lists.items()}
        self.own = {name: _share(words, part) for name, words in lists.items()}

    def pick(self, values: list[str] | tuple[str, ...]) -> str:
        return values[int(self.generator.integers(len(values)))]

    def name(self, kind: str) -> str:
        new = self.generator.random() < UNSEEN
        return self.pick((self.own if new else self.seen)[kind])

    def fill(self, slot: str) -> tuple[list[str], str]:
        """(words, kind of name or nothing) of a slot."""
        chance = self.generator.random()
        town = self.name("TOWN")
        if slot == "PER":
            family = town if chance < 0.2 else self.name("FAMILY")
            first = self.name("FIRST")
            words = [family] if chance < 0.35 else [first, family] if chance < 0.9 else [first]
            return words, "PER"
        if slot == "LOC":
            return [town if chance < 0.75 else self.name("COUNTRY")], "LOC"
        if slot == "CLUB":
            return ([town] if chance < 0.7 else [town, self.pick(("United", "City"))]), "ORG"
        if slot == "ORG":
            family = self.name("FAMILY")
            firms = (
                [family, "&", "Sons"],
                [family, self.pick(FIRM)],
                [town, self.pick(FIRM), self.pick(FORM)],
                ["Bank", "of", town],
                [self.name("FIRM")],
            )
            return firms[int(self.generator.integers(len(firms)))], "ORG"
        if slot == "MISC":
            return [self.name("COUNTRY") + "n"], "MISC"
        if slot == "CUP":
            return [town, self.pick(("Cup", "Open"))], "MISC"
        if slot == "word":  # what may be a name, and is none here
            return [self.name("FIRST" if chance < 0.6 else "FAMILY")], ""
        return [self.pick(self.plain[slot])], ""

    def sentence(self) -> tagged.Sentence:
        words: list[str] = []
        tags: list[str] = []
        for token in self.pick(self.templates).split():
            filled, kind = self.fill(token[1:-1]) if token[0] == "{" else ([token], "")
            words += filled
            tags += [
                f"{'I' if place else 'B'}-{kind}" if kind else tagged.OUTSIDE
                for place in range(len(filled))
            ]
        if self.generator.random() < HEADLINES:
            words = [word.upper() for word in words]
        return tuple(words), tuple(tags)


def _share(words: list[str], part: str) -> list[str]:
    low, high = SHARES[part]
    return words[int(low * len(words)) : int(high * len(words))]


def _names() -> dict[str, list[str]]:
    """All names by kind, real and invented ones mixed, in an order of the seed's."""
    generator = np.random.default_rng(SEED)

    def syllables(*options: str) -> str:
        return "".join(generator.choice(each.split()) for each in options).capitalize()

    taken = {name for names in (FIRST, FAMILY, TOWN, COUNTRY) for name in names.split()}

    def invented(kind: str, count: int) -> set[str]:
        made: set[str] = set()  # no name is of two kinds, lest one part holds what another lacks
        while len(made) < count:
            made |= {syllables(ONSET, MIDDLE, ENDING[kind])} - taken
        taken.update(made)
        return made

    def firm() -> str:
        if generator.random() < 0.5:  # letters, such as KBR
            return "".join(generator.choice(list("ABCDEFGHKLMNPRSTVW"), 3))
        return syllables(ONSET, MIDDLE, ONSET) + "ex"

    lists = {"FIRST": set(FIRST.split()), "FIRM": {firm() for _ in range(60)}}
    for kind, real in (("FAMILY", FAMILY), ("TOWN", TOWN), ("COUNTRY", COUNTRY)):
        count = round(len(real.split()) * INVENTED / (1 - INVENTED))
        lists[kind] = set(real.split()) | invented(kind, count)
    return {
        kind: [str(word) for word in generator.permutation(sorted(words))]
        for kind, words in lists.items()
    }


def parts(files: Mapping[str, Path], size: int = 0) -> Parts:
    """Train, dev and test, each with names of its own; other random streams in each."""
    lists = _names()
    written = {
        part: [writer.sentence() for _ in range(count)]
        for part, count in SENTENCES.items()
        for writer in (_Writer(lists, part),)
    }
    classes = tagged.tag_names(written["train"])
    made = {part: tagged.split(written[part], classes, part) for part in SENTENCES}
    return Parts(**made, classes=classes)
