"""`report.html`: what a run was asked, did and found, as one file that needs nothing else."""

from __future__ import annotations

import base64
import dataclasses
import inspect
import itertools
import os
import re
import struct
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ngjax.report.atomic import write_bytes
from ngjax.report.comparison import compare
from ngjax.report.figures.canvas import DPI
from ngjax.report.results import Claim, Side, Text
from ngjax.report.stylesheet import CSS

EMPTY_LINE = "\n\n"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # nothing may be fetched


@dataclasses.dataclass(frozen=True)
class Figure:
    """A PNG or GIF on disk and what to say of it."""

    title: str
    caption: str
    path: str | os.PathLike[str]
    dpi: int = DPI  # pixels that are shown as one inch; 100 shows each as it is


@dataclasses.dataclass(frozen=True)
class Page:
    """What a report says, top to bottom. All of it is plain text; the page escapes it."""

    title: str
    notes: str  # section of the notes, "4.9"
    lead: str  # a docstring: paragraphs, and formulas indented by four
    command: str  # runs it again
    status: str  # "complete", or what else it came to
    environment: Mapping[str, Any] = dataclasses.field(
        default_factory=dict
    )  # as `summary.environment` gives it
    objective: tuple[str, str] | None = None  # metric, "max" or "min"
    arms: Sequence[Side] = ()
    claims: Sequence[Claim] = ()
    figures: Sequence[Figure] = ()
    texts: Sequence[Text] = ()
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # dotted path -> value


def write(path: str | os.PathLike[str], page: Page) -> Path:
    """Write the page as one HTML file, pictures inside, whole or not at all.

    It opens from disk without a network, has no script, and follows the reader's light or dark.

    Raises:
        OSError: a figure cannot be read or the page not be written.
    """
    return write_bytes(path, "\n".join(_document(page)).encode())


def _document(page: Page) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(page.title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>"
    alarm = "" if page.status == "complete" else ' class="alarm"'
    yield (
        f'<p class="eyebrow"><b>Notes {escape(page.notes)}</b> · '
        f"<span{alarm}>{escape(page.status)}</span></p>\n<h1>{escape(page.title)}</h1>"
    )
    yield from _prose(page.lead)
    yield f"<h2>Run it again</h2>\n<pre>{escape(page.command)}</pre>"
    yield from _claims(page.claims)
    yield from _results(page)
    if page.figures:
        yield "<h2>Figures</h2>"
    for figure in page.figures:
        yield _figure(figure)
    for text in page.texts:
        yield f'<section class="text">\n<h2>{escape(text.title)}</h2>'
        yield f"<pre>{escape(text.text)}</pre>\n</section>"
    yield from _facts(page)
    yield "</main>\n</body>\n</html>\n"


def _prose(docstring: str) -> Iterator[str]:
    """Paragraphs, and blocks indented by four or more as they stand."""
    blocks = re.split(r"\n(?:[ \t]*\n)+", inspect.cleandoc(docstring))
    for formula, group in itertools.groupby(blocks, lambda block: block.startswith("    ")):
        if formula:
            yield f"<pre>{escape(textwrap.dedent(EMPTY_LINE.join(group)))}</pre>"
            continue
        for block in group:
            words = re.sub(r"`+([^`]+)`+", r"<code>\1</code>", escape(block.strip()))
            yield f"<p>{words}</p>"


def _claims(claims: Sequence[Claim]) -> Iterator[str]:
    if not claims:
        return
    yield '<h2>What the notes say</h2>\n<ul class="claims">'
    for claim in claims:
        kind = {True: "holds", False: "fails", None: "unasked"}[claim.holds]
        detail = f'<p class="detail">{escape(claim.detail)}</p>' if claim.detail else ""
        yield (
            f'<li id="{escape(claim.id)}"><span class="badge {kind}">{claim.verdict}</span>'
            f"<div><p>{escape(claim.text)}</p>{detail}</div></li>"
        )
    yield "</ul>"


def _results(page: Page) -> Iterator[str]:
    if not page.arms:
        return
    table = compare(page.arms, page.objective, width=104, gap=4)
    yield '<h2>Results</h2>\n<div class="wide"><table>\n<thead><tr>'
    yield "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
    yield "</tr></thead>\n<tbody>"
    for i, (name, *cells) in enumerate(table.rows):
        yield f'<tr><th scope="row">{escape(name)}</th>'
        for j, cell in enumerate(cells, 1):
            best = ' class="best"' if (i, j) == table.best else ""
            yield f"<td{best}>{escape(cell)}</td>"
        yield "</tr>"
    yield "</tbody>\n</table></div>"
    if table.note:
        yield f'<p class="note">{escape(table.note)}</p>'
    set_by_arms = [arm for arm in page.arms if arm.overrides]
    if set_by_arms:
        words = "; ".join(f"{arm.name}: {' '.join(arm.overrides)}" for arm in set_by_arms)
        yield f'<p class="note">What the arms set. {escape(words)}.</p>'


def _figure(figure: Figure) -> str:
    data = Path(figure.path).read_bytes()
    if gif := data.startswith(b"GIF8"):
        sides = struct.unpack("<HH", data[6:10])
    else:
        sides = struct.unpack(">II", data[16:24])  # a PNG's first chunk opens with its size
    width, height = (round(side * 100 / figure.dpi) for side in sides)
    title, caption = escape(figure.title), escape(figure.caption)
    picture = base64.b64encode(data).decode()
    return (
        f'<figure>\n<div class="card"><img width="{width}" height="{height}" alt="{title}" '
        f'src="data:image/{"gif" if gif else "png"};base64,{picture}"></div>\n'
        f"<figcaption><b>{title}.</b> {caption}</figcaption>\n</figure>"
    )


def _facts(page: Page) -> Iterator[str]:
    """Where it ran, and every setting, folded away."""
    if page.environment:
        yield '<h2>Where it ran</h2>\n<table class="facts"><tbody>'
        yield from _rows(_flat(page.environment))
        yield "</tbody></table>"
    if page.config:
        yield f"<details>\n<summary>Configuration, {len(page.config)} settings</summary>\n<table>"
        yield "<tbody>"
        yield from _rows(page.config)
        yield "</tbody>\n</table>\n</details>"


def _rows(facts: Mapping[str, Any]) -> Iterator[str]:
    for name, value in facts.items():
        words = "—" if value is None else str(value)
        yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(words)}</td></tr>'


def _flat(environment: Mapping[str, Any]) -> dict[str, Any]:
    """One row a fact: the versions in one line, the device in one."""
    facts = dict(environment)
    if devices := facts.pop("devices", None):
        facts = {
            "device": f"{devices['count']} × {devices['kind']}",
            "platform": devices["platform"],
        } | facts
    if versions := facts.pop("versions", None):
        facts["versions"] = ", ".join(f"{name} {value or '—'}" for name, value in versions.items())
    if peak := facts.pop("peak_memory_bytes", None):
        facts["most memory"] = f"{peak / 1e6:,.0f} MB"
    if "git" in facts:
        facts["revision"] = facts.pop("git")
    return facts
