"""Tagged sentences: their files, the invented ones, and words as numbers and letters."""

import re

import numpy as np
import pytest

from ngjax import data
from ngjax.data.text import invented_news, spelled, tagged
from ngjax.types import UserError

LINES = "EU B-ORG 0\nrejects O 0\nGerman B-MISC 0\n\nPeter B-PER 0\nBlackburn I-PER 0\n\n"


def written(tmp_path, train=LINES, test=LINES):
    for name, content in (("train", train), ("valid", LINES), ("test", test)):
        (tmp_path / f"{name}.txt").write_text(content)
    return {f"{name}.txt": tmp_path / f"{name}.txt" for name in ("train", "valid", "test")}


def test_sentences_are_read(tmp_path):
    parts = tagged.parts(written(tmp_path))
    assert parts.classes == ("O", "B-MISC", "B-ORG", "B-PER", "I-PER")
    assert parts.train.inputs == (("EU", "rejects", "German"), ("Peter", "Blackburn"))
    assert [list(row) for row in parts.test.targets] == [[2, 0, 1], [3, 4]]


@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n", "\n\n\n"])
def test_the_end_of_a_file_ends_a_sentence(tmp_path, end):
    text = LINES.replace("\n", "\r\n") if "\r" in end else LINES
    files = written(tmp_path)
    files["train.txt"].write_bytes((text.rstrip() + end).encode())
    assert len(tagged.parts(files).train) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("EU B-ORG\nrejects\n", r"train\.txt: line 2 holds no tag"),
        ("\n\n", r"train\.txt: holds no sentence"),
        ("EU O\n", r"valid\.txt: tag 'B-MISC' is not among"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, content, said):
    with pytest.raises(UserError, match=said) as refusal:
        tagged.parts(written(tmp_path, train=content))
    assert "\n" not in str(refusal.value)


@pytest.fixture(scope="module")
def news():
    return data.load(data.Data("invented_news"))


def test_invented_news_has_names_that_train_lacks(news):
    assert (len(news.train), len(news.dev), len(news.test)) == (3000, 600, 1000)
    assert "written" in news.title and "templates" in news.notes

    def names(split):
        pairs = zip(split.inputs, split.targets, strict=True)
        return [w.upper() for words, tags in pairs for w, k in zip(words, tags, strict=True) if k]

    train, dev, test = (set(names(part)) for part in (news.train, news.dev, news.test))
    unseen = [name not in train for name in names(news.test)]
    assert 0.3 < np.mean(unseen) < 0.6
    assert not {name for name in dev & test if name.isalpha()} - train
    for split in (news.train, news.dev, news.test):
        for words, tags in zip(split.inputs, split.targets, strict=True):
            assert len(words) == len(tags)


def test_invented_news_is_the_same_every_time(news):
    again = invented_news.parts({})
    assert again.train.inputs == news.train.inputs and again.test.inputs == news.test.inputs
    assert not any(re.search("[{}]", word) for words in news.train.inputs for word in words)


def test_what_only_the_second_word_decides(news):
    """A first name opens sentences as a name and as none."""
    firsts = {}
    for words, tags in zip(news.train.inputs, news.train.targets, strict=True):
        firsts.setdefault(words[0], set()).add(int(tags[0]) > 0)
    assert sum(len(kinds) == 2 for kinds in firsts.values()) > 20


SENTENCES = (("The", "dog", "ran", "42"), ("the", "Dog", "barked"), ("Unforgettably", "dog"))


def test_words_are_numbers_and_letters():
    spelling = spelled.Spelling.of(SENTENCES, least=2, longest=4)
    assert spelling.words.tokens == ("dog", "the", data.UNK)
    found = spelling.encode(["The", "Unforgettably", "x7"])
    assert found.dtype == np.int32 and found.shape == (3, 5)
    assert list(found[:, 0]) == [1, 2, 2]
    read = spelling.letters.decode
    assert read(found[0, 1:4] - 1) == "The" and found[0, 4] == 0
    assert read(found[1, 1:] - 1) == "Unly"  # its first and last half
    assert list(found[2, 1:] - 1) == [spelling.letters.number[data.UNK]] * 2 + [-1, -1]
    assert spelled.plain("B2B-42") == "b0b-00"


def test_batches_hold_words_tags_and_lengths():
    held = data.load_tagged(data.Data("invented_news", limit=50))
    assert np.all(np.diff([len(words) for words in held.test.inputs]) >= 0)
    spelling = spelled.Spelling.of(held.train.inputs, 1, 12)
    constants = spelled.constants(held, spelling)
    batch = spelled.source(constants, "test").batch(constants, {"index": np.array([3, 49])}, None)
    for row, i in enumerate((3, 49)):
        words, n = held.test.inputs[i], len(held.test.inputs[i])
        assert batch["length"][row] == n
        np.testing.assert_array_equal(batch["inputs"][row, :n], spelling.encode(words))
        np.testing.assert_array_equal(batch["targets"][row, :n], held.test.targets[i])
        assert not batch["inputs"][row, n:].any()


def test_a_set_is_looked_for_beside_another_where_it_names_no_place():
    other = data.Data("digits", directory="sets")
    assert data.beside(data.Data("conll2003"), other) == data.Data("conll2003", directory="sets")
    own = data.Data("conll2003", directory="mine")
    assert data.beside(own, other) == own
