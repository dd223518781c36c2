"""`metrics.jsonl` and TensorBoard events: every measurement of a run, as it is made."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ngjax.report.atomic import write_bytes
from ngjax.types import UserError

COLUMNS = ("arm", "seed", "step", "epoch", "seconds", "nonfinite")  # the rest of a row is metrics


class MetricsLog:
    """A folder's measurements, one JSON line each, and the finite ones as TensorBoard scalars.

        {"arm": "plain", "seed": 0, "step": 10, "epoch": 0.5, "seconds": 1.2, "train/loss": 0.3}

    A value that is not finite is null, and its name stands in the row's "nonfinite" list. A line is
    handed to the system as it is written, so a killed process loses at most the line it was at;
    a line so torn is dropped when the folder is opened again. TensorBoard's events lie under
    `tensorboard/<arm>/<seed>` and are flushed every few seconds.

    One process writes a folder. Used as a context manager:

        with MetricsLog(folder) as log:
            log.write("plain", seed=0, step=10, epoch=0.5, seconds=1.2, values={"train/loss": 0.3})
    """

    def __init__(self, folder: str | os.PathLike[str], tensorboard: bool = True) -> None:
        self.path = Path(folder) / "metrics.jsonl"
        self._events = Path(folder) / "tensorboard" if tensorboard else None
        self._writers: dict[tuple[str, int], Any] = {}
        self._file: Any = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab")
        self._file.truncate(_whole(self.path.read_bytes()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def write(
        self,
        arm: str,
        seed: int,
        step: int,
        epoch: float,
        seconds: float,
        values: Mapping[str, float],
    ) -> None:
        """Add one row.

        Args:
            arm: the side of the comparison.
            seed: of the run.
            step: updates made so far.
            epoch: passes over the training examples so far.
            seconds: wall time since the run began.
            values: metric -> number; a scalar array will do.

        Raises:
            ValueError: a metric has the name of a column.
        """
        values = {name: float(value) for name, value in values.items()}
        if clash := sorted(set(values) & set(COLUMNS)):
            raise ValueError(f"a metric may not be called {clash[0]!r}: that is a column")
        row = {
            "arm": arm,
            "seed": int(seed),
            "step": int(step),
            "epoch": float(epoch),
            "seconds": float(seconds),
        }
        row |= {name: value if math.isfinite(value) else None for name, value in values.items()}
        if lost := [name for name, value in values.items() if not math.isfinite(value)]:
            row["nonfinite"] = lost
        self._file.write(_line(row))
        self._file.flush()
        if self._events is not None:
            writer = self._writer(arm, seed)
            for name, value in values.items():
                if math.isfinite(value):  # tensorboardX would grumble on the terminal
                    writer.add_scalar(name, value, step)

    def rewind(self, arm: str, seed: int, step: int) -> None:
        """Forget what came after `step` for this arm and seed: a run resumes there.

        The file is replaced whole or not at all. TensorBoard keeps the old events and is told to
        hide those from `step + 1` on.
        """
        rows = self._rows()
        kept = [
            row for row in rows if (row["arm"], row["seed"]) != (arm, seed) or row["step"] <= step
        ]
        if len(kept) < len(rows):
            self._file.close()
            write_bytes(self.path, b"".join(map(_line, kept)))
            self._file = self.path.open("ab")
        if self._events is not None and any(self._folder(arm, seed).glob("events.*")):
            if (arm, seed) in self._writers:
                self._writers.pop((arm, seed)).close()
            self._writer(arm, seed, purge_step=step + 1)

    def history(self, arm: str, seed: int) -> list[dict[str, Any]]:
        """The rows of one arm and seed in the order written; null is NaN again.

        Raises:
            UserError: a line other than the last is no JSON.
        """
        rows = [row for row in self._rows() if (row["arm"], row["seed"]) == (arm, seed)]
        return [
            {name: math.nan if value is None else value for name, value in row.items()}
            for row in rows
        ]

    def _rows(self) -> list[dict[str, Any]]:
        data = self.path.read_bytes() if self.path.exists() else b""
        rows = []
        for number, line in enumerate(data[: _whole(data)].splitlines(), 1):
            try:
                rows.append(json.loads(line))
            except ValueError:
                raise UserError(
                    f"{self.path}: line {number} is not JSON; delete that line and run again"
                ) from None
        return rows

    def _folder(self, arm: str, seed: int) -> Path:
        return self._events / arm / str(seed)

    def _writer(self, arm: str, seed: int, purge_step: int | None = None) -> Any:
        if (arm, seed) not in self._writers:
            from tensorboardX import SummaryWriter

            folder = self._folder(arm, seed)
            # tensorboardX names a file by the second and overwrites: the number keeps them apart,
            # and in order.
            number = len(list(folder.glob("events.*")))
            self._writers[arm, seed] = SummaryWriter(
                str(folder), purge_step=purge_step, flush_secs=5, filename_suffix=f".{number:04d}"
            )
        return self._writers[arm, seed]


def _line(row: Mapping[str, Any]) -> bytes:
    return (json.dumps(row, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _whole(data: bytes) -> int:
    """How many bytes of the file are whole lines."""
    return data.rfind(b"\n") + 1
