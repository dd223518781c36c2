import json
import math
import os
import re
import statistics
import subprocess

import jax.numpy as jnp
import numpy as np
import pytest

from ngjax.report import summary
from ngjax.report.atomic import write_bytes
from ngjax.report.results import Claim, Seed, Side, mean_and_spread


def strict(path):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_mean_and_spread_are_those_of_statistics():
    values = [0.9, 0.95, 0.91]
    means, spreads = mean_and_spread([{"accuracy": value, "steps": 3} for value in values])
    assert means == pytest.approx({"accuracy": statistics.mean(values), "steps": 3})
    assert spreads == pytest.approx({"accuracy": statistics.stdev(values), "steps": 0})


def test_one_run_has_no_spread_and_no_run_no_metrics():
    assert mean_and_spread([{"loss": 2.0}]) == ({"loss": 2.0}, {"loss": 0.0})
    assert mean_and_spread([]) == ({}, {})


def test_a_metric_that_a_run_lacks_or_lost_is_nan():
    means, spreads = mean_and_spread([{"a": 1.0, "b": math.inf}, {"b": 2.0}])
    assert math.isnan(means["a"])
    assert math.isnan(spreads["a"])
    assert means["b"] == math.inf
    assert math.isnan(spreads["b"])


def test_json_is_strict_and_speaks_arrays(tmp_path):
    tree = {
        "nan": math.nan,
        "inf": [np.float32(np.inf), -math.inf],
        "array": np.array([[1.0, np.nan]]),
        "jax": jnp.float32(0.5),
        "int": np.int64(3),
        "flag": np.bool_(True),
        "path": tmp_path,
        "tuple": (1, None, "é"),
        7: {},
    }
    assert strict(summary.write_json(tmp_path / "deep" / "a.json", tree)) == {
        **{"nan": None, "inf": [None, None], "array": [[1.0, None]], "jax": 0.5, "int": 3},
        **{"flag": True, "path": str(tmp_path), "tuple": [1, None, "é"], "7": {}},
    }


def test_what_json_cannot_say_is_refused_and_the_old_file_stays(tmp_path):
    path = summary.write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises(TypeError):
        summary.write_json(path, {"new": object()})
    assert strict(path) == {"old": 1}


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch):
    path = write_bytes(tmp_path / "a", b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_summary_has_the_documented_keys_and_nothing_else(tmp_path):
    seeds = {
        0: Seed({"dev/accuracy": 0.9}, 100, 2.0, 500.0, "aa"),
        1: Seed({"dev/accuracy": 0.8}, 100, 3.0, 700.0, "bb"),
    }
    claims = [Claim("deeper", "Depth helps.", True, "0.9 > 0.8"), Claim("wider", "?", None)]
    tree = summary.summarise(
        "resnet",
        "complete",
        ("dev/accuracy", "max"),
        summary.environment("cpu", 8),
        [Side("residual", (), seeds)],
        claims,
    )
    read = strict(summary.write_json(tmp_path / "summary.json", tree))
    assert set(read) == {
        *("experiment", "status", "objective", "devices", "versions", "git", "arms", "claims")
    }
    assert (read["experiment"], read["status"]) == ("resnet", "complete")
    assert read["objective"] == ["dev/accuracy", "max"]
    assert read["devices"]["kind"] == "cpu"
    assert read["devices"]["count"] == 8
    residual = read["arms"]["residual"]
    assert residual["metrics"] == pytest.approx({"dev/accuracy": 0.85})
    assert residual["spread"] == pytest.approx({"dev/accuracy": 0.05 * math.sqrt(2)})
    assert residual["seeds"]["1"] == {
        **{"metrics": {"dev/accuracy": 0.8}, "steps": 100, "seconds": 3.0},
        **{"examples_per_second": 700.0, "params_sha256": "bb", "input_wait_share": None},
    }
    assert read["claims"] == {
        "deeper": {"holds": True, "detail": "0.9 > 0.8"},
        "wider": {"holds": None, "detail": ""},
    }


def test_an_arm_sums_time_and_averages_speed():
    arm = Side("a", (), {0: Seed({}, 1, 2.0, 500.0), 1: Seed({}, 1, 3.0, 700.0), 2: Seed({})})
    assert arm.seconds == 5.0
    assert arm.examples_per_second == 600.0
    assert Side("a", (), {0: Seed({})}).examples_per_second is None


def test_environment_knows_versions_and_never_fails(monkeypatch):
    found = summary.environment("cpu", 1)
    assert found["versions"]["numpy"] == np.__version__
    assert all(found["versions"].values())
    monkeypatch.setattr(summary, "PACKAGES", ("no-such-package",))
    monkeypatch.setenv("PATH", "/nowhere")  # no git
    found = summary.environment("cpu", 1)
    assert found["versions"]["no-such-package"] is None
    assert found["git"] is None


def test_the_revision_is_that_of_the_checkout_itself(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "a").write_text("one")
    subprocess.run([*git, "add", "a"], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    clean = summary._revision(tmp_path)
    assert re.fullmatch("[0-9a-f]{40}", clean)
    (tmp_path / "a").write_text("two")
    assert summary._revision(tmp_path) == f"{clean}-dirty"
    (tmp_path / "site-packages").mkdir()
    assert summary._revision(tmp_path / "site-packages") is None
