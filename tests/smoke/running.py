"""A topic's smoke run leaves the whole folder; a file a chapter, so that processes share them."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from ngjax.experiment import plan as planning
from ngjax.experiment import runner
from ngjax.experiment.catalogue import discover


def topics(*chapters):
    """Names of the topics of these chapters' folders."""
    return [name for name, entry in discover().items() if entry.chapter in chapters]


class Sources(HTMLParser):
    """Every address a page refers to."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for key, value in attrs if key in ("src", "href") and value]


def check(name, tmp_path):
    """Run a topic's smoke arms and look at all that they leave."""
    folder = tmp_path / "run"
    made = planning.plan(planning.Request(name, smoke=True, workdir=folder, command=("launch.py",)))
    summary = runner.run(made)
    written = json.loads((folder / "summary.json").read_text())
    assert written["status"] == "complete" and written["experiment"] == name
    assert list(written["arms"]) == list(made.arms)
    assert all(c["holds"] is None for c in written["claims"].values())
    assert set(written) == set(summary)
    for arm in written["arms"].values():
        one = arm["seeds"]["0"]
        assert set(one) == {
            "metrics",
            "steps",
            "seconds",
            "examples_per_second",
            "params_sha256",
            "input_wait_share",
        }
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    if made.programs:
        assert {row["arm"] for row in rows} == set(made.arms)
        assert list((folder / "tensorboard").rglob("events*"))
        assert (folder / "figures" / "curves.png").stat().st_size > 5_000
    page = Sources()
    page.feed((folder / "report.html").read_text())
    assert page.found and all(src.startswith(("data:", "#")) for src in page.found)
    assert json.loads((folder / "config.json").read_text())["experiment"] == name
    assert planning.finished(made) == written
