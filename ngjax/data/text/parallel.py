"""The same sentences in several languages: kind "pairs".

`Split.inputs` is a tuple of m tuples, one sentence a language in the order of `Dataset.classes`;
`translations` chooses two of them. Files: gzip of UTF-8, a sentence a line.
"""

from __future__ import annotations

import dataclasses
import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path

from ngjax.data.dataset import Dataset, Parts, Split
from ngjax.data.entry import Entry, File
from ngjax.types import UserError

_LANGUAGES = ("en", "de", "fr")
_PARTS = {"train": "train", "dev": "val", "test": "test_2016_flickr"}
_MULTI30K = (
    "https://raw.githubusercontent.com/multi30k/dataset/"
    "a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw/"
)


def read_lines(path: Path) -> list[str]:
    """The lines of a gzip of UTF-8, white space at their ends dropped.

    Raises:
        UserError: unreadable, no gzip, cut off, or not UTF-8.
    """
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: is no whole gzip file ({error}); get it again") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} of its text is not UTF-8") from error
    return [line.strip() for line in text.removesuffix("\n").split("\n")]


def multi30k(files: Mapping[str, Path], size: int = 0) -> Parts:
    """Line i of every language's file is one sentence; those with an empty line are left out."""
    parts, left_out = {}, []
    for part, stem in _PARTS.items():
        columns = [read_lines(files[f"{stem}.{language}.gz"]) for language in _LANGUAGES]
        counts = ", ".join(f"{len(c)} {name}" for c, name in zip(columns, _LANGUAGES, strict=True))
        if len(set(map(len, columns))) > 1:
            raise UserError(f"{stem}: the languages have not the same number of lines: {counts}")
        rows = tuple(zip(*columns, strict=True))
        left_out += [f"{stem}, line {i}: empty" for i, row in enumerate(rows, 1) if not all(row)]
        parts[part] = Split(tuple(row for row in rows if all(row)))
    return Parts(**parts, classes=_LANGUAGES, left_out=tuple(left_out))


def translations(held: Dataset, source: str = "", target: str = "") -> Dataset:
    """The set with sentences of one language as inputs and of another as targets.

    Args:
        held: of kind "pairs".
        source: a language of the set; empty: its first.
        target: likewise; empty: its second.

    Raises:
        UserError: a language that the set lacks, or the same one twice.
    """
    languages = held.classes
    chosen = (source or languages[0], target or languages[1])
    for flag, name in zip(("source", "target"), chosen, strict=True):
        if name not in languages:
            raise UserError(f"--{flag}={name}: {held.name} has {', '.join(languages)}")
    if chosen[0] == chosen[1]:
        raise UserError(f"--target={chosen[1]}: is the source, too; give another language")
    first, second = map(languages.index, chosen)
    parts = {
        name: Split(
            tuple(row[first] for row in getattr(held, name).inputs),
            tuple(row[second] for row in getattr(held, name).inputs),
        )
        for name in ("train", "dev", "test")
    }
    return dataclasses.replace(held, classes=chosen, **parts)


_FILES = {  # sha256 and bytes
    "test_2016_flickr.de.gz": (
        "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
        22890,
    ),
    "test_2016_flickr.en.gz": (
        "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
        21077,
    ),
    "test_2016_flickr.fr.gz": (
        "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90",
        22310,
    ),
    "train.de.gz": ("726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6", 637044),
    "train.en.gz": ("d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f", 568929),
    "train.fr.gz": ("622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c", 604242),
    "val.de.gz": ("f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a", 24681),
    "val.en.gz": ("14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28", 21650),
    "val.fr.gz": ("ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9", 23001),
}

ENTRIES = (
    Entry(
        name="multi30k",
        title="Multi30k",
        kind="pairs",
        reader=multi30k,
        home="https://github.com/multi30k/dataset",
        licence="none stated; the captions derive from Flickr30k (research use)",
        files=tuple(
            File(name, sha256, size, (_MULTI30K + name,)) for name, (sha256, size) in _FILES.items()
        ),
    ),
)
