"""--mode=sample as it is typed: chorales composed by a run, as MIDI files; wrong words included."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest
from commands import answered

from ngjax.data import catalogue
from ngjax.data.load import read
from ngjax.experiment import Learned, load, predicting, runner
from ngjax.experiment import plan as planning
from ngjax.types import UserError

SMALL = (
    "task=music",
    "music.parameters=2000",
    "music.sampled=6",
    "music.samples=2",
    "run.steps=4",
    "run.evaluate_every=4",
)


@pytest.fixture(scope="module")
def chorales(tmp_path_factory):
    """A set of the chorales' form, under its name; no chorale is in the project."""
    root = tmp_path_factory.mktemp("data")
    piece = [[48 + n, 60, 64, 67] for n in range(5)]
    content = json.dumps({"train": [piece] * 16, "valid": [piece] * 2, "test": [piece]}).encode()
    (root / "jsb-chorales").mkdir()
    (root / "jsb-chorales" / "jsb-chorales-quarter.json").write_bytes(content)
    return root, hashlib.sha256(content).hexdigest(), len(content)


@pytest.fixture(scope="module")
def trained(chorales, tmp_path_factory):
    """(request of a finished run, its folder), with the set's checksum in the catalogue."""
    root, digest, size = chorales
    item = catalogue.entry("jsb_chorales")
    file = dataclasses.replace(item.files[0], sha256=digest, size=size)
    small = dataclasses.replace(item, files=(file,))
    entries = tuple(small if one.name == small.name else one for one in catalogue.ENTRIES)
    folder = tmp_path_factory.mktemp("run") / "gates"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "ENTRIES", entries)
        read.cache_clear()
        request = planning.Request(
            "gates",
            (*SMALL, f"data.directory={root}"),
            arms=("gru",),
            workdir=folder,
            command=("launch.py",),
        )
        summary = runner.run(planning.plan(request))
        yield request, folder, summary
        read.cache_clear()


def test_music_is_learned_and_drawn(trained):
    _, folder, summary = trained
    assert summary["claims"]["gates-add-over-long-times"]["holds"] is None
    assert (folder / "figures" / "piano_rolls.png").stat().st_size > 3_000
    for arm in summary["arms"].values():
        assert arm["seeds"]["0"]["metrics"]["test/loss"] < 88 * 0.75  # 88 ln 2 = 61 at the start


def test_a_run_composes_from_nothing(trained):
    request, folder, _ = trained
    told = predicting.ask("sample", request, None)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.mid"))
    assert [str(path) for path in files] == [f"samples/gru/sample{n}.mid" for n in (1, 2)]
    assert told[0].startswith("gru  sample1.mid: 6 quarters") and len(told) == 4
    assert told[-1] == f"written to {folder / 'samples' / 'gru' / 'sample2.mid'}"
    content = (folder / files[0]).read_bytes()
    assert content[:4] == b"MThd" and content[14:18] == b"MTrk" and content[-3:] == b"\xff\x2f\0"


def test_a_run_goes_on_from_given_notes(trained):
    request, folder, _ = trained
    told = predicting.ask("sample", request, "60,64 62,65")
    assert "8 quarters" in told[0]
    content = (folder / "samples" / "gru" / "sample1.mid").read_bytes()
    struck = content.index(b"\x90")
    assert content[struck - 1 : struck + 3] == b"\0\x90\x3c\x48"  # at once: C4 of the given notes


@pytest.mark.parametrize(
    ("mode", "source", "message"),
    [
        ("sample", "c e g", "--input=c e g: give MIDI pitches"),
        ("sample", "200", "200 is no pitch of a piano"),
        ("predict", None, "--input: give what --mode=predict"),
        ("predict", "new.png", "gates does not classify images|new.png: no such file"),
    ],
)
def test_wrong_words_are_answered_in_one_line(trained, mode, source, message):
    with pytest.raises(UserError, match=message) as refusal:
        predicting.ask(mode, trained[0], source)
    assert "\n" not in str(refusal.value)


def test_a_folder_without_a_run_is_told_on_the_command_line(tmp_path):
    words = ("--experiment=gates", "--task=music", "--mode=sample", "--workdir=none")
    done = answered(*words, cwd=tmp_path)
    assert done.returncode == 2 and "none: holds no run; train first" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_composes_nothing_says_so(trained, monkeypatch):
    topic, plan = load("gates"), predicting.plan
    with pytest.raises(UserError, match="--task=adding composes nothing, --task=music does"):
        topic.sample(Learned("gates", topic.config, None, None, None, None), "")
    without = dataclasses.replace(topic, sample=None)
    monkeypatch.setattr(
        predicting, "plan", lambda asked: dataclasses.replace(plan(asked), experiment=without)
    )
    with pytest.raises(UserError, match="--mode=sample: gates makes nothing new"):
        predicting.ask("sample", trained[0], None)
