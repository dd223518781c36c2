"""--mode=predict: what a finished run makes of a user's own input.

Most topics name the class of images (`naming`); a topic with another answer gives
`Experiment.predict`, a function of `Learned` and the text of --input.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

from ngjax import data
from ngjax.experiment import naming, runner
from ngjax.experiment.plan import Plan, Request, plan
from ngjax.experiment.spec import Answer, Learned
from ngjax.report.atomic import write_bytes
from ngjax.train import devices as dev
from ngjax.train.program import Program
from ngjax.train.step import judged
from ngjax.types import UserError

FOLDER = "predictions"  # in the run folder; below it a folder an arm


def predict(request: Request, source: str | None) -> list[str]:
    """Ask every arm, under the first seed's weights, and write what belongs in files.

    Where no arms are asked for, those that the run folder holds answer.

    Args:
        request: which run, as it was trained.
        source: an image, a folder, a text: what the topic reads.

    Returns:
        Lines to print, the arm's name before each.

    Raises:
        UserError: no input, or none that the topic reads; no such run; a topic that learns nothing.
    """
    if not source:
        raise UserError("--input: give what --mode=predict is asked about, such as an image")
    made = plan(_held_arms(request))
    if not made.programs:
        raise UserError(f"--mode=predict: {request.name} learns nothing")
    ask = made.experiment.predict or naming.name_images
    answers = {arm: ask(_learned(made, arm), source) for arm in made.arms}
    wide = max(map(len, answers))
    told = [f"{arm:{wide}}  {line}" for arm, answer in answers.items() for line in answer.lines]
    return told + [f"written to {path}" for path in _written(made, answers)]


def _written(made: Plan, answers: dict[str, Answer]) -> list[Any]:
    """The files of all answers, each whole or not there."""
    paths = []
    for arm, answer in answers.items():
        for name, content in answer.files.items():
            path = made.folder / FOLDER / arm / name
            if dev.leads():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(path, content)
            paths.append(path)
    return paths


def _held_arms(request: Request) -> Request:
    """The request for the arms that its run folder holds, where it names none."""
    folder = request.folder
    try:
        held = tuple(json.loads((folder / "config.json").read_text(encoding="utf-8"))["arms"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"--workdir={folder}: holds no run; train first, without --mode") from None
    return request if request.arms else dataclasses.replace(request, arms=held)


def _learned(made: Plan, arm: str) -> Learned:
    """An arm with the weights that the run folder holds."""
    program, seed = made.programs[arm], made.request.seed
    folder = runner.checkpoints(made.folder, arm, seed)
    state = runner.restore(program, seed, folder, made.experiment.objective)
    if state is None:
        raise UserError(f"--workdir={made.folder}: no checkpoint of {arm}, seed {seed}; train it")
    return Learned(
        made.request.name,
        made.arms[arm],
        program.task,
        *judged(state, program.run.ema),
        functools.partial(_outputs, made, program, state),
    )


def _outputs(made: Plan, program: Program, state: Any, examples: data.Split) -> Any:
    """`Task.predict` of examples, each once, on all of the run's devices."""
    if not program.task.predict:
        raise UserError(f"--mode=predict: {made.request.name} gives no answer to an example")
    task = dataclasses.replace(program.task, evals={"input": data.fetched(examples)})
    asked = Program(task, program.run, dev.here(made.devices))
    return asked.predict(asked.place(state), "input")[0]
