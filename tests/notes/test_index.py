"""The notes' index: none of its terms is missing, and every entry point exists."""

from __future__ import annotations

import pytest

from ngjax.experiment import console, discover, load
from ngjax.notes import index

BY_NAME = {term.name: term for term in index.terms()}
CHAPTER_3_ENDS = 30  # page


def topics_of():
    return {term: topic.name for topic in discover().values() for term in topic.terms}


def test_every_term_has_an_entry_point():
    topics = topics_of()
    missing = {t.name for t in index.terms() if not t.functions and t.name not in topics}
    assert not missing


@pytest.mark.parametrize("name", [t.name for t in index.terms() if t.page <= CHAPTER_3_ENDS])
def test_every_term_of_the_first_three_chapters_has_a_topic(name):
    assert name in topics_of()


@pytest.mark.parametrize("function", sorted({f for t in index.terms() for f in t.functions}))
def test_every_function_exists(function):
    assert callable(index.resolve(function)) or index.resolve(function)


def test_topics_name_terms_of_the_notes():
    for topic in discover().values():
        assert topic.terms == load(topic.name).terms, "terms are written out, to be read unimported"
        assert set(topic.terms) <= BY_NAME.keys()


def test_the_printed_index_has_every_term_with_its_topics(capsys):
    assert console.print_index() == 0
    told = capsys.readouterr().out
    assert told.index("Adam, page 23") < told.index("YOLO algorithm, page 42")
    block = told.partition("momentum, page 23\n")[2].partition("page")[0]
    assert "--experiment=optimizers" in block and "ngjax.optim.scale_by_momentum" in block
    assert told.count(", page ") == len(BY_NAME) == 94
