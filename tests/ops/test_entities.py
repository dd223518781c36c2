"""Names in tags, worked by hand by the rules of the shared task's script conlleval."""

import pytest

from ngjax.ops.entities import Entity, count, entities, marks


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        ("B-PER I-PER O", [("PER", 0, 2)]),
        ("B-PER B-PER", [("PER", 0, 1), ("PER", 1, 2)]),
        ("O I-LOC I-LOC", [("LOC", 1, 3)]),  # an I begins a name where none is
        ("B-PER I-LOC I-LOC", [("PER", 0, 1), ("LOC", 1, 3)]),  # another kind inside
        ("I-ORG B-ORG I-ORG O B-ORG", [("ORG", 0, 1), ("ORG", 1, 3), ("ORG", 4, 5)]),
        ("O O", []),
        ("", []),
    ],
)
def test_names_are_read_as_conlleval_reads_them(tags, names):
    assert entities(tags.split()) == [Entity(*name) for name in names]


@pytest.mark.parametrize("tag", ["X-PER", "B-", "PER", "B"])
def test_what_is_no_tag_is_refused(tag):
    with pytest.raises(ValueError, match="tag 2"):
        entities(["O", tag])


def test_counts_worked_by_hand():
    true = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG", "I-ORG"]]
    found = [["B-PER", "I-PER", "O", "B-ORG"], ["O", "B-ORG", "O"]]
    counted = count(true, found)
    # there: PER, LOC, ORG; found: PER (right), ORG (wrong kind), ORG (wrong end)
    assert counted[""] == (3, 3, 1) and counted["PER"] == (1, 1, 1)
    assert counted["LOC"] == (1, 0, 0) and counted["ORG"] == (1, 2, 0)
    assert counted[""].f1 == pytest.approx(1 / 3) and counted["PER"].f1 == 1
    assert counted["LOC"].precision == counted["LOC"].recall == counted["LOC"].f1 == 0
    uneven = count([["B-A", "B-A", "B-A"]], [["B-A", "O", "O"]])[""]
    assert (uneven.precision, uneven.recall, uneven.f1) == pytest.approx((1, 1 / 3, 0.5))
    assert count([], [])[""].f1 == 0
    with pytest.raises(ValueError, match="3 words got 2"):
        count([["O", "O", "O"]], [["O", "O"]])


def test_the_notes_targets():
    tags = ["B-PER", "I-PER", "O", "B-PER", "I-PER", "O", "O", "O", "O"]
    assert marks(tags) == [1, 1, 0, 1, 1, 0, 0, 0, 0]
    assert marks(["B-PER", "B-LOC", "O"], kinds=("LOC",)) == [0, 1, 0]
