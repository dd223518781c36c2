"""From results to what a run leaves: figures, `summary.json`, `report.html`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngjax import config as cfg
from ngjax.experiment import diagnosis
from ngjax.experiment.catalogue import module
from ngjax.experiment.results import Arm, NotAsked, Results, Verdict
from ngjax.experiment.spec import Picture, claim_text
from ngjax.report import figures as draw
from ngjax.report import page, summary
from ngjax.report import results as reported
from ngjax.report.atomic import write_bytes
from ngjax.train import devices as dev
from ngjax.train.machine import peak_bytes

if TYPE_CHECKING:
    from ngjax.experiment.plan import Plan

MANY = 6  # arms that train and dev curves of all can still be told apart
CURVED = ("train", "dev")  # the splits that are measured as a run goes


def publish(
    made: Plan,
    results: Results,
    verdicts: Mapping[str, Verdict],
    command: str,
    status: str = "complete",
) -> dict[str, Any]:
    """Write figures, summary and page of a run; the summary last, as it says "complete".

    Returns:
        The summary, as written.
    """
    environment = summary.environment(made.devices[0].device_kind, len(made.devices))
    peaks = [peak_bytes(device) for device in dev.here(made.devices)]
    environment["peak_memory_bytes"] = max(peaks)
    arms = [_arm(made, arm) for arm in results.values()]
    claims = [_claim(made, name, verdict) for name, verdict in verdicts.items()]
    pictures = list(_pictures(made, results)) if status == "complete" else []
    texts = list(_whole(made.experiment.texts, results)) if status == "complete" else []
    found = diagnosis.diagnoses(made, results) if status == "complete" else {}
    texts += [diagnosis.text(found)] if found else []
    page.write(
        made.folder / "report.html",
        page.Page(
            title=made.request.name.replace("_", " "),
            notes=made.experiment.notes,
            lead=module(made.request.name).__doc__ or "",
            command=command,
            status=status,
            environment=environment,
            objective=made.experiment.objective if made.programs else None,
            arms=arms,
            claims=claims,
            figures=pictures,
            texts=texts,
            config={path: cfg.write(v) for path, v in cfg.flatten(_shown(made)).items()},
        ),
    )
    objective = made.experiment.objective
    tree = summary.summarise(made.request.name, status, objective, environment, arms, claims)
    others = {arm: one for arm, one in _before(made.folder).items() if arm not in made.arms}
    for arm, one in found.items():
        tree["arms"][arm]["diagnosis"] = one.summary()
    tree["arms"] = {**others, **tree["arms"]}
    summary.write_json(made.folder / "summary.json", tree)
    return tree


def _shown(made: Plan) -> Any:
    """The config of the first arm: what ran, a smoke run's changes included."""
    return next(iter(made.arms.values()))


def _before(folder: Path) -> dict[str, Any]:
    """Arms that the folder's summary holds already: what one command found, another keeps."""
    try:
        return json.loads((folder / "summary.json").read_text(encoding="utf-8"))["arms"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _arm(made: Plan, arm: Arm) -> reported.Side:
    seeds = {
        seed: reported.Seed(
            outcome.metrics,
            outcome.steps,
            outcome.seconds,
            outcome.examples_per_second,
            outcome.params_sha256,
            outcome.input_wait_share,
        )
        for seed, outcome in arm.outcomes.items()
    }
    return reported.Side(arm.name, made.experiment.arms[arm.name], seeds)


def _claim(made: Plan, name: str, verdict: Verdict) -> reported.Claim:
    text = claim_text(name, made.experiment.claims[name])
    return reported.Claim(name, text, verdict.holds, verdict.detail)


def _pictures(made: Plan, results: Results) -> Iterator[page.Figure]:
    folder = made.folder / "figures"
    if any(rows for arm in results.values() for rows in arm.rows.values()):  # the log is there
        path = folder / "curves.png"
        draw.save(_curves(made, results), path)
        yield page.Figure("Learning curves", "Every arm as it trained.", path)
    for picture in _whole(made.experiment.figures, results):
        title = picture.name.replace("-", " ").replace("_", " ")
        title = title[:1].upper() + title[1:]
        yield page.Figure(title, picture.caption, *_drawn(picture, folder))


def _drawn(picture: Picture, folder: Path) -> tuple[Path, int]:
    """(file, dots an inch) of a picture: a figure drawn as PNG, bytes as they are."""
    if not isinstance(picture.figure, bytes):
        return draw.save(picture.figure, folder / f"{picture.name}.png"), draw.DPI
    suffix = "gif" if picture.figure.startswith(b"GIF8") else "png"
    return write_bytes(folder / f"{picture.name}.{suffix}", picture.figure), 100


def _whole(tell: Callable[[Results], Iterable[Any]] | None, results: Results) -> Iterator[Any]:
    """What a topic draws or says, up to where it asks for what this run does not have."""
    try:
        yield from tell(results) if tell else ()
    except NotAsked as missing:
        print(f"warning: the report is without some pictures: {missing}", file=sys.stderr)


def _curves(made: Plan, results: Results) -> Any:
    """All arms laid over one another; by epoch where batches differ, of many the dev set alone."""
    histories = {name: arm.rows for name, arm in results.items()}
    logged = {
        name
        for arm in histories.values()
        for rows in arm.values()
        for row in rows
        for name in row
        if name.partition("/")[0] in CURVED
    }
    if len(histories) > MANY and any(name.startswith("dev/") for name in logged):
        logged = {name for name in logged if name.startswith("dev/")}
    paces = {program.intervals.steps_per_epoch for program in made.programs.values()}
    x = "epoch" if len(paces) > 1 else "step"
    return draw.curves(histories, sorted(logged, key=_loss_first), x=x)


def _loss_first(name: str) -> tuple[bool, str, str]:
    split, _, metric = name.partition("/")
    return metric != "loss", metric, split
