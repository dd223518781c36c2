"""The files of a .tar.gz, one after another in memory: nothing is ever extracted."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ngjax.types import UserError

MAX_BYTES = 2**32  # unpacked; more is taken for a decompression bomb


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """The regular files of `path` in archive order as (name, content); names are only labels.

    Raises:
        UserError: not a .tar.gz, truncated, corrupt or absurdly large.
    """
    total = 0
    try:
        with gzip.open(path) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    total += member.size
                    if total > MAX_BYTES:
                        raise UserError(
                            f"{path}: unpacks to more than {MAX_BYTES} bytes; delete it"
                        )
                    content = archive.extractfile(member) if member.isreg() else None
                    if content is not None:
                        yield member.name, content.read()
            while stream.read(2**20):  # to the end, where gzip compares its checksum
                pass
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UserError(
            f"{path}: expected a whole .tar.gz archive ({error}); delete it and get it again"
        ) from error
