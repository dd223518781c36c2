"""The table of applications: what the notes say of each, and what is launched."""

from __future__ import annotations

from ngjax.notes.applications import APPLICATIONS, FAMILIES, families, format_applications


def test_the_notes_six():
    assert families() == {
        "housing": "mlp",
        "ads": "mlp",
        "photo_tagging": "cnn",
        "speech_recognition": "rnn",
        "machine_translation": "rnn",
        "autonomous_driving": "hybrid",
    }
    assert {one.family for one in APPLICATIONS} == FAMILIES.keys()
    assert [one.id for one in APPLICATIONS if one.structured] == ["housing", "ads"]


def test_what_the_catalogue_has_is_launched_and_the_rest_only_named():
    text = format_applications({"lenet"})
    (photos,) = (line for line in text.splitlines() if line.startswith("photo tagging"))
    assert "--experiment=lenet (alexnet," in photos and "CNN" in photos
    assert text.count("--experiment=") == 1
    assert len(text.splitlines()) == 1 + len(APPLICATIONS)
