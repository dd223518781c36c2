"""The text sets: whose they are, and the checksums of their files."""

from __future__ import annotations

from ngjax.data import text
from ngjax.data.entry import Entry, File

_CHAR_RNN = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/"
    "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/"
)

ENTRIES = (
    Entry(
        name="tinyshakespeare",
        title="Tiny Shakespeare",
        kind="text",
        reader=text.parts,
        home="https://github.com/karpathy/char-rnn",
        licence="public domain",
        files=(
            File(
                "input.txt",
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                1115394,
                (_CHAR_RNN + "input.txt",),
            ),
        ),
    ),
)
