import json
import math
import struct
import subprocess
import sys

import numpy as np
import pytest

from ngjax.report.metrics_log import MetricsLog
from ngjax.types import UserError


def strict(path):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def write(log, step, arm="plain", seed=0, **values):
    log.write(arm, seed, step, step / 10, step * 0.5, values or {"train/loss": 1 / step})


def events(folder):
    """(step, tag, value) and ("purge", step), as TensorBoard reads: files by name, in order."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    found = []
    for path in sorted(folder.glob("events.*")):
        data = path.read_bytes()
        while data:  # length, its checksum, the event, its checksum
            (size,) = struct.unpack("<Q", data[:8])
            event, data = Event.FromString(data[12 : 12 + size]), data[16 + size :]
            if event.session_log.status == SessionLog.START:
                found.append(("purge", event.step))
            found += [(event.step, v.tag, v.simple_value) for v in event.summary.value]
    return found


def test_a_row_is_strict_json_in_the_documented_layout(tmp_path):
    with MetricsLog(tmp_path, tensorboard=False) as log:
        log.write("residual", 2, 10, 0.5, 1.25, {"train/loss": np.float32(0.5), "dev/f1": 1})
        log.write(
            "residual",
            np.int64(2),
            np.int32(20),
            1.0,
            2.5,
            {"train/loss": math.nan, "dev/f1": -math.inf, "dev/accuracy": 0.25},
        )
    place = {"arm": "residual", "seed": 2}
    assert strict(tmp_path / "metrics.jsonl") == [
        {**place, "step": 10, "epoch": 0.5, "seconds": 1.25, "train/loss": 0.5, "dev/f1": 1.0},
        {
            **{**place, "step": 20, "epoch": 1.0, "seconds": 2.5},
            **{"train/loss": None, "dev/f1": None, "dev/accuracy": 0.25},
            "nonfinite": ["train/loss", "dev/f1"],
        },
    ]
    assert not (tmp_path / "tensorboard").exists()


def test_history_is_one_arm_and_seed_with_nan_back(tmp_path):
    with MetricsLog(tmp_path, tensorboard=False) as log:
        assert log.history("plain", 0) == []
        write(log, 1)
        write(log, 1, seed=1)
        write(log, 1, arm="residual")
        write(log, 2, **{"train/loss": math.nan})
        rows = log.history("plain", 0)
    assert [row["step"] for row in rows] == [1, 2]
    assert rows[0]["train/loss"] == 1.0
    assert math.isnan(rows[1]["train/loss"])
    assert rows[1]["nonfinite"] == ["train/loss"]


def test_a_line_torn_by_a_kill_is_dropped_and_writing_goes_on(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(tmp_path, tensorboard=False) as log:
        write(log, 1)
        write(log, 2)
    path.write_bytes(path.read_bytes()[:-20])
    torn = MetricsLog(tmp_path, tensorboard=False)
    assert [row["step"] for row in torn.history("plain", 0)] == [1]  # a reader alone copes too
    with torn as log:
        log.rewind("plain", 0, 1)
        write(log, 3)
    assert [row["step"] for row in strict(path)] == [1, 3]


def test_rewind_forgets_later_rows_of_that_arm_and_seed_alone(tmp_path):
    with MetricsLog(tmp_path, tensorboard=False) as log:
        for step in (1, 2, 3):
            write(log, step)
            write(log, step, seed=1)
            write(log, step, arm="residual")
        log.rewind("plain", 0, 1)
        write(log, 2)
        assert [row["step"] for row in log.history("plain", 0)] == [1, 2]
        assert [row["step"] for row in log.history("plain", 1)] == [1, 2, 3]
        assert [row["step"] for row in log.history("residual", 0)] == [1, 2, 3]
        log.rewind("plain", 1, 0)
        assert log.history("plain", 1) == []
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_broken_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(tmp_path, tensorboard=False) as log:
        write(log, 1)
    path.write_bytes(b"{oops\n" + path.read_bytes())
    with pytest.raises(UserError, match=r"metrics\.jsonl: line 1 is not JSON"):
        MetricsLog(tmp_path).history("plain", 0)


def test_a_metric_may_not_take_the_name_of_a_column(tmp_path):
    with (
        MetricsLog(tmp_path, tensorboard=False) as log,
        pytest.raises(ValueError, match="'step'"),
    ):
        log.write("plain", 0, 1, 0.1, 0.5, {"step": 3})


def test_a_killed_process_keeps_every_line_it_wrote(tmp_path):
    code = (
        "import os, sys\n"
        "from ngjax.report.metrics_log import MetricsLog\n"
        "log = MetricsLog(sys.argv[1], tensorboard=False).__enter__()\n"
        "for step in range(5): log.write('a', 0, step, 0, 0, {'loss': 1})\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert ended.returncode == -9
    assert [row["step"] for row in strict(tmp_path / "metrics.jsonl")] == [0, 1, 2, 3, 4]


def test_tensorboard_sees_the_scalars_and_hides_what_was_rewound(tmp_path):
    folder = tmp_path / "tensorboard" / "plain" / "0"
    with MetricsLog(tmp_path) as log:
        log.rewind("plain", 0, 0)
        assert not folder.exists()  # nothing to hide: no file is made
        write(log, 1, **{"train/loss": 0.5, "dev/accuracy": 0.75, "dev/f1": math.nan})
        write(log, 2, **{"train/loss": 0.25})
        log.rewind("plain", 0, 1)
        write(log, 2, **{"train/loss": 0.125})
    with MetricsLog(tmp_path) as log:  # within the second, where the file's name would be the same
        write(log, 3, **{"train/loss": 2.0})
    assert events(folder) == [
        *[(1, "train/loss", 0.5), (1, "dev/accuracy", 0.75), (2, "train/loss", 0.25)],
        *[("purge", 2), (2, "train/loss", 0.125), (3, "train/loss", 2.0)],
    ]
