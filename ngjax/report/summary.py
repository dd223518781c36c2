"""`summary.json`: what a program reads of a finished run, as strict JSON.

    {"experiment", "status", "objective",
     "devices": {"kind", "count", "platform"}, "versions": {PACKAGE: VERSION}, "git",
     "peak_memory_bytes": the most that a device held, or on a CPU the process,
     "arms": {ARM: {"metrics", "spread", "seeds": {SEED: {"metrics", "steps", "seconds",
              "examples_per_second", "params_sha256", "input_wait_share"}}}},
     "claims": {ID: {"holds": true | false | null, "detail"}}}

`metrics` of an arm are means over its seeds, `spread` their sample standard deviations. Seconds are
wall time. A number that is not finite is null, as JSON has no NaN.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ngjax.report.atomic import write_bytes
from ngjax.report.results import Claim, Side

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def summarise(
    experiment: str,
    status: str,
    objective: Sequence[str] | None,
    environment: Mapping[str, Any],
    arms: Sequence[Side],
    claims: Sequence[Claim],
) -> dict[str, Any]:
    """The tree of `summary.json`, as the module's docstring lays it out.

    Args:
        experiment: its name.
        status: "complete", "stopped" or whatever the run came to.
        objective: (metric, "max" or "min"), or None.
        environment: what `environment` returned.
        arms: results by arm and seed.
        claims: verdicts.
    """
    return {
        "experiment": experiment,
        "status": status,
        "objective": objective and list(objective),
        **environment,
        "arms": {
            arm.name: {
                "metrics": arm.metrics,
                "spread": arm.spread,
                "seeds": {str(key): vars(seed) for key, seed in arm.seeds.items()},
            }
            for arm in arms
        },
        "claims": {claim.id: {"holds": claim.holds, "detail": claim.detail} for claim in claims},
    }


def environment(device_kind: str, device_count: int) -> dict[str, Any]:
    """Where a run ran: {"devices", "versions", "git"}. Never fails: what is unknown is None."""
    versions = {"python": platform.python_version()}
    return {
        "devices": {"kind": device_kind, "count": device_count, "platform": platform.platform()},
        "versions": versions | {package: _version(package) for package in PACKAGES},
        "git": _revision(Path(__file__).resolve().parents[2]),
    }


def write_json(path: str | os.PathLike[str], tree: Any) -> Path:
    """Write a tree of mappings, sequences, arrays and scalars as strict JSON, whole or not at all.

    Raises:
        TypeError: a leaf that JSON cannot say.
    """
    text = json.dumps(plain(tree), indent=2, allow_nan=False, ensure_ascii=False)
    return write_bytes(path, (text + "\n").encode())


def plain(tree: Any) -> Any:
    """The tree in JSON's own types; numbers that are not finite become None."""
    if isinstance(tree, Mapping):
        return {str(key): plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(value) for value in tree]
    if hasattr(tree, "__array__"):  # NumPy's and JAX's arrays and scalars
        return plain(np.asarray(tree).tolist())
    if isinstance(tree, float):
        return float(tree) if math.isfinite(tree) else None
    if isinstance(tree, os.PathLike):
        return os.fspath(tree)
    return tree


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _revision(root: Path) -> str | None:
    """The commit of the checkout at `root`, with "-dirty" where files differ from it."""
    if not (root / ".git").exists():  # else an unrelated repository around it would answer
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        answer = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
