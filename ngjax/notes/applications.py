"""Which architecture for which application (notes 1.2), and the experiments that show it.

All six are supervised learning: a given output y for every input x. What the notes call structured
data has a meaning for each column; audio, images and texts are unstructured.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from types import MappingProxyType
from typing import NamedTuple

FAMILIES = MappingProxyType(
    {
        "mlp": "standard network",
        "cnn": "CNN",
        "rnn": "RNN",
        "hybrid": "custom, hybrid CNN",
    }
)

SUPERVISED = (
    "Supervised learning: y is given with every x of the training set, as in all six.\n"
    "Unsupervised learning has no y. The notes name no application of it here; the map of words\n"
    "in 5.8 is one."
)


class Application(NamedTuple):
    """A row of the notes' table."""

    id: str  # as the ledger calls it
    x: str  # what is given
    y: str  # what is asked
    structured: bool  # a table whose columns each mean something
    family: str  # a key of FAMILIES
    experiments: tuple[str, ...]  # that show this kind of network, by name


APPLICATIONS = (
    Application(
        "housing", "size, bedrooms, ...", "price", True, "mlp", ("housing", "shallow_network")
    ),
    Application(
        "ads", "advert, user", "clicked?", True, "mlp", ("logistic_regression", "deep_network")
    ),
    Application(
        "photo_tagging",
        "image",
        "object, 1 ... 1000",
        False,
        "cnn",
        ("lenet", "alexnet", "vgg", "resnet", "inception"),
    ),
    Application("speech_recognition", "audio", "transcript", False, "rnn", ("speech",)),
    Application(
        "machine_translation",
        "sentence",
        "sentence in another language",
        False,
        "rnn",
        ("translation", "language_model"),
    ),
    Application(
        "autonomous_driving",
        "image, radar",
        "places of the cars",
        False,
        "hybrid",
        ("yolo", "sliding_windows"),
    ),
)


def families() -> dict[str, str]:
    """Application id -> family of architectures: the lookup the notes make."""
    return {application.id: application.family for application in APPLICATIONS}


def format_applications(
    known: Collection[str], applications: Iterable[Application] = APPLICATIONS
) -> str:
    """The table as plain text, a line an application.

    Args:
        known: names in the catalogue, which get the flag that launches them; an experiment that is
            not among them is named alone.
        applications: the rows.
    """
    rows = [("application", "x", "y", "data", "architecture")]
    tails = ["experiments"]
    for one in applications:
        data = "structured" if one.structured else "unstructured"
        rows.append((one.id.replace("_", " "), one.x, one.y, data, FAMILIES[one.family]))
        launched = [f"--experiment={name}" for name in one.experiments if name in known]
        named = [name for name in one.experiments if name not in known]
        tails.append(" ".join(launched + ([f"({', '.join(named)})"] if named else [])))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = ["  ".join(map(str.ljust, row, widths)) for row in rows]
    return "\n".join(f"{cell}  {tail}".rstrip() for cell, tail in zip(cells, tails, strict=True))
