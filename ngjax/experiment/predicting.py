"""--mode=predict and --mode=sample: what a finished run says of an input, or makes by itself.

Most topics name the class of images (`naming`); a topic with another answer gives
`Experiment.predict`, a function of `Learned` and the text of --input. A topic that can make
something new gives `Experiment.sample`, another one.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
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

FOLDERS = {"predict": "predictions", "sample": "samples"}  # in the run folder; in it one an arm


def ask(mode: str, request: Request, source: str | None) -> list[str]:
    """Ask every arm, under the first seed's weights, and write what belongs in files.

    Where no arms are asked for, those that the run folder holds answer.

    Args:
        mode: "predict" or "sample".
        request: which run, as it was trained.
        source: an image, a folder, a text: what the topic reads; a sample does without, too.

    Returns:
        Lines to print, the arm's name before each.

    Raises:
        UserError: no input, or none that the topic reads; no such run; a topic that learns nothing,
            or one that samples nothing.
    """
    if mode == "predict" and not source:
        raise UserError("--input: give what --mode=predict is asked about, such as an image")
    made = plan(_held_arms(request))
    if not made.programs:
        raise UserError(f"--mode={mode}: {request.name} learns nothing")
    hook = _hook(mode, made)
    answers = {arm: hook(_learned(made, arm), source or "") for arm in made.arms}
    wide = max(map(len, answers))
    told = [f"{arm:{wide}}  {line}" for arm, answer in answers.items() for line in answer.lines]
    return told + [f"written to {path}" for path in _written(made, FOLDERS[mode], answers)]


def _hook(mode: str, made: Plan) -> Callable[[Learned, str], Answer]:
    if mode == "predict":
        return made.experiment.predict or naming.name_images
    if made.experiment.sample is None:
        raise UserError(f"--mode=sample: {made.request.name} makes nothing new")
    return made.experiment.sample


def _written(made: Plan, folder: str, answers: dict[str, Answer]) -> list[Any]:
    """The files of all answers, each whole or not there."""
    paths = []
    for arm, answer in answers.items():
        for name, content in answer.files.items():
            path = made.folder / folder / arm / name
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
