"""What the command line prints: catalogue, help, results, an evaluation, ledger, index."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngjax import config as cfg
from ngjax.experiment.catalogue import Topic, discover, load, module
from ngjax.experiment.spec import Experiment, claim_text
from ngjax.types import UserError

if TYPE_CHECKING:
    from ngjax.experiment.plan import Plan

CHAPTERS = {
    "ch1_networks": "1 Neural networks and deep learning",
    "ch2_improving": "2 Tuning, regularisation, optimisation",
    "ch3_strategy": "3 Project structure",
    "ch4_convnets": "4 Convolutional networks",
    "ch5_sequences": "5 Sequence models",
}
USAGE = (
    "python launch.py --experiment=NAME           runs it and writes runs/NAME/report.html",
    "python launch.py --experiment=NAME --help    lists every knob of it",
)


def by_chapter() -> dict[str, list[Topic]]:
    """Heading -> experiments, in the notes' order."""
    found: dict[str, list[Topic]] = {}
    for entry in discover().values():
        found.setdefault(CHAPTERS.get(entry.chapter, entry.chapter), []).append(entry)
    return found


def print_catalogue() -> int:
    """Every experiment by chapter, and how to run one."""
    from ngjax.report import terminal

    chapters = {
        heading: [terminal.Line(e.name, e.notes, e.line) for e in entries]
        for heading, entries in by_chapter().items()
    }
    terminal.catalogue(chapters, USAGE)
    return 0


def markdown() -> str:
    """The catalogue as the README has it."""
    lines = []
    for heading, entries in by_chapter().items():
        lines += ["", f"**{heading}**", "", "| experiment | notes | |", "|---|---|---|"]
        lines += [f"| `{e.name}` | {e.notes} | {e.line} |" for e in entries]
    return "\n".join(lines[1:]) + "\n"


def print_help(usage: str, own: Sequence[Any], name: str | None) -> int:
    """The flags of launch.py and, where an experiment is named, its arms and every knob."""
    print(usage.strip() + "\n")
    _print_rows("Flags", [(f.name, f.flag_type(), f.default_as_str, f.help) for f in own])
    if not name:
        return 0
    experiment = load(name)
    print(f"\n{(module(name).__doc__ or '').strip()}\n")
    arms = ", ".join(
        f"{arm} ({' '.join(changes)})" if changes else arm
        for arm, changes in experiment.arms.items()
    )
    print(textwrap.fill(f"Arms: {arms}", 100, subsequent_indent="  ") + "\n")
    knobs = cfg.knobs(experiment.config)
    rows = [(k.path, cfg.spell(k.annotation), cfg.write(k.default), k.help) for k in knobs]
    _print_rows(f"Knobs of {name}", rows)
    return 0


def _print_rows(heading: str, rows: Sequence[tuple[str, str, Any, str]]) -> None:
    print(f"{heading}:")
    for name, kind, default, meaning in rows:
        value = "" if default in (None, "", "''") else f" = {str(default).strip(chr(39))}"
        print(f"  --{name}{value}  ({kind})")
        if meaning:
            print(f"      {meaning}")


def print_results(summary: Mapping[str, Any], folder: Path, strict: bool) -> int:
    """Arms, claims and where the report is; 1 where a claim fails under --strict."""
    from ngjax.report import terminal
    from ngjax.report.results import Claim, Seed, Side

    said = load(summary["experiment"]).claims
    arms = [
        Side(name, (), {int(seed): Seed(**one) for seed, one in found["seeds"].items()})
        for name, found in summary["arms"].items()
    ]
    claims = [
        Claim(name, claim_text(name, said.get(name)), found["holds"], found["detail"] or "")
        for name, found in summary["claims"].items()
    ]
    terminal.results(arms, claims, tuple(summary["objective"]))
    print(f"\nreport  {folder / 'report.html'}")
    failed = [claim.id for claim in claims if claim.holds is False]
    return 1 if strict and failed else 0


def print_finished(summary: Mapping[str, Any], made: Plan, strict: bool) -> int:
    """A complete run is not run again."""
    again = "delete it or choose another --workdir to run anew"
    print(f"{made.folder} holds this run, complete; {again}")
    made.trace.tell_of_nothing()
    print()
    return print_results(summary, made.folder, strict)


def print_evaluation(found: Mapping[str, Mapping[int, Mapping[str, float]]]) -> int:
    """One JSON line an arm and seed."""
    for arm, seeds in found.items():
        for seed, values in seeds.items():
            print(json.dumps({"arm": arm, "seed": seed, **values}))
    return 0


def print_lines(lines: Sequence[str]) -> int:
    """Lines as they are."""
    print("\n".join(lines))
    return 0


def print_table(configs: Mapping[str, Any], experiment: Experiment) -> int:
    """--mode=table: every arm's network, layer by layer.

    Raises:
        UserError: the topic has no network.
    """
    from ngjax.models.table import format_table, layer_table

    if not experiment.network:
        raise UserError("--mode=table: this topic has no network to lay out")
    for arm, config in configs.items():
        print(f"{arm}\n{format_table(layer_table(*experiment.network(config)))}\n")
    return 0


def print_index() -> int:
    """Every term of the notes' index with the topics and functions that are its entry points."""
    from ngjax.notes import index

    topics: dict[str, list[str]] = {}
    for topic in discover().values():
        for term in topic.terms:
            topics.setdefault(term, []).append(topic.name)
    for term in index.terms():
        print(f"{term.name}, page {term.page}")
        for name in topics.get(term.name, ()):
            print(f"    --experiment={name}")
        for function in term.functions:
            print(f"    {function}")
    return 0


def print_ledger() -> int:
    """Section, what the notes print, what is right, what ngjax computed, the verdict."""
    from ngjax.notes import ledger

    print(ledger.table())
    return 0


if __name__ == "__main__":  # for the README
    print(markdown(), end="")
