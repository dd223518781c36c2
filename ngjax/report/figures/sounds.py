"""Sounds: what was heard over time, and what a network said of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ngjax.report.figures.canvas import INK, QUIET, WRONG, blank, colours, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAINT = 0.25  # probability that a symbol must reach once, to be named


class Heard(NamedTuple):
    """One clip and what was said of it."""

    features: Any  # [F, M], low bands first
    answers: Any  # probabilities [T, V], the blank first
    seconds: float  # that the clip lasts
    title: str
    spans: Sequence[tuple[float, float, str]] = ()  # begin, end in seconds, and the true word
    wrong: bool = False


@styled
def transcripts(clips: Sequence[Heard], names: Sequence[str], centres: Any) -> Figure:
    """Spectrograms with the true words over them, under each the probability of every symbol.

    Args:
        clips: at least one.
        names: [V - 1] of the symbols behind the blank.
        centres: [M] of the bands, in Hz.
    """
    hues = dict(zip(names, colours(len(names)), strict=True))
    figure = blank(height=0.3 + 2.6 * len(clips))
    axes = figure.subplots(2 * len(clips), 1, squeeze=False, height_ratios=[1.3, 1] * len(clips))
    for place, clip in enumerate(clips):
        _spectrogram(axes[2 * place, 0], clip, np.asarray(centres))
        _answers(axes[2 * place + 1, 0], clip, hues)
        axes[2 * place, 0].set_xlim(0, clip.seconds)
        axes[2 * place + 1, 0].set_xlim(0, clip.seconds)
    axes[-1, 0].set_xlabel("seconds")
    return figure


def _spectrogram(ax: Axes, clip: Heard, centres: np.ndarray) -> None:
    features = np.asarray(clip.features, np.float64)
    low, high = np.percentile(features, [2, 99.5])
    M = features.shape[1]
    extent = (0, clip.seconds, -0.5, M - 0.5)
    ax.imshow(
        features.T, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=low, vmax=high
    )
    marks = [hz for hz in (250, 500, 1000, 2000, 4000, 8000) if centres[0] <= hz <= centres[-1]]
    ax.set_yticks(np.interp(marks, centres, np.arange(M)), [f"{hz / 1000:g}" for hz in marks])
    ax.set(ylabel="kHz", xticks=[])
    ax.set_title(clip.title, color=WRONG if clip.wrong else INK)
    ax.grid(False)
    for begin, end, word in clip.spans:
        ax.plot([begin, end], [M - 1.5] * 2, color="white", linewidth=2.2)
        ax.text((begin + end) / 2, M - 3, word, color="white", ha="center", va="top", size=8)


def _answers(ax: Axes, clip: Heard, hues: dict[str, str]) -> None:
    answers = np.asarray(clip.answers, np.float64)  # [T, V]
    t = (np.arange(len(answers)) + 0.5) * clip.seconds / len(answers)
    ax.plot(t, answers[:, 0], color=QUIET, linewidth=0.9, linestyle=(0, (3, 2)))
    for k, (name, hue) in enumerate(hues.items(), 1):
        if answers[:, k].max() < FAINT:
            continue
        ax.plot(t, answers[:, k], color=hue, linewidth=1.4)
        ax.fill_between(t, answers[:, k], color=hue, alpha=0.25, linewidth=0)
        for peak in _peaks(answers[:, k]):
            first = answers[peak, k] == answers[peak, 1:].max()  # what it may be stands higher up
            height = 1.04 if first else 1.2
            ax.text(t[peak], height, name, color=hue, ha="center", va="bottom", size=7.5)
    ax.set(ylim=(0, 1.42), yticks=(0, 0.5, 1), ylabel="P")


def _peaks(values: np.ndarray) -> list[int]:
    """The highest place of each stretch that reaches FAINT."""
    loud = np.concatenate([[False], values >= FAINT, [False]])
    edges = np.flatnonzero(np.diff(loud.astype(int)))
    return [int(a + np.argmax(values[a:b])) for a, b in zip(edges[::2], edges[1::2], strict=True)]
