"""The data sets by name.

A new set is a new `Entry`. Its kind and its reader may be new as well: nothing else asks for them.
"""

from __future__ import annotations

from ngjax.config import nearest
from ngjax.data import drawn, embedded, weights
from ngjax.data.boxes import box_sets
from ngjax.data.entry import Entry
from ngjax.data.faces import face_points, portraits
from ngjax.data.images import crop_sets, image_sets
from ngjax.data.series import promoters
from ngjax.data.sound import music, sound_sets
from ngjax.data.text import dates, parallel, sentence_sets, tagged_sets, text_sets
from ngjax.types import UserError

ENTRIES = (
    embedded.ENTRIES
    + drawn.ENTRIES
    + face_points.ENTRIES
    + image_sets.ENTRIES
    + portraits.ENTRIES
    + box_sets.ENTRIES
    + crop_sets.ENTRIES
    + sound_sets.ENTRIES
    + text_sets.ENTRIES
    + music.ENTRIES
    + dates.ENTRIES
    + parallel.ENTRIES
    + sentence_sets.ENTRIES
    + promoters.ENTRIES
    + tagged_sets.ENTRIES
    + weights.ENTRIES
)


def names() -> tuple[str, ...]:
    """The names of all data sets."""
    return tuple(item.name for item in ENTRIES)


def entry(name: str) -> Entry:
    """The data set of that name; "-" and "_" are the same.

    Raises:
        UserError: there is none; names the nearest and lists all.
    """
    wanted = name.replace("-", "_")
    for item in ENTRIES:
        if item.name == wanted:
            return item
    raise UserError(
        f"--data.name={name}: no such data set{nearest(wanted, names())}; "
        f"there are {', '.join(names())}"
    )
