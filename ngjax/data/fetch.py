"""Find a set's files, or get them from their official homes: checked, and whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import BinaryIO

from ngjax.data.entry import Entry, File
from ngjax.types import UserError

TIMEOUT = 30  # seconds without a byte
BLOCK = 2**20  # bytes
ABANDONED = 600  # seconds since its last byte; a live download gives up after TIMEOUT


def cache_directory() -> Path:
    """`ngjax` in the user's cache directory, as the platform has it."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ngjax"
    variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    return Path(os.environ.get(variable) or Path.home() / ".cache") / "ngjax"


def locate(entry: Entry, directory: str = "") -> dict[str, Path]:
    """The files of a data set by name, each one checked.

    Args:
        entry: the data set.
        directory: what holds the folders of the sets; empty: `cache_directory()`. A set's folder
            is called like the set, with "-" or "_".

    Returns:
        name -> path; nothing for an embedded set, the folder under "" for loose files.

    Raises:
        UserError: a file is missing and cannot be had, has the wrong checksum, or is refused.
    """
    if entry.embedded:
        return {}
    if entry.own and not directory:
        raise UserError(f"--data.name={entry.name}: needs --data_dir, {entry.home}")
    root = Path(directory).expanduser() if directory else cache_directory()
    folder = root if entry.own else _folder(root, entry.name)
    if not entry.files:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; put there {entry.home}")
        return {"": folder}
    present = [file for file in entry.files if (folder / file.name).exists()]
    if not present and entry.instead and (folder / entry.instead[0].name).exists():
        return {file.name: _found(entry, file, folder) for file in entry.instead}
    if not present:
        for name, reason in entry.refused.items():
            if (folder / name).exists():
                raise UserError(f"{folder / name}: {reason}")
    return {
        file.name: _found(entry, file, folder) if file in present else _got(entry, file, folder)
        for file in entry.files
    }


def _folder(root: Path, name: str) -> Path:
    for spelt in (name, name.replace("_", "-")):
        if (root / spelt).is_dir():
            return root / spelt
    return root / name


def _found(entry: Entry, file: File, folder: Path) -> Path:
    path = folder / file.name
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); {entry.name} needs it"
        ) from error
    if sha256 != file.sha256:
        raise UserError(
            f"{path}: sha256 is {sha256[:12]}..., expected {file.sha256[:12]}...; "
            "delete the file and get it again"
        )
    return path


def _got(entry: Entry, file: File, folder: Path) -> Path:
    path = folder / file.name
    if not file.urls:
        raise UserError(f"{path}: missing, and has no address to get it from; see {entry.home}")
    reasons = []
    for url in file.urls:
        try:
            download(url, file, path)
            return path
        except (OSError, ValueError, http.client.HTTPException) as error:
            lines = str(error).splitlines()
            reasons.append(f"{url} ({lines[0] if lines else type(error).__name__})")
    raise UserError(
        f"{path}: missing, and not to be had from {' nor '.join(reasons)}; "
        "get it by hand and put it there"
    )


def download(url: str, file: File, path: Path) -> None:
    """Get `url` into `path`: under another name until its checksum is right, then renamed.

    However it is interrupted, `path` is either absent or whole; without an answer nothing is made.

    Raises:
        OSError: no network, no such address, no room.
        ValueError: what came is not the file that was expected.
    """
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        print(f"downloading {url} ({file.size / 1e6:.1f} MB) to {path}", file=sys.stderr)
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as part:
                _checked_copy(answer, part, file)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()


def _sweep(path: Path) -> None:
    """Remove what a killed download of `path` left: unlike a live one, it has stopped growing."""
    for part in path.parent.glob(f".{path.name}.*.part"):
        with contextlib.suppress(OSError):  # another process may be faster
            if time.time() - part.stat().st_mtime > ABANDONED:
                part.unlink()


def _checked_copy(answer: BinaryIO, part: BinaryIO, file: File) -> None:
    digest, received = hashlib.sha256(), 0
    while block := answer.read(BLOCK):
        received += len(block)
        if file.size and received > file.size:
            raise ValueError(f"more than the {file.size} bytes expected came")
        digest.update(block)
        part.write(block)
    if digest.hexdigest() != file.sha256:
        raise ValueError(f"{received} bytes came, with sha256 {digest.hexdigest()[:12]}...")
    part.flush()
    os.fsync(part.fileno())
