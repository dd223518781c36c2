import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from ngjax.report import page
from ngjax.report.page import Figure, Page, Text
from ngjax.report.results import Claim, Seed, Side

HOSTILE = (
    '</pre></title></style><script src="http://evil.example/a.js">alert(1)</script>"\'&<img src=x>'
)
VOID = {"meta", "img", "link", "br"}


class Reader(HTMLParser):
    """Tags with their attributes, the text within each, and whether tags nest."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = [], {}, []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "figure.png"
    Image.fromarray(np.zeros((90, 180, 3), np.uint8)).save(path)
    return path


def full(words, picture):
    """A page with the same words wherever words can stand."""
    arms = [
        Side(f"{words} {i}", (words,), {0: Seed({words: i / 2}), 1: Seed({words: i / 4})})
        for i in (1, 2)
    ]
    return Page(
        title=words,
        notes=words,
        lead=f"{words}\n\n    {words}\n\n{words}",
        command=words,
        status=words,
        environment={
            "devices": {"kind": words, "count": 8, "platform": words},
            "versions": {words: words},
            "git": None,
        },
        objective=(words, "max"),
        arms=arms,
        claims=[Claim(words, words, holds, words) for holds in (True, False, None)],
        figures=[Figure(words, words, picture)],
        texts=[Text(words, words)],
        config={words: words},
    )


def written(tmp_path, content):
    return page.write(tmp_path / "report.html", content).read_text(encoding="utf-8")


def test_nothing_is_fetched_from_anywhere(tmp_path, picture):
    html = written(tmp_path, full("plain", picture))
    reader = Reader(html)
    assert not reader.open
    for tag, attributes in reader.tags:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        assert not {"href", "srcset", "action", "style"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:").startswith("data:image/png;base64,") or tag != "img"
    assert not re.search(r"https?:|url\(|@import", html)
    policy = reader.all("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"].startswith("default-src 'none'")


def test_hostile_words_are_only_words(tmp_path, picture):
    reader = Reader(written(tmp_path, full(HOSTILE, picture)))
    tame = Reader(written(tmp_path, full("plain", picture)))
    assert [tag for tag, _ in reader.tags] == [tag for tag, _ in tame.tags]
    assert HOSTILE in reader.text["h1"]
    assert HOSTILE in reader.text["title"]
    assert reader.text["pre"].count(HOSTILE) == 3  # formula, command, text
    assert reader.all("img")[0]["alt"] == HOSTILE
    assert all("onerror" not in attributes for _, attributes in reader.tags)


def test_the_picture_is_inside_at_its_size(tmp_path, picture):
    (image,) = Reader(written(tmp_path, full("plain", picture))).all("img")
    assert base64.b64decode(image["src"].partition(",")[2]) == picture.read_bytes()
    assert (image["width"], image["height"]) == ("100", "50")  # 180 dots an inch, 100 on screen


def test_verdicts_are_badges_with_words(tmp_path, picture):
    reader = Reader(written(tmp_path, full("plain", picture)))
    badges = [a["class"] for a in reader.all("span") if a.get("class", "").startswith("badge")]
    assert badges == ["badge holds", "badge fails", "badge unasked"]
    spans = [text for text in reader.text["span"] if text != "plain"]
    assert spans == ["holds", "does not hold", "not asked"]


def test_the_best_arm_alone_is_bold(tmp_path, picture):
    html = written(tmp_path, full("plain", picture))
    assert re.findall(r'<td class="best">(.*?)</td>', html) == ["0.75 ± 0.35"]


def test_the_lead_keeps_formulas_as_they_stand(tmp_path):
    lead = """Momentum averages; ``beta`` is 0.9.

        v = beta v
          + (1 - beta) dW

        W = W - alpha v

    The *second* paragraph
    goes on.
    """
    html = written(tmp_path, Page("t", "2.2", lead, "c", "complete"))
    assert "<p>Momentum averages; <code>beta</code> is 0.9.</p>" in html
    assert "<pre>v = beta v\n  + (1 - beta) dW\n\nW = W - alpha v</pre>" in html
    assert "<p>The *second* paragraph\ngoes on.</p>" in html


def test_a_bare_page_has_no_empty_rooms(tmp_path):
    reader = Reader(written(tmp_path, Page("Title", "4.9", "Lead.", "run", "complete")))
    assert reader.text["h2"] == ["Run it again"]
    assert not reader.open
    assert {"class": "alarm"} not in reader.all("span")


def test_a_run_that_did_not_finish_says_so(tmp_path):
    reader = Reader(written(tmp_path, Page("Title", "4.9", "Lead.", "run", "stopped: NaN")))
    assert {"class": "alarm"} in reader.all("span")
    assert "stopped: NaN" in reader.text["span"]
