"""Several processes, mostly one a host, make one run: they find one another here."""

from __future__ import annotations

import jax

from ngjax.types import UserError

HEARTBEAT = 30  # seconds without a sign of life after which a process counts as lost


def join(
    coordinator: str | None, num_processes: int | None, process_id: int | None, devices: int | None
) -> None:
    """Make one run of several processes; nothing to do where nothing is said.

    Args:
        coordinator: host:port of process 0.
        num_processes: how many there are.
        process_id: which of them this is.
        devices: of each process; None: all it has.

    Raises:
        UserError: not all three are said, or they do not go together.
    """
    said = {
        "coordinator": coordinator,
        "num_processes": num_processes,
        "process_id": process_id,
    }
    given = [name for name, value in said.items() if value is not None]
    if not given:
        return
    for name in said:
        if name not in given:
            raise UserError(f"--{given[0]}: give --{name} too; several processes need all three")
    if process_id >= num_processes:
        raise UserError(f"--process_id={process_id}: must be below {num_processes}")
    if not coordinator.rpartition(":")[2].isdigit():
        raise UserError(f"--coordinator={coordinator}: write host:port")
    jax.config.update("jax_enable_preemption_service", False)  # it would swallow SIGTERM
    jax.distributed.initialize(
        coordinator,
        num_processes,
        process_id,
        local_device_ids=range(devices) if devices else None,
        cluster_detection_method="deactivate",  # the arguments have said it all
        heartbeat_timeout_seconds=HEARTBEAT,
    )
