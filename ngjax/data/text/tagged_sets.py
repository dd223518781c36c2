"""The tagged sets: whose they are, and the checksums of their files."""

from __future__ import annotations

from ngjax.data.entry import Entry, File
from ngjax.data.text import invented_news, tagged

_LEXICON_NER = (
    "https://raw.githubusercontent.com/v-mipeng/LexiconNER/"
    "9a2003d5eeffa1997550199a9dc541cbd074f7e3/data/conll2003/"
)

ENTRIES = (
    Entry(
        name="invented_news",
        title="Invented news: tagged sentences written from templates by a fixed seed",
        kind="tagged",
        reader=invented_news.parts,
        home="written by this project; no text of anybody's",
        licence="that of this project",
        embedded=True,
        caveat="sentences are made from templates; a score on them says nothing of real text",
    ),
    Entry(
        name="conll2003",
        title="CoNLL-2003 named entities, English",
        kind="tagged",
        reader=tagged.parts,
        home="https://www.clips.uantwerpen.be/conll2003/ner/",
        licence="Reuters text, for research only: not to be published further",
        files=tuple(
            File(name, sha256, size, (_LEXICON_NER + name,))
            for name, sha256, size in (
                (
                    "train.txt",
                    "20d0e0b801f2e6e0dd674ac381c4804f9294c7839d73234d5c43affc5df531d9",
                    2062953,
                ),
                (
                    "valid.txt",
                    "a80eb0886f28c26241e34c6a1c44f0409a9937970ac5169eaf1ad0fe721ea0b1",
                    519937,
                ),
                (
                    "test.txt",
                    "652c0a397cf4397a7fdb10ad042c50580a8f9ab87d91ed93737bcd57b42f47bb",
                    469106,
                ),
            )
        ),
    ),
)
