"""A finished run names the class of a line of text, or of every line of a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ngjax import data
from ngjax.experiment.spec import Answer, Learned
from ngjax.types import UserError

TABLE = "classes.csv"
LONGEST_PATH = 1000  # letters; an input that is longer is no name of a file


def name_lines(
    learned: Learned,
    source: str,
    *,
    encode: Callable[[str], Sequence[Any]],
    inputs: Callable[[list[Sequence[Any]]], np.ndarray],
    classes: Sequence[str],
) -> Answer:
    """The classes of one text with their probabilities; of a file's lines, also as a table.

    Args:
        learned: a network whose outputs are logits, one a class.
        source: the text, or the path of a file in UTF-8 with a text a line.
        encode: one text as the topic sees it; raises UserError where it cannot be asked.
        inputs: the encoded texts -> what the network reads, [m, ...].
        classes: [K].

    Raises:
        UserError: an empty file, one that is not UTF-8; what `encode` raises, told with its place.
    """
    path = Path(source).expanduser()
    is_file = len(source) < LONGEST_PATH and path.is_file()
    lines = _lines(path) if is_file else [source]
    encoded = []
    for place, line in enumerate(lines, 1):
        try:
            encoded.append(encode(line))
        except UserError as error:
            where = f"{source}: line {place}" if is_file else f"--input={source}"
            raise UserError(f"{where}: {error}") from None
    x = inputs(encoded)
    z = np.float64(learned.outputs(data.Split(x, np.zeros(len(x), np.int32))))  # [m, K]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    shares = e / e.sum(axis=1, keepdims=True)
    told = ["  ".join(f"{classes[k]} {row[k]:.3f}" for k in np.argsort(-row)) for row in shares]
    answers = tuple(f"{said}  {line}" for said, line in zip(told, lines, strict=True))
    return Answer(answers, {TABLE: _csv(lines, shares, classes)} if is_file else {})


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--input={path}: cannot be read ({error})") from None
    if not lines:
        raise UserError(f"--input={path}: is empty; expected a text a line")
    return lines


def _csv(lines: Sequence[str], shares: np.ndarray, classes: Sequence[str]) -> bytes:
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(["text", "class", *classes])
    for line, row in zip(lines, shares, strict=True):
        table.writerow([line, classes[int(row.argmax())], *(f"{share:.6f}" for share in row)])
    return written.getvalue().encode()
