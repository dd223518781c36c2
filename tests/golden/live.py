"""Recomputes the golden numbers where PyTorch is installed, and compares them with the stored.

python tests/golden/live.py            # one line a file; exit code 1 where one differs
python tests/golden/live.py --write    # makes the stored files anew
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
TOLERANCE = 1e-6  # relative to the largest entry of an array


def computation(path: Path) -> Callable[[], dict[str, np.ndarray]] | None:
    spec = importlib.util.spec_from_file_location(f"golden_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, "compute", None)


def difference(stored: np.ndarray, found: np.ndarray) -> str:
    """What is different, or nothing."""
    if stored.shape != found.shape or stored.dtype != found.dtype:
        return f"{stored.dtype}{stored.shape} stored, {found.dtype}{found.shape} found"
    if not np.issubdtype(stored.dtype, np.inexact):
        return "" if np.array_equal(stored, found) else "values differ"
    scale = np.max(np.abs(stored[np.isfinite(stored)]), initial=0.0)
    if np.allclose(found, stored, rtol=TOLERANCE, atol=TOLERANCE * scale, equal_nan=True):
        return ""
    return f"differs by {np.nanmax(np.abs(found - stored)):.3g}"


def compare(path: Path, found: dict[str, np.ndarray]) -> list[str]:
    if not path.exists():
        return [f"{path.name} is missing: run with --write"]
    with np.load(path) as stored:
        names = sorted({*stored, *found})
        pairs = {n: (stored[n], np.asarray(found[n])) for n in names if n in stored and n in found}
    lonely = [f"{name}: only in one of them" for name in names if name not in pairs]
    differences = {name: difference(*pair) for name, pair in pairs.items()}
    return lonely + [f"{name}: {text}" for name, text in differences.items() if text]


def main(write: bool) -> int:
    wrong = 0
    for path in sorted(FOLDER.glob("*.py")):
        compute = None if path.name == "live.py" else computation(path)
        if compute is None:
            continue
        needed = "pycocotools" if path.stem == "average_precision" else "torch"
        if importlib.util.find_spec(needed) is None:
            print(f"{path.stem}: not run, {needed} is not installed")
            continue
        found = {name: np.asarray(value) for name, value in compute().items()}
        stored = path.with_suffix(".npz")
        if write:
            np.savez_compressed(stored, **found)
        differences = compare(stored, found)
        wrong += bool(differences)
        print(f"{path.stem}: {'; '.join(differences) or f'{len(found)} arrays equal'}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(write="--write" in sys.argv[1:]))
