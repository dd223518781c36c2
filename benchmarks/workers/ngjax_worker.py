"""ngjax, through its experiments and its engine: what launch.py runs, chunk by chunk."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.workers.serve import Made, main
from benchmarks.workloads import TRIALS, Workload, data_set, write_pictures
from ngjax import search
from ngjax.experiment import plan as planning
from ngjax.experiment import search_plan
from ngjax.train import devices as dev
from ngjax.train.population import Member
from ngjax.train.record import Outcome
from ngjax.types import State

SPACE = "optimizer.learning_rate=log(1e-4,1e-2)"


def request(workload: Workload, folder: Path, devices: int) -> planning.Request:
    """What launch.py would be asked; a chunk lasts from one evaluation to the next."""
    knobs = list(workload.knobs)
    if "data.name=folder" in knobs:
        pictures = Path(tempfile.gettempdir()) / f"ngjax-pictures-{workload.shape[0]}"
        knobs.append(f"data.directory={write_pictures(pictures, workload.shape[0])}")
    if data_set(workload):
        knobs.append(f"data.directory={os.environ['BENCHMARK_DATA']}")
    if workload.kind == "search":
        knobs.append(f"run.steps={workload.chunk}")
    elif not workload.job:
        knobs += [f"run.evaluate_every={workload.chunk}", "run.steps=10000000"]
    return planning.Request(
        name=workload.experiment,
        overrides=tuple(knobs),
        arms=(workload.arm,) if workload.arm else ("ten-classes",),
        devices=devices,
        workdir=folder,
    )


def build(workload: Workload, contestant: str) -> Made:
    """A contestant is ngjax, or ngjax-2 on two host devices."""
    devices = int(contestant.partition("-")[2] or 1)
    jax.config.update("jax_num_cpu_devices", devices)
    folder = Path(tempfile.mkdtemp()) / "run"
    asked = request(workload, folder, devices)
    make = {"search": searching, "tsne": mapping}.get(workload.kind, training)
    return make(workload, asked)


def training(workload: Workload, asked: planning.Request) -> Made:
    """`Program.train` on the stretches of its feed, as `engine.fit` calls it."""
    program = only(planning.plan(asked).programs)
    feed = program.feed(0)
    slots = dev.put(feed.slots(), program.devices)
    host = program.initial(0)
    held = [program.place(host)]
    starts = itertools.count(0, workload.chunk)
    if feed.capacity != workload.chunk:
        raise ValueError(f"a call takes {feed.capacity} steps, not {workload.chunk}")

    def chunk() -> float:
        stretch = feed.stretch(next(starts), workload.chunk)
        held[0], told = program.train(held[0], slots, stretch)
        return float(told["loss"][0][-1] / told["loss"][1][-1])

    return Made(chunk, count(host.params), facts())


def mapping(workload: Workload, asked: planning.Request) -> Made:
    """Affinities and all updates; the KL divergence of the map in the end."""
    planned = planning.plan(asked)
    program = only(planned.programs)
    host, feed = program.initial(0), program.feed(0)
    slots = dev.put(feed.slots(), program.devices)
    stretch = feed.stretch(0, workload.chunk)

    def mapped() -> State:
        again = planned.experiment.build(only(planned.arms))  # affinities are found here
        jax.block_until_ready(again.constants)
        return program.train(program.place(program.initial(0)), slots, stretch)[0]

    def job() -> float:
        mapped()
        return divergence

    divergence = program.evaluate(mapped(), "map")["map/loss"]
    return Made(job, count(host.params), facts())


def searching(workload: Workload, asked: planning.Request) -> Made:
    """All trials by the population of --mode=search; each ends with its evaluation."""
    made = search_plan.plan(asked, search_plan.Search(SPACE, TRIALS))
    values = [search.draw(made.space, "random", trial, TRIALS, 0) for trial in range(TRIALS)]
    config = made.config_of(values[0])
    task = made.experiment.build(config)
    population = search_plan.population(made, config, task)
    name = "learning_rate"
    members = [Member({name: value[f"optimizer.{name}"]}) for value in values]

    def job() -> float:
        results = [result for _, result in population.train(members, ("dev/accuracy", "max"))]
        losses = [r.metrics["train/loss"] for r in results if isinstance(r, Outcome)]
        return float(np.min(losses))

    return Made(job, count(population.program.initial(0).params), facts())


def only(one: Mapping[str, Any]) -> Any:
    (value,) = one.values()
    return value


def count(params: Any) -> int:
    return sum(np.size(leaf) for leaf in jax.tree.leaves(params))


def facts() -> dict[str, Any]:
    names = ("jax", "jaxlib", "flax", "optax", "numpy")
    versions = {name: importlib.metadata.version(name) for name in names}
    return {"versions": {"python": sys.version.split()[0], **versions}}


if __name__ == "__main__":
    main(build)
