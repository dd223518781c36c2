from __future__ import annotations

import gzip

import pytest

from ngjax import data
from ngjax.data.text import parallel
from ngjax.types import UserError

SENTENCES = {
    "en": ("A dog runs.", "Two men.", "A cat."),
    "de": ("Ein Hund läuft.", "Zwei Männer.", "Eine Katze."),
    "fr": ("Un chien court.", "Deux hommes.", "Un chat."),
}


def files(folder, **changed):
    found = {}
    for stem in ("train", "val", "test_2016_flickr"):
        for language, lines in SENTENCES.items():
            name = f"{stem}.{language}.gz"
            text = changed.get(name.replace(".", "_"), "\n".join(lines) + "\n")
            found[name] = folder / name
            found[name].write_bytes(gzip.compress(text.encode()) if isinstance(text, str) else text)
    return found


def test_lines_of_all_languages_belong_together(tmp_path):
    parts = parallel.multi30k(files(tmp_path))
    assert parts.classes == ("en", "de", "fr") and not parts.left_out
    assert len(parts.train) == len(parts.dev) == len(parts.test) == 3
    assert parts.test.inputs[1] == ("Two men.", "Zwei Männer.", "Deux hommes.")


def test_an_empty_line_is_left_out_and_told(tmp_path):
    parts = parallel.multi30k(files(tmp_path, val_de_gz="Ein Hund.\n\nEine Katze.\n"))
    assert [row[0] for row in parts.dev.inputs] == ["A dog runs.", "A cat."]
    assert parts.left_out == ("val, line 2: empty",)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"train_fr_gz": "Un chien.\n"}, "train: .* 3 en, 3 de, 1 fr"),
        ({"train_fr_gz": b"no gzip"}, "train.fr.gz: is no whole gzip file"),
        ({"val_en_gz": gzip.compress(b"A dog runs." * 99)[:-12]}, "val.en.gz: is no whole gzip"),
        ({"val_en_gz": gzip.compress(b"\xff")}, "val.en.gz: byte 0 of its text is not UTF-8"),
    ],
)
def test_broken_files_are_one_clear_line(tmp_path, broken, told):
    with pytest.raises(UserError, match=told) as refusal:
        parallel.multi30k(files(tmp_path, **broken))
    assert "\n" not in str(refusal.value)


def test_two_languages_are_chosen():
    held = data.load(data.Data(name="dates", limit=20))
    assert held.kind == "pairs" and held.classes == ("written", "iso")
    chosen = data.translations(held)
    assert chosen.train.inputs == tuple(row[0] for row in held.train.inputs)
    back = data.translations(held, "iso", "written")
    assert back.train.inputs == chosen.train.targets and back.classes == ("iso", "written")
    with pytest.raises(UserError, match=r"--source=nl: dates has written, iso"):
        data.translations(held, "nl")
    with pytest.raises(UserError, match=r"--target=iso: is the source, too"):
        data.translations(held, "iso", "iso")
