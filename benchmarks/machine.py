"""What the machine can do, and what a start costs: run by `benchmarks.run`.

python -m benchmarks.machine        the best rate of a float32 product of 1024 x 1024 matrices
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TIMES, LOOKS = 10, 20  # products between two looks at the clock


def matrix_peak(dtype: str, side: int) -> float:
    """Most FLOP/s that a product of square matrices reached in JAX, on the first device."""
    import jax
    import jax.numpy as jnp

    a = jnp.full((side, side), 1 / side, dtype)
    product = jax.jit(lambda a, b: a @ b)
    product(a, a).block_until_ready()
    best = 0.0
    for _ in range(LOOKS):
        start, b = time.perf_counter(), a
        for _ in range(TIMES):
            b = product(b, a)
        b.block_until_ready()
        best = max(best, TIMES * 2 * side**3 / (time.perf_counter() - start))
    return best


def torch_peak(python: str, side: int) -> float | None:
    """The same in float32 by the peers' PyTorch, on a CPU; None where they have none."""
    code = (
        f"import time, torch; a = torch.full(({side}, {side}), {1 / side}); best = 9.0\n"
        f"for _ in range({LOOKS}):\n"
        f"    start, b = time.perf_counter(), a\n"
        f"    for _ in range({TIMES}): b = b @ a\n"
        f"    best = min(best, time.perf_counter() - start)\n"
        f"print({TIMES * 2 * side**3} / best)"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else None


def first_step(knobs: tuple[str, ...] = ("--experiment=lenet", "--arms=1998", "--smoke")) -> Any:
    """Seconds from the start of launch.py to its first logged step: without and with a cache."""
    with tempfile.TemporaryDirectory() as where:
        cache = Path(where) / "cache"
        told = {}
        for name in ("cold", "warm"):
            folder = Path(where) / name
            flags = [*knobs, f"--workdir={folder}", f"--cache_dir={cache}", "--run.log_every=1"]
            start = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "launch.py", *flags],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while process.poll() is None and not _logged(folder):
                time.sleep(0.005)
            told[f"{name}_seconds"] = time.perf_counter() - start
            if process.wait() != 0:
                raise RuntimeError(f"launch.py {' '.join(flags)}: ended with {process.returncode}")
        return told


def _logged(folder: Path) -> bool:
    return any(path.stat().st_size for path in folder.glob("**/metrics.jsonl"))


def about() -> dict[str, Any]:
    """Processor, cores, memory, system."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "compiler": bool(shutil.which("g++")),
    }


if __name__ == "__main__":
    print(matrix_peak(sys.argv[1], int(sys.argv[2])))
