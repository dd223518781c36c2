"""The text sets: whose they are, and the checksums of their files."""

from __future__ import annotations

from ngjax.data.entry import Entry, File
from ngjax.data.text import plain

_CHAR_RNN = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/"
    "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/"
)
_DINOS = (
    "https://raw.githubusercontent.com/chadlohrli/sequence-models/"
    "d4c52b22b9c172b4acfba06ee2403a4005e9a21a/data/"
)
_WORD2VEC = (
    "https://raw.githubusercontent.com/tmikolov/word2vec/20c129af10659f7c50e86e3be406df663beff438/"
)

ENTRIES = (
    Entry(
        name="tinyshakespeare",
        title="Tiny Shakespeare",
        kind="text",
        reader=plain.parts,
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
    Entry(
        name="ptb",
        title="Penn Treebank, sentences of the Wall Street Journal as Mikolov et al. 2010 cut them",
        kind="text",
        reader=plain.in_parts,
        home="ptb.train.txt, ptb.valid.txt and ptb.test.txt of simple-examples.tgz",
        licence="of the Linguistic Data Consortium: not to be passed on",
        files=(
            File(
                "ptb.train.txt",
                "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
                5101618,
            ),
            File(
                "ptb.valid.txt",
                "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
                399782,
            ),
            File(
                "ptb.test.txt",
                "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
                449945,
            ),
        ),
    ),
    Entry(
        name="dinos",
        title="Names of dinosaurs",
        kind="names",
        reader=plain.names,
        home="https://github.com/chadlohrli/sequence-models",
        licence="MIT",
        files=(
            File(
                "dinos.txt",
                "cabf6443cd95e4c0f872a7a4b3e58faceb8bf5ab71ee76c5689db49428ec162d",
                19910,
                (_DINOS + "dinos.txt",),
            ),
        ),
    ),
    Entry(
        name="word_analogy",
        title="Questions of analogy between words",
        kind="analogies",
        reader=plain.analogies,
        home="https://github.com/tmikolov/word2vec",
        licence="Apache-2.0",
        files=(
            File(
                "questions-words.txt",
                "8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36",
                603955,
                (_WORD2VEC + "questions-words.txt",),
            ),
        ),
    ),
)
