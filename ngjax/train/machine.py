"""What is said to JAX before it starts, and how much memory a run took of its devices."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import jax

from ngjax.train import hosts
from ngjax.train.link import Link

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def prepare(
    link: Link,
    place: tuple[str | None, int | None, int | None],
    cache: str,
    deterministic: bool,
    devices: int | None = None,
    cores: int | None = None,
) -> None:
    """All of it: it must be said before the first array is made.

    Args:
        link: joined to other processes' where there are any.
        place: coordinator, number of processes and this one's, as `hosts.join` takes them.
        cache: the folder of compiled programs; empty: none are kept.
        deterministic: whether GPUs are to give the same bits each time.
        devices: of this process, where they are counted; a CPU is made so many.
        cores: otherwise what the CPU of a process that is alone is made; None: one device.

    Raises:
        UserError: processes that cannot join.
    """
    if count := devices or (None if any(said is not None for said in place) else cores):
        jax.config.update("jax_num_cpu_devices", count)
    if deterministic:
        be_deterministic()
    keep_compiled(cache)
    hosts.join(link, *place, devices)


def keep_compiled(folder: str) -> None:
    """Every compiled program is kept in `folder`, the quick and the small too; empty: none is."""
    if folder:
        jax.config.update("jax_compilation_cache_dir", str(Path(folder).expanduser()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def be_deterministic() -> None:
    """GPUs add in a fixed order, for some speed; CPUs do anyway. Before the first array is made.

    XLA reads its environment when the first backend starts. What the user set there stays, but a
    contrary word of this very flag is overruled: of two, the last one counts.
    """
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC}".strip()


def peak_bytes(device: jax.Device) -> int:
    """The most memory that was in use at once: of an accelerator, or of a CPU's whole process."""
    told = device.memory_stats() or {}
    if "peak_bytes_in_use" in told:
        return int(told["peak_bytes_in_use"])
    return _process_peak_bytes()


def _process_peak_bytes() -> int:
    """On Linux `getrusage` starts from the peak of the process that started this one; /proc not."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024  # told in kB
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
