"""Where published weights lie: a file of one's own, or weights that the data catalogue knows."""

from __future__ import annotations

from ngjax import data


def place(weights: str, directory: str) -> str:
    """The file of weights that the catalogue knows by this name, else the text as it is.

    Args:
        weights: a name of the catalogue, a file, or a model of the hub.
        directory: where the catalogue's folders lie; empty: ngjax in the user's cache.

    Raises:
        UserError: a file of the catalogue that is missing or is not what it should be.
    """
    if weights.replace("-", "_") not in data.names():
        return weights
    return str(next(iter(data.locate(data.entry(weights), directory).values())))
