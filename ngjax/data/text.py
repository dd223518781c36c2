"""Plain text in UTF-8."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ngjax.data.dataset import Parts, Split
from ngjax.types import UserError


def read(path: Path) -> str:
    """The text of a file, as it stands (a byte order mark dropped).

    Raises:
        UserError: unreadable, empty, or not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: byte {error.start} is not UTF-8 ({error.reason}); save the text as UTF-8"
        ) from error
    if not text:
        raise UserError(f"{path}: is empty; expected text")
    return text


def parts(files: Mapping[str, Path], size: int = 0) -> Parts:
    """A corpus in one file, to be cut into train, dev and test."""
    (path,) = files.values()
    return Parts(Split(read(path)))
