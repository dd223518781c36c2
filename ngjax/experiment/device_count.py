"""How many devices a run takes: as many as it is told, or what the machine and the topic allow.

A CPU is one device, whose operations use all cores by themselves. Cores made devices share out the
batch instead, which pays for some networks and costs others up to twice the time; so
`--devices=auto` does it only where the topic's file says that it was measured to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import jax

from ngjax.experiment.spec import Experiment
from ngjax.train import devices as dev
from ngjax.train.settings import Intervals
from ngjax.types import Task, UserError

AUTO = "auto"
Asked = int | Literal["auto"] | None  # None: all accelerators, or a CPU as it is
LEAST = 8  # examples of a step that a core must get: with fewer, what is done once a step is all
MOST = 8  # cores that are made devices: each computes the whole update and the sum waits for all
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "200000 100000": two cores' time; "max ...": no limit


def read(text: str | None) -> Asked:
    """`--devices` as typed.

    Raises:
        UserError: neither a number from 1 nor auto.
    """
    if text is None or text == AUTO:
        return text
    if not (text.isascii() and text.isdigit() and int(text)):
        raise UserError(f"--devices={text}: expected a whole number from 1, or auto")
    return int(text)


def cores() -> int:
    """How many cores this process may use at a time."""
    allowed = getattr(os, "sched_getaffinity", lambda process: range(os.cpu_count() or 1))(0)
    try:
        time, period = QUOTA.read_text().split()
        return max(1, min(len(allowed), int(time) // int(period)))
    except (OSError, ValueError):  # no such group, or no limit in it
        return len(allowed)


def choose(
    asked: Asked,
    name: str,
    experiment: Experiment,
    tasks: Mapping[str, Task],
    arms: Mapping[str, Any],
) -> tuple[jax.Device, ...]:
    """The devices of a run, of all its processes; auto says in a line what it took, and why.

    Args:
        asked: by the command line.
        name: of the topic.
        experiment: it.
        tasks: arm -> what is to be trained; none where the topic trains nothing.
        arms: arm -> config.

    Raises:
        UserError: more devices than there are.
    """
    devices = dev.select(None if asked == AUTO else asked)
    if isinstance(asked, int):
        return tuple(devices)
    here, cpu = dev.here(devices), devices[0].platform == "cpu"
    if asked == AUTO and cpu:
        count, why = _of_cores(name, experiment, tasks, arms)
    else:
        count = sharing(tasks, arms, devices)
        why = f"of {len(here)} {here[0].device_kind}: as many as every arm's batch divides over"
    if asked == AUTO:
        say(count, why)
    return tuple(dev.select(count))


def of_search(asked: Asked) -> tuple[jax.Device, ...]:
    """The devices of a search, whose trials share them out in one form or another."""
    devices = dev.select(None if asked == AUTO else asked)
    if asked == AUTO:
        cpu = devices[0].platform == "cpu"
        say(len(devices), "cores as devices were not measured for a search" if cpu else "all")
    return tuple(devices)


def say(count: int, why: str) -> None:
    """What auto took, in a line of the first process."""
    if dev.leads():
        print(f"devices: {count} ({why})", file=sys.stderr, flush=True)


def _of_cores(
    name: str, experiment: Experiment, tasks: Mapping[str, Task], arms: Mapping[str, Any]
) -> tuple[int, str]:
    """How many devices a CPU is to be, and why."""
    if jax.process_count() > 1:
        return 1, "of each process: those of one machine have the same cores"
    if not tasks:
        return 1, f"{name} trains nothing"
    pays = experiment.cores_as_devices or (lambda config: False)
    if slower := [arm for arm in tasks if not pays(arms[arm])]:
        return 1, f"cores as devices were not measured to be quicker for {name}, arm {slower[0]}"
    if (found := cores()) == 1:
        return 1, "this process may use one core"
    most = dev.select(min(found, MOST, len(jax.local_devices())))
    count = sharing(tasks, arms, most, LEAST)
    if count == 1:
        return 1, f"each of {found} cores must get {LEAST} examples of a batch or more"
    return count, f"of {found} cores: measured to be quicker for {name} as it is asked for"


def sharing(
    tasks: Mapping[str, Task], arms: Mapping[str, Any], devices: dev.Devices, least: int = 1
) -> int:
    """The largest number of each host's devices that every arm's batch divides over.

    Args:
        tasks: arm -> what is to be trained.
        arms: arm -> config.
        devices: all that there are, of every host.
        least: examples that each of several must get.
    """
    wanted = [  # (examples of a part, devices that stand for one)
        (
            Intervals.of(arms[arm].run, task.train.size).batch_size // arms[arm].run.accumulate,
            arms[arm].run.model_devices,
        )
        for arm, task in tasks.items()
        if task.train
    ]
    most = len(dev.here(devices))
    hosts = len(devices) // most

    def fits(count: int) -> bool:
        return all(
            count % columns == 0
            and size % (count // columns) == 0
            and size // (count // columns) >= least
            for size, columns in wanted
        )

    return next((n for n in range(most, 0, -1) if fits(n * hosts)), 1)
