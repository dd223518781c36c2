"""The sets of sentences: whose they are, and the checksums of their files."""

from __future__ import annotations

from ngjax.data.entry import Entry, File
from ngjax.data.text import sentences, written

_KIM = (
    "https://raw.githubusercontent.com/yoonkim/CNN_sentence/"
    "23e0e1f7355705bb083043fda05c031b15acb38c/"
)
_EMOJIFY = (
    "https://raw.githubusercontent.com/adik993/emojify/"
    "3a96ec2f589e01fc4246a83cf541bc716f9523f4/data/"
)

ENTRIES = (
    Entry(
        name="written_reviews",
        title="Reviews of restaurants, written by a fixed seed",
        kind="sentences",
        reader=written.reviews,
        home="drawn by a fixed seed",
        licence="none needed",
        embedded=True,
    ),
    Entry(
        name="rt_polarity",
        title="Movie review sentences (Pang & Lee 2005)",
        kind="sentences",
        reader=sentences.polarity,
        home="https://github.com/yoonkim/CNN_sentence",
        licence="none stated; offered for research",
        files=(
            File(
                "rt-polarity.neg",
                "4ace77d558c3714723843f1d65b60c01e3417b208180f0728808d76ad0eeeaca",
                612256,
                (_KIM + "rt-polarity.neg",),
            ),
            File(
                "rt-polarity.pos",
                "2da124ec187a9d5a29c9f04e91c540e02baed5af8868f550a26bd6fd4dbf8bf0",
                626139,
                (_KIM + "rt-polarity.pos",),
            ),
        ),
    ),
    Entry(
        name="emojify",
        title="Emojify: short sentences and five emoji (the course's example)",
        kind="sentences",
        reader=sentences.emojify,
        home="https://github.com/adik993/emojify",
        licence="none stated",
        files=(
            File(
                "train_emoji.csv",
                "1be35642b39ed7eff03226801818570abed4b970e6d96f7b0442d015d83b0727",
                3496,
                (_EMOJIFY + "train_emoji.csv",),
            ),
            File(
                "test_emoji.csv",
                "87bfb5795a4dfbe9ec628076939b2cc12561c85c8ca13f5bc004dc3d66750759",
                1426,
                (_EMOJIFY + "test_emoji.csv",),
            ),
        ),
    ),
)
