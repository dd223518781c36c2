"""From results to what a run leaves: figures, `summary.json`, `report.html`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ngjax import config as cfg
from ngjax.experiment.catalogue import module
from ngjax.experiment.results import Arm, Results, Verdict
from ngjax.experiment.spec import claim_text
from ngjax.report import figures as draw
from ngjax.report import page, summary
from ngjax.report import results as reported

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
    arms = [_arm(made, arm) for arm in results.values()]
    claims = [_claim(made, name, verdict) for name, verdict in verdicts.items()]
    pictures = list(_pictures(made, results)) if status == "complete" else []
    texts = made.experiment.texts(results) if made.experiment.texts and pictures else ()
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
            texts=[page.Text(text.title, text.text) for text in texts],
            config={path: cfg.write(v) for path, v in cfg.flatten(made.config).items()},
        ),
    )
    objective = made.experiment.objective
    tree = summary.summarise(made.request.name, status, objective, environment, arms, claims)
    summary.write_json(made.folder / "summary.json", tree)
    return tree


def _arm(made: Plan, arm: Arm) -> reported.Arm:
    seeds = {
        seed: reported.Seed(
            outcome.metrics,
            outcome.steps,
            outcome.seconds,
            outcome.examples_per_second,
            outcome.params_sha256,
        )
        for seed, outcome in arm.outcomes.items()
    }
    return reported.Arm(arm.name, made.experiment.arms[arm.name], seeds)


def _claim(made: Plan, name: str, verdict: Verdict) -> reported.Claim:
    text = claim_text(name, made.experiment.claims[name])
    return reported.Claim(name, text, verdict.holds, verdict.detail)


def _pictures(made: Plan, results: Results) -> Iterator[page.Figure]:
    folder = made.folder / "figures"
    if made.programs:
        path = folder / "curves.png"
        draw.save(_curves(made, results), path)
        yield page.Figure("Learning curves", "Every arm as it trained.", path)
    for picture in made.experiment.figures(results) if made.experiment.figures else ():
        path = folder / f"{picture.name}.png"
        draw.save(picture.figure, path)
        yield page.Figure(picture.name.replace("-", " "), picture.caption, path)


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
    paces = {program.plan.steps_per_epoch for program in made.programs.values()}
    x = "epoch" if len(paces) > 1 else "step"
    return draw.curves(histories, sorted(logged, key=_loss_first), x=x)


def _loss_first(name: str) -> tuple[bool, str, str]:
    split, _, metric = name.partition("/")
    return metric != "loss", metric, split
