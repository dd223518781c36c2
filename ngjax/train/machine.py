"""What is said to JAX before it starts, and how much memory a run took of its devices."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import jax

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


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
