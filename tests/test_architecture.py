"""The house's walls: who may import whom, what stands in one file only, what stands nowhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = sorted((ROOT / "ngjax").rglob("*.py"))
TOPICS = sorted((ROOT / "experiments").rglob("*.py"))
SOURCES = [*LIBRARY, *TOPICS, ROOT / "launch.py"]

# A room may import rooms of lower rank, and itself.
RANK = {
    "types": 0,
    "config": 1,
    "ops": 2,
    "models": 3,
    "losses": 3,
    "optim": 3,
    "data": 3,
    "metrics": 3,
    "strategy": 3,
    "search": 3,
    "pretrained": 4,
    "supervised": 4,
    "metric_learning": 4,
    "cross_validation": 4,
    "train": 4,
    "report": 4,
    "notes": 5,
    "experiment": 6,
    "experiments": 7,
    "launch": 8,
}
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc", "tools", "base", "core"}
LONGEST = 250


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "ngjax" and len(parts) > 1 else parts[0]


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            head, *rest = name.split(".")
            if head == "ngjax" and rest:
                found.add(rest[0])
            elif head == "experiments":
                found.add("experiments")
    return found


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=names)
def test_imports_point_down(path):
    here = room(path)
    if here == "__init__":
        return
    for other in imported_rooms(path) - {here}:
        assert RANK[other] < RANK[here], f"{names(path)} imports {other}"


@pytest.mark.parametrize("path", TOPICS, ids=names)
def test_topics_do_not_import_topics(path):
    assert "experiments" not in imported_rooms(path)


@pytest.mark.parametrize("path", SOURCES, ids=names)
def test_files_are_short_and_well_named(path):
    assert path.stem not in DRAWERS
    allowed = 400 if path in TOPICS else LONGEST  # a topic is one file whatever it takes
    assert len(path.read_text().splitlines()) <= allowed


def users_of(pattern: str) -> set[str]:
    return {names(p) for p in SOURCES if re.search(pattern, p.read_text())}


def test_pmap_stands_in_one_file():
    assert users_of(r"\bjax\.pmap\(|\bpmap\(") == {"ngjax/train/devices.py"}


def test_shard_map_stands_in_one_file():
    assert users_of(r"\bshard_map\(") == {"ngjax/train/mesh.py"}


def test_absl_stands_in_launch_alone():
    assert users_of(r"(?m)^\s*(import|from) absl") == {"launch.py"}
    assert users_of(r"DEFINE_\w+\(") == {"launch.py"}


def test_nothing_dangerous_or_removed_is_used():
    banned = (
        r"\bpickle\.load|import pickle\b",
        r"allow_pickle\s*=\s*True",
        r"(?<![\w.])(eval|exec)\(",
        r"\.extractall\(",
        r"device_put_(replicated|sharded)",
        r"jax\.experimental(?!\.xla_metadata)",
        r"\bimport (torch|tensorflow)",
    )
    for pattern in banned:
        assert users_of(pattern) == set(), pattern
    assert users_of(r"jax\.experimental") == {"ngjax/ops/outline.py"}  # half of a step hangs on it


def test_there_is_one_training_chain_and_one_loop():
    loops = users_of(r"fori_loop\(0, steps")
    assert loops == {"ngjax/train/program.py"}


def test_the_project_speaks_of_itself_alone():
    """No path of somebody's machine, in any file that git tracks or would."""
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if parts[0].startswith(".") or parts[0] == "runs" or not path.is_file():
            continue  # an environment, a cache, somebody's runs
        if path.suffix in {".py", ".md", ".toml", ".json"}:
            text = path.read_text()
            assert not re.search(r"(?<![\w.])/(work|root|home)/\w", text), path
