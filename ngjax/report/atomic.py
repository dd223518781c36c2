"""Files that are whole or absent: written beside their place, then moved into it."""

from __future__ import annotations

import os
from pathlib import Path


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Put `data` at `path` so that a reader, or a killed run, never sees half of it.

    The folder is made when it is missing.

    Returns:
        The path.

    Raises:
        OSError: the disk is full or the folder not writable; the old file is then untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return path
