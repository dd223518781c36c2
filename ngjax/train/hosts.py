"""Several processes, mostly one a host, make one run: they find one another here."""

from __future__ import annotations

import os
import secrets
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import jax

from ngjax.train import devices as dev
from ngjax.train.link import Link
from ngjax.types import UserError

HEARTBEAT = 60  # seconds of silence after which JAX aborts a run; `Link` is quicker, and briefer
WAIT = 300  # seconds that a process waits for the others to start
AUTO = "auto"


class Place(NamedTuple):
    """Where a process stands among those of its run."""

    coordinator: str  # host:port of process 0
    count: int
    process: int
    local: int | None = None  # its number among those of its host, where a launcher says it

    def accelerators(self, devices: int | None) -> Sequence[int] | None:
        """Which of its host's are its own; None: all.

        Tasks of one host share them in order, one each where `--devices` does not say how many.
        """
        if self.local is None:
            return range(devices) if devices else None
        each = devices or 1
        return range(self.local * each, (self.local + 1) * each)


def join(
    link: Link,
    coordinator: str | None,
    num_processes: int | None,
    process_id: int | None,
    devices: int | None,
) -> None:
    """Make one run of several processes; nothing to do where nothing is said.

    Args:
        link: joined to those of the others.
        coordinator: host:port of process 0; "auto": what SLURM, Open MPI, Kubernetes or a Cloud
            TPU says of this task. A launcher is never asked unbidden: its tasks may be runs of
            their own.
        num_processes: how many there are.
        process_id: which of them this is.
        devices: of each process; None: all it has.

    Raises:
        UserError: not all three are said, or they do not go together.
    """
    if coordinator == AUTO:
        place = detect(num_processes, process_id)
    else:
        place = _said(coordinator, num_processes, process_id)
    if place is None:
        return
    jax.config.update("jax_enable_preemption_service", False)  # it would swallow SIGTERM
    jax.distributed.initialize(
        place.coordinator,
        place.count,
        place.process,
        local_device_ids=place.accelerators(devices),
        cluster_detection_method="deactivate",  # the arguments have said it all
        initialization_timeout=WAIT,
        heartbeat_timeout_seconds=HEARTBEAT,
    )
    _connect(link, place)


def _said(coordinator: str | None, count: int | None, process: int | None) -> Place | None:
    said = {"coordinator": coordinator, "num_processes": count, "process_id": process}
    given = [name for name, value in said.items() if value is not None]
    if not given:
        return None
    for name in said:
        if name not in given:
            raise UserError(f"--{given[0]}: give --{name} too; several processes need all three")
    if process >= count:
        raise UserError(f"--process_id={process}: must be below {count}")
    if not coordinator.rpartition(":")[2].isdigit():
        raise UserError(f"--coordinator={coordinator}: write host:port, or auto")
    return Place(coordinator, count, process) if count > 1 else None


def detect(num_processes: int | None = None, process_id: int | None = None) -> Place | None:
    """What the launcher of this task says; None where the task is its only one.

    Raises:
        UserError: no launcher is known here, or it does not say enough.
    """
    from jax._src.clusters import ClusterEnv  # no public name: `jax.distributed` asks it so

    for name, value in (("num_processes", num_processes), ("process_id", process_id)):
        if value is not None:
            raise UserError(f"--{name}: --coordinator=auto finds it by itself; leave it out")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # many lines for what is said in one below
            ask = ClusterEnv.auto_detect_unset_distributed_params
            coordinator, count, process, local = ask(None, None, None, None, None, WAIT)
    except Exception as error:  # whatever a cluster's own library raises
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"--coordinator=auto: {reason}; write host:port") from None
    if count is None:
        kubernetes = "KUBERNETES_SERVICE_HOST" in os.environ
        hint = "pip install 'jax[k8s]'" if kubernetes else "start it by srun or mpirun"
        raise UserError(
            f"--coordinator=auto: no task of a cluster here; {hint}, or write host:port"
        )
    return Place(coordinator, count, process, local[0] if local else None) if count > 1 else None


def _connect(link: Link, place: Place) -> None:
    """All processes learn process 0's door by a first sum, and come in."""
    if place.process == 0:
        door, token = link.listen(), secrets.randbits(30)
        dev.agree(door.getsockname()[1], token)
        link.accept(door, place.count, token)
    else:
        port, token = dev.agree(0, 0)
        host = place.coordinator.rpartition(":")[0]
        link.connect(host, port, place.process, place.count, token)
